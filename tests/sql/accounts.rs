//! How a server knows who asks it, beside a password: by a certificate, or by the account at the other end of a socket.

use super::{SELECT, ask, expect_verdicts, launch, selecting};
use crate::support::database::{PASSWORD, USER};
use crate::support::{
    Answer, Authority, Certificate, Database, Details, Engine, Mariadb, Postgresql, eventually,
};
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;

for_each_database_server!(
    a_server_that_wants_a_certificate_is_shown_it,
    a_server_that_goes_by_the_account_at_its_socket_sees_that_of_the_workers,
);

/// That of the workers, and of the servers, too.
const ACCOUNT: &str = "nobody";

const ACCOUNT_NUMBER: u32 = 65534;

fn filled(database: Database) -> Database {
    database.run("CREATE TABLE users (login VARCHAR(200), password VARCHAR(200));\n");
    database.run("INSERT INTO users VALUES ('anna', 'right');\n");
    database.grant("users");
    database
}

/// A key that its owner alone may read, as libpq wants it.
fn of_workers(certificate: &Certificate, directory: &Path) -> String {
    let key = directory.join("key-of-workers.pem");
    fs::copy(&certificate.key, &key).unwrap();
    fs::set_permissions(&key, Permissions::from_mode(0o600)).unwrap();
    chown(&key, Some(ACCOUNT_NUMBER), Some(ACCOUNT_NUMBER)).unwrap();
    format!("sql_tls_cert: {}\nsql_tls_key: {}\n", certificate.certificate.display(), key.display())
}

fn a_server_that_wants_a_certificate_is_shown_it(engine: Engine) {
    require!(Root);
    let (authority, stranger) = (Authority::new(), Authority::new());
    let servers = authority.issue(&["database.example.test"]);
    let database = filled(match engine {
        Engine::Postgresql => {
            let server = Postgresql::new().with_certificate(&servers).with_client_authority(&authority);
            Database::Postgresql(server.start())
        }
        _ => {
            let server = Mariadb::new().with_certificate(&servers).with_client_authority(&authority);
            Database::Mariadb(server.start())
        }
    });
    if engine == Engine::Mariadb {
        database.run(&format!("ALTER USER '{USER}'@'%' REQUIRE X509;\n"));
    }
    let settings = selecting(&database.settings(), SELECT) + "sql_usessl: yes\nsql_tls_check_peer: no\n";
    let details = Details { common_name: USER, names: &[USER], rsa_bits: 0, is_for_clients: true };
    let daemon = |lines: &str| launch(&format!("{settings}{lines}")).with(&["--user", ACCOUNT]).start();
    let shown = of_workers(&authority.issue_with(&details), authority.file().parent().unwrap());
    expect_verdicts(&daemon(&shown));
    let strange = of_workers(&stranger.issue_with(&details), stranger.file().parent().unwrap());
    for lines in [&strange, ""] {
        let daemon = daemon(lines);
        for password in ["right", "wrong"] {
            assert_eq!(ask(&daemon, "anna", password), Answer::Nothing, "{lines}");
        }
        daemon.log.wait_for("auth unavailable: [user=anna]");
    }
}

/// Without a password.
fn a_server_that_goes_by_the_account_at_its_socket_sees_that_of_the_workers(engine: Engine) {
    require!(Root);
    let database = engine.start();
    database.add("anna", "", Some("right"));
    let socket = match &database {
        Database::Postgresql(server) => {
            let hosts = ["local all root trust", "local all all peer"].map(|line| format!("(''{line}'')"));
            database.run(&format!(
                "CREATE ROLE {ACCOUNT} LOGIN;\nGRANT SELECT ON users TO {ACCOUNT};\n\
                 DO $$ BEGIN EXECUTE format('COPY (VALUES {}) TO %L', current_setting('hba_file'));\n\
                 PERFORM pg_reload_conf(); END $$;\n",
                hosts.join(", "),
            ));
            format!("{}:{}", server.socket_directory().display(), server.socket_address().port())
        }
        Database::Mariadb(server) => {
            database.run(&format!(
                "CREATE USER '{ACCOUNT}'@'localhost' IDENTIFIED VIA unix_socket;\n\
                 GRANT SELECT ON mail.users TO '{ACCOUNT}'@'localhost';\n"
            ));
            server.socket().display().to_string()
        }
        Database::Sqlite(_) => unreachable!("it is no server"),
    };
    let settings = match &database {
        Database::Postgresql(server) => server.settings_at(&socket),
        Database::Mariadb(server) => server.settings_at(&socket),
        Database::Sqlite(_) => unreachable!("it is no server"),
    };
    let settings = settings
        .replace(&format!("sql_user: {USER}\n"), &format!("sql_user: {ACCOUNT}\n"))
        .replace(&format!("sql_passwd: {PASSWORD}\n"), "");
    let daemon = launch(&selecting(&settings, SELECT)).with(&["--user", ACCOUNT]).start();
    eventually("the server has read its settings", || ask(&daemon, "anna", "right").is_ok().then_some(()));
    expect_verdicts(&daemon);
}
