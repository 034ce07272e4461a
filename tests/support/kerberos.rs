//! A Kerberos realm with a server of its own, and the module that asks it. The packages are only unpacked: the
//! installed module would be part of every login of the machine.

use crate::support::Launch;
use crate::support::address::own_address;
use crate::support::background::Background;
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

const PORT: u16 = 1088;

/// A running server of the realm EXAMPLE.ORG, which is the default realm; dropping it stops it.
pub struct Kerberos {
    directory: TempDir,
    _background: Background,
}

impl Kerberos {
    /// Starts one that knows these principals and passwords.
    pub fn start(principals: &[(&str, &str)]) -> Self {
        let directory = TempDir::new().unwrap();
        let address = SocketAddr::from((own_address(), PORT));
        configure(directory.path(), address);
        administer(directory.path(), "kdb5_util", &["create", "-s", "-r", "EXAMPLE.ORG", "-P", "master"]);
        for (principal, password) in principals {
            let query = format!("addprinc -pw {password} {principal}");
            administer(directory.path(), "kadmin.local", &["-q", &query]);
        }
        let mut server = program(directory.path(), "krb5kdc");
        let mut background = Background::start("The Kerberos server", server.arg("-n"));
        background.wait_until_listening(&[address]);
        Self { directory, _background: background }
    }

    /// The module for a service file.
    pub fn module() -> String {
        let module = "security/pam_krb5.so";
        let file = library_directories().into_iter().map(|path| path.join(module)).find(|path| path.exists());
        file.unwrap().display().to_string()
    }

    /// Lets a daemon's modules find the server.
    pub fn reached_by(&self, launch: Launch) -> Launch {
        launch.behind(&["env", &format!("KRB5_CONFIG={}", self.directory.path().join("krb5.conf").display())])
    }
}

fn configure(directory: &Path, address: SocketAddr) {
    let plugins = library_directories().into_iter().map(|path| path.join("krb5/plugins"));
    let plugins = plugins.into_iter().find(|path| path.is_dir()).unwrap();
    let (own, plugins) = (directory.display(), plugins.display());
    let client = format!(
        "[libdefaults]\n default_realm = EXAMPLE.ORG\n dns_lookup_kdc = false\n dns_lookup_realm = false\n\
         dns_canonicalize_hostname = false\n[realms]\n EXAMPLE.ORG = {{\n  kdc = {address}\n }}\n"
    );
    fs::write(directory.join("krb5.conf"), client).unwrap();
    let server = format!(
        "[kdcdefaults]\n kdc_listen = {address}\n kdc_tcp_listen = {address}\n[realms]\n EXAMPLE.ORG = {{\n\
         database_name = {own}/principal\n  key_stash_file = {own}/stash\n }}\n\
         [dbmodules]\n db_module_dir = {plugins}/kdb\n"
    );
    fs::write(directory.join("kdc.conf"), server).unwrap();
}

fn administer(directory: &Path, name: &str, arguments: &[&str]) {
    let mut command = program(directory, name);
    command.args(arguments);
    let finished = command::run(command);
    assert_eq!(finished.code, Some(0), "{finished:?}");
}

fn program(directory: &Path, name: &str) -> Command {
    let mut command = Command::new(Path::new(PACKAGES).join("usr/sbin").join(name));
    command.env("KRB5_CONFIG", directory.join("krb5.conf"));
    command.env("KRB5_KDC_PROFILE", directory.join("kdc.conf"));
    command.env("LD_LIBRARY_PATH", libraries());
    command
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
