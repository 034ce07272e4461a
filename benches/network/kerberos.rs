//! kerberos5 against MIT's server, which is installed or was unpacked for the tests.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::peers::{Peer, directory, free_address, login, password};
use super::{Setup, measure_all};
use crate::process::run_with_input;
use crate::report::Findings;
use crate::server::Kind;
use crate::{Bench, Fallible};

/// Where tests/support/unpack.sh leaves the packages.
const UNPACKED: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/krb5");

/// Each has four keys, which takes the server's tools a while.
const USERS: usize = 50;
const CLIENTS: [usize; 2] = [1, 50];

/// Where a program of the server is, or would be.
pub(crate) fn program(name: &str) -> PathBuf {
    let unpacked = Path::new(UNPACKED).join("usr/sbin").join(name);
    if unpacked.exists() { unpacked } else { Path::new("/usr/sbin").join(name) }
}

/// The library does nearly all of it in both daemons, and the server the rest.
pub(crate) fn run(bench: &Bench, findings: &mut Findings) -> Fallible<()> {
    for preauth in [false, true] {
        let realm = Realm::start(preauth)?;
        let variable = format!("KRB5_CONFIG={}", realm.file("krb5.conf").display());
        let option = realm.file("saslauthd.conf").display().to_string();
        let how = if preauth { "with required pre-authentication" } else { "without pre-authentication" };
        let title = format!("A Kerberos server, {how} (`-a kerberos5`)");
        let setup = Setup { title: &title, prefix: &["env", &variable], logins: USERS, clients: &CLIENTS };
        let results = measure_all(bench, &setup, |_| ["-a", "kerberos5", "-O", &option], findings)?;
        if let (Some(ours), Some(c)) = (results.median(50, Kind::Ours), results.median(50, Kind::C)) {
            let what = format!("kerberos5 {how}, 50 clients");
            findings.at_least(&format!("{what}: requests/s, ours/C"), ours.rate / c.rate, 0.9);
            findings.at_most(&format!("{what}: CPU/request, ours/C"), ours.cpu / c.cpu, 1.1);
        }
    }
    Ok(())
}

/// A running server, and what its clients read.
struct Realm {
    directory: PathBuf,
    _server: Peer,
}

impl Realm {
    fn start(preauth: bool) -> Fallible<Self> {
        let (directory, address) = (directory()?, free_address()?);
        let path = directory.path().to_owned();
        configure(&path, address)?;
        let own = |name: &str| {
            let mut command = Command::new(program(name));
            command.env("KRB5_CONFIG", path.join("krb5.conf"));
            command.env("KRB5_KDC_PROFILE", path.join("kdc.conf"));
            command.env("LD_LIBRARY_PATH", library_path());
            command
        };
        run_with_input(own("kdb5_util").args(["create", "-s", "-P", "master"]), "")?;
        run_with_input(&mut own("kadmin.local"), &principals(&path, preauth))?;
        let server = Peer::start(directory, address, own("krb5kdc").arg("-n"))?;
        Ok(Self { directory: path, _server: server })
    }

    fn file(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }
}

fn principals(directory: &Path, preauth: bool) -> String {
    let flag = if preauth { "+requires_preauth" } else { "-requires_preauth" };
    let users =
        (0..USERS).map(|number| format!("addprinc {flag} -pw \"{}\" {}\n", password(number), login(number)));
    let keytab = directory.join("keytab");
    let service = "host/mail.example.org";
    users.collect::<String>()
        + &format!("addprinc -randkey {service}\nktadd -k {} {service}\n", keytab.display())
}

fn configure(directory: &Path, address: SocketAddr) -> Fallible<()> {
    let own = directory.display();
    let plugins = library_directories().into_iter().map(|path| path.join("krb5/plugins/kdb"));
    let plugins = plugins.into_iter().find(|path| path.is_dir());
    let plugins = plugins.map(|path| format!("[dbmodules]\n db_module_dir = {}\n", path.display()));
    fs::write(
        directory.join("krb5.conf"),
        format!(
            "[libdefaults]\n default_realm = EXAMPLE.ORG\n dns_lookup_kdc = false\n dns_canonicalize_hostname = false\n\
             [realms]\n EXAMPLE.ORG = {{\n  kdc = {address}\n }}\n"
        ),
    )?;
    fs::write(
        directory.join("kdc.conf"),
        format!(
            "[kdcdefaults]\n kdc_listen = {address}\n kdc_tcp_listen = {address}\n[realms]\n EXAMPLE.ORG = {{\n  \
             database_name = {own}/principal\n  key_stash_file = {own}/stash\n }}\n{}",
            plugins.unwrap_or_default()
        ),
    )?;
    fs::write(
        directory.join("saslauthd.conf"),
        format!("krb5_keytab: {own}/keytab\nkrb5_servername: mail.example.org\n"),
    )?;
    Ok(())
}

fn library_path() -> String {
    library_directories().iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(":")
}

/// Of what was unpacked; Debian names them after the machine.
fn library_directories() -> Vec<PathBuf> {
    let below = |name: &str| {
        let entries =
            fs::read_dir(Path::new(UNPACKED).join(name)).into_iter().flatten().map_while(Result::ok);
        entries.map(|entry| entry.path()).filter(|path| path.is_dir()).collect::<Vec<_>>()
    };
    ["lib", "usr/lib"].into_iter().flat_map(below).collect()
}
