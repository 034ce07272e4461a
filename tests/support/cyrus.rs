//! A Cyrus IMAP server with everything of its own. Dovecot excludes it as a package, so it is only unpacked.

use crate::support::PATIENCE;
use crate::support::address::own_address;
use crate::support::background::Background;
use crate::support::command::run_with_input;
use std::ffi::OsString;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
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

/// Where it has its passwords.
enum Passwords<'a> {
    /// In a database of its own, with these logins.
    Own(&'a [(&'a str, &'a str)]),
    /// It asks a saslauthd at this socket.
    Asked(&'a Path),
}

/// A running Cyrus IMAP; dropping it stops it.
pub struct Cyrus {
    address: Ipv4Addr,
    _background: Background,
    _directory: TempDir,
}

impl Cyrus {
    /// Starts one with these logins and passwords.
    pub fn start(users: &[(&str, &str)]) -> Self {
        Self::with(&Passwords::Own(users))
    }

    /// Starts one that asks a saslauthd at `mux` as another user than root.
    pub fn asking(mux: &Path) -> Self {
        Self::with(&Passwords::Asked(mux))
    }

    fn with(passwords: &Passwords<'_>) -> Self {
        let directory = TempDir::new().unwrap();
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let address = own_address();
        for unpacked in ROOTS.map(|name| Path::new(PACKAGES).join(name)).iter().filter(|path| path.is_dir()) {
            // Where the tests were built the user of Cyrus may not be allowed to go.
            let mut copy = Command::new("cp");
            copy.arg("-a").arg(unpacked).arg(directory.path());
            assert!(copy.status().unwrap().success());
        }
        configure(directory.path(), address, passwords);
        let mut background = Background::start("Cyrus IMAP", &mut command(directory.path()));
        background.wait_until_listening(&[SocketAddr::from((address, PORT))]);
        Self { address, _background: background, _directory: directory }
    }

    /// It as C names it: `host/port`.
    pub fn option(&self) -> String {
        format!("{}/{PORT}", self.address)
    }

    /// The last line about LOGIN with these, without its tag, such as `NO Login failed: …`.
    pub fn log_in(&self, login: &str, password: &str) -> String {
        let mut stream = TcpStream::connect((self.address, PORT)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(format!("TAG LOGIN \"{login}\" \"{password}\"\r\n").as_bytes()).unwrap();
        let mut lines = BufReader::new(stream).lines().map(Result::unwrap);
        lines.find_map(|line| line.strip_prefix("TAG ").map(str::to_owned)).expect("an answer")
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

fn configure(directory: &Path, address: Ipv4Addr, passwords: &Passwords<'_>) {
    let root = directory.display();
    let settings = format!(
        "configdirectory: {root}/data\n\
         partition-default: {root}/data/spool\n\
         defaultpartition: default\n\
         proc_path: {root}/data/proc\n\
         mboxname_lockpath: {root}/data/lock\n\
         {}\
         sasl_mech_list: PLAIN\n\
         allowplaintext: yes\n\
         failedloginpause: 0\n\
         cyrus_user: nobody\n\
         servername: localhost\n",
        match passwords {
            Passwords::Own(_) => format!(
                "sasl_pwcheck_method: auxprop\nsasl_auxprop_plugin: sasldb\nsasl_sasldb_path: {root}/data/sasldb\n"
            ),
            Passwords::Asked(mux) =>
                format!("sasl_pwcheck_method: saslauthd\nsasl_saslauthd_path: {}\n", mux.display()),
        },
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
    let Passwords::Own(users) = passwords else { return };
    for (login, password) in *users {
        let mut command = Command::new("saslpasswd2");
        command.args(["-p", "-c", "-u", "localhost", "-f"]).arg(data.join("sasldb")).args(["--", login]);
        let finished = run_with_input(command, password.as_bytes());
        assert_eq!(finished.code, Some(0), "{finished:?}");
    }
    chown(data.join("sasldb"), Some(USER), None).unwrap();
}
