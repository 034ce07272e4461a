//! A MariaDB server with everything of its own, which is only unpacked.

use crate::support::address::own_address;
use crate::support::background::Background;
use crate::support::certificates::{Authority, Certificate};
use crate::support::command::{run, run_with_input};
use crate::support::database::{NAME, PASSWORD, USER, made_once};
use crate::support::eventually;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// Where tests/support/unpack.sh leaves the packages.
const PACKAGES: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/mariadb");

/// What the tests run of it.
pub const PROGRAM: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/mariadb/usr/sbin/mariadbd");

/// `nobody`: it becomes that when it has been started.
const ACCOUNT: u32 = 65534;

const PORT: u16 = 3307;

/// The tables that the server itself needs, as mariadb-install-db makes them.
const TABLES: [&str; 3] =
    ["mysql_system_tables.sql", "mysql_performance_tables.sql", "mysql_system_tables_data.sql"];

/// Before those tables: root by password at the socket, which is none, and nobody without a name.
const BEFORE_TABLES: &str = "CREATE DATABASE mysql;\nUSE mysql;\n\
                             SET @auth_root_socket=NULL;\nSET @skip_auth_anonymous=1;\n";

/// How a MariaDB is to be.
pub struct Mariadb {
    address: Ipv4Addr,
    certificate: Option<Certificate>,
    arguments: Vec<String>,
}

/// A running MariaDB; dropping it stops it.
pub struct RunningMariadb {
    directory: TempDir,
    address: Ipv4Addr,
    arguments: Vec<String>,
    background: Option<Background>,
}

impl Mariadb {
    /// With native passwords and without TLS.
    pub fn new() -> Self {
        Self { address: own_address(), certificate: None, arguments: Vec::new() }
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

    /// Takes certificates of clients that this authority has issued; who has to show one each account says.
    pub fn with_client_authority(mut self, authority: &Authority) -> Self {
        self.arguments.push(format!("--ssl-ca={}", authority.file().display()));
        self
    }

    /// Starts it and waits until it serves.
    pub fn start(mut self) -> RunningMariadb {
        let directory = TempDir::new().unwrap();
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
        for name in ["", "data"] {
            let path = directory.path().join(name);
            fs::create_dir_all(&path).unwrap();
            chown(&path, Some(ACCOUNT), Some(ACCOUNT)).unwrap();
        }
        if let Some(Certificate { certificate, key }) = &self.certificate {
            self.arguments.push(format!("--ssl-cert={}", certificate.display()));
            self.arguments.push(format!("--ssl-key={}", key.display()));
            self.arguments.push("--require-secure-transport=on".to_owned());
        }
        let mut server =
            RunningMariadb { directory, address: self.address, arguments: self.arguments, background: None };
        made_once("mariadb-data", &server.directory.path().join("data"), || server.make_tables());
        server.start_again();
        server.run_in(
            "mysql",
            &format!("CREATE DATABASE {NAME};\nCREATE USER '{USER}'@'%' IDENTIFIED BY '{PASSWORD}';\n"),
        );
        server
    }
}

impl RunningMariadb {
    /// `host:port`
    pub fn endpoint(&self) -> String {
        format!("{}:{PORT}", self.address)
    }

    /// Where it listens.
    pub fn socket_address(&self) -> SocketAddr {
        SocketAddr::from((self.address, PORT))
    }

    /// Its socket.
    pub fn socket(&self) -> PathBuf {
        self.directory.path().join("socket")
    }

    /// The lines of saslauthd.conf that name it.
    pub fn settings(&self) -> String {
        self.settings_at(&self.endpoint())
    }

    /// The same for these hosts.
    pub fn settings_at(&self, hosts: &str) -> String {
        format!(
            "sql_engine: mysql\nsql_hostnames: {hosts}\nsql_user: {USER}\nsql_passwd: {PASSWORD}\n\
             sql_database: {NAME}\n"
        )
    }

    /// Runs statements as root and gives the rows, with tabs between the columns.
    pub fn run(&self, statements: &str) -> String {
        self.run_in(NAME, statements)
    }

