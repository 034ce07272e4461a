//! Real servers with everything of their own below a temporary directory: Dovecot and OpenLDAP's slapd.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use super::certificate;
use crate::Fallible;
use crate::process::run_with_input;
use crate::server::wait_for;

/// The program.
pub(crate) const DOVECOT: &str = "/usr/sbin/dovecot";
/// The program.
pub(crate) const SLAPD: &str = "/usr/sbin/slapd";

const START_LIMIT: Duration = Duration::from_secs(15);
const STOP_LIMIT: Duration = Duration::from_secs(10);

/// A running server; dropping it stops it.
pub(crate) struct Peer {
    directory: TempDir,
    address: SocketAddr,
    child: Child,
}

/// How it is spoken to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Security {
    /// In clear.
    Clear,
    /// With TLS from the first byte; [`Peer::certificate`] is to be trusted.
    Tls,
}

/// The login of that number, for both servers.
pub(crate) fn login(number: usize) -> String {
    format!("user{number:04}")
}

/// Its password.
pub(crate) fn password(number: usize) -> String {
    format!("pass {number:04}")
}

impl Peer {
    /// A Dovecot with so many users.
    pub(crate) fn dovecot(users: usize, security: Security) -> Fallible<Self> {
        let directory = directory()?;
        let lines = (0..users).map(|number| format!("{}:{{PLAIN}}{}\n", login(number), password(number)));
        fs::write(directory.path().join("users"), lines.collect::<String>())?;
        let address = free_address()?;
        let file = directory.path().join("dovecot.conf");
        fs::write(&file, dovecot_conf(directory.path(), address, security)?)?;
        Self::start(directory, address, Command::new(DOVECOT).arg("-F").arg("-c").arg(file))
    }

    /// A slapd with so many users below `ou=people,dc=example,dc=org`.
    pub(crate) fn slapd(users: usize, security: Security) -> Fallible<Self> {
        let directory = directory()?;
        let file = directory.path().join("slapd.conf");
        fs::create_dir(directory.path().join("db"))?;
        fs::write(&file, slapd_conf(directory.path(), security)?)?;
        run_with_input(Command::new("/usr/sbin/slapadd").arg("-q").arg("-f").arg(&file), &ldif(users))?;
        let address = free_address()?;
        let scheme = if security == Security::Tls { "ldaps" } else { "ldap" };
        let url = format!("{scheme}://{address}/");
        Self::start(directory, address, Command::new(SLAPD).args(["-d", "0", "-h", &url, "-f"]).arg(file))
    }

    /// Runs the command of a server and waits until it listens.
    pub(crate) fn start(directory: TempDir, address: SocketAddr, command: &mut Command) -> Fallible<Self> {
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        let peer = Self { directory, address, child };
        if !wait_for(START_LIMIT, || TcpStream::connect(address).is_ok()) {
            return Err(format!("{:?} does not listen at {address}.", command.get_program()).into());
        }
        Ok(peer)
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// What a client of [`Security::Tls`] is to trust.
    pub(crate) fn certificate(&self) -> PathBuf {
        self.directory.path().join("certificate.pem")
    }

    /// A file of that content beside the server's own.
    pub(crate) fn file(&self, name: &str, content: &str) -> Fallible<PathBuf> {
        let file = self.directory.path().join(name);
        fs::write(&file, content)?;
        Ok(file)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let pid = self.child.id().to_string();
        drop(Command::new("kill").args(["-TERM", &pid]).status());
        let child = std::cell::RefCell::new(&mut self.child);
        if !wait_for(STOP_LIMIT, || child.borrow_mut().try_wait().is_ok_and(|status| status.is_some())) {
            eprintln!("daemons: process {pid} ignored TERM for {STOP_LIMIT:?}; end it yourself");
        }
    }
}

/// For processes that are not root, too.
pub(crate) fn directory() -> Fallible<TempDir> {
    let directory = tempfile::Builder::new().prefix("saslauthd-bench-").tempdir()?;
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755))?;
    Ok(directory)
}

/// A port of loopback that nobody has now.
pub(crate) fn free_address() -> Fallible<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

