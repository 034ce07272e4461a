//! Who is let in, and who is nobody.

use super::{PLAIN, SELECT, ask, ask_in, asking, expect_verdicts, launch, site};
use crate::support::{Answer, Engine, Request};

for_each_database!(
    right_wrong_and_unknown_are_told_apart,
    no_password_of_a_row_without_one_is_right,
    two_rows_for_one_login_are_no_answer,
    what_has_no_scheme_is_no_plain_password_unless_it_is_said,
    a_login_that_the_database_takes_for_another_is_refused,
    logins_that_no_database_can_hold_are_refused_without_asking,
    a_login_is_never_part_of_the_statement,
    realms_have_their_own_users,
    long_passwords_count_to_their_last_byte,
);

fn right_wrong_and_unknown_are_told_apart(engine: Engine) {
    let (database, daemon) = site(engine);
    for _ in 0..3 {
        expect_verdicts(&daemon);
        assert_eq!(ask(&daemon, "anna", "righ"), "NO");
        assert_eq!(ask(&daemon, "anna", "right "), "NO");
        assert_eq!(ask(&daemon, "anna", "RIGHT"), "NO");
    }
    database.run("UPDATE users SET password = 'another' WHERE login = 'anna';\n");
    assert_eq!(ask(&daemon, "anna", "right"), "NO");
    assert_eq!(ask(&daemon, "anna", "another"), "OK");
    daemon.log.wait_for("auth failure: [user=anna]");
}

fn no_password_of_a_row_without_one_is_right(engine: Engine) {
    let (database, daemon) = site(engine);
    database.add("null", "", None).add("empty", "", Some("")).add("blank", "", Some(" "));
    for login in ["null", "empty", "blank"] {
        for password in ["right", "NULL", "null", "(null)", "-"] {
            assert_eq!(ask(&daemon, login, password), "NO", "{login} {password:?}");
        }
        assert!(!ask(&daemon, login, "").is_ok(), "{login}");
    }
    assert_eq!(ask(&daemon, "blank", " "), "OK");
}

fn two_rows_for_one_login_are_no_answer(engine: Engine) {
    let (database, daemon) = site(engine);
    database.add("twice", "", Some("first")).add("twice", "", Some("second"));
    for password in ["first", "second", "wrong"] {
        assert_eq!(ask(&daemon, "twice", password), Answer::Nothing, "{password}");
    }
    daemon.log.wait_for("auth unavailable: [user=twice]");
    expect_verdicts(&daemon);
}

/// Otherwise who reads a column of hashes could log in with what he has read.
fn what_has_no_scheme_is_no_plain_password_unless_it_is_said(engine: Engine) {
    let database = engine.start();
    let md5 = "7c4f29407893c334a6cb7a87bf045c0d";
    database.add("said", "", Some("{PLAIN}right")).add("bare", "", Some("right")).add("hash", "", Some(md5));
    let daemon = launch(&asking(&database, SELECT).replace(PLAIN, "")).start();
    assert_eq!(ask(&daemon, "said", "right"), "OK");
    assert_eq!(ask(&daemon, "said", "{PLAIN}right"), "NO");
    assert!(!ask(&daemon, "bare", "right").is_ok());
    assert!(!ask(&daemon, "hash", md5).is_ok());
    assert_eq!(ask(&daemon, "said", "wrong"), "NO");
}

/// MySQL's usual collations know no case and no blanks at the end, and the client uses the login as it came.
fn a_login_that_the_database_takes_for_another_is_refused(engine: Engine) {
    let (database, by_password) = site(engine);
    let select = "SELECT password, login AS user FROM users WHERE lower(trim(login)) = lower(trim('%u'))";
    let by_user = launch(&asking(&database, select)).start();
    let reversed = "SELECT login AS user, password FROM users WHERE lower(login) = lower('%u')";
    let in_other_order = launch(&asking(&database, reversed)).start();
    for daemon in [&by_password, &by_user, &in_other_order] {
        expect_verdicts(daemon);
    }
    for login in ["ANNA", "anna ", "Anna"] {
        assert_eq!(ask(&by_user, login, "right"), "NO", "{login:?}");
        if login != "anna " {
            assert_eq!(ask(&in_other_order, login, "right"), "NO", "{login:?}");
        }
        let expected = if engine == Engine::Mariadb { "OK" } else { "NO" };
        assert_eq!(ask(&by_password, login, "right"), expected, "{login:?}, which nothing forbids");
    }
}

