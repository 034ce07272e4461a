//! The three databases that `-a sql` asks, with one table in each, so that a promise is put to all of them.

use crate::support::{Mariadb, Postgresql, RunningMariadb, RunningPostgresql, Sqlite};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Mutex, PoisonError};

/// The account that the daemon asks as, which may read and nothing else.
pub const USER: &str = "sasl";
/// Its password.
pub const PASSWORD: &str = "database-4711";
/// The database.
pub const NAME: &str = "mail";

/// What the table of logins is like.
const TABLE: &str = "CREATE TABLE users (login VARCHAR(200), realm VARCHAR(200), password VARCHAR(500));\n";

/// Which of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// PostgreSQL.
    Postgresql,
    /// MariaDB, which is asked as MySQL is.
    Mariadb,
    /// A file of SQLite.
    Sqlite,
}

/// One that can be asked; dropping it ends it.
pub enum Database {
    /// A server.
    Postgresql(RunningPostgresql),
    /// A server.
    Mariadb(RunningMariadb),
    /// A file.
    Sqlite(Sqlite),
}

/// Makes three tests of every function named, one for each database.
macro_rules! for_each_database {
    ($($test:ident),+ $(,)?) => {
        mod postgresql {
            $(#[test]
            fn $test() {
                require!(Postgresql);
                super::$test($crate::support::Engine::Postgresql);
            })+
        }
        for_each_database!(@not_postgresql $($test),+);
    };
    (@not_postgresql $($test:ident),+) => {
        mod mariadb {
            $(#[test]
            fn $test() {
                require!(Mariadb);
                super::$test($crate::support::Engine::Mariadb);
            })+
        }
        mod sqlite {
            $(#[test]
            fn $test() {
                require!(Sqlite);
                super::$test($crate::support::Engine::Sqlite);
            })+
        }
    };
}

/// Makes two tests of every function named, one for each database that is a server.
macro_rules! for_each_database_server {
    ($($test:ident),+ $(,)?) => {
        mod postgresql_server {
            $(#[test]
            fn $test() {
                require!(Postgresql);
                super::$test($crate::support::Engine::Postgresql);
            })+
        }
        mod mariadb_server {
            $(#[test]
            fn $test() {
                require!(Mariadb);
                super::$test($crate::support::Engine::Mariadb);
            })+
        }
    };
}

/// Fills `data` as `make` does, which takes seconds, or with what it made for the test before: `name` tells it apart.
pub fn made_once(name: &str, data: &Path, make: impl FnOnce()) {
    static MAKING: Mutex<()> = Mutex::new(());
    let _others_wait = MAKING.lock().unwrap_or_else(PoisonError::into_inner);
    let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let copy = |from: &Path, to: &Path| {
        let mut copy = Command::new("cp");
        copy.args(["-a", "-T"]).args([from, to]);
        assert!(copy.status().unwrap().success(), "{} is not copied", from.display());
    };
    if kept.exists() {
        return copy(&kept, data);
    }
    make();
    let new = kept.with_extension(std::process::id().to_string());
    copy(data, &new);
    // Tests of another run may have been quicker.
    if fs::rename(&new, &kept).is_err() {
        let _ = fs::remove_dir_all(new);
    }
}

impl Engine {
    /// Starts it with the empty table `users`.
    pub fn start(self) -> Database {
        let database = match self {
            Self::Postgresql => Database::Postgresql(Postgresql::new().start()),
            Self::Mariadb => Database::Mariadb(Mariadb::new().start()),
            Self::Sqlite => Database::Sqlite(Sqlite::new()),
        };
        database.run(TABLE);
        database.grant("users");
        database
    }

    /// A text as the database wants it in a statement.
    pub fn literal(self, text: &str) -> String {
        let text = text.replace('\'', "''");
        // Backslashes escape in MySQL only.
        let text = if self == Self::Mariadb { text.replace('\\', "\\\\") } else { text };
        format!("'{text}'")
    }
}

impl Database {
    /// Which it is.
    pub fn engine(&self) -> Engine {
        match self {
            Self::Postgresql(_) => Engine::Postgresql,
            Self::Mariadb(_) => Engine::Mariadb,
            Self::Sqlite(_) => Engine::Sqlite,
        }
    }

    /// Runs statements as whoever may do anything, and gives what the database's own client prints.
    pub fn run(&self, statements: &str) -> String {
        match self {
            Self::Postgresql(server) => server.run(statements),
            Self::Mariadb(server) => server.run(statements),
            Self::Sqlite(file) => file.run(statements),
        }
    }