/// 2.4, that of Debian 13, has other names for settings than 2.3.
fn dovecot_conf(directory: &Path, address: SocketAddr, security: Security) -> Fallible<String> {
    let root = directory.display();
    let version = Command::new(DOVECOT).arg("--version").output()?.stdout;
    let (first, own, count, forever) = if version.starts_with(b"2.3") {
        (
            "",
            format!(
                "disable_plaintext_auth = no\nmail_location = maildir:{root}/mail\n\
                 passdb {{\n driver = passwd-file\n args = username_format=%u {root}/users\n}}\n\
                 userdb {{\n driver = static\n args = uid=65534 gid=65534 home=/nonexistent\n}}\n"
            ),
            "service_count",
            "0",
        )
    } else {
        (
            "dovecot_config_version = 2.4.0\ndovecot_storage_version = 2.4.0\n",
            format!(
                "auth_allow_cleartext = yes\nmail_driver = maildir\nmail_path = {root}/mail\n\
                 passdb passwd-file {{\n passwd_file_path = {root}/users\n}}\n\
                 userdb static {{\n fields {{\n  uid = 65534\n  gid = 65534\n  home = /nonexistent\n }}\n}}\n"
            ),
            "restart_request_count",
            "unlimited",
        )
    };
    let (clear_port, tls_port, tls) = match security {
        Security::Clear => (address.port(), 0, "ssl = no\n".to_owned()),
        Security::Tls => {
            let files = certificate::make(directory)?;
            let (certificate, key) = (files.certificate.display(), files.key.display());
            let files = if first.is_empty() {
                format!("ssl_cert = <{certificate}\nssl_key = <{key}\n")
            } else {
                format!("ssl_server_cert_file = {certificate}\nssl_server_key_file = {key}\n")
            };
            (0, address.port(), format!("ssl = required\n{files}"))
        }
    };
    Ok(format!(
        "{first}base_dir = {root}/run\nstate_dir = {root}/state\nlog_path = /dev/null\nprotocols = imap\n\
         listen = 127.0.0.1\n{tls}auth_mechanisms = plain\nauth_failure_delay = 0\nfirst_valid_uid = 0\n\
         mail_max_userip_connections = 0\n{own}\
         service imap-login {{\n inet_listener imap {{\n port = {clear_port}\n}}\n \
         inet_listener imaps {{\n port = {tls_port}\n ssl = yes\n}}\n \
         {count} = {forever}\n client_limit = 4000\n process_min_avail = 1\n}}\n\
         service imap {{\n {count} = 100000\n process_min_avail = 4\n}}\n\
         service anvil {{\n client_limit = 8000\n}}\n service auth {{\n client_limit = 8000\n}}\n"
    ))
}

fn slapd_conf(directory: &Path, security: Security) -> Fallible<String> {
    let root = directory.display();
    let tls = match security {
        Security::Clear => String::new(),
        Security::Tls => {
            let files = certificate::make(directory)?;
            let (certificate, key) = (files.certificate.display(), files.key.display());
            format!("TLSCertificateFile {certificate}\nTLSCertificateKeyFile {key}\n")
        }
    };
    Ok(format!(
        "include /etc/ldap/schema/core.schema\ninclude /etc/ldap/schema/cosine.schema\n\
         include /etc/ldap/schema/inetorgperson.schema\nmodulepath /usr/lib/ldap\nmoduleload back_mdb\n\
         pidfile {root}/pid\nargsfile {root}/args\nloglevel none\nthreads 4\nconn_max_pending 4000\n{tls}\
         database mdb\nmaxsize 104857600\nsuffix dc=example,dc=org\ndirectory {root}/db\nindex uid eq\n\
         access to attrs=userPassword by anonymous auth by * none\naccess to * by * read\n"
    ))
}

/// Plain passwords: the servers' hashing is not what is measured.
fn ldif(users: usize) -> String {
    let head = "dn: dc=example,dc=org\nobjectClass: dcObject\nobjectClass: organization\no: example\ndc: example\n\n\
                dn: ou=people,dc=example,dc=org\nobjectClass: organizationalUnit\nou: people\n\n";
    let user = |number| {
        let (login, password) = (login(number), password(number));
        format!(
            "dn: uid={login},ou=people,dc=example,dc=org\nobjectClass: inetOrgPerson\nuid: {login}\ncn: {login}\n\
             sn: {login}\nuserPassword: {password}\n\n"
        )
    };
    std::iter::once(head.to_owned()).chain((0..users).map(user)).collect()
}
