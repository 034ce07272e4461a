//! The libraries of databases with real servers behind them, where valgrind sees how they are called.

use super::{SELECT, asking};
use crate::support::{Database, Engine, in_process::InProcess};

for_each_database!(every_way_of_a_login_through_the_library_comes_to_its_end);

fn every_way_of_a_login_through_the_library_comes_to_its_end(engine: Engine) {
    let mut database = engine.start();
    let long = "x".repeat(480);
    database.add("anna", "", Some("right")).add("long", "", Some(&long)).add("none", "", None);
    database.add("twice", "", Some("one")).add("twice", "", Some("one"));
    let mut mechanism = InProcess::start("sql", &asking(&database, SELECT));
    for _ in 0..3 {
        for (login, password, expected) in [
            ("anna", "right", "OK"),
            ("anna", "wrong", "NO"),
            ("eva", "right", "NO"),
            ("none", "", "NO"),
            ("long", &long, "OK"),
            ("twice", "one", "sql_select has found more than one row"),
            ("' OR '1'='1", "right", "NO"),
        ] {
            assert_eq!(mechanism.ask(login, password), expected, "{login}");
        }
        assert_eq!(mechanism.ask("a".repeat(3000), "right"), "NO");
    }
    let mut wrong =
        InProcess::start("sql", &asking(&database, "SELECT nothing FROM users WHERE login = '%u'"));
    for _ in 0..3 {
        let reason = wrong.ask("anna", "right");
        assert!(reason.contains("nothing"), "{reason}");
    }
    if !matches!(database, Database::Sqlite(_)) {
        database.stop();
        for _ in 0..3 {
            let reason = mechanism.ask("anna", "right");
            assert!(reason.len() > 2, "nobody could be asked: {reason}");
        }
        database.start_again();
        assert_eq!(mechanism.ask("anna", "right"), "OK");
    }
}
