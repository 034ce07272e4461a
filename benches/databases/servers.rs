//! Databases with everything of their own below a temporary directory, and the same table in each.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use crate::Fallible;
use crate::network::peers::{Peer, directory, free_address};
use crate::process::run_with_input;
use crate::server::wait_for;

/// Where tests/support/unpack.sh leaves packages whose installation would start a service.
const UNPACKED: &str = env!("CARGO_TARGET_TMPDIR");

/// `nobody`: none of them is to be root.
const ACCOUNT: u32 = 65534;

/// Who asks, and the database.
const USER: &str = "sasl";
const PASSWORD: &str = "database-4711";

/// Runs the rest as the account. Where the packages are only unpacked it may not be allowed to go.
const AS_ACCOUNT: &str = "mount --bind \"$1\" \"$2\" && shift 2 && \
                          exec setpriv --reuid=65534 --regid=65534 --clear-groups \"$@\"";

/// How long a server may take until it runs statements.
const START_LIMIT: Duration = Duration::from_secs(20);

/// Which of them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Engine {
    Postgresql,
    Mariadb,
    Sqlite,
}

/// One that can be asked.
pub(super) struct Database {
    engine: Engine,
    directory: TempDir,
    address: SocketAddr,
    _server: Option<Peer>,
}

impl Engine {
    /// All.
    pub(super) const ALL: [Self; 3] = [Self::Postgresql, Self::Mariadb, Self::Sqlite];

    /// As printed.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Postgresql => "PostgreSQL",
            Self::Mariadb => "MariaDB",
            Self::Sqlite => "SQLite",
        }
    }

    /// Starts it with these statements done; nothing where it is not installed.
    pub(super) fn start(self, statements: &str) -> Fallible<Option<Database>> {
        let directory = directory()?;
        chown(directory.path(), Some(ACCOUNT), Some(ACCOUNT))?;
        let address = free_address()?;
        let server = match self {
            Self::Postgresql => match postgresql() {
                Some(programs) => Some(start_postgresql(&programs, directory.path(), address)?),
                None => return Ok(None),
            },
            Self::Mariadb => match mariadb() {
                Some(root) => Some(start_mariadb(&root, directory.path(), address)?),
                None => return Ok(None),
            },
            Self::Sqlite if Path::new("/usr/bin/sqlite3").exists() => None,
            Self::Sqlite => return Ok(None),
        };
        let database = Database { engine: self, directory, address, _server: server };
        database.fill(statements)?;
        Ok(Some(database))
    }
}

impl Database {
    /// The lines of saslauthd.conf that name it.
    pub(super) fn settings(&self) -> String {
        let (engine, address) = match self.engine {
            Engine::Postgresql => ("pgsql", self.address),
            Engine::Mariadb => ("mysql", self.address),
            Engine::Sqlite => {
                return format!("sql_engine: sqlite3\nsql_database: {}\n", self.file().display());
            }
        };
        format!(
            "sql_engine: {engine}\nsql_hostnames: {address}\nsql_user: {USER}\nsql_passwd: {PASSWORD}\n\
             sql_database: mail\n"
        )
    }

    /// The lines of Dovecot 2.3 that name it.
    pub(super) fn dovecot(&self) -> String {
        let (driver, address) = match self.engine {
            Engine::Postgresql => ("pgsql", self.address),
            Engine::Mariadb => ("mysql", self.address),
            Engine::Sqlite => return format!("driver = sqlite\nconnect = {}\n", self.file().display()),
        };
        let (ip, port) = (address.ip(), address.port());
        format!(
            "driver = {driver}\nconnect = host={ip} port={port} dbname=mail user={USER} password={PASSWORD}\n"
        )
    }

    /// What pam_mysql is told.
    pub(super) fn pam_mysql(&self) -> String {
        format!(
            "host={} user={USER} passwd={PASSWORD} db=mail table=users usercolumn=login \
             passwdcolumn=password crypt=plain",
            self.address
        )
    }

    /// The directory, for further files.
    pub(super) fn directory(&self) -> &Path {
        self.directory.path()
    }

    fn file(&self) -> PathBuf {
        self.directory.path().join("users.sqlite")
    }

    /// Once it is done with its start.
    fn fill(&self, statements: &str) -> Fallible<()> {
        let root = self.directory.path();
        if self.engine == Engine::Sqlite {
            run_with_input(Command::new("sqlite3").arg("-bail").arg(self.file()), statements)?;
            fs::set_permissions(self.file(), fs::Permissions::from_mode(0o644))?;
            return Ok(());
        }
        let client = |database: &str| match self.engine {
            Engine::Postgresql => {
                let mut psql = Command::new(postgresql().unwrap_or_default().join("psql"));
                psql.args(["-Xq", "-v", "ON_ERROR_STOP=1", "-U", "root", "-d"]);
                psql.arg(if database.is_empty() { "postgres" } else { database });
                psql.arg("-p").arg(self.address.port().to_string()).arg("-h").arg(root);
                psql.env("LD_LIBRARY_PATH", libraries(Path::new(UNPACKED).join("postgresql")));
                psql
            }
            _ => {
                let mut mariadb = Command::new(mariadb().unwrap_or_default().join("usr/bin/mariadb"));
                mariadb.args(["--no-defaults", "--user=root", "-S"]).arg(root.join("socket")).arg(database);
                mariadb
            }
        };
        let first = if self.engine == Engine::Mariadb { "mysql" } else { "" };
        if !wait_for(START_LIMIT, || run_with_input(&mut client(first), "SELECT 1;\n").is_ok()) {
            return Err(format!("{} runs no statements.", self.engine.name()).into());
        }
        let (role, grant) = match self.engine {
            Engine::Postgresql => {
                (format!("CREATE ROLE {USER} LOGIN PASSWORD '{PASSWORD}'"), format!("users TO {USER}"))
            }
            _ => (
                format!("CREATE USER '{USER}'@'%' IDENTIFIED BY '{PASSWORD}'"),
                format!("mail.users TO '{USER}'@'%'"),
            ),
        };
        run_with_input(&mut client(first), &format!("CREATE DATABASE mail;\n{role};\n"))?;
        run_with_input(&mut client("mail"), &format!("{statements}GRANT SELECT ON {grant};\n"))
    }
}