    /// The program that runs statements from its standard input.
    pub fn client(&self, database: &str) -> Command {
        let mut client = Command::new(Path::new(PACKAGES).join("usr/bin/mariadb"));
        client.args(["--no-defaults", "--batch", "--unbuffered", "--skip-column-names", "--user=root", "-S"]);
        client.arg(self.socket()).arg("--default-character-set=utf8mb4").arg(database);
        client
    }

    fn run_in(&self, database: &str, statements: &str) -> String {
        let finished = run_with_input(self.client(database), statements.as_bytes());
        assert_eq!(finished.code, Some(0), "{finished:?}");
        finished.output
    }

    /// Ends it with all connections.
    pub fn stop(&mut self) {
        let Some(server) = self.background.take() else { return };
        server.signal_all("CONT");
        server.signal("TERM");
        eventually("MariaDB has ended", || (!server.is_running()).then_some(()));
    }

    /// Starts it at the same place with the same rows.
    pub fn start_again(&mut self) {
        let mut command = self.program();
        command.arg(format!("--bind-address={}", self.address)).arg(format!("--port={PORT}"));
        command.arg(format!("--socket={}", self.socket().display())).args(&self.arguments);
        let mut background = Background::start("MariaDB", &mut command);
        background.log.wait_for("ready for connections");
        background.wait_until_listening(&[self.socket_address()]);
        self.background = Some(background);
    }

    /// Holds it where it is, so that nothing refuses and nothing answers.
    pub fn freeze(&self) {
        self.background.as_ref().unwrap().signal_all("STOP");
    }

    /// Lets it go on.
    pub fn thaw(&self) {
        self.background.as_ref().unwrap().signal_all("CONT");
    }

    fn make_tables(&self) {
        let share = share();
        let tables = TABLES.map(|name| fs::read_to_string(share.join(name)).unwrap());
        let statements = [&[BEFORE_TABLES.to_owned()][..], &tables].concat().concat();
        let file = self.directory.path().join("tables.sql");
        fs::write(&file, statements).unwrap();
        // From a file: it answers nothing on the way, and a pipe would fill.
        let mut command = Command::new("sh");
        command.args(["-c", "file=$1; shift; exec \"$@\" --bootstrap < \"$file\"", "tables"]).arg(file);
        let program = self.program();
        command.arg(program.get_program()).args(program.get_args());
        let finished = run(command);
        assert_eq!(finished.code, Some(0), "{finished:?}");
    }

    fn program(&self) -> Command {
        let share = share();
        let own = self.directory.path().display();
        let mut command = Command::new(PROGRAM);
        command.args(["--no-defaults", "--user=nobody", "--skip-log-bin", "--skip-name-resolve"]);
        command.args(["--character-set-server=utf8mb4", "--collation-server=utf8mb4_general_ci"]);
        command.args(["--innodb-log-file-size=4M", "--innodb-buffer-pool-size=8M"]);
        command.args(["--innodb-flush-method=nosync", "--innodb-flush-log-at-trx-commit=0"]);
        command.arg(format!("--lc-messages-dir={}", share.display()));
        command.arg(format!("--character-sets-dir={}/charsets", share.display()));
        command.args([format!("--datadir={own}/data"), format!("--tmpdir={own}")]);
        command.args([format!("--pid-file={own}/pid"), format!("--plugin-dir={own}")]);
        command
    }
}

impl Drop for RunningMariadb {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The module pam_mysql, whose package would edit /etc/pam.d. Debian names the directory after the machine.
pub fn pam_module() -> Option<PathBuf> {
    let unpacked = Path::new(env!("CARGO_TARGET_TMPDIR")).join("pam-mysql");
    let directories = ["lib", "usr/lib"].map(|name| fs::read_dir(unpacked.join(name)).into_iter().flatten());
    let modules =
        directories.into_iter().flatten().map(|entry| entry.unwrap().path().join("security/pam_mysql.so"));
    modules.into_iter().find(|module| module.exists())
}

/// Debian 12 has the tables there, later releases may have them elsewhere.
fn share() -> PathBuf {
    let candidates = ["usr/share/mysql", "usr/share/mariadb"].map(|name| Path::new(PACKAGES).join(name));
    candidates.into_iter().find(|path| path.join(TABLES[0]).exists()).expect("the tables of MariaDB")
}
