//! TLS to database servers, whose certificate and name are checked.

use super::{SELECT, ask, expect_verdicts, launch, selecting};
use crate::support::{Answer, Authority, Certificate, Daemon, Database, Engine, Mariadb, Postgresql, System};
use std::net::IpAddr;

for_each_database_server!(
    a_server_with_the_right_certificate_is_asked,
    a_certificate_of_another_authority_is_not_trusted,
    a_certificate_with_another_name_is_not_trusted,
    an_expired_certificate_is_not_trusted,
    an_authority_above_the_one_that_signed_is_not_enough_without_the_chain,
    a_server_without_tls_gets_no_password,
    a_server_that_wants_tls_is_not_asked_without,
    a_certificate_for_an_address_is_trusted_at_that_address,
);

/// The name that servers have in the private /etc/hosts.
const NAME: &str = "database.example.test";

fn start(engine: Engine, certificate: Option<&Certificate>) -> Database {
    let database = match engine {
        Engine::Postgresql => {
            let server = Postgresql::new();
            Database::Postgresql(certificate.into_iter().fold(server, Postgresql::with_certificate).start())
        }
        _ => {
            let server = Mariadb::new();
            Database::Mariadb(certificate.into_iter().fold(server, Mariadb::with_certificate).start())
        }
    };
    database.run("CREATE TABLE users (login VARCHAR(200), password VARCHAR(200));\n");
    database.run("INSERT INTO users VALUES ('anna', 'right');\n");
    database.grant("users");
    database
}

/// What the log says of a server that is not trusted; authorities of one name make OpenSSL say no more than that.
const REASONS: [&str; 2] = ["certificate", "ssl"];

/// The database by its name, with these lines.
fn daemon(database: &Database, lines: &str) -> Daemon {
    let (settings, address) = match database {
        Database::Postgresql(server) => (server.settings(), server.socket_address()),
        Database::Mariadb(server) => (server.settings(), server.socket_address()),
        Database::Sqlite(_) => unreachable!("it is no server"),
    };
    let settings = settings.replace(&address.ip().to_string(), NAME);
    let IpAddr::V4(address) = address.ip() else { unreachable!("it is one of loopback") };
    let system = System::new().host(NAME, address);
    launch(&format!("{}{lines}", selecting(&settings, SELECT))).inside(&system).start()
}

fn checked(authority: &Authority) -> String {
    format!("sql_usessl: yes\nsql_tls_cacert_file: {}\n", authority.file().display())
}

/// Each login is unavailable, and it is otherwise where nothing is to be checked.
fn expect_no_trust(database: &Database, trusted: &Authority) {
    let checking = daemon(database, &checked(trusted));
    for password in ["right", "wrong"] {
        assert_eq!(ask(&checking, "anna", password), Answer::Nothing);
    }
    let lines = checking.log.all();
    let is_told = |line: &String| REASONS.iter().any(|reason| line.to_lowercase().contains(reason));
    assert!(lines.iter().any(is_told), "{lines:#?}");
    let trusting = daemon(database, "sql_usessl: yes\nsql_tls_check_peer: no\n");
    expect_verdicts(&trusting);
}

fn a_server_with_the_right_certificate_is_asked(engine: Engine) {
    require!(Mounts);
    let authority = Authority::new();
    let database = start(engine, Some(&authority.issue(&[NAME])));
    let daemon = daemon(&database, &checked(&authority));
    for _ in 0..3 {
        expect_verdicts(&daemon);
    }
    let encrypted = match &database {
        Database::Postgresql(_) => {
            "SELECT count(*) > 0 FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) \
             WHERE usename = 'sasl' AND ssl;\n"
        }
        _ => {
            "SELECT IF(VARIABLE_VALUE > 0, 't', 'f') FROM information_schema.global_status \
              WHERE VARIABLE_NAME = 'Ssl_accepts';\n"
        }
    };
    assert_eq!(database.run(encrypted), "t\n");
}

fn a_certificate_of_another_authority_is_not_trusted(engine: Engine) {
    require!(Mounts);
    let database = start(engine, Some(&Authority::new().issue(&[NAME])));
    expect_no_trust(&database, &Authority::new());
}

fn a_certificate_with_another_name_is_not_trusted(engine: Engine) {
    require!(Mounts);
    let authority = Authority::new();
    let database = start(engine, Some(&authority.issue(&["other.example.test"])));
    expect_no_trust(&database, &authority);
}

fn an_expired_certificate_is_not_trusted(engine: Engine) {
    require!(Mounts);
    let authority = Authority::new();
    let database = start(engine, Some(&authority.issue_expired(&[NAME])));
    expect_no_trust(&database, &authority);
}

fn an_authority_above_the_one_that_signed_is_not_enough_without_the_chain(engine: Engine) {
    require!(Mounts);
    let root = Authority::new();
    let below = root.sign_authority();
    let database = start(engine, Some(&below.issue(&[NAME])));
    let trusting_root = daemon(&database, &checked(&root));
    assert_eq!(ask(&trusting_root, "anna", "right"), Answer::Nothing, "the server sends no chain");
}

fn a_server_without_tls_gets_no_password(engine: Engine) {
    require!(Mounts);
    let database = start(engine, None);
    let daemon = daemon(&database, &checked(&Authority::new()));
    for password in ["right", "wrong"] {
        assert_eq!(ask(&daemon, "anna", password), Answer::Nothing);
    }
    assert_eq!(database.connections(), 0);
}

fn a_server_that_wants_tls_is_not_asked_without(engine: Engine) {
    require!(Mounts);
    let authority = Authority::new();
    let database = start(engine, Some(&authority.issue(&[NAME])));
    let daemon = daemon(&database, "sql_usessl: no\n");
    for password in ["right", "wrong"] {
        assert_eq!(ask(&daemon, "anna", password), Answer::Nothing);
    }
}

fn a_certificate_for_an_address_is_trusted_at_that_address(engine: Engine) {
    let authority = Authority::new();
    let (database, settings) = match engine {
        Engine::Postgresql => {
            let server = Postgresql::new();
            let certificate = authority.issue(&[&server.address().to_string()]);
            let server = server.with_certificate(&certificate).start();
            let settings = server.settings();
            (Database::Postgresql(server), settings)
        }
        _ => {
            let server = Mariadb::new();
            let certificate = authority.issue(&[&server.address().to_string()]);
            let server = server.with_certificate(&certificate).start();
            let settings = server.settings();
            (Database::Mariadb(server), settings)
        }
    };
    database.run("CREATE TABLE users (login VARCHAR(200), password VARCHAR(200));\n");
    database.run("INSERT INTO users VALUES ('anna', 'right');\n");
    database.grant("users");
    let settings = format!("{}{}", selecting(&settings, SELECT), checked(&authority));
    expect_verdicts(&launch(&settings).start());
}