/// Refused also while nobody can be asked, which shows that nobody is.
fn logins_that_no_database_can_hold_are_refused_without_asking(engine: Engine) {
    let (mut database, daemon) = site(engine);
    let odd: [&[u8]; 5] = [b"\xff", b"anna\xc3", b"ann\xe4", b"\xed\xa0\x80", b"anna\xf0\x9f\x98"];
    for _ in 0..2 {
        for login in odd {
            assert_eq!(ask(&daemon, login, "right"), "NO", "{login:?}");
            assert_eq!(ask_in(&daemon, "anna", login, "right"), "NO", "in the realm {login:?}");
        }
        assert!(ask(&daemon, b"an\0na", "right").is_no());
        database.stop();
    }
    if engine != Engine::Sqlite {
        assert_eq!(ask(&daemon, "anna", "right"), Answer::Nothing);
    }
}

fn a_login_is_never_part_of_the_statement(engine: Engine) {
    let (database, daemon) = site(engine);
    let injected = [
        "x' OR '1'='1",
        "' OR 1=1 --",
        "anna' --",
        "anna'#",
        "anna' /*",
        "x' UNION SELECT 'right",
        "x\\' OR 1=1 -- ",
        "\\",
        "anna'; DROP TABLE users; --",
        "anna\"",
        "anna%",
        "%",
        "_nna",
        "x\u{2019} OR \u{2019}1\u{2019}=\u{2019}1",
    ];
    for login in injected {
        assert_eq!(ask(&daemon, login, "right"), "NO", "{login:?}");
    }
    // And who has such a name can log in.
    let odd = [
        "o'brien",
        "back\\slash",
        "two\\\\",
        "end\\",
        "\"quoted\"",
        "a;b",
        "--",
        "/*",
        "%u",
        "%r",
        "%%",
        "$1",
        "?",
        ":1",
        "{0}",
        "\u{1f600}",
        "a\tb",
        "''",
        "`x`",
        "x' OR '1'='1",
    ];
    for login in odd {
        database.add(login, "", Some(&format!("of {login}")));
    }
    for login in odd {
        assert_eq!(ask(&daemon, login, format!("of {login}")), "OK", "{login:?}");
        assert_eq!(ask(&daemon, login, "right"), "NO", "{login:?}");
    }
    let rows: usize = database.run("SELECT count(*) FROM users;\n").trim().parse().unwrap();
    assert_eq!(rows, odd.len() + 1);
    expect_verdicts(&daemon);
}

fn realms_have_their_own_users(engine: Engine) {
    let database = engine.start();
    database.add("anna", "example.org", Some("org")).add("anna", "example.com", Some("com"));
    database.add("anna", "o'example", Some("odd"));
    let select = "SELECT password FROM users WHERE login = '%u' AND realm = '%r'";
    let daemon = launch(&asking(&database, select)).start();
    for (realm, right) in [("example.org", "org"), ("example.com", "com"), ("o'example", "odd")] {
        for password in ["org", "com", "odd"] {
            let expected = if password == right { "OK" } else { "NO" };
            assert_eq!(ask_in(&daemon, "anna", realm, password), expected, "{password} in {realm}");
        }
    }
    assert_eq!(ask_in(&daemon, "anna", "' OR '1'='1", "org"), "NO");
    assert_eq!(ask_in(&daemon, "anna", "example.net", "org"), "NO");
}

fn long_passwords_count_to_their_last_byte(engine: Engine) {
    let (database, daemon) = site(engine);
    let long = "0123456789".repeat(40);
    database.add("long", "", Some(&long));
    let umlaut = "p\u{e4}ssw\u{f6}rd \u{1f600}";
    database.add("umlaut", "", Some(umlaut));
    assert_eq!(ask(&daemon, "long", &long), "OK");
    assert_eq!(ask(&daemon, "long", &long[..399]), "NO");
    assert_eq!(ask(&daemon, "umlaut", umlaut), "OK");
    assert_eq!(ask(&daemon, "umlaut", "p\u{e4}ssw\u{f6}rd ?"), "NO");
    assert_eq!(ask(&daemon, "umlaut", b"p\xe4ssw\xf6rd"), "NO", "which is no UTF-8");
    let login = "x".repeat(200);
    database.add(&login, "", Some("right"));
    let request = Request::new(&login, "right").service("smtp");
    assert_eq!(daemon.ask(&request), "OK");
}
