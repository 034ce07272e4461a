//! What a Kerberos client knows of the world: its krb5.conf.

use crate::support::Launch;
use std::fmt::Write;
use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A krb5.conf that asks no name server for anything.
#[derive(Clone)]
pub struct Krb5Conf {
    default_realm: Option<String>,
    options: Vec<String>,
    realms: Vec<(String, Vec<SocketAddr>)>,
}

impl Krb5Conf {
    /// With that default realm, if any, and no server for it.
    pub fn new(default_realm: Option<&str>) -> Self {
        let quiet =
            ["dns_lookup_kdc = false", "dns_lookup_realm = false", "dns_canonicalize_hostname = false"];
        let options = quiet.into_iter().map(str::to_owned).collect();
        Self { default_realm: default_realm.map(str::to_owned), options, realms: Vec::new() }
    }

    /// Adds a line to its `[libdefaults]`, before those that are there: the first of a name counts.
    pub fn with(mut self, option: &str) -> Self {
        self.options.insert(0, option.to_owned());
        self
    }

    /// Adds a realm with its servers, in the order in which they are asked.
    pub fn realm(mut self, name: &str, servers: &[SocketAddr]) -> Self {
        self.realms.push((name.to_owned(), servers.to_vec()));
        self
    }

    /// Adds a server to a realm that is there, before the others.
    pub fn first_ask(mut self, name: &str, server: SocketAddr) -> Self {
        let realms = self.realms.iter_mut().filter(|(realm, _)| realm == name);
        realms.for_each(|(_, servers)| servers.insert(0, server));
        self
    }

    /// Its text.
    pub fn text(&self) -> String {
        let mut text = "[libdefaults]\n".to_owned();
        let default = self.default_realm.iter().map(|realm| format!("default_realm = {realm}"));
        default.chain(self.options.iter().cloned()).for_each(|line| _ = writeln!(text, " {line}"));
        text += "[realms]\n";
        for (realm, servers) in &self.realms {
            let servers: String = servers.iter().map(|server| format!("  kdc = {server}\n")).collect();
            _ = writeln!(text, " {realm} = {{\n{servers} }}");
        }
        text
    }

    /// Puts it where a daemon can read it.
    pub fn write(&self) -> Krb5File {
        Krb5File::of(&self.text())
    }
}

/// A file that a process reads in the place of /etc/krb5.conf; gone at the end of the test.
pub struct Krb5File(TempDir);

impl Krb5File {
    /// With whatever is to be in it.
    pub fn of(text: &str) -> Self {
        let file = Self(TempDir::new().unwrap());
        // As /etc is, so that a process without rights can read it.
        fs::set_permissions(file.0.path(), fs::Permissions::from_mode(0o755)).unwrap();
        fs::write(file.path(), text).unwrap();
        file
    }

    /// Where it is.
    pub fn path(&self) -> PathBuf {
        self.0.path().join("krb5.conf")
    }

    /// Makes it that of a daemon.
    pub fn of_daemon(&self, launch: Launch) -> Launch {
        read_by(launch, &self.path())
    }
}

/// Makes `file` the krb5.conf of a daemon.
pub(super) fn read_by(launch: Launch, file: &Path) -> Launch {
    launch.behind(&["env", &format!("KRB5_CONFIG={}", file.display())])
}
