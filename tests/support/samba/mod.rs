//! A domain controller of Active Directory: Samba's, at an address and with accounts of the test's own.
//!
//! The packages are only unpacked, and the domain is a copy of one that was made before (`provision.sh`).

mod entries;

pub use entries::{Entries, SUFFIX, USERS, timestamp};

use crate::support::address::own_address;
use crate::support::background::Background;
use crate::support::certificates::{Authority, Certificate};
use crate::support::command::{self, Finished};
use crate::support::kerberos::Krb5Conf;
use crate::support::{Launch, System};
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use tempfile::TempDir;

/// What the tests run of it.
pub const PROGRAM: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/samba-ad/packages/usr/sbin/samba");

/// The domain that is copied.
pub const DOMAIN: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/samba-ad/domain");

const PACKAGES: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/samba-ad/packages");

/// The realm of the domain.
pub const REALM: &str = "AD.EXAMPLE.TEST";

/// The name of the controller, by which its key and its certificate are.
pub const HOST: &str = "dc1.ad.example.test";

/// A running domain controller; dropping it stops it.
pub struct Samba {
    address: Ipv4Addr,
    directory: TempDir,
    authority: Authority,
    _background: Background,
}

impl Samba {
    /// Starts one whose domain has these entries, with these lines in its configuration.
    pub fn start(entries: &Entries, more: &str) -> Self {
        let (address, directory, authority) = (own_address(), TempDir::new().unwrap(), Authority::new());
        let path = directory.path();
        let mut copy = Command::new("cp");
        copy.arg("-a").arg(DOMAIN).arg(path.join("private"));
        expect_success(command::run(copy));
        for name in ["cache", "lock", "state", "log"] {
            fs::create_dir(path.join(name)).unwrap();
        }
        let certificate = authority.issue(&[HOST]);
        fs::set_permissions(&certificate.key, fs::Permissions::from_mode(0o600)).unwrap();
        let configuration = configuration(path, address, &certificate, &authority.file());
        fs::write(path.join("smb.conf"), format!("{configuration}{more}")).unwrap();
        fs::write(path.join("entries.ldif"), entries.ldif()).unwrap();
        // It needs no running server.
        let database = path.join("private/sam.ldb");
        expect_success(run(path, "ldbmodify", &["-H", text(&database), text(&path.join("entries.ldif"))]));
        let mut server =
            within(path, "samba", &["-F", "--no-process-group", "-M", "single", "--debug-stdout"]);
        let mut background = Background::start("Samba", &mut server);
        let ports = [88, 389, 636].map(|port| SocketAddr::from((address, port)));
        background.wait_until_listening(&ports);
        Self { address, directory, authority, _background: background }
    }

    /// Writes the keys of a principal into a keytab of its own.
    pub fn keytab(&self, principal: &str) -> PathBuf {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let file = self.directory.path().join(format!("{number}.keytab"));
        let option = format!("--principal={principal}");
        let arguments = ["domain", "exportkeytab", text(&file), &option];
        expect_success(run(self.directory.path(), "samba-tool", &arguments));
        file
    }

    /// Gives an account another password while it runs.
    pub fn change_password(&self, name: &str, password: &str) {
        let option = format!("--newpassword={password}");
        let path = self.directory.path();
        let database = path.join("private/sam.ldb");
        expect_success(run(
            path,
            "samba-tool",
            &["user", "setpassword", name, &option, "-H", text(&database)],
        ));
    }

    /// What its clients know of Kerberos; the realm in small letters leads to it, too.
    pub fn conf(&self) -> Krb5Conf {
        let servers = [SocketAddr::from((self.address, 88))];
        Krb5Conf::new(Some(REALM)).realm(REALM, &servers).realm(&REALM.to_lowercase(), &servers)
    }

    /// The authority of its certificate, PEM.
    pub fn authority(&self) -> PathBuf {
        self.authority.file()
    }

    /// Lets a daemon find it by its name.
    pub fn reached_by(&self, launch: Launch) -> Launch {
        launch.inside(&System::new().host(HOST, self.address))
    }
}

fn configuration(path: &Path, address: Ipv4Addr, own: &Certificate, authority: &Path) -> String {
    let (directory, authority) = (path.display(), authority.display());
    let (certificate, key) = (own.certificate.display(), own.key.display());
    format!(
        "[global]\n\
         netbios name = DC1\n\
         realm = {REALM}\n\
         workgroup = AD\n\
         server role = active directory domain controller\n\
         server services = ldap, cldap, kdc\n\
         interfaces = {address}/8\n\
         bind interfaces only = yes\n\
         private dir = {directory}/private\n\
         state directory = {directory}/state\n\
         cache directory = {directory}/cache\n\
         lock directory = {directory}/lock\n\
         pid directory = {directory}/lock\n\
         ncalrpc dir = {directory}/lock/ncalrpc\n\
         binddns dir = {directory}/lock/dns\n\
         log file = {directory}/log/samba\n\
         tls certfile = {certificate}\n\
         tls keyfile = {key}\n\
         tls cafile = {authority}\n\
         tls dh params file =\n"
    )
}

fn run(directory: &Path, program: &str, arguments: &[&str]) -> Finished {
    command::run(within(directory, program, arguments))
}

/// A program of Samba that finds its libraries and the domain in that directory.
fn within(directory: &Path, program: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new("unshare");
    command.args(["--mount", "--uts", "sh"]);
    command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/samba/enter.sh"));
    command.args([PACKAGES, program]).args(arguments).arg("--configfile").arg(directory.join("smb.conf"));
    command
}

fn expect_success(finished: Finished) {
    assert_eq!(finished.code, Some(0), "{finished:?}");
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}
