//! `-a sql` with PostgreSQL, MariaDB and SQLite: at the mux beside C with pam_mysql, at the auth socket beside Dovecot's own
//! sql passdb, all with the same table.

mod servers;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::auth_socket::{self, Setup, dovecot::Source};
use crate::host::PamService;
use crate::load::{Generator, Group, Until, request};
use crate::report::{Findings, Row, Table};
use crate::server::{Kind, Server};
use crate::{Bench, Fallible, flood};
use servers::{Database, Engine};

const CLIENTS: [usize; 2] = [1, 50];
const USERS: usize = 1000;
const PASSWORD: &str = "s3cret pass";
const SELECT: &str = "SELECT password FROM users WHERE login = '%u'";

/// All databases that are there.
pub(crate) fn run(bench: &Bench, findings: &mut Findings) -> Fallible<()> {
    let module = pam_mysql();
    for engine in Engine::ALL {
        let Some(database) = engine.start(&table())? else {
            println!("{} is not installed and was not measured.\n", engine.name());
            continue;
        };
        let service = match (&module, engine) {
            (Some(module), Engine::Mariadb) => {
                let line = format!("{} {}", module.display(), database.pam_mysql());
                Some(PamService::create("sql", &line)?)
            }
            _ => None,
        };
        at_mux(bench, engine, &database, service.as_ref(), findings)?;
        at_auth_socket(bench, engine, &database, findings)?;
    }
    Ok(())
}

/// Passwords in clear: hashing is not what is measured.
fn table() -> String {
    let rows: Vec<_> = (0..USERS).map(|number| format!("('{}', '{PASSWORD}')", login(number))).collect();
    format!(
        "CREATE TABLE users (login VARCHAR(100) PRIMARY KEY, password VARCHAR(200));\n\
         INSERT INTO users VALUES {};\n",
        rows.join(", ")
    )
}

fn login(number: usize) -> String {
    format!("user{number:04}")
}

/// Where tests/support/unpack.sh leaves it: its package would edit /etc/pam.d.
fn pam_mysql() -> Option<PathBuf> {
    let libraries = Path::new(env!("CARGO_TARGET_TMPDIR")).join("pam-mysql/lib");
    let directories = fs::read_dir(libraries).into_iter().flatten().flatten();
    let mut modules = directories.map(|directory| directory.path().join("security/pam_mysql.so"));
    modules.find(|module| module.exists())
}

fn settings(database: &Database) -> String {
    format!("{}sql_select: {SELECT}\nsql_default_scheme: PLAIN\n", database.settings())
}

fn at_mux(
    bench: &Bench,
    engine: Engine,
    database: &Database,
    service: Option<&PamService>,
    findings: &mut Findings,
) -> Fallible<()> {
    let with = if service.is_some() { "; C with pam_mysql" } else { "" };
    let title = format!("{} (`-a sql`{with})", engine.name());
    let file = database.directory().join("saslauthd.conf");
    fs::write(&file, settings(database))?;
    let config = format!("--config={}", file.display());
    let mut table = Table::new(&title, "clients");
    for clients in CLIENTS {
        let kinds = bench.options.daemons().filter(|kind| *kind == Kind::Ours || service.is_some());
        let mut rows: Vec<(Kind, Vec<Row>)> = kinds.map(|kind| (kind, Vec::new())).collect();
        for round in 1..=bench.options.rounds {
            for (kind, rows) in &mut rows {
                bench.check_interrupted()?;
                let what = format!("{title}, {clients} clients, {}", kind.name());
                eprintln!("{what}, round {round}");
                let flags = if *kind == Kind::Ours { vec!["-a", "sql", &config] } else { vec!["-a", "pam"] };
                let server = Server::start(*kind, &flags)?;
                let group = users(clients, service.map_or("smtp", PamService::name));
                let mut generator = Generator::new(bench, server.socket(), vec![group])?;
                findings.check(&what, &generator.run(Until::elapsed(Duration::from_millis(500)))?);
                let until = Until::elapsed(bench.options.duration);
                rows.push(flood::measure(&server, &mut generator, until, &what, findings)?);
            }
        }
        let median = |kind: Kind| {
            let (_, rows) = rows.iter().find(|(of, _)| *of == kind)?;
            Some(Row::median(rows))
        };
        if let (Some(ours), Some(c)) = (median(Kind::Ours), median(Kind::C)) {
            let what = format!("{title}, {clients} clients: requests/s, ours/C");
            findings.at_least(&what, ours.rate / c.rate, 3.0);
        }
        table.group(clients, rows.iter().map(|(kind, rows)| (*kind, rows)));
    }
    table.print();
    Ok(())
}

fn users(clients: usize, service: &str) -> Group {
    let requests = (0..USERS).map(|number| request(&login(number), PASSWORD, service)).collect();
    Group { clients, requests, right: true }
}

fn at_auth_socket(
    bench: &Bench,
    engine: Engine,
    database: &Database,
    findings: &mut Findings,
) -> Fallible<()> {
    let ours = settings(database);
    let dovecot = format!("{}password_query = {SELECT}\ndefault_pass_scheme = PLAIN\n", database.dovecot());
    let source = Source::Sql { ours: &ours, dovecot: &dovecot };
    let title = format!("a table of {}", engine.name());
    let setup = Setup { title: &title, source: &source, flags: &[], in_flight: &[1] };
    auth_socket::compare(bench, setup, findings)
}
