//! What a worker still needs of the system when the libraries are mapped. Pure but for where links lead.
#![forbid(unsafe_code)]

use super::{Engine, Target, TlsMode};
use crate::config::sandbox::Rules;
use std::collections::BTreeSet;
use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

/// The sandbox of a worker that asks these, which are of one engine; [`load`](super::load) comes before it.
pub fn sandbox(targets: &[Target]) -> Rules {
    match targets.first() {
        Some(target) if target.engine == Engine::Sqlite => of_file(Path::new(&target.database)),
        Some(_) => Rules::client(targets.iter().flat_map(files), ports(targets)),
        None => Rules::checks(),
    }
}

/// The file may be a link, and its directory, too.
fn of_file(path: &Path) -> Rules {
    let mut rules = Rules::file(path);
    if let Some(directory) = fs::canonicalize(path).ok().as_deref().and_then(Path::parent) {
        rules.allow_reading(directory);
    }
    rules
}

fn files(target: &Target) -> Vec<PathBuf> {
    let TlsMode::On(files) = &target.tls else { return Vec::new() };
    let all = [&files.ca_file, &files.ca_dir, &files.certificate, &files.key];
    all.into_iter().flatten().cloned().collect()
}

/// Those of the servers, if none is a name.
fn ports(targets: &[Target]) -> Option<BTreeSet<u16>> {
    targets.iter().filter_map(port).collect()
}

/// `None` for a socket, `Some(None)` for a name.
fn port(target: &Target) -> Option<Option<u16>> {
    let host = target.host.as_deref()?;
    if host.starts_with('/') || (target.engine == Engine::Mysql && host == "localhost") {
        return None;
    }
    let usual = if target.engine == Engine::Mysql { 3306 } else { 5432 };
    Some(host.parse::<IpAddr>().is_ok().then(|| target.port.unwrap_or(usual)))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::config::sandbox::{Ports, Role};
    use crate::sys::sql::TlsFiles;
    use crate::sys::sql::tests::target;

    fn at(engine: Engine, host: Option<&str>, port: Option<u16>) -> Target {
        Target { host: host.map(str::to_owned), port, ..target(engine) }
    }

    #[test]
    fn servers_that_are_addresses_leave_only_their_ports_open_and_a_name_leaves_all() {
        let pair = |one: Option<&str>| {
            sandbox(&[at(Engine::Mysql, one, None), at(Engine::Mysql, Some("::1"), Some(3307))]).ports
        };
        assert_eq!(pair(Some("192.0.2.1")), Ports::Only([3306, 3307].into()));
        for socket in [None, Some("localhost"), Some("/run/mysqld/mysqld.sock")] {
            assert_eq!(pair(socket), Ports::Only([3307].into()), "{socket:?}");
        }
        assert_eq!(pair(Some("db.example.com")), Ports::Any);
        assert_eq!(sandbox(&[at(Engine::Postgresql, Some("localhost"), None)]).ports, Ports::Any);
        assert_eq!(sandbox(&[at(Engine::Postgresql, Some("::1"), None)]).ports, Ports::Only([5432].into()));
    }

    #[test]
    fn files_of_tls_stay_readable() {
        let mut server = target(Engine::Postgresql);
        server.tls = TlsMode::On(TlsFiles {
            ca_file: Some("/srv/ca.pem".into()),
            key: Some("/srv/key.pem".into()),
            ..TlsFiles::default()
        });
        let readable = sandbox(&[server]).readable;
        assert!(["/srv/ca.pem", "/srv/key.pem"].iter().all(|file| readable.contains(&file.into())));
    }

    #[test]
    fn a_file_is_readable_where_it_is_and_where_a_link_leads() {
        let directory = tempfile::tempdir().unwrap();
        let real = directory.path().join("real");
        fs::create_dir(&real).unwrap();
        fs::write(real.join("users.db"), "").unwrap();
        let link = directory.path().join("link.db");
        std::os::unix::fs::symlink(real.join("users.db"), &link).unwrap();
        let rules =
            sandbox(&[Target { database: link.to_str().unwrap().to_owned(), ..target(Engine::Sqlite) }]);
        assert_eq!(rules.role, Role::Checks);
        assert!(
            rules.readable.contains(&directory.path().to_owned())
                && rules.readable.contains(&fs::canonicalize(real).unwrap())
        );
    }
}
