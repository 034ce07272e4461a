//! A private view of the system for a daemon: its own files in /etc and its own /dev/log, in a mount namespace.
//!
//! Nothing outside sees it, so tests stay apart from each other and from a syslog daemon of the machine.

use crate::support::lines::Lines;
use std::fs::{self, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::net::IpAddr;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;

/// Mounts what was prepared in the directory `$1` and becomes the daemon.
const ENTER: &str = r#"
directory=$1; shift
for file in passwd shadow hosts pam.d/other ldap/ldap.conf saslauthd.conf sasldb2; do
    if [ ! -e "$directory/etc/$file" ]; then continue; fi
    # Only what is there can be mounted over: otherwise all of /etc gives way to a copy, in which it is.
    if [ ! -e "/etc/$file" ]; then
        if [ ! -e "$directory/copy" ]; then
            cp -a /etc "$directory/copy" && mount --bind "$directory/copy" /etc || exit 97
        fi
        mkdir -p "$(dirname "/etc/$file")" && touch "/etc/$file" || exit 97
    fi
    mount --bind "$directory/etc/$file" "/etc/$file" || exit 97
done
for node in null zero full random urandom tty; do
    mount --bind "/dev/$node" "$directory/dev/$node" || exit 97
done
mount --rbind "$directory/dev" /dev || exit 97
exec "$@"
"#;

/// What a daemon started within it sees as /etc/passwd, /etc/shadow, /etc/hosts, /etc/pam.d/other and /dev/log.
///
/// Clones share one system, which lasts as long as any of them: deleting its directory would empty the daemon's /dev.
#[derive(Clone)]
pub struct System {
    directory: Arc<TempDir>,
}

impl Default for System {
    fn default() -> Self {
        Self::new()
    }
}

impl System {
    /// The machine as it is, but without a syslog socket.
    pub fn new() -> Self {
        let directory = Arc::new(TempDir::new().unwrap());
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let devices = directory.path().join("dev");
        fs::create_dir(&devices).unwrap();
        fs::create_dir_all(directory.path().join("etc/pam.d")).unwrap();
        for node in ["null", "zero", "full", "random", "urandom", "tty"] {
            fs::write(devices.join(node), "").unwrap();
        }
        Self { directory }
    }

    /// Adds an account: `password` is the second field of /etc/passwd, `shadow` what follows the login in
    /// /etc/shadow, if there is a line at all.
    pub fn account(self, login: &str, password: &str, shadow: Option<&str>) -> Self {
        self.append("passwd", &format!("{login}:{password}:54321:54321::/nonexistent:/usr/sbin/nologin\n"));
        let line = shadow.map(|rest| format!("{login}:{rest}\n")).unwrap_or_default();
        self.append("shadow", &line);
        self
    }

    /// The machine's accounts but for these.
    pub fn without_accounts(self, logins: &[&str]) -> Self {
        self.append("passwd", "");
        logins.iter().for_each(|login| self.forget_account(login));
        self
    }

    /// Takes an account away again, also while a daemon runs.
    pub fn forget_account(&self, login: &str) {
        let passwd = fs::read_to_string(self.etc("passwd")).unwrap();
        let kept = passwd.lines().filter(|line| !line.starts_with(&format!("{login}:")));
        // The same file: it is what is mounted.
        fs::write(self.etc("passwd"), kept.map(|line| format!("{line}\n")).collect::<String>()).unwrap();
    }

    /// Adds a line to /etc/hosts.
    pub fn host(self, name: &str, address: impl Into<IpAddr>) -> Self {
        self.append("hosts", &format!("{} {name}\n", address.into()));
        self
    }

    /// Replaces the PAM service for logins whose service has no file.
    pub fn other_service(self, lines: &str) -> Self {
        fs::write(self.etc("pam.d/other"), lines).unwrap();
        self
    }

    /// Replaces libldap's own settings.
    pub fn ldap_conf(self, lines: &str) -> Self {
        fs::create_dir(self.etc("ldap")).unwrap();
        fs::write(self.etc("ldap/ldap.conf"), lines).unwrap();
        self
    }

    /// Replaces `/etc/saslauthd.conf`.
    pub fn saslauthd_conf(self, bytes: &[u8]) -> Self {
        fs::write(self.etc("saslauthd.conf"), bytes).unwrap();
        self
    }

    /// Replaces libsasl's database.
    pub fn sasldb(self, bytes: &[u8]) -> Self {
        let path = self.etc("sasldb2");
        fs::write(&path, bytes).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
        self
    }

    fn append(&self, name: &str, line: &str) {
        let (own, real) = (self.etc(name), Path::new("/etc").join(name));
        // A bare system has no /etc/hosts.
        if !own.exists() && real.exists() {
            fs::copy(real, &own).unwrap();
        }
        OpenOptions::new().create(true).append(true).open(own).unwrap().write_all(line.as_bytes()).unwrap();
    }

    fn etc(&self, name: &str) -> PathBuf {
        self.directory.path().join("etc").join(name)
    }

    /// Opens /dev/log and collects what arrives.
    pub fn syslog(&self) -> Lines {
        let socket = self.silent_syslog();
        let lines = Lines::default();
        let collected = lines.clone();
        std::thread::spawn(move || {
            let mut buffer = [0; 8192];
            while let Ok(length) = socket.recv(&mut buffer) {
                collected.push(String::from_utf8_lossy(&buffer[..length]).into_owned());
            }
        });
        lines
    }

    /// Opens a /dev/log that is a stream, in which a record ends with a NUL byte, and collects the records.
    pub fn stream_syslog(&self) -> Lines {
        let path = self.log_path();
        let listener = UnixListener::bind(&path).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o666)).unwrap();
        let lines = Lines::default();
        let collected = lines.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let collected = collected.clone();
                std::thread::spawn(move || {
                    for record in BufReader::new(stream).split(0).map_while(Result::ok) {
                        collected.push(String::from_utf8_lossy(&record).into_owned());
                    }
                });
            }
        });
        lines
    }

    /// Opens a /dev/log that nobody reads as long as the test does not.
    pub fn silent_syslog(&self) -> UnixDatagram {
        let path = self.log_path();
        let socket = UnixDatagram::bind(&path).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o666)).unwrap();
        socket
    }

    /// Takes /dev/log away again.
    pub fn remove_syslog(&self) {
        fs::remove_file(self.log_path()).unwrap();
    }

    fn log_path(&self) -> PathBuf {
        self.directory.path().join("dev/log")
    }

    /// The words to put before a command so that it runs within this system.
    pub fn prefix(&self) -> Vec<String> {
        let directory = self.directory.path().display().to_string();
        ["unshare", "--mount", "sh", "-c", ENTER, "enter", &directory].map(str::to_owned).to_vec()
    }
}
