//! An OpenLDAP server with everything of its own, as Debian packages it.

mod directory;

pub use directory::{Entries, PEOPLE, SERVICE, SERVICE_PASSWORD, SUFFIX};

use crate::support::address::own_address;
use crate::support::background::Background;
use crate::support::certificates::Certificate;
use crate::support::command::run;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// The program.
pub const PROGRAM: &str = "/usr/sbin/slapd";

const PORT: u16 = 3389;
const TLS_PORT: u16 = 3636;

/// Where tests/support/unpack.sh leaves libsasl's plugin for GSSAPI. Where it is installed every program of libsasl prefers it.
const GSSAPI: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/sasl-gssapi/usr/lib");

/// `SASL_PATH` for programs of libsasl that are to speak GSSAPI, too; `None` without the plugin.
pub fn gssapi_plugins() -> Option<PathBuf> {
    let libraries = fs::read_dir(GSSAPI).into_iter().flatten().flatten();
    let mut found = libraries.filter(|entry| entry.path().join("sasl2/libgssapiv2.so").exists());
    let machine = found.next()?.file_name();
    let [system, own] = ["/usr/lib", GSSAPI].map(|path| Path::new(path).join(&machine).join("sasl2"));
    Some(format!("{}:{}", system.display(), own.display()).into())
}

/// How a slapd is to be.
pub struct Slapd {
    address: Ipv4Addr,
    entries: Entries,
    certificate: Option<Certificate>,
    authority: Option<PathBuf>,
    is_encrypted_only: bool,
    requires_bind: bool,
    more: String,
    environment: Vec<(&'static str, PathBuf)>,
}

/// A running slapd; dropping it stops it.
pub struct RunningSlapd {
    directory: TempDir,
    address: Ipv4Addr,
    has_tls: bool,
    environment: Vec<(&'static str, PathBuf)>,
    background: Option<Background>,
}

impl Slapd {
    /// With these entries and without TLS.
    pub fn new(entries: Entries) -> Self {
        Self {
            address: own_address(),
            entries,
            certificate: None,
            authority: None,
            is_encrypted_only: false,
            requires_bind: false,
            more: String::new(),
            environment: Vec::new(),
        }
    }

    /// The address it will have.
    pub fn address(&self) -> Ipv4Addr {
        self.address
    }

    /// Offers StartTLS and listens for ldaps too.
    pub fn with_certificate(mut self, certificate: &Certificate) -> Self {
        self.certificate = Some(certificate.clone());
        self
    }

    /// Wants a certificate that this authority signed.
    pub fn asking_for_certificates_of(mut self, authority: PathBuf) -> Self {
        self.authority = Some(authority);
        self
    }

    /// Takes no password in clear.
    pub fn encrypted_only(mut self) -> Self {
        self.is_encrypted_only = true;
        self
    }

    /// Answers no search of somebody unknown.
    pub fn closed_to_strangers(mut self) -> Self {
        self.requires_bind = true;
        self
    }

    /// Has this line among those of slapd.conf that are about the whole server.
    pub fn with_line(mut self, line: &str) -> Self {
        self.more = format!("{}{line}\n", self.more);
        self
    }

    /// Has this path in its environment.
    pub fn with_environment(mut self, name: &'static str, path: &Path) -> Self {
        self.environment.push((name, path.to_owned()));
        self
    }

    /// Starts it and waits until it serves.
    pub fn start(self) -> RunningSlapd {
        let directory = TempDir::new().unwrap();
        let path = |name: &str| directory.path().join(name);
        fs::create_dir(path("database")).unwrap();
        fs::write(path("slapd.conf"), self.configuration(&directory.path().display().to_string())).unwrap();
        fs::write(path("entries.ldif"), self.entries.ldif()).unwrap();
        let mut add = Command::new("/usr/sbin/slapadd");
        add.args(["-q", "-f"]).arg(path("slapd.conf")).arg("-l").arg(path("entries.ldif"));
        let finished = run(add);
        assert_eq!(finished.code, Some(0), "{finished:?}");
        let has_tls = self.certificate.is_some();
        let mut slapd = RunningSlapd {
            directory,
            address: self.address,
            has_tls,
            environment: self.environment,
            background: None,
        };
        slapd.start_again();
        slapd
    }