    /// Adds a row to `users`; no password is NULL.
    pub fn add(&self, login: &str, realm: &str, password: Option<&str>) -> &Self {
        let literal = |text: &str| self.engine().literal(text);
        let (login, realm) = (literal(login), literal(realm));
        let password = password.map_or_else(|| "NULL".to_owned(), literal);
        self.run(&format!("INSERT INTO users VALUES ({login}, {realm}, {password});\n"));
        self
    }

    /// The lines of saslauthd.conf that name it: all but the select.
    pub fn settings(&self) -> String {
        match self {
            Self::Postgresql(server) => server.settings(),
            Self::Mariadb(server) => server.settings(),
            Self::Sqlite(file) => file.settings(),
        }
    }

    /// Lets the daemon's account read a table.
    pub fn grant(&self, table: &str) {
        match self {
            Self::Postgresql(_) => _ = self.run(&format!("GRANT SELECT ON {table} TO {USER};\n")),
            Self::Mariadb(_) => _ = self.run(&format!("GRANT SELECT ON {NAME}.{table} TO '{USER}'@'%';\n")),
            Self::Sqlite(_) => {}
        }
    }

    /// How many connections of the daemon there are.
    pub fn connections(&self) -> usize {
        let count = match self {
            Self::Postgresql(_) => {
                format!("SELECT count(*) FROM pg_stat_activity WHERE usename = '{USER}';\n")
            }
            Self::Mariadb(_) => {
                format!("SELECT count(*) FROM information_schema.processlist WHERE user = '{USER}';\n")
            }
            Self::Sqlite(_) => return 0,
        };
        self.run(&count).trim().parse().unwrap()
    }

    /// How many statements of the daemon wait for a lock.
    pub fn waiting(&self) -> usize {
        let count = match self {
            Self::Postgresql(_) => {
                let all = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND usename";
                format!("{all} = '{USER}';\n")
            }
            Self::Mariadb(_) => {
                let all = "SELECT count(*) FROM information_schema.processlist WHERE state LIKE 'Waiting for table%'";
                format!("{all} AND user = '{USER}';\n")
            }
            Self::Sqlite(_) => return 0,
        };
        self.run(&count).trim().parse().unwrap()
    }

    /// Ends all connections of the daemon, as an administrator does.
    pub fn end_connections(&self) {
        match self {
            Self::Postgresql(_) => {
                let all = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename";
                self.run(&format!("{all} = '{USER}';\n"));
            }
            Self::Mariadb(_) => _ = self.run(&format!("KILL CONNECTION USER {USER};\n")),
            Self::Sqlite(_) => {}
        }
    }

    /// Holds a server where it is, so that nothing refuses and nothing answers.
    pub fn freeze(&self) {
        match self {
            Self::Postgresql(server) => server.freeze(),
            Self::Mariadb(server) => server.freeze(),
            Self::Sqlite(_) => {}
        }
    }

    /// Lets it go on.
    pub fn thaw(&self) {
        match self {
            Self::Postgresql(server) => server.thaw(),
            Self::Mariadb(server) => server.thaw(),
            Self::Sqlite(_) => {}
        }
    }

    /// Ends a server and all its connections.
    pub fn stop(&mut self) {
        match self {
            Self::Postgresql(server) => server.stop(),
            Self::Mariadb(server) => server.stop(),
            Self::Sqlite(_) => {}
        }
    }

    /// Starts a server at the same place with the same rows.
    pub fn start_again(&mut self) {
        match self {
            Self::Postgresql(server) => server.start_again(),
            Self::Mariadb(server) => server.start_again(),
            Self::Sqlite(_) => {}
        }
    }
}

/// Somebody who keeps all others from `users` until it is dropped.
pub struct Lock {
    child: Child,
    _statements: ChildStdin,
}

impl Lock {
    /// Waits until nobody else can read it.
    pub fn of(database: &Database) -> Self {
        let (mut client, statement) = match database {
            Database::Postgresql(server) => {
                (server.client(NAME), "BEGIN;\nLOCK TABLE users IN ACCESS EXCLUSIVE MODE;\n")
            }
            Database::Mariadb(server) => (server.client(NAME), "LOCK TABLES users WRITE;\n"),
            Database::Sqlite(file) => (file.client(), "BEGIN EXCLUSIVE;\n"),
        };
        let mut child = client.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut statements = child.stdin.take().unwrap();
        statements.write_all(format!("{statement}SELECT 'locked';\n").as_bytes()).unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "locked\n");
        Self { child, _statements: statements }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
