//! A root directory in which Exim finds its files and the auth socket.

use crate::peers::smtp::{Method, Smtp};
use crate::peers::{bounded, succeed};
use std::fs;
use std::io::BufReader;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// Where tests/support/unpack.sh leaves Debian's packages, unpacked: they cannot be installed beside Postfix.
const PACKAGES: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/exim-heavy");

/// The program in it.
pub const EXIM: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/exim-heavy/usr/sbin/exim4");

/// Where Exim is told its client is.
pub const CLIENT: &str = "192.0.2.7";

const CONFIGURATION: &str = "\
primary_hostname = mail.example.test
log_file_path = /var/log/exim4/%slog
keep_environment =
tls_advertise_hosts =
begin authenticators
PLAIN:
public_name = PLAIN
driver = dovecot
server_socket = /var/run/auth
server_set_id = $auth1
LOGIN:
public_name = LOGIN
driver = dovecot
server_socket = /var/run/auth
server_set_id = $auth1
";

/// The user that Debian's Exim changes to; the number means nothing outside.
const USER: u32 = 990;

/// An Exim that is set up to ask the socket, started for each session.
pub struct Exim {
    root: TempDir,
}

impl Exim {
    /// One that asks by the driver `dovecot`.
    pub fn new() -> Self {
        let exim = Self { root: TempDir::new().unwrap() };
        for program_or_library in files_of_exim() {
            exim.copy(&program_or_library);
        }
        exim.write("etc/passwd", &format!("root:x:0:0:::\nDebian-exim:x:{USER}:{USER}:::\n"));
        exim.write("etc/group", &format!("root:x:0:\nDebian-exim:x:{USER}:\n"));
        exim.write("etc/exim4/exim4.conf", CONFIGURATION);
        for directory in ["var/run", "var/log/exim4", "var/spool/exim4"] {
            let path = exim.root.path().join(directory);
            fs::create_dir_all(&path).unwrap();
            chown(path, Some(USER), Some(USER)).unwrap();
        }
        exim
    }

    /// Where the driver `dovecot` finds its socket.
    pub fn auth_socket(&self) -> PathBuf {
        self.root.path().join("var/run/auth")
    }

    /// Exim's last line about this login and password in a session on its standard input and output.
    pub fn authenticate(&self, method: Method, login: &str, password: &str) -> String {
        let mut server = bounded("chroot")
            .arg(self.root.path())
            .args(["/usr/sbin/exim4", "-bs", "-oMa", CLIENT, "-oMi", "192.0.2.1"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (output, input) = (server.stdout.take().unwrap(), server.stdin.take().unwrap());
        let reply = Smtp::new(BufReader::new(output), input).authenticate(method, login, password);
        // The end of its input, which is closed by now, ends it.
        server.wait().unwrap();
        reply
    }

    /// A path of the unpacked packages or of this system to the same path in the root directory.
    fn copy(&self, source: &Path) {
        let path = source.strip_prefix(PACKAGES).unwrap_or_else(|_| source.strip_prefix("/").unwrap());
        let target = self.root.path().join(path);
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::copy(source, target).unwrap();
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.root.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

/// The program and all libraries, those of the unpacked packages first.
fn files_of_exim() -> Vec<PathBuf> {
    let directory = Path::new(PACKAGES).join("usr/lib");
    let below = fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().path());
    let directories = std::env::join_paths(below.chain([directory])).unwrap();
    let listing = succeed(Command::new("ldd").arg(EXIM).env("LD_LIBRARY_PATH", directories));
    let paths = listing.split_whitespace().filter(|word| word.starts_with('/')).map(PathBuf::from);
    paths.chain([PathBuf::from(EXIM)]).collect()
}
