//! What MariaDB has of its own: procedures, prepared statements and character sets that a table may have.

use super::{PLAIN, SELECT, ask, expect_verdicts, launch};
use crate::support::database::USER;
use crate::support::{Answer, Daemon, Mariadb, RunningMariadb};

/// With this table, and `anna` whose password is `right`.
fn server(characters: &str) -> RunningMariadb {
    let server = Mariadb::new().start();
    server.run(&format!(
        "CREATE TABLE users (login VARCHAR(200), password VARCHAR(200)) CHARACTER SET {characters};\n\
         INSERT INTO users VALUES ('anna', 'right');\nGRANT ALL ON mail.* TO '{USER}'@'%';\n"
    ));
    server
}

/// One worker, so that it is the same connection that is asked again.
fn daemon(server: &RunningMariadb, select: &str) -> Daemon {
    let settings = format!("{}sql_select: {select}\n{PLAIN}", server.settings());
    launch(&settings).with(&["-n", "1"]).start()
}

#[test]
fn a_procedure_is_asked_for_one_login_after_the_other() {
    require!(Mariadb);
    let server = server("utf8mb4");
    server.run(
        "CREATE PROCEDURE password_of(IN name VARCHAR(200)) SELECT password FROM users WHERE login = name;\n",
    );
    let daemon = daemon(&server, "CALL password_of('%u')");
    expect_verdicts(&daemon);
    expect_verdicts(&daemon);
}

#[test]
fn a_table_that_gets_a_column_costs_no_login() {
    require!(Mariadb);
    let server = server("utf8mb4");
    let daemon = daemon(&server, &SELECT.replace("password", "*"));
    expect_verdicts(&daemon);
    server.run("ALTER TABLE users ADD COLUMN quota INTEGER;\n");
    expect_verdicts(&daemon);
    server.run("ALTER TABLE users DROP COLUMN quota;\n");
    expect_verdicts(&daemon);
}

/// Whoever types it could have the database taken for broken.
#[test]
fn a_login_with_letters_that_the_table_cannot_have_is_unknown() {
    require!(Mariadb);
    let server = server("latin1");
    server.run("INSERT INTO users VALUES ('jürgen', 'right');\n");
    let daemon = daemon(&server, SELECT);
    assert_eq!(ask(&daemon, "jürgen", "right"), "OK");
    for login in ["\u{65e5}\u{672c}", "\u{1f600}"] {
        assert_eq!(ask(&daemon, login, "right"), "NO", "{login}");
    }
    daemon.log.wait_for("cannot take a value of the login (error 1267)");
    expect_verdicts(&daemon);
}

#[test]
fn columns_that_cannot_be_compared_make_nobody_wrong() {
    require!(Mariadb);
    let server = server("latin1");
    server.run(
        "CREATE TABLE other (name VARCHAR(200) COLLATE utf8mb4_bin);\nINSERT INTO other VALUES ('x');\n",
    );
    let select = "SELECT password FROM users JOIN other ON CONCAT('%u', name) COLLATE utf8mb4_bin = \
                  CONCAT(login, name) COLLATE utf8mb4_general_ci";
    let daemon = daemon(&server, select);
    assert_eq!(ask(&daemon, "anna", "right"), Answer::Nothing);
    daemon.log.wait_for("Illegal mix of collations");
}

/// Such an error comes when the statement has begun to answer.
#[test]
fn an_error_that_comes_in_place_of_a_row_is_told() {
    require!(Mariadb);
    let server = server("utf8mb4");
    server.run("INSERT INTO users VALUES ('otto', 'a'), ('otto', 'b');\n");
    server.run("CREATE TABLE one (number INTEGER);\nINSERT INTO one VALUES (1);\n");
    let daemon = daemon(&server, "SELECT (SELECT password FROM users WHERE login = '%u') FROM one");
    assert_eq!(ask(&daemon, "otto", "a"), Answer::Nothing);
    daemon.log.wait_for("Subquery returns more than 1 row (error 1242)");
    assert_eq!(ask(&daemon, "anna", "right"), "OK");
}
