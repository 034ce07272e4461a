//! PgBouncer before a PostgreSQL, which is only unpacked.

use crate::support::RunningPostgresql;
use crate::support::address::own_address;
use crate::support::background::Background;
use crate::support::database::{NAME, PASSWORD, USER};
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

/// Where tests/support/unpack.sh leaves the packages.
const PACKAGES: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/pgbouncer");

/// What the tests run of it.
pub const PROGRAM: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/pgbouncer/usr/sbin/pgbouncer");

/// `nobody`: it refuses to stay root.
const ACCOUNT: u32 = 65534;

const PORT: u16 = 6433;

/// A running PgBouncer in transaction mode; dropping it stops it.
pub struct Pgbouncer {
    address: Ipv4Addr,
    _background: Background,
    _directory: TempDir,
}

impl Pgbouncer {
    /// Before that server, to which it has no more than `connections`.
    pub fn before(server: &RunningPostgresql, connections: u32) -> Self {
        let directory = TempDir::new().unwrap();
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let address = own_address();
        let own = directory.path().display();
        let there = server.socket_address();
        let text = format!(
            "[databases]\n{NAME} = host={} port={} dbname={NAME}\n\
             [pgbouncer]\nlisten_addr = {address}\nlisten_port = {PORT}\nunix_socket_dir =\n\
             auth_type = scram-sha-256\nauth_file = {own}/users\npool_mode = transaction\n\
             default_pool_size = {connections}\n",
            there.ip(),
            there.port(),
        );
        fs::write(directory.path().join("pgbouncer.ini"), text).unwrap();
        fs::write(directory.path().join("users"), format!("\"{USER}\" \"{PASSWORD}\"\n")).unwrap();
        chown(directory.path(), Some(ACCOUNT), Some(ACCOUNT)).unwrap();
        let mut command = Command::new(PROGRAM);
        command.args(["-u", "nobody"]).arg(directory.path().join("pgbouncer.ini"));
        command.env("LD_LIBRARY_PATH", libraries());
        let mut background = Background::start("PgBouncer", &mut command);
        background.wait_until_listening(&[SocketAddr::from((address, PORT))]);
        Self { address, _background: background, _directory: directory }
    }

    /// `host:port`
    pub fn endpoint(&self) -> String {
        format!("{}:{PORT}", self.address)
    }
}

fn libraries() -> String {
    let entries = fs::read_dir(Path::new(PACKAGES).join("usr/lib")).into_iter().flatten();
    let directories = entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_dir());
    directories.map(|path| path.display().to_string()).collect::<Vec<_>>().join(":")
}
