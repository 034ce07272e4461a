//! Selects as HOWTOs of libsasl have them, which are bound and not pasted.

use super::{ask_in, asking, launch};
use crate::support::{Engine, Launch, Program};

for_each_database!(
    selects_of_howtos_are_served_as_they_are,
    a_select_that_cannot_be_bound_is_told_before_the_start,
);

/// All that the selects name.
const TABLES: &str = "CREATE TABLE mailbox (username VARCHAR(200), password VARCHAR(200), active INTEGER);\n\
                      INSERT INTO mailbox VALUES ('anna@example.org', 'right', 1), ('otto@example.org', 'right', 0);\n\
                      CREATE TABLE user_table (username VARCHAR(200), realm VARCHAR(200), userPassword VARCHAR(200));\n\
                      INSERT INTO user_table VALUES ('anna', 'example.org', 'right');\n";

const GRANTS: [&str; 2] = ["mailbox", "user_table"];

fn selects_of_howtos_are_served_as_they_are(engine: Engine) {
    let database = engine.start();
    database.add("anna", "example.org", Some("right"));
    database.run(TABLES);
    GRANTS.iter().for_each(|table| database.grant(table));
    let mut selects = vec![
        "SELECT password FROM users WHERE login = '%u' AND realm = '%r'",
        "select password from users where login='%u' and realm = '%r'",
        "SELECT password FROM users WHERE login = '%u' AND realm = '%r';",
        "SELECT %p FROM user_table WHERE username = '%u' and realm = '%r'",
        "SELECT password FROM mailbox WHERE username = '%u@%r' AND active = '1'",
        "SELECT password FROM mailbox WHERE username='%u@%r' AND active=1 LIMIT 1",
        "SELECT password FROM users WHERE login = %u AND realm = %r",
        "SELECT password FROM users WHERE LOWER(login) = LOWER('%u') AND realm IN ('%r', 'x')",
        "SELECT u.password AS password FROM users u JOIN mailbox m ON m.username = '%u@%r' WHERE u.login = '%u'",
    ];
    match engine {
        Engine::Postgresql | Engine::Sqlite => {
            selects.push("SELECT password FROM mailbox WHERE username = '%u' || '@' || '%r' AND active = 1");
            selects.push("SELECT \"password\" FROM \"users\" WHERE \"login\" = '%u' AND realm = '%r'");
        }
        Engine::Mariadb => {
            selects
                .push("SELECT password FROM mailbox WHERE username = CONCAT('%u', '@', '%r') AND active = 1");
            selects.push("SELECT `password` FROM `users` WHERE BINARY `login` = '%u' AND realm = \"%r\"");
        }
    }
    for select in selects {
        let daemon = launch(&asking(&database, select)).start();
        for _ in 0..2 {
            assert_eq!(ask_in(&daemon, "anna", "example.org", "right"), "OK", "{select}");
            assert_eq!(ask_in(&daemon, "anna", "example.org", "wrong"), "NO", "{select}");
            assert_eq!(ask_in(&daemon, "otto", "example.org", "right"), "NO", "{select}");
        }
    }
}

fn a_select_that_cannot_be_bound_is_told_before_the_start(engine: Engine) {
    let database = engine.start();
    for select in [
        "SELECT password FROM users WHERE login = '%u",
        "SELECT password FROM users",
        "SELECT password FROM users WHERE login = '%x'",
    ] {
        let settings = asking(&database, select);
        let check = Launch::new(Program::Ours, &["-a", "sql", "--check"]).with_file("--config", &settings);
        let finished = check.run();
        let told = format!("{}{}", finished.output, finished.errors);
        assert!(finished.code == Some(1) && told.contains("sql_select"), "{select}: {told}");
    }
}
