//! Logins and passwords of every kind, at real servers.

use super::{ACCEPTED, INTERNAL, REJECTED, UNEXPECTED, ask, ask_all, launch};
use crate::support::{Cyrus, Dovecot, FakeImap, Program, Request, eventually};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

for_both!(
    right_and_wrong_passwords_are_told_apart_by_dovecot,
    right_and_wrong_passwords_are_told_apart_by_cyrus,
    odd_characters_arrive_at_dovecot_as_they_are,
    odd_characters_arrive_at_cyrus_as_they_are,
    a_password_that_is_no_text_arrives_as_it_is,
    a_long_password_is_compared_to_its_end,
    a_password_with_line_ends_is_a_password_and_no_command,
    a_realm_is_appended_where_that_is_asked_for,
    a_server_that_is_slow_to_refuse_holds_up_nobody_else,
);

/// What quoting, formats and patterns could trip over. Dovecot and sasldb would split a login at the colon or `@`.
const ODD: [&str; 14] = [
    "with blank",
    "quo\"te",
    "\"quoted\"",
    "back\\slash",
    "ends in backslash\\",
    "jürgen",
    "per%cent%u%n",
    "{5}",
    "(paren)*",
    "NIL",
    "a+b=c&d",
    "~tilde]",
    "'single'",
    "日本語",
];

fn right_and_wrong_passwords_are_told_apart_by_dovecot(program: Program) {
    require!(Dovecot);
    let server = Dovecot::new(&[("anna", "right"), ("berta", "also right")]).start();
    let daemon = launch(program, &server.option()).start();
    for _ in 0..3 {
        let logins =
            [("anna", "right"), ("anna", "also right"), ("berta", "also right"), ("nobody", "right")];
        assert_eq!(ask_all(&daemon, &logins), [ACCEPTED, REJECTED, ACCEPTED, REJECTED]);
    }
}

fn right_and_wrong_passwords_are_told_apart_by_cyrus(program: Program) {
    require!(Cyrus);
    let server = Cyrus::start(&[("anna", "right"), ("berta", "also right")]);
    let daemon = launch(program, &server.option()).start();
    for _ in 0..2 {
        assert_eq!(ask(&daemon, "anna", "right"), ACCEPTED);
        assert_eq!(ask(&daemon, "anna", "also right"), REJECTED);
        assert_eq!(ask(&daemon, "berta", "also right"), ACCEPTED);
        assert_eq!(ask(&daemon, "nobody", "right"), REJECTED);
    }
}

fn odd_characters_arrive_at_dovecot_as_they_are(program: Program) {
    require!(Dovecot);
    let users = ODD.map(|text| (text, format!("p {text} ")));
    let server = Dovecot::new(&users).start();
    let daemon = launch(program, &server.option()).start();
    assert_eq!(ask_all(&daemon, &users), [ACCEPTED; ODD.len()]);
    let wrong = ODD.map(|text| (text, format!("p {text}")));
    assert_eq!(ask_all(&daemon, &wrong), [REJECTED; ODD.len()]);
}

fn odd_characters_arrive_at_cyrus_as_they_are(program: Program) {
    require!(Cyrus);
    let passwords = ODD.map(|text| format!("p {text} "));
    let logins = (0..ODD.len()).map(|number| format!("user{number}")).collect::<Vec<_>>();
    let users: Vec<_> =
        logins.iter().zip(&passwords).map(|(login, password)| (login.as_str(), password.as_str())).collect();
    let server = Cyrus::start(&users);
    let daemon = launch(program, &server.option()).start();
    for (login, password) in users {
        assert_eq!(ask(&daemon, login, password), ACCEPTED, "{password:?}");
        assert_eq!(ask(&daemon, login, password.trim()), REJECTED, "{password:?}");
    }
}

fn a_password_that_is_no_text_arrives_as_it_is(program: Program) {
    require!(Dovecot);
    // Dovecot itself refuses control characters.
    let password = b"gr\xf6\xdfe\xfe\xff";
    let server = Dovecot::new(&[("anna", password)]).start();
    let daemon = launch(program, &server.option()).start();
    assert_eq!(ask(&daemon, "anna", password), ACCEPTED);
    assert_eq!(ask(&daemon, "anna", b"gr\xf6\xdfe\xff\xff"), REJECTED);
}

fn a_long_password_is_compared_to_its_end(program: Program) {
    require!(Dovecot);
    // Dovecot takes a LOGIN of up to a kilobyte.
    let longest = program.better("passwords can be tokens", 255, 4000);
    for length in [127, 128, longest] {
        let right = "x".repeat(length);
        let server = Dovecot::new(&[("anna", &right)]).start();
        let daemon = launch(program, &server.option()).start();
        assert_eq!(ask(&daemon, "anna", &right), ACCEPTED, "{length}");
        let wrong = [("anna", right[1..].to_owned()), ("anna", format!("{}y", &right[1..]))];
        assert_eq!(ask_all(&daemon, &wrong), [REJECTED; 2], "{length}");
    }
}

