//! What a database may send that nobody wants: it is told, it is not fetched, and the next login is answered.

use super::{ask, asking, expect_verdicts, launch, site};
use crate::support::{Answer, Database, Engine};

for_each_database!(a_value_of_more_than_a_mebibyte_is_told);

for_each_database_server!(
    a_hundred_thousand_rows_are_no_answer_and_are_not_fetched,
    rows_of_values_that_are_too_long_are_not_fetched_either,
);

fn a_value_of_more_than_a_mebibyte_is_told(engine: Engine) {
    let (database, _) = site(engine);
    database.add("huge", "", Some("x")).add("large", "", Some("x"));
    let text = |bytes: usize| match engine {
        Engine::Sqlite => format!("replace(hex(zeroblob({bytes})), '00', 'x')"),
        _ => format!("REPEAT('x', {bytes})"),
    };
    let select = format!(
        "SELECT CASE login WHEN 'huge' THEN {} WHEN 'large' THEN {} ELSE password END FROM users WHERE login = '%u'",
        text((1 << 20) + 1),
        text(1 << 20),
    );
    let daemon = launch(&asking(&database, &select)).with(&["-n", "1"]).start();
    for _ in 0..2 {
        expect_verdicts(&daemon);
        for password in ["x", "wrong"] {
            assert_eq!(ask(&daemon, "huge", password), Answer::Nothing);
            assert_eq!(
                ask(&daemon, "large", password),
                "NO",
                "it is none of theirs, but one that can be had"
            );
        }
    }
    daemon.log.wait_for("a value of more than 1 MiB came");
}

/// Where each login has a hundred thousand numbers to be joined with, if its name is `many`.
fn with_numbers(engine: Engine) -> Database {
    let (database, _) = site(engine);
    database.add("many", "", Some("right"));
    let series = match engine {
        Engine::Mariadb => "seq FROM seq_1_to_100000",
        _ => "generate_series(1, 100000)",
    };
    database.run(&format!("CREATE TABLE numbers (number INTEGER);\nINSERT INTO numbers SELECT {series};\n"));
    database.grant("numbers");
    database
}

/// The statement has a bound of its own, so that the one that a session has does not count.
fn select_many(column: &str) -> String {
    format!(
        "SELECT {column} FROM users JOIN numbers ON login = 'many' OR number = 1 WHERE login = '%u' LIMIT 1000000"
    )
}

fn a_hundred_thousand_rows_are_no_answer_and_are_not_fetched(engine: Engine) {
    let database = with_numbers(engine);
    let daemon = launch(&asking(&database, &select_many("password"))).with(&["-n", "1"]).start();
    for _ in 0..3 {
        assert_eq!(ask(&daemon, "many", "right"), Answer::Nothing);
        expect_verdicts(&daemon);
    }
    daemon.log.wait_for("sql_select has found more than one row");
}

/// Together 100 GiB, of which a server hears soon enough that nobody wants more than the first.
fn rows_of_values_that_are_too_long_are_not_fetched_either(engine: Engine) {
    let database = with_numbers(engine);
    let column = format!("CASE login WHEN 'many' THEN REPEAT('x', {}) ELSE password END", (1 << 20) + 1);
    let daemon = launch(&asking(&database, &select_many(&column))).with(&["-n", "1"]).start();
    for _ in 0..2 {
        assert_eq!(ask(&daemon, "many", "right"), Answer::Nothing);
        expect_verdicts(&daemon);
    }
    daemon.log.wait_for("a value of more than 1 MiB came");
    if engine == Engine::Mariadb {
        // Those of both logins, and what was on its way.
        let sent = database.run("SHOW GLOBAL STATUS LIKE 'Bytes_sent';\n");
        let sent: u64 = sent.trim().rsplit('\t').next().unwrap().parse().unwrap();
        assert!(sent < 200 << 20, "{sent} bytes");
    }
}
