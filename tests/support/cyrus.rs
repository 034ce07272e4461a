//! A Cyrus IMAP server with everything of its own. Dovecot excludes it as a package, so it is only unpacked.

use crate::support::address::own_address;
use crate::support::background::Background;
use crate::support::command::run_with_input;
use std::ffi::OsString;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// Where tests/support/unpack.sh leaves the packages.
const PACKAGES: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/cyrus");

/// What the tests run of it.
pub const PROGRAM: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/cyrus/usr/lib/cyrus/bin/imapd");

/// Where packages have programs and libraries: those of Debian 13 have nothing in /lib.
const ROOTS: [&str; 2] = ["lib", "usr"];

/// Cyrus refuses to be root.
const USER: u32 = 65534;

const PORT: u16 = 1143;

/// A running Cyrus IMAP; dropping it stops it.
pub struct Cyrus {
    address: Ipv4Addr,
    _background: Background,
    _directory: TempDir,
}

impl Cyrus {
    /// Starts one with these logins and passwords.
    pub fn start(users: &[(&str, &str)]) -> Self {
        let directory = TempDir::new().unwrap();
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let address = own_address();
        for unpacked in ROOTS.map(|name| Path::new(PACKAGES).join(name)).iter().filter(|path| path.is_dir()) {
            // Where the tests were built the user of Cyrus may not be allowed to go.
            let mut copy = Command::new("cp");
            copy.arg("-a").arg(unpacked).arg(directory.path());
            assert!(copy.status().unwrap().success());
        }
        configure(directory.path(), address, users);
        let mut background = Background::start("Cyrus IMAP", &mut command(directory.path()));
        background.wait_until_listening(&[SocketAddr::from((address, PORT))]);
        Self { address, _background: background, _directory: directory }
    }

    /// It as C names it: `host/port`.
    pub fn option(&self) -> String {
        format!("{}/{PORT}", self.address)
    }
}

fn command(directory: &Path) -> Command {
    let mut command = Command::new(directory.join("usr/lib/cyrus/bin/master"));
    command.args(["-D", "-C"]).arg(directory.join("imapd.conf"));
    command.arg("-M").arg(directory.join("cyrus.conf"));
    command.arg("-p").arg(directory.join("data/master.pid"));
    command.env("LD_LIBRARY_PATH", libraries(directory));
    command
}

fn libraries(directory: &Path) -> OsString {
    let below = |name: &str| -> Vec<PathBuf> {
        let entries = fs::read_dir(directory.join(name)).into_iter().flatten();
        entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()).collect()
    };
    std::env::join_paths(["lib", "usr/lib"].into_iter().flat_map(below)).unwrap()
}

fn configure(directory: &Path, address: Ipv4Addr, users: &[(&str, &str)]) {
    let root = directory.display();
    let settings = format!(
        "configdirectory: {root}/data\n\
         partition-default: {root}/data/spool\n\
         defaultpartition: default\n\
         proc_path: {root}/data/proc\n\
         mboxname_lockpath: {root}/data/lock\n\
         sasl_pwcheck_method: auxprop\n\
         sasl_auxprop_plugin: sasldb\n\
         sasl_sasldb_path: {root}/data/sasldb\n\
         sasl_mech_list: PLAIN\n\
         allowplaintext: yes\n\
         failedloginpause: 0\n\
         cyrus_user: nobody\n\
         servername: localhost\n"
    );
    fs::write(directory.join("imapd.conf"), settings).unwrap();
    let services = format!(
        "START {{\n}}\nSERVICES {{\n  imap cmd=\"{root}/usr/lib/cyrus/bin/imapd -C {root}/imapd.conf\" \
         listen=\"{address}:{PORT}\" prefork=1\n}}\nEVENTS {{\n}}\n"
    );
    fs::write(directory.join("cyrus.conf"), services).unwrap();
    let data = directory.join("data");
    for name in ["data", "data/spool", "data/proc"] {
        fs::create_dir(directory.join(name)).unwrap();
        chown(directory.join(name), Some(USER), None).unwrap();
    }
    for (login, password) in users {
        let mut command = Command::new("saslpasswd2");
        command.args(["-p", "-c", "-u", "localhost", "-f"]).arg(data.join("sasldb")).args(["--", login]);
        let finished = run_with_input(command, password.as_bytes());
        assert_eq!(finished.code, Some(0), "{finished:?}");
    }
    chown(data.join("sasldb"), Some(USER), None).unwrap();
}
