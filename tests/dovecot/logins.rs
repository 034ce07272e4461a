//! Logins that are not as they should be.

use super::{expect_served, plain, response, start};
use crate::support::{AuthLaunch, AuthServer};
use openssl::base64::encode_block;

for_both_auth_servers!(
    an_authorization_for_oneself_is_accepted_and_for_another_refused,
    a_response_that_is_not_plain_is_refused,
    a_login_or_password_with_a_nul_is_refused,
    an_empty_login_is_refused,
    whatever_a_login_contains_no_answer_is_torn_apart,
    logins_and_passwords_may_be_of_any_letters,
);

fn an_authorization_for_oneself_is_accepted_and_for_another_refused(program: AuthServer) {
    let server = start(program);
    let mut client = server.log_on();
    for (authzid, password, answer) in [
        ("anna", "secret", "OK"),
        ("anna", "wrong", "FAIL"),
        ("bert@example.org", "secret", "FAIL"),
        ("bert@example.org", "wrong", "FAIL"),
    ] {
        let response = response(authzid, "anna", password);
        client.send(format!("AUTH\t1\tPLAIN\tservice=smtp\tresp={response}\n"));
        let line = client.line();
        assert!(line.starts_with(&format!(r"{answer}\t1\tuser=anna")), "{authzid} {password}: {line}");
    }
}

fn a_response_that_is_not_plain_is_refused(program: AuthServer) {
    let server = start(program);
    let mut client = server.log_on();
    for text in ["", "anna", "\0anna", "anna\0secret", "\0anna\0secret\0", "\0anna\0secret\0more"] {
        let response = if text.is_empty() { "=".to_owned() } else { encode_block(text.as_bytes()) };
        client.send(format!("AUTH\t1\tPLAIN\tservice=smtp\tresp={response}\n"));
        assert_eq!(client.line(), r"FAIL\t1", "{text:?}");
    }
    expect_served(&mut client);
}

fn a_login_or_password_with_a_nul_is_refused(program: AuthServer) {
    let server = start(program);
    let mut client = server.log_on();
    client.send(format!("AUTH\t1\tLOGIN\tservice=smtp\tresp={}\n", encode_block(b"anna\0x")));
    assert!(client.line().starts_with(r"FAIL\t1"));
    client.send(format!("AUTH\t2\tLOGIN\tservice=smtp\tresp={}\n", encode_block(b"anna")));
    assert_eq!(client.line(), r"CONT\t2\tUGFzc3dvcmQ6");
    client.send(format!("CONT\t2\t{}\n", encode_block(b"secret\0x")));
    assert!(client.line().starts_with(r"FAIL\t2"));
    expect_served(&mut client);
}

fn an_empty_login_is_refused(program: AuthServer) {
    let server = start(program);
    let mut client = server.log_on();
    client.send(plain(1, "", "secret"));
    let line = client.line();
    assert!(line.starts_with(r"FAIL\t1"), "{line}");
    client.send("AUTH\t2\tLOGIN\tservice=smtp\n");
    assert_eq!(client.line(), r"CONT\t2\tVXNlcm5hbWU6");
    client.send("CONT\t2\t\n");
    let line = client.line();
    assert!(line.starts_with(r"FAIL\t2"), "{line}");
    expect_served(&mut client);
}

/// One line each: a TAB or a line feed of the login that got through would be an answer of the client's making.
fn whatever_a_login_contains_no_answer_is_torn_apart(program: AuthServer) {
    let server = start(program);
    let mut client = server.log_on();
    for (login, escaped) in [
        ("an\tna", r"an\x01tna"),
        ("an\nOK\t1\tuser=root", r"an\x01nOK\x01t1\x01tuser=root"),
        ("an\rna", r"an\x01rna"),
        ("an\x01na", r"an\x011na"),
        ("an\x02na", r"an\x02na"),
        ("an\x7fna", r"an\x7fna"),
    ] {
        client.send(plain(1, login, "wrong"));
        let line = client.line();
        let dovecot = line == format!(r"FAIL\t1\tuser={escaped}");
        // Ours may leave out what it does not take for a login.
        let ours = dovecot || line == r"FAIL\t1";
        assert!(program.better("such a login is in no database", dovecot, ours), "{login:?}: {line}");
        expect_served(&mut client);
    }
}

fn logins_and_passwords_may_be_of_any_letters(program: AuthServer) {
    let users = [
        ("jörg@example.org", "pässwörd"),
        ("a b", "  "),
        ("x+y=z", " \x7f\u{e4}"),
        ("postmaster", &"long ".repeat(200)),
    ];
    let server = AuthLaunch::new(program, &users).start();
    let mut client = server.log_on();
    for (login, password) in users {
        client.send(plain(1, login, password));
        assert_eq!(client.line(), format!(r"OK\t1\tuser={}", login.as_bytes().escape_ascii()));
        client.send(plain(1, login, &format!("{password}x")));
        assert_eq!(client.line(), format!(r"FAIL\t1\tuser={}", login.as_bytes().escape_ascii()));
    }
}
