//! `-a sql`: logins whose passwords or hashes are in a database, asked of real PostgreSQL, MariaDB and SQLite.

mod accounts;
mod bounds;
mod failover;
mod faults;
mod in_process;
mod libsasl;
mod load;
mod logins;
mod mariadb;
mod pam_mysql;
mod pooling;
mod reload;
mod schemes;
mod secrets;
mod selects;
mod servers;
mod slow;
mod sqlite;
mod tls;

use crate::support::{Answer, Daemon, Database, Engine, Launch, Program, Request};
use std::time::Duration;

/// What most tests ask.
const SELECT: &str = "SELECT password FROM users WHERE login = '%u'";

/// Those that store passwords as they are say so.
const PLAIN: &str = "sql_default_scheme: PLAIN\n";

/// How long a login may take where a server is silent: 5 s to connect, 5 s for an answer, and a loaded machine.
const BOUND: Duration = Duration::from_secs(15);

/// A daemon with this saslauthd.conf.
fn launch(settings: &str) -> Launch {
    Launch::new(Program::Ours, &["-a", "sql", "-n", "2"]).with_file("--config", settings)
}

/// The settings that ask this database with that select.
fn asking(database: &Database, select: &str) -> String {
    selecting(&database.settings(), select)
}

/// The same for a database that these settings name.
fn selecting(settings: &str, select: &str) -> String {
    format!("{settings}sql_select: {select}\n{PLAIN}")
}

/// One that has `anna` with the password `right`, and a daemon that asks it.
fn site(engine: Engine) -> (Database, Daemon) {
    let database = engine.start();
    database.add("anna", "", Some("right"));
    let daemon = launch(&asking(&database, SELECT)).start();
    (database, daemon)
}

fn ask(daemon: &Daemon, login: impl AsRef<[u8]>, password: impl AsRef<[u8]>) -> Answer {
    ask_in(daemon, login, "", password)
}

fn ask_in(
    daemon: &Daemon,
    login: impl AsRef<[u8]>,
    realm: impl AsRef<[u8]>,
    password: impl AsRef<[u8]>,
) -> Answer {
    daemon.ask(&Request::new(login, password).service("smtp").realm(realm))
}

/// That the daemon tells right and wrong passwords of `anna` and of nobody apart.
#[track_caller]
fn expect_verdicts(daemon: &Daemon) {
    assert_eq!(ask(daemon, "anna", "right"), "OK");
    assert_eq!(ask(daemon, "anna", "wrong"), "NO");
    assert_eq!(ask(daemon, "eva", "right"), "NO");
}
