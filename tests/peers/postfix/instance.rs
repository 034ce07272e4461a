//! A Postfix with everything of its own, set up by what Debian's package installs.

use crate::peers::smtp::Smtp;
use crate::peers::{PATIENCE, bounded, succeed};
use crate::support::Process;
use crate::support::address::own_address;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Debian's list of services, in which smtpd runs in a chroot.
pub const SERVICES: &str = "/usr/share/postfix/master.cf.dist";

/// Debian's script that fills the chroot before every start.
pub const FILL_CHROOT: &str = "/usr/lib/postfix/configure-instance.sh";

/// What `postfix start` runs to make what is missing.
const START_SCRIPT: &str = "/usr/lib/postfix/sbin/post-install";

/// The realm in Postfix's requests.
pub const REALM: &str = "example.test";

/// The examples that we ship.
pub const AUTH_SOCKET: &str = include_str!("../../../contrib/postfix/main.cf.dovecot");
pub const MUX: &str = include_str!("../../../contrib/postfix/main.cf.mux");
pub const PORTS: &str = include_str!("../../../contrib/postfix/master.cf");

/// The socket in the run directory, as smtpd finds it in its chroot.
pub const MUX_IN_CHROOT: &str = "/var/run/saslauthd/mux";

/// Whom smtpd asks about passwords.
#[derive(Clone, Copy)]
pub enum Sasl<'a> {
    /// libsasl, and that asks a daemon at this socket in the chroot; the requests carry this service name.
    Cyrus { service: &'a str, socket: &'a str },
    /// The auth socket, in Dovecot's protocol.
    Dovecot { is_chrooted: bool },
    /// The same, but not at this port, as contrib/postfix/master.cf wants it for that of other mail servers.
    Elsewhere,
}

/// A running Postfix; dropping it stops it.
pub struct Postfix {
    directory: TempDir,
    address: SocketAddr,
}

impl Postfix {
    /// Starts one that asks there.
    pub fn start(sasl: Sasl<'_>) -> Self {
        let postfix =
            Self { directory: TempDir::new().unwrap(), address: SocketAddr::from((own_address(), 2525)) };
        postfix.make_directories();
        postfix.configure(sasl);
        postfix.fill_chroot();
        succeed(bounded("postfix").arg("-c").arg(postfix.configuration()).arg("start"));
        postfix
    }

    /// The daemon's run directory, in the chroot, as sasl2-bin's README.Debian has it.
    pub fn run_directory(&self) -> PathBuf {
        self.path("spool/var/run/saslauthd")
    }

    /// Where smtpd finds the auth socket, in the chroot or not.
    pub fn auth_socket(&self) -> PathBuf {
        self.in_chroot("/private/auth")
    }

    /// What a chrooted smtpd calls `path`.
    pub fn in_chroot(&self, path: &str) -> PathBuf {
        self.path(&format!("spool{path}"))
    }

    /// Its smtpd processes.
    pub fn smtpds(&self) -> Vec<Process> {
        let id = fs::read_to_string(self.path("spool/pid/master.pid")).unwrap().trim().parse().unwrap();
        let children = Process::find(id).expect("Postfix's master runs").children();
        children.into_iter().filter(|child| child.arguments()[0] == "smtpd").collect()
    }

    /// A new session with its smtpd.
    pub fn connect(&self) -> Smtp<BufReader<TcpStream>, TcpStream> {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Smtp::new(BufReader::new(stream.try_clone().unwrap()), stream)
    }