/// C sends the line ends as they are, so that what follows them is a command of the user's choice.
fn a_password_with_line_ends_is_a_password_and_no_command(program: Program) {
    require!(Dovecot);
    let injections = [
        "x\r\nsaslauthd LOGIN berta right",
        "x\"\r\nsaslauthd NOOP\r\nsaslauthd NOOP \"",
        "x\nsaslauthd OK",
        "{5}\r\nright",
        "\r\n",
    ];
    let server = Dovecot::new(&[("anna", "right"), ("berta", "right")]).start();
    let daemon = launch(program, &server.option()).start();
    let (as_password, as_login) =
        (injections.map(|text| ("anna", text)), injections.map(|text| (text, "right")));
    for answer in ask_all(&daemon, &as_password).into_iter().chain(ask_all(&daemon, &as_login)) {
        match program {
            Program::Ours => assert_eq!(answer, REJECTED),
            Program::C => assert!([UNEXPECTED, INTERNAL].contains(&answer.text()), "{answer:?}"),
        }
    }
    assert_eq!(ask(&daemon, "berta", "right"), ACCEPTED);
}

#[test]
fn line_ends_travel_in_literals() {
    let passwords: [&[u8]; 5] = [b"a\r\nsaslauthd LOGIN b c", b"\n", b"\r", b"{3}\r\n", b"\x01\r\xff"];
    let greetings =
        ["* OK\r\n", "* OK [CAPABILITY IMAP4rev1 LITERAL+]\r\n", AUTHENTICATE, AUTHENTICATE_AT_ONCE];
    for greeting in greetings {
        let server = FakeImap::new(greeting, "TAG OK\r\n").start();
        let daemon = launch(Program::Ours, &server.option()).start();
        for password in passwords {
            assert_eq!(ask(&daemon, "anna", password), ACCEPTED);
        }
        for login in passwords {
            assert_eq!(ask(&daemon, std::str::from_utf8(login).unwrap_or("\r\n"), "right"), ACCEPTED);
        }
        let commands = server.heard();
        let logins = commands.iter().filter(|line| ["LOGIN", "AUTH"].iter().any(|word| line.contains(word)));
        assert_eq!(logins.count(), 2 * passwords.len(), "{greeting}: {commands:#?}");
        assert!(commands.iter().all(|command| is_a_command(command)), "{greeting}: {commands:#?}");
    }
}

/// Where LOGIN is disabled.
const AUTHENTICATE: &str = "* OK [CAPABILITY IMAP4rev1 LOGINDISABLED AUTH=PLAIN]\r\n";
const AUTHENTICATE_AT_ONCE: &str = "* OK [CAPABILITY IMAP4rev1 LOGINDISABLED SASL-IR AUTH=PLAIN]\r\n";

/// Nothing of a login or password stands at the start of a line that is no literal.
fn is_a_command(command: &str) -> bool {
    ["LOGIN", "AUTHENTICATE PLAIN", "LOGOUT", "CAPABILITY"].iter().any(|word| {
        command
            .split_once(' ')
            .is_some_and(|(tag, rest)| tag.starts_with("saslauthd") && rest.starts_with(word))
    })
}

fn a_realm_is_appended_where_that_is_asked_for(program: Program) {
    require!(Dovecot);
    let server = Dovecot::new(&[("anna", "of none"), ("anna@example.org", "of example")]).start();
    let plain = launch(program, &server.option()).start();
    let joining = launch(program, &server.option()).with(&["-r"]).start();
    let request = |password: &str| Request::new("anna", password).realm("example.org");
    assert_eq!(plain.ask(&request("of none")), ACCEPTED);
    assert_eq!(plain.ask(&request("of example")), REJECTED);
    assert_eq!(joining.ask(&request("of example")), ACCEPTED);
    assert_eq!(joining.ask(&request("of none")), REJECTED);
    assert_eq!(ask(&joining, "anna", "of none"), ACCEPTED);
}

/// With as many wrong passwords as C has processes nobody can log in there for as long as the server waits.
fn a_server_that_is_slow_to_refuse_holds_up_nobody_else(program: Program) {
    require!(Dovecot);
    let server = Dovecot::new(&[("anna", "right")]).slow_to_refuse(1).start();
    let daemon = launch(program, &server.option()).with(&["-n", "2"]).start();
    let timed = |password: &str| (ask(&daemon, "anna", password), Instant::now());
    let begun = AtomicUsize::new(0);
    let (wrong, right) = std::thread::scope(|scope| {
        let ask_wrongly = || {
            begun.fetch_add(1, Ordering::Relaxed);
            timed("wrong")
        };
        let wrong: Vec<_> = (0..4).map(|_| scope.spawn(ask_wrongly)).collect();
        eventually("all have begun", || (begun.load(Ordering::Relaxed) == 4).then_some(()));
        let right = timed("right");
        (wrong.into_iter().map(|asker| asker.join().unwrap()).collect::<Vec<_>>(), right)
    });
    assert!(wrong.iter().all(|(answer, _)| *answer == REJECTED), "{wrong:?}");
    assert_eq!(right.0, ACCEPTED);
    let overtaken = wrong.iter().all(|(_, time)| right.1 < *time);
    assert_eq!(overtaken, program.better("no process is occupied by a login that waits", false, true));
}
