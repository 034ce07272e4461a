//! What IMAP servers say that is no plain OK or NO.

use super::{ACCEPTED, INTERNAL, NO_GREETING, NOT_NOW, REJECTED, UNEXPECTED, ask, launch};
use crate::support::{Answer, FakeImap, Program};

for_both!(
    every_greeting_is_understood,
    every_reply_to_a_login_is_understood,
    what_c_takes_for_an_error_is_read_over,
    a_no_that_is_not_about_the_login_is_no_verdict,
    a_reply_of_any_length_is_read,
    ok_to_something_else_is_not_ok_to_the_login,
);

fn every_greeting_is_understood(program: Program) {
    let unavailable = |text: &str| program.unavailable(text);
    let accepted = || Answer::Text(ACCEPTED.to_owned());
    let table = [
        ("* OK ready\r\n", accepted()),
        ("* OK\r\n", accepted()),
        ("* OK [CAPABILITY IMAP4rev1 LITERAL+ SASL-IR AUTH=PLAIN] ready\r\n", accepted()),
        ("* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] ready\r\n", accepted()),
        ("* OK gr\u{f6}\u{df} Gott\r\n", accepted()),
        ("* OK\n", accepted()),
        ("* BYE too many connections\r\n", unavailable(NOT_NOW)),
        ("* NO try later\r\n", unavailable(NOT_NOW)),
        ("220 mail.example.org ESMTP * \r\n", unavailable(UNEXPECTED)),
        ("* PREAUTH you are somebody already\r\n", unavailable(UNEXPECTED)),
        ("* BAD\r\n", unavailable(UNEXPECTED)),
    ];
    for (greeting, expected) in table {
        let server = FakeImap::new(greeting, "TAG OK\r\n").start();
        let daemon = launch(program, &server.option()).start();
        assert_eq!(ask(&daemon, "anna", "right"), expected, "{greeting:?}");
    }
}

fn every_reply_to_a_login_is_understood(program: Program) {
    let unexpected = || program.unavailable(UNEXPECTED);
    let text = |text: &str| Answer::Text(text.to_owned());
    let table = [
        ("TAG OK logged in\r\n", text(ACCEPTED)),
        ("TAG NO wrong\r\n", text(REJECTED)),
        ("TAG NO [AUTHENTICATIONFAILED] wrong\r\n", text(REJECTED)),
        ("* CAPABILITY IMAP4rev1 IDLE\r\nTAG OK\r\n", text(ACCEPTED)),
        ("* CAPABILITY IMAP4rev1\r\nTAG NO\r\n", text(REJECTED)),
        ("TAG BAD what?\r\n", unexpected()),
        ("TAG\r\n", unexpected()),
        ("TAG PREAUTH\r\n", unexpected()),
        ("TAG hello\r\n", unexpected()),
    ];
    for (reply, expected) in table {
        let server = FakeImap::new("* OK\r\n", reply).start();
        let daemon = launch(program, &server.option()).start();
        assert_eq!(ask(&daemon, "anna", "right"), expected, "{reply:?}");
    }
}

/// Dovecot, Courier, Exchange and Gmail all send such lines.
fn what_c_takes_for_an_error_is_read_over(program: Program) {
    let why = "any untagged line may come at any time";
    let accepted =
        || program.better(why, Answer::Text(UNEXPECTED.to_owned()), Answer::Text(ACCEPTED.to_owned()));
    let table = [
        "* OK [ALERT] the disk is full\r\nTAG OK\r\n",
        "* NO careful\r\nTAG OK\r\n",
        "* ID (\"name\" \"x\")\r\nTAG OK\r\n",
        "* 3 EXISTS\r\n* 0 RECENT\r\nTAG OK\r\n",
        "* XNOTHING\r\nTAG OK\r\n",
        "* LIST () \"/\" {15}\r\nxyz\r\nother NO\r\n\r\nTAG OK\r\n",
        "* OK gr\u{f6}\u{df}\r\nTAG OK\r\n",
        "\r\nTAG OK\r\n",
    ];
    for reply in table {
        let server = FakeImap::new("* OK\r\n", reply).start();
        let daemon = launch(program, &server.option()).start();
        assert_eq!(ask(&daemon, "anna", "right"), accepted(), "{reply:?}");
    }
}

fn a_no_that_is_not_about_the_login_is_no_verdict(program: Program) {
    for code in [
        "UNAVAILABLE",
        "INUSE",
        "LIMIT",
        "SERVERBUG",
        "CONTACTADMIN",
        "PRIVACYREQUIRED",
        "REFERRAL imap://anna@other.example.org/",
        "CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED",
    ] {
        let server = FakeImap::new("* OK\r\n", format!("TAG NO [{code}] no\r\n")).start();
        let daemon = launch(program, &server.option()).start();
        let c = Answer::Text(REJECTED.to_owned());
        let expected = program.better("nothing is said about the password", c, Answer::Nothing);
        assert_eq!(ask(&daemon, "anna", "right"), expected, "{code}");
    }
}

/// The greeting does not tell that it takes no password.
#[test]
fn a_server_is_asked_whether_it_takes_a_password_before_it_gets_one() {
    let server = FakeImap::new("* OK\r\n", "TAG NO\r\n")
        .with_capabilities("* CAPABILITY IMAP4rev1 LOGINDISABLED\r\nTAG OK\r\n")
        .start();
    let daemon = launch(Program::Ours, &server.option()).start();
    assert_eq!(ask(&daemon, "anna", "right"), Answer::Nothing);
    assert!(!server.heard().concat().contains("right"), "{:?}", server.heard());
}

fn a_reply_of_any_length_is_read(program: Program) {
    let long = "CHILDREN ".repeat(500);
    let replies = [format!("TAG OK [CAPABILITY {long}]\r\n"), format!("* CAPABILITY {long}\r\nTAG OK\r\n")];
    for reply in replies {
        let server = FakeImap::new("* OK\r\n", reply).start();
        let daemon = launch(program, &server.option()).start();
        let (c, ours) = (INTERNAL.to_owned(), ACCEPTED.to_owned());
        let expected = program.better("C reads a thousand bytes", Answer::Text(c), Answer::Text(ours));
        assert_eq!(ask(&daemon, "anna", "right"), expected);
    }
    let server = FakeImap::new(format!("* OK [CAPABILITY {long}]\r\n"), "TAG OK\r\n").start();
    let daemon = launch(program, &server.option()).start();
    let (c, ours) = (NO_GREETING.to_owned(), ACCEPTED.to_owned());
    let expected = program.better("C reads a thousand bytes", Answer::Text(c), Answer::Text(ours));
    assert_eq!(ask(&daemon, "anna", "right"), expected);
}

/// Nothing but the tagged reply to the login counts. Both use the tag `saslauthd`, which makes 18 bytes of the literal.
fn ok_to_something_else_is_not_ok_to_the_login(program: Program) {
    let replies = [
        "* OK\r\n* OK logged in\r\nTAG NO\r\n",
        "other OK logged in\r\nTAG NO\r\n",
        "* LIST {18}\r\nTAG OK yes\r\n\r\nTAG NO\r\n",
        "TAGTAG OK\r\nTAG NO\r\n",
        "* NO TAG OK\r\nTAG NO\r\n",
    ];
    for reply in replies {
        let server = FakeImap::new("* OK\r\n", reply).start();
        let daemon = launch(program, &server.option()).start();
        assert!(!ask(&daemon, "anna", "right").is_ok(), "{reply:?}");
    }
}
