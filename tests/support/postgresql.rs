//! A PostgreSQL server with everything of its own. Debian's package starts one and keeps it, so where it is not installed it
//! is only unpacked.

use crate::support::address::own_address;
use crate::support::background::Background;
use crate::support::certificates::{Authority, Certificate};
use crate::support::command::{Finished, run, run_with_input};
use crate::support::database::{NAME, PASSWORD, USER, made_once};
use crate::support::eventually;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// Where tests/support/unpack.sh leaves the packages.
const PACKAGES: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/postgresql");

/// PostgreSQL refuses to be root.
const ACCOUNT: u32 = 65534;

const PORT: u16 = 5433;

/// Mounts the first directory at the second and runs the rest there as the account, since where the tests were built it may
/// not be allowed to go. What the packages lack of libraries is among them.
const AS_ACCOUNT: &str = "mount --bind \"$1\" \"$2\" && shift 2 && \
                          exec setpriv --reuid=65534 --regid=65534 --clear-groups \"$@\"";

/// How a PostgreSQL is to be.
pub struct Postgresql {
    address: Ipv4Addr,
    certificate: Option<Certificate>,
    client_authority: Option<PathBuf>,
}

/// A running PostgreSQL; dropping it stops it.
pub struct RunningPostgresql {
    directory: TempDir,
    address: Ipv4Addr,
    background: Option<Background>,
}

/// Where its programs are: those of the newest release.
pub fn programs() -> Option<PathBuf> {
    let below = |root: &Path| -> Vec<PathBuf> {
        let releases = fs::read_dir(root.join("usr/lib/postgresql")).into_iter().flatten();
        let mut programs: Vec<_> = releases.map(|release| release.unwrap().path().join("bin")).collect();
        programs.sort();
        programs
    };
    let all = [below(Path::new("/")), below(Path::new(PACKAGES))].concat();
    all.into_iter().rfind(|programs| programs.join("postgres").exists())
}

impl Postgresql {
    /// With passwords by SCRAM and without TLS.
    pub fn new() -> Self {
        Self { address: own_address(), certificate: None, client_authority: None }
    }

    /// The address it will have.
    pub fn address(&self) -> Ipv4Addr {
        self.address
    }

    /// Offers TLS, and takes no connection over TCP without it.
    pub fn with_certificate(mut self, certificate: &Certificate) -> Self {
        self.certificate = Some(certificate.clone());
        self
    }

    /// Takes no connection over TCP without a certificate that this authority has issued.
    pub fn with_client_authority(mut self, authority: &Authority) -> Self {
        self.client_authority = Some(authority.file());
        self
    }

    /// Starts it and waits until it serves.
    pub fn start(self) -> RunningPostgresql {
        let directory = TempDir::new().unwrap();
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
        for name in ["data", "socket", "programs"] {
            fs::create_dir(directory.path().join(name)).unwrap();
            chown(directory.path().join(name), Some(ACCOUNT), Some(ACCOUNT)).unwrap();
        }
        let mut server = RunningPostgresql { directory, address: self.address, background: None };
        let release = programs().unwrap().parent().unwrap().file_name().unwrap().to_str().unwrap().to_owned();
        made_once(&format!("postgresql-data-{release}"), &server.data(), || server.create());
        self.configure(&server);
        server.start_again();
        server.run_in("postgres", &format!("CREATE ROLE {USER} LOGIN PASSWORD '{PASSWORD}';\n"));
        server.run_in("postgres", &format!("CREATE DATABASE {NAME};\n"));
        server
    }

    fn configure(&self, server: &RunningPostgresql) {
        let tls = self.certificate.as_ref().map_or_else(String::new, |files| {
            // It wants a key that nobody else may read.
            let key = server.directory.path().join("key.pem");
            fs::copy(&files.key, &key).unwrap();
            fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
            chown(&key, Some(ACCOUNT), Some(ACCOUNT)).unwrap();
            let (certificate, key) = (files.certificate.display(), key.display());
            format!("ssl = on\nssl_cert_file = '{certificate}'\nssl_key_file = '{key}'\n")
        });
        let (authority, check) = self.client_authority.as_ref().map_or_else(Default::default, |file| {
            (format!("ssl_ca_file = '{}'\n", file.display()), "clientcert=verify-ca")
        });
        let (address, socket) = (self.address, server.socket_directory());
        let text = format!(
            "listen_addresses = '{address}'\nport = {PORT}\nunix_socket_directories = '{}'\n\
             fsync = off\njit = off\nshared_buffers = 8MB\nlog_connections = on\nlog_min_messages = log\n\
             password_encryption = 'scram-sha-256'\n{tls}{authority}",
            socket.display(),
        );
        fs::write(server.data().join("postgresql.conf"), text).unwrap();
        let kind = if self.certificate.is_some() { "hostssl" } else { "host" };
        let access = format!(
            "local all root trust\nlocal all all scram-sha-256\n{kind} all all 127.0.0.0/8 scram-sha-256 {check}\n"
        );
        fs::write(server.data().join("pg_hba.conf"), access).unwrap();
    }
}

