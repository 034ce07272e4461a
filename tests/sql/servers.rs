//! What a server answers with an error to, which says nothing about a password.

use super::{SELECT, ask, asking, expect_verdicts, launch, selecting};
use crate::support::database::{NAME, PASSWORD, USER};
use crate::support::{Answer, Database, Engine, eventually};

for_each_database!(
    without_the_table_or_the_column_nobody_is_told_no,
    a_table_that_is_made_after_the_start_is_found,
);

for_each_database_server!(
    a_wrong_password_of_the_daemon_s_own_lets_nobody_in_and_is_told,
    a_database_that_is_missing_is_told,
    a_server_with_too_many_connections_is_asked_again_when_there_is_room,
    the_account_needs_no_more_than_to_read_the_table,
);

fn without_the_table_or_the_column_nobody_is_told_no(engine: Engine) {
    let database = engine.start();
    database.add("anna", "", Some("right"));
    for (select, named) in [
        ("SELECT password FROM no_such_table WHERE login = '%u'", "no_such_table"),
        ("SELECT no_such_column FROM users WHERE login = '%u'", "no_such_column"),
        ("SELECT password FROM users WHERE no_such_login = '%u'", "no_such_login"),
        ("SELEKT password FROM users WHERE login = '%u'", "SELEKT"),
    ] {
        let daemon = launch(&asking(&database, select)).start();
        for (login, password) in [("anna", "right"), ("anna", "wrong"), ("eva", "right")] {
            assert_eq!(ask(&daemon, login, password), Answer::Nothing, "{select}");
        }
        daemon.log.wait_for(named);
    }
}

/// The daemon need not be started again.
fn a_table_that_is_made_after_the_start_is_found(engine: Engine) {
    let database = engine.start();
    let daemon = launch(&asking(&database, &SELECT.replace("users", "later"))).start();
    assert_eq!(ask(&daemon, "anna", "right"), Answer::Nothing);
    database.run("CREATE TABLE later (login VARCHAR(200), password VARCHAR(200));\n");
    database.run("INSERT INTO later VALUES ('anna', 'right');\n");
    database.grant("later");
    eventually("the table is found", || ask(&daemon, "anna", "right").is_ok().then_some(()));
    expect_verdicts(&daemon);
}

fn a_wrong_password_of_the_daemon_s_own_lets_nobody_in_and_is_told(engine: Engine) {
    let database = engine.start();
    database.add("anna", "", Some("right"));
    let settings = asking(&database, SELECT).replace(PASSWORD, "Falsch-0815");
    let daemon = launch(&settings).start();
    for password in ["right", "wrong"] {
        assert_eq!(ask(&daemon, "anna", password), Answer::Nothing);
    }
    daemon.log.wait_for(USER);
    assert!(!daemon.log.all().iter().any(|line| line.contains("Falsch-0815")), "{:#?}", daemon.log.all());
    // Once the server's side is put right it serves.
    database.run(&match engine {
        Engine::Mariadb => format!("ALTER USER '{USER}'@'%' IDENTIFIED BY 'Falsch-0815';\n"),
        _ => format!("ALTER ROLE {USER} PASSWORD 'Falsch-0815';\n"),
    });
    eventually("the password is right now", || ask(&daemon, "anna", "right").is_ok().then_some(()));
    expect_verdicts(&daemon);
}

fn a_database_that_is_missing_is_told(engine: Engine) {
    let database = engine.start();
    let missing = format!("sql_database: {NAME}");
    let settings = asking(&database, SELECT).replace(&missing, "sql_database: nowhere");
    let daemon = launch(&settings).start();
    for password in ["right", "wrong"] {
        assert_eq!(ask(&daemon, "anna", password), Answer::Nothing);
    }
    daemon.log.wait_for("nowhere");
}

fn a_server_with_too_many_connections_is_asked_again_when_there_is_room(engine: Engine) {
    let database = engine.start();
    database.add("anna", "", Some("right"));
    database.run(&match engine {
        Engine::Mariadb => format!("ALTER USER '{USER}'@'%' WITH MAX_USER_CONNECTIONS 1;\n"),
        _ => format!("ALTER ROLE {USER} CONNECTION LIMIT 1;\n"),
    });
    let one_worker = || launch(&asking(&database, SELECT)).with(&["-n", "1"]).start();
    let first = one_worker();
    assert_eq!(ask(&first, "anna", "right"), "OK");
    let second = one_worker();
    for password in ["right", "wrong"] {
        assert_eq!(ask(&second, "anna", password), Answer::Nothing, "there is no room for it");
        assert_eq!(ask(&first, "anna", "right"), "OK", "whose connection stays");
    }
    drop(first);
    eventually("there is room", || ask(&second, "anna", "right").is_ok().then_some(()));
    expect_verdicts(&second);
}

/// Nothing is written, and a transaction that reads only is enough.
fn the_account_needs_no_more_than_to_read_the_table(engine: Engine) {
    let database = engine.start();
    database.add("anna", "", Some("right"));
    if let Database::Postgresql(_) = &database {
        database.run(&format!("ALTER ROLE {USER} SET default_transaction_read_only = on;\n"));
        database.run("REVOKE ALL ON SCHEMA public FROM PUBLIC;\n");
        database.run(&format!("GRANT USAGE ON SCHEMA public TO {USER};\n"));
    }
    let daemon = launch(&selecting(&database.settings(), SELECT)).start();
    expect_verdicts(&daemon);
}
