//! A Dovecot with everything of its own, as Debian packages it.

mod configuration;

pub use configuration::Version;

use crate::support::address::own_address;
use crate::support::background::Background;
use crate::support::certificates::Certificate;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;
use tempfile::TempDir;

/// The program.
pub const PROGRAM: &str = "/usr/sbin/dovecot";

/// Where it speaks IMAP, and where IMAP within TLS.
const PORT: u16 = 1143;
const TLS_PORT: u16 = 1993;

/// How a Dovecot is to be.
pub struct Dovecot {
    address: Ipv4Addr,
    users: String,
    certificate: Option<Certificate>,
    is_encrypted_only: bool,
    failure_delay: u32,
    client_authority: Option<PathBuf>,
}

/// A running Dovecot; dropping it stops it.
pub struct RunningDovecot {
    directory: TempDir,
    address: Ipv4Addr,
    has_tls: bool,
    background: Option<Background>,
}

impl Dovecot {
    /// With these logins and passwords, without TLS, and as quick to refuse as it can be: half a second.
    pub fn new<T: AsRef<[u8]>>(users: &[(&str, T)]) -> Self {
        let line = |(login, password): &(&str, T)| {
            let password = openssl::base64::encode_block(password.as_ref());
            format!("{}:{{PLAIN.b64}}{password}\n", escaped(login))
        };
        Self {
            address: own_address(),
            users: users.iter().map(line).collect(),
            certificate: None,
            is_encrypted_only: false,
            failure_delay: 0,
            client_authority: None,
        }
    }

    /// The address it will have.
    pub fn address(&self) -> Ipv4Addr {
        self.address
    }

    /// Offers STARTTLS and implicit TLS.
    pub fn with_certificate(mut self, certificate: &Certificate) -> Self {
        self.certificate = Some(certificate.clone());
        self
    }

    /// Takes no password in clear.
    pub fn encrypted_only(mut self) -> Self {
        self.is_encrypted_only = true;
        self
    }

    /// Wants a certificate that this authority signed.
    pub fn asking_for_certificates_of(mut self, authority: PathBuf) -> Self {
        self.client_authority = Some(authority);
        self
    }

    /// Answers a wrong password only after so many seconds; 2 are Dovecot's default.
    pub fn slow_to_refuse(mut self, seconds: u32) -> Self {
        self.failure_delay = seconds;
        self
    }

    /// Starts it and waits until it serves.
    pub fn start(self) -> RunningDovecot {
        let directory = TempDir::new().unwrap();
        // Most of its processes are not root.
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let mail = directory.path().join("mail");
        fs::create_dir(&mail).unwrap();
        fs::set_permissions(mail, fs::Permissions::from_mode(0o777)).unwrap();
        fs::write(directory.path().join("users"), &self.users).unwrap();
        let root = directory.path().display().to_string();
        fs::write(directory.path().join("dovecot.conf"), configuration::of(&self, &root)).unwrap();
        let has_tls = self.certificate.is_some();
        let mut dovecot = RunningDovecot { directory, address: self.address, has_tls, background: None };
        dovecot.start_again();
        dovecot
    }
}

impl RunningDovecot {
    /// Its address without a port.
    pub fn address(&self) -> Ipv4Addr {
        self.address
    }

    /// It as C names it: `host/port`.
    pub fn option(&self) -> String {
        format!("{}/{PORT}", self.address)
    }

    /// `host:port` for its port without TLS.
    pub fn endpoint(&self) -> String {
        format!("{}:{PORT}", self.address)
    }

    /// `host:port` for its port with TLS.
    pub fn tls_endpoint(&self) -> String {
        format!("{}:{TLS_PORT}", self.address)
    }

    /// Ends it with all connections.
    pub fn stop(&mut self) {
        self.background = None;
    }

    /// Starts it at the same place.
    pub fn start_again(&mut self) {
        let configuration = self.directory.path().join("dovecot.conf");
        let mut background =
            Background::start("Dovecot", Command::new(PROGRAM).args(["-F", "-c"]).arg(configuration));
        let ports = if self.has_tls { &[PORT, TLS_PORT][..] } else { &[PORT] };
        let addresses: Vec<_> = ports.iter().map(|port| SocketAddr::from((self.address, *port))).collect();
        background.wait_until_listening(&addresses);
        self.background = Some(background);
    }

    /// Holds all its processes where they are, so that nothing refuses and nothing answers.
    pub fn freeze(&self) {
        self.background.as_ref().unwrap().signal_all("STOP");
    }

    /// Lets them go on.
    pub fn thaw(&self) {
        self.background.as_ref().unwrap().signal_all("CONT");
    }

    /// How many handshakes of TLS it has done, and in how many of them it sent its certificate: those that resumed
    /// nothing.
    pub fn handshakes(&self) -> (usize, usize) {
        let lines = self.background.as_ref().map(|background| background.log.all()).unwrap_or_default();
        let count = |what: &str| lines.iter().filter(|line| line.contains(what)).count();
        (count("write server hello"), count("write certificate"))
    }

    /// How many logins it has accepted.
    pub fn logins(&self) -> usize {
        let lines = self.background.as_ref().map(|background| background.log.all()).unwrap_or_default();
        // In the words of 2.3 and of 2.4.
        let accepted = ["imap-login: Info: Login:", "imap-login: Info: Logged in:"];
        lines.iter().filter(|line| accepted.iter().any(|words| line.contains(words))).count()
    }
}

/// Dovecot escapes these in the login before it looks for it in the file.
fn escaped(login: &str) -> String {
    let escape =
        |letter: char| if "\\\"'".contains(letter) { format!("\\{letter}") } else { letter.to_string() };
    login.chars().map(escape).collect()
}