impl RunningPostgresql {
    /// `host:port`
    pub fn endpoint(&self) -> String {
        format!("{}:{PORT}", self.address)
    }

    /// Where it listens.
    pub fn socket_address(&self) -> SocketAddr {
        SocketAddr::from((self.address, PORT))
    }

    /// The directory of its socket.
    pub fn socket_directory(&self) -> PathBuf {
        self.directory.path().join("socket")
    }

    /// The lines of saslauthd.conf that name it.
    pub fn settings(&self) -> String {
        self.settings_at(&self.endpoint())
    }

    /// The same for these hosts.
    pub fn settings_at(&self, hosts: &str) -> String {
        format!(
            "sql_engine: pgsql\nsql_hostnames: {hosts}\nsql_user: {USER}\nsql_passwd: {PASSWORD}\n\
             sql_database: {NAME}\n"
        )
    }

    /// Runs statements as root and gives the rows, with `|` between the columns.
    pub fn run(&self, statements: &str) -> String {
        self.run_in(NAME, statements)
    }

    /// The program that runs statements from its standard input.
    pub fn client(&self, database: &str) -> Command {
        let mut client = Command::new(programs().unwrap().join("psql"));
        client.args([
            "-XqAt",
            "-v",
            "ON_ERROR_STOP=1",
            "-U",
            "root",
            "-p",
            &PORT.to_string(),
            "-d",
            database,
        ]);
        client.arg("-h").arg(self.socket_directory()).env("LD_LIBRARY_PATH", libraries(PACKAGES));
        client
    }

    fn run_in(&self, database: &str, statements: &str) -> String {
        expect_success(&run_with_input(self.client(database), statements.as_bytes()))
    }

    /// Ends it with all connections, to which it says so.
    pub fn stop(&mut self) {
        let Some(server) = self.background.take() else { return };
        self.signal_all(&server, "CONT");
        server.signal("INT");
        eventually("PostgreSQL has ended", || (!server.is_running()).then_some(()));
    }

    /// Starts it at the same place with the same rows.
    pub fn start_again(&mut self) {
        let mut command = self.program("postgres");
        let mut background = Background::start("PostgreSQL", command.arg("-D").arg(self.data()));
        background.wait_until_listening(&[self.socket_address()]);
        background.log.wait_for("database system is ready to accept connections");
        self.background = Some(background);
    }

    /// Holds all its processes where they are, so that nothing refuses and nothing answers.
    pub fn freeze(&self) {
        self.signal_all(self.background.as_ref().unwrap(), "STOP");
    }

    /// Lets them go on.
    pub fn thaw(&self) {
        self.signal_all(self.background.as_ref().unwrap(), "CONT");
    }

    /// Each of its processes has a session of its own.
    fn signal_all(&self, server: &Background, signal: &str) {
        server.signal(signal);
        server.children().iter().for_each(|child| child.signal(signal));
    }

    fn create(&self) {
        let mut create = self.program("initdb");
        create.args(["--no-sync", "--wal-segsize=1", "--auth=trust", "--username=root", "--no-locale"]);
        create.args(["--encoding=UTF8", "--pgdata"]).arg(self.data());
        expect_success(&run(create));
    }

    fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    /// One of its programs as its account.
    fn program(&self, name: &str) -> Command {
        let installed = programs().unwrap().join(name);
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c", AS_ACCOUNT, "as-account"]);
        let mounted = self.directory.path().join("programs");
        match installed.strip_prefix(PACKAGES) {
            Ok(unpacked) => {
                command.arg(PACKAGES).arg(&mounted).arg(mounted.join(unpacked));
                command.env("LD_LIBRARY_PATH", libraries(mounted.to_str().unwrap()));
            }
            Err(_) => _ = command.args(["/usr".as_ref(), mounted.as_path(), installed.as_path()]),
        }
        command
    }
}

impl Drop for RunningPostgresql {
    fn drop(&mut self) {
        self.stop();
    }
}

/// What unpacked packages have brought along; Debian names the directory after the machine.
fn libraries(root: &str) -> String {
    let directories = fs::read_dir(Path::new(PACKAGES).join("usr/lib")).into_iter().flatten();
    let names = directories.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let names: Vec<_> = names.filter(|name| name.ends_with("-linux-gnu")).collect();
    names.iter().map(|name| format!("{root}/usr/lib/{name}")).collect::<Vec<_>>().join(":")
}

fn expect_success(finished: &Finished) -> String {
    assert_eq!(finished.code, Some(0), "{finished:?}");
    finished.output.clone()
}
