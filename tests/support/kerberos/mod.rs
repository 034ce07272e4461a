//! Kerberos realms with servers of their own, what their clients are told of them, and the PAM module that asks them. The
//! packages are only unpacked: the installed module would be part of every login of the machine.

mod conf;
mod silent;
mod tickets;

pub use conf::{Krb5Conf, Krb5File};
pub use silent::SilentKdc;
pub use tickets::{KINIT, Tickets};

use crate::support::Launch;
use crate::support::address::own_address;
use crate::support::background::Background;
use crate::support::certificates::Certificate;
use crate::support::command;
use std::ffi::OsString;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// Where tests/support/unpack.sh leaves the packages.
const PACKAGES: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/krb5");

/// What the tests run of it.
pub const PROGRAM: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/krb5/usr/sbin/krb5kdc");

/// The library that gives a process another clock; preloaded. Debian names the directory after the machine.
pub const FAKETIME: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/faketime/libfaketime.so.1");

/// What takes certificates instead of passwords. Debian names the directory after the machine.
pub const PKINIT: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/pkinit/pkinit.so");

const PORT: u16 = 1088;

/// The realm of [`Kerberos::start`].
pub const REALM: &str = "EXAMPLE.ORG";

/// Where that library of the system is.
pub fn library(name: &str) -> String {
    let directories = ["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64", "/usr/lib"];
    let paths = directories.map(|directory| format!("{directory}/{name}"));
    paths.into_iter().find(|path| Path::new(path).exists()).expect("the C daemon needs it")
}

/// A running server of a realm, with the database of its principals; dropping it stops it.
pub struct Kerberos {
    realm: String,
    address: SocketAddr,
    directory: TempDir,
    background: Option<Background>,
}

impl Kerberos {
    /// Starts one of the realm EXAMPLE.ORG, which is the default realm of its clients, that knows these principals and
    /// passwords. Two of them are two realms of the same name, which know nothing of each other.
    pub fn start(principals: &[(&str, &str)]) -> Self {
        Self::start_of(REALM, principals)
    }

    /// Starts one of another realm.
    pub fn start_of(realm: &str, principals: &[(&str, &str)]) -> Self {
        let address = SocketAddr::from((own_address(), PORT));
        let mut server =
            Self { realm: realm.to_owned(), address, directory: TempDir::new().unwrap(), background: None };
        server.configure();
        server.run("kdb5_util", &["create", "-s", "-r", realm, "-P", "master"]);
        for (principal, password) in principals {
            server.administer(&format!("addprinc -pw {password} {principal}"));
        }
        server.resume();
        server
    }

    /// Where it listens, by UDP and by TCP.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Asks kadmin.local, which needs no running server: `modprinc +requires_preauth anna`.
    pub fn administer(&self, query: &str) {
        let finished = self.run("kadmin.local", &["-r", &self.realm, "-q", query]);
        // It ends with 0 whatever the query came to.
        assert!(!finished.errors.contains(" while "), "{query}: {}", finished.errors);
    }

    /// A service such as `host/mail.example.org` with a random key.
    pub fn add_service(&self, service: &str) {
        self.administer(&format!("addprinc -randkey {service}"));
    }

    /// Writes the keys of a service, as they are, into a keytab of its own; `name` tells several apart.
    pub fn keytab(&self, service: &str, name: &str) -> PathBuf {
        let file = self.directory.path().join(name);
        self.administer(&format!("ktadd -norandkey -k {} {service}", file.display()));
        file
    }

    /// Gives a service a new key, with the next version number. What a keytab has is too old then.
    pub fn change_key(&self, service: &str) {
        self.administer(&format!("cpw -randkey {service}"));
    }

    /// Ends the server with SIGKILL; its database stays.
    pub fn kill(&mut self) {
        self.background = None;
    }

    /// Starts the server after [`Self::kill`].
    pub fn resume(&mut self) {
        let mut server = self.program("krb5kdc");
        let mut background = Background::start("The Kerberos server", server.args(["-n", "-r", &self.realm]));
        background.wait_until_listening(&[self.address]);
        self.background = Some(background);
    }

    /// Stops the server where it stands (`STOP`), so that it is silent, or lets it go on (`CONT`).
    pub fn signal(&self, signal: &str) {
        self.background.iter().for_each(|background| background.signal_all(signal));
    }

    /// Takes certificates of that authority, too, and shows its own.
    pub fn take_certificates(&mut self, own: &Certificate, authority: &Path) {
        let file = self.directory.path().join("kdc.conf");
        let text = format!(
            "{}[kdcdefaults]\n pkinit_identity = FILE:{},{}\n pkinit_anchors = FILE:{}\n pkinit_eku_checking = none\n\
             [plugins]\n kdcpreauth = {{\n module = pkinit:{PKINIT}\n }}\n",
            fs::read_to_string(&file).unwrap(),
            own.certificate.display(),
            own.key.display(),
            authority.display(),
        );
        fs::write(file, text).unwrap();
        self.kill();
        self.resume();
    }

    /// What its clients know: this realm and this server.
    pub fn conf(&self) -> Krb5Conf {
        Krb5Conf::new(Some(&self.realm)).realm(&self.realm, &[self.address])
    }

    /// The module for a service file.
    pub fn module() -> String {
        let module = "security/pam_krb5.so";
        let file = library_directories().into_iter().map(|path| path.join(module)).find(|path| path.exists());
        file.unwrap().display().to_string()
    }

    /// Lets a daemon find the server.
    pub fn reached_by(&self, launch: Launch) -> Launch {
        conf::read_by(launch, &self.directory.path().join("krb5.conf"))
    }

    fn configure(&self) {
        let plugins = library_directories().into_iter().map(|path| path.join("krb5/plugins"));
        let plugins = plugins.into_iter().find(|path| path.is_dir()).unwrap();
        let directory = self.directory.path();
        let (own, plugins, realm, address) =
            (directory.display(), plugins.display(), &self.realm, self.address);
        fs::write(directory.join("krb5.conf"), self.conf().text()).unwrap();
        let server = format!(
            "[kdcdefaults]\n kdc_listen = {address}\n kdc_tcp_listen = {address}\n[realms]\n {realm} = {{\n\
             database_name = {own}/principal\n  key_stash_file = {own}/stash\n }}\n\
             [dbmodules]\n db_module_dir = {plugins}/kdb\n"
        );
        fs::write(directory.join("kdc.conf"), server).unwrap();
    }

    fn run(&self, name: &str, arguments: &[&str]) -> command::Finished {
        let mut command = self.program(name);
        command.args(arguments);
        let finished = command::run(command);
        assert_eq!(finished.code, Some(0), "{finished:?}");
        finished
    }

    fn program(&self, name: &str) -> Command {
        let directory = self.directory.path();
        let mut command = Command::new(Path::new(PACKAGES).join("usr/sbin").join(name));
        command.env("KRB5_CONFIG", directory.join("krb5.conf"));
        command.env("KRB5_KDC_PROFILE", directory.join("kdc.conf"));
        command.env("LD_LIBRARY_PATH", libraries());
        command
    }
}

fn libraries() -> OsString {
    std::env::join_paths(library_directories()).unwrap()
}

/// Debian names them after the machine.
fn library_directories() -> Vec<PathBuf> {
    let below = |name: &str| -> Vec<PathBuf> {
        let entries = fs::read_dir(Path::new(PACKAGES).join(name)).into_iter().flatten();
        entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()).collect()
    };
    ["lib", "usr/lib"].into_iter().flat_map(below).collect()
}