    fn configuration(&self, directory: &str) -> String {
        let tls = self.certificate.as_ref().map_or_else(String::new, |files| {
            let (certificate, key) = (files.certificate.display(), files.key.display());
            format!("TLSCertificateFile {certificate}\nTLSCertificateKeyFile {key}\n")
        });
        let client = self.authority.as_ref().map_or_else(String::new, |authority| {
            format!("TLSCACertificateFile {}\nTLSVerifyClient demand\n", authority.display())
        });
        let security = if self.is_encrypted_only { "security simple_bind=128\nlocalSSF 128\n" } else { "" };
        let more = &self.more;
        let strangers = if self.requires_bind { "auth" } else { "read" };
        format!(
            "include /etc/ldap/schema/core.schema\n\
             include /etc/ldap/schema/cosine.schema\n\
             include /etc/ldap/schema/inetorgperson.schema\n\
             include /etc/ldap/schema/nis.schema\n\
             modulepath /usr/lib/ldap\n\
             moduleload back_mdb\n\
             pidfile {directory}/slapd.pid\n\
             {tls}{client}{security}{more}\
             authz-regexp \"gidNumber=[0-9]+\\\\+uidNumber=[0-9]+,cn=peercred,cn=external,cn=auth\" \"{SERVICE}\"\n\
             authz-regexp \"cn=client[^,]*\" \"{SERVICE}\"\n\
             authz-regexp \"uid=service,cn=[^,]*,cn=auth\" \"{SERVICE}\"\n\
             authz-regexp \"uid=([^,]*),cn=[^,]*,cn=auth\" \"uid=$1,{PEOPLE}\"\n\
             database mdb\n\
             maxsize 100000000\n\
             suffix {SUFFIX}\n\
             rootdn cn=root,{SUFFIX}\n\
             directory {directory}/database\n\
             dbnosync\n\
             index uid,objectClass eq\n\
             access to attrs=userPassword by dn.exact=\"{SERVICE}\" read by anonymous auth by * none\n\
             access to dn.subtree=\"ou=groups,{SUFFIX}\" by dn.exact=\"{SERVICE}\" read by * none\n\
             access to * by dn.exact=\"{SERVICE}\" read by anonymous {strangers} by * none\n"
        )
    }
}

impl RunningSlapd {
    /// `ldap://`
    pub fn uri(&self) -> String {
        format!("ldap://{}:{PORT}/", self.address)
    }

    /// `ldaps://`
    pub fn tls_uri(&self) -> String {
        format!("ldaps://{}:{TLS_PORT}/", self.address)
    }

    /// `ldapi://`
    pub fn socket_uri(&self) -> String {
        format!("ldapi://{}", self.socket().display().to_string().replace('/', "%2F"))
    }

    /// Its address without a port.
    pub fn address(&self) -> Ipv4Addr {
        self.address
    }

    /// Ends it with all connections.
    pub fn stop(&mut self) {
        self.background = None;
    }

    /// Starts it at the same place with the same entries.
    pub fn start_again(&mut self) {
        let _ = fs::remove_file(self.socket());
        let mut uris = format!("{} {}", self.uri(), self.socket_uri());
        if self.has_tls {
            uris = format!("{uris} {}", self.tls_uri());
        }
        let mut command = Command::new(PROGRAM);
        command.args(["-d", "stats", "-h", &uris, "-f"]).arg(self.directory.path().join("slapd.conf"));
        command.envs(self.environment.iter().cloned());
        let mut background = Background::start("slapd", &mut command);
        background.wait_until_listening(&[SocketAddr::from((self.address, PORT))]);
        self.background = Some(background);
    }

    /// Holds it where it is, so that nothing refuses and nothing answers.
    pub fn freeze(&self) {
        self.background.as_ref().unwrap().signal_all("STOP");
    }

    /// Lets it go on.
    pub fn thaw(&self) {
        self.background.as_ref().unwrap().signal_all("CONT");
    }

    /// How many lines of its log contain `text`: it logs every operation.
    pub fn logged(&self, text: &str) -> usize {
        let log = &self.background.as_ref().expect("it runs").log;
        // Once it has logged this connection, everything before it is logged too.
        let last = TcpStream::connect((self.address, PORT)).unwrap();
        log.wait_for(&format!("ACCEPT from IP={} ", last.local_addr().unwrap()));
        log.all().iter().filter(|line| line.contains(text)).count()
    }

    fn socket(&self) -> PathBuf {
        self.directory.path().join("ldapi")
    }
}