/// The programs of the newest release.
fn postgresql() -> Option<PathBuf> {
    let roots = [PathBuf::from("/"), Path::new(UNPACKED).join("postgresql")];
    let releases =
        roots.iter().flat_map(|root| fs::read_dir(root.join("usr/lib/postgresql")).into_iter().flatten());
    let mut programs: Vec<_> = releases.flatten().map(|release| release.path().join("bin")).collect();
    programs.retain(|programs| programs.join("postgres").exists());
    programs.pop()
}

/// Below which directory it is.
fn mariadb() -> Option<PathBuf> {
    let roots = [PathBuf::from("/"), Path::new(UNPACKED).join("mariadb")];
    roots.into_iter().find(|root| root.join("usr/sbin/mariadbd").exists())
}

/// What unpacked packages have brought along.
fn libraries(root: PathBuf) -> String {
    let directories = fs::read_dir(root.join("usr/lib")).into_iter().flatten().flatten();
    directories.map(|directory| directory.path().display().to_string()).collect::<Vec<_>>().join(":")
}

fn start_postgresql(programs: &Path, root: &Path, address: SocketAddr) -> Fallible<Peer> {
    let (data, mounted) = (root.join("data"), root.join("programs"));
    for directory in [&data, &mounted] {
        fs::create_dir(directory)?;
        chown(directory, Some(ACCOUNT), Some(ACCOUNT))?;
    }
    let program = |name: &str| {
        let unpacked = Path::new(UNPACKED).join("postgresql");
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c", AS_ACCOUNT, "as-account"]);
        match programs.strip_prefix(&unpacked) {
            Ok(within) => {
                command.arg(&unpacked).arg(&mounted).arg(mounted.join(within).join(name));
                command.env("LD_LIBRARY_PATH", libraries(mounted.clone()));
            }
            Err(_) => _ = command.arg("/usr").arg(&mounted).arg(programs.join(name)),
        }
        command
    };
    let mut create = program("initdb");
    create.args(["--no-sync", "--auth=trust", "--username=root", "--no-locale", "--encoding=UTF8"]);
    run_with_input(create.arg("--pgdata").arg(&data), "")?;
    let settings = format!(
        "listen_addresses = '{}'\nport = {}\nunix_socket_directories = '{}'\nfsync = off\nmax_connections = 200\n\
         password_encryption = 'scram-sha-256'\n",
        address.ip(),
        address.port(),
        root.display()
    );
    fs::write(data.join("postgresql.conf"), settings)?;
    fs::write(data.join("pg_hba.conf"), "local all root trust\nhost all all 127.0.0.0/8 scram-sha-256\n")?;
    Peer::start(directory()?, address, program("postgres").arg("-D").arg(&data))
}

fn start_mariadb(root: &Path, own: &Path, address: SocketAddr) -> Fallible<Peer> {
    let share = root.join("usr/share/mysql");
    let program = || {
        let mut command = Command::new(root.join("usr/sbin/mariadbd"));
        command.args(["--no-defaults", "--user=nobody", "--skip-log-bin", "--skip-name-resolve"]);
        command.args(["--innodb-flush-method=nosync", "--max-connections=200"]);
        command.arg(format!("--lc-messages-dir={}", share.display()));
        command.args([format!("--datadir={}/data", own.display()), format!("--tmpdir={}", own.display())]);
        command.args([
            format!("--pid-file={}/pid", own.display()),
            format!("--socket={}/socket", own.display()),
        ]);
        command
    };
    fs::create_dir(own.join("data"))?;
    chown(own.join("data"), Some(ACCOUNT), Some(ACCOUNT))?;
    let mut statements = "CREATE DATABASE mysql;\nUSE mysql;\nSET @auth_root_socket=NULL;\n\
                          SET @skip_auth_anonymous=1;\n"
        .to_owned();
    for name in ["system_tables", "performance_tables", "system_tables_data"] {
        statements.push_str(&fs::read_to_string(share.join(format!("mysql_{name}.sql")))?);
    }
    let file = own.join("tables.sql");
    fs::write(&file, statements)?;
    let bootstrap = program();
    let mut command = Command::new("sh");
    command.args(["-c", "file=$1; shift; exec \"$@\" --bootstrap < \"$file\"", "tables"]).arg(file);
    run_with_input(command.arg(bootstrap.get_program()).args(bootstrap.get_args()), "")?;
    let mut server = program();
    server.arg(format!("--bind-address={}", address.ip())).arg(format!("--port={}", address.port()));
    Peer::start(directory()?, address, &mut server)
}