    /// The first line that a client hears; nothing when it is cut off before.
    pub fn greeting(&self) -> String {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line).unwrap();
        line
    }

    /// What it logged, for the messages of failing tests.
    pub fn log(&self) -> String {
        fs::read_to_string(self.path("maillog")).unwrap_or_default()
    }

    /// The lines in which it gives up, or complains of a login.
    pub fn complaints(&self) -> Vec<String> {
        let log = self.log();
        let lines = log.lines().filter(|line| line.contains("fatal:") || line.contains("SASL"));
        lines.map(str::to_owned).collect()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn configuration(&self) -> PathBuf {
        self.path("etc")
    }

    /// Postfix's processes are not root and have to get into each of them; only its group may reach the socket.
    fn make_directories(&self) {
        fs::set_permissions(self.directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
        fs::create_dir_all(self.path("etc/sasl")).unwrap();
        fs::create_dir(self.path("spool")).unwrap();
        let install = |options: &[&str], path: &Path| {
            succeed(bounded("install").arg("-d").args(options).arg(path));
        };
        install(&["-o", "postfix"], &self.path("data"));
        install(&["-g", "postfix", "-m", "0710"], &self.run_directory());
    }

    /// From Debian 13 on Postfix does that by itself as it starts.
    fn fill_chroot(&self) {
        if !fs::read_to_string(START_SCRIPT).unwrap().contains(FILL_CHROOT) {
            succeed(bounded(FILL_CHROOT).env("MAIL_CONFIG", self.configuration()));
        }
    }

    fn configure(&self, sasl: Sasl<'_>) {
        let services = fs::read_to_string(SERVICES).unwrap();
        let (before, after) = services.split_once("\nsmtp      inet").expect("Debian's line for smtpd");
        let columns = after.split_whitespace().take(3).collect::<Vec<_>>();
        assert_eq!(columns, ["n", "-", "y"], "private, unprivileged, chroot");
        let after = match sasl {
            Sasl::Dovecot { is_chrooted: false } => after.replacen('y', "n", 1),
            Sasl::Dovecot { is_chrooted: true } | Sasl::Elsewhere | Sasl::Cyrus { .. } => after.to_owned(),
        };
        fs::write(self.path("etc/master.cf"), format!("{before}\n{} inet{after}", self.address)).unwrap();
        fs::write(self.path("etc/main.cf"), self.parameters(sasl)).unwrap();
        if let Sasl::Cyrus { socket, .. } = sasl {
            let options =
                format!("pwcheck_method: saslauthd\nmech_list: PLAIN LOGIN\nsaslauthd_path: {socket}\n");
            fs::write(self.path("etc/sasl/smtpd.conf"), options).unwrap();
        }
    }

    fn parameters(&self, sasl: Sasl<'_>) -> String {
        let directory = self.directory.path().display();
        let sasl = match sasl {
            Sasl::Cyrus { service, .. } => format!(
                "{MUX}\
                 cyrus_sasl_config_path = {directory}/etc/sasl\n\
                 smtpd_sasl_local_domain = {REALM}\n\
                 smtpd_sasl_service = {service}\n"
            ),
            Sasl::Dovecot { .. } => AUTH_SOCKET.to_owned(),
            Sasl::Elsewhere => {
                AUTH_SOCKET.replace("smtpd_sasl_auth_enable = yes", "smtpd_sasl_auth_enable = no")
            }
        };
        format!(
            "compatibility_level = 3.6\n\
             queue_directory = {directory}/spool\n\
             data_directory = {directory}/data\n\
             maillog_file = {directory}/maillog\n\
             maillog_file_prefixes = {directory}\n\
             myhostname = mail.example.test\n\
             mydestination =\n\
             mynetworks =\n\
             inet_interfaces = loopback-only\n\
             inet_protocols = ipv4\n\
             smtpd_peername_lookup = no\n\
             smtpd_authorized_xclient_hosts = 127.0.0.0/8\n\
             {}",
            // These tests speak in clear.
            sasl.replace("smtpd_tls_auth_only = yes\n", ""),
        )
    }
}

impl Drop for Postfix {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let _ = writeln!(std::io::stderr(), "Postfix logged:\n{}", self.log());
        }
        let _ = bounded("postfix").arg("-c").arg(self.configuration()).arg("stop").output();
    }
}
