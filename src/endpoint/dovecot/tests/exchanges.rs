//! PLAIN and LOGIN as they go over the wire.

use super::*;

/// What is said to `line` after the handshake, in which the client said its minor version.
fn said_to(minor: u32, line: &str) -> String {
    Client::greeted_with(settings(), minor).send(line)
}

fn fields_of_fail(said: &str) -> &str {
    said.strip_prefix("FAIL\t1").and_then(|rest| rest.strip_suffix("\n")).unwrap()
}

#[test]
fn plain_without_a_response_is_asked_for_it_with_both_tabs() {
    let mut client = Client::greeted();
    assert_eq!(client.send("AUTH\t4\tPLAIN\tservice=smtp\n"), "CONT\t4\t\n");
    assert_eq!(client.send(format!("CONT\t4\t{}\n", base64(b"anna\0anna\0secret"))), "");
    assert_eq!(client.request().credentials.login, b"anna");
}

#[test]
fn login_asks_for_login_and_password() {
    for begin in ["AUTH\t3\tLOGIN\tservice=smtp\n", "AUTH\t3\tLOGIN\tservice=smtp\tresp=\n"] {
        for minor in [0, 2] {
            let mut client = Client::greeted_with(settings(), minor);
            assert_eq!(client.send(begin), "CONT\t3\tVXNlcm5hbWU6\n");
            assert_eq!(client.send("CONT\t3\tYW5uYQ==\n"), "CONT\t3\tUGFzc3dvcmQ6\n");
            assert_eq!(client.send("CONT\t3\tc2VjcmV0\n"), "");
            let request = client.request();
            assert!(request.credentials.password == Secret::copy_of(b"secret"));
            assert_eq!(request.parameters.mechanism, Mechanism::Login);
            assert_eq!(client.answer(&request, &Outcome::ACCEPT), "OK\t3\tuser=anna\n");
        }
    }
}

#[test]
fn logins_initial_response_is_the_login() {
    let mut client = Client::greeted();
    let said = client.send("AUTH\t3\tLOGIN\tservice=smtp\tresp=YW5uYQ==\n");
    assert_eq!(said, "CONT\t3\tUGFzc3dvcmQ6\n");
    client.send("CONT\t3\tc2VjcmV0\n");
    assert_eq!(client.request().credentials.login, b"anna");
}

#[test]
fn an_empty_initial_response_is_none_before_minor_version_2() {
    for minor in [0, 1] {
        assert_eq!(said_to(minor, "AUTH\t1\tPLAIN\tservice=smtp\tresp=\n"), "CONT\t1\t\n");
        assert_eq!(said_to(minor, "AUTH\t1\tPLAIN\tservice=smtp\tresp\n"), "CONT\t1\t\n");
    }
    assert_eq!(said_to(2, "AUTH\t1\tPLAIN\tservice=smtp\tresp=\n"), "FAIL\t1\n");
    assert_eq!(said_to(9, "AUTH\t1\tPLAIN\tservice=smtp\tresp=\n"), "FAIL\t1\n");
}

#[test]
fn a_single_equals_sign_is_an_empty_response() {
    assert_eq!(said_to(1, "AUTH\t1\tPLAIN\tservice=smtp\tresp==\n"), "FAIL\t1\n");
    assert_eq!(said_to(1, "AUTH\t1\tLOGIN\tservice=smtp\tresp==\n"), "CONT\t1\tVXNlcm5hbWU6\n");
    let mut client = Client::greeted();
    client.send("AUTH\t1\tPLAIN\tservice=smtp\n");
    assert_eq!(client.send("CONT\t1\t=\n"), "FAIL\t1\n");
    assert_eq!(client.refused(), RefusalReason::MalformedResponse);
}

#[test]
fn what_is_no_base64_fails_at_once_with_the_words_of_dovecot() {
    for text in ["*", "A", "AGFubmEAc2VjcmU", "AGFubmEAc2VjcmU=AAAA", "====", "AG\x01t=", "AGFu bmEAc2VjcmV0"]
    {
        let line = format!("AUTH\t1\tPLAIN\tservice=smtp\tresp={text}\n");
        let fields = "\tcode=invalid_base64\treason=Invalid base64 data in initial response";
        assert_eq!(fields_of_fail(&said_to(1, &line)), fields, "{text:?}");
        let mut client = Client::greeted();
        client.send("AUTH\t1\tPLAIN\tservice=smtp\n");
        let fields = "\tcode=invalid_base64\treason=Invalid base64 data in continued response";
        assert_eq!(fields_of_fail(&client.send(format!("CONT\t1\t{text}\n"))), fields, "{text:?}");
        assert_eq!(client.refused(), RefusalReason::InvalidResponse);
        assert!(client.session.is_at_rest(), "the connection lives on");
    }
    let mut client = Client::greeted();
    client.send("AUTH\t1\tPLAIN\tservice=smtp\n");
    assert!(client.send("CONT\t1\tAGFubmEAc2VjcmV0\tx=y\n").contains("invalid_base64"));
}

#[test]
fn plain_must_be_three_parts() {
    for response in [&b"anna"[..], b"anna\0secret", b"\0anna\0secret\0", b"\0anna\0secret\0x", b"\0"] {
        let mut client = Client::greeted();
        assert_eq!(client.plain(1, response), "FAIL\t1\n", "{response:?}");
        assert_eq!(client.refused(), RefusalReason::MalformedResponse);
        client.assert_nothing_happens();
    }
}

#[test]
fn nobody_acts_as_somebody_else() {
    let mut client = Client::greeted();
    assert_eq!(client.plain(1, b"bert\0anna\0secret"), "FAIL\t1\tuser=anna\tauthz\tcode=authz_fail\n");
    assert_eq!(client.refused(), RefusalReason::OtherAuthorization);
    assert_eq!(client.plain(2, b"Anna\0anna\0secret"), "FAIL\t2\tuser=anna\tauthz\tcode=authz_fail\n");
    client.refused();
    client.assert_nothing_happens();
}

#[test]
fn an_empty_login_or_password_is_never_asked_about() {
    for (response, said) in [
        (&b"\0\0secret"[..], "FAIL\t1\tuser=\n"),
        (b"\0\0", "FAIL\t1\tuser=\n"),
        (b"\0anna\0", "FAIL\t1\tuser=anna\n"),
    ] {
        let mut client = Client::greeted();
        assert_eq!(client.plain(1, response), said);
        assert!(matches!(client.refused(), RefusalReason::Invalid(_)));
        client.assert_nothing_happens();
    }
    let mut client = Client::greeted();
    client.send(login(1));
    assert_eq!(client.send("CONT\t1\t\n"), "FAIL\t1\tuser=\n", "before it is asked for a password");
    client.send(login(1));
    client.send("CONT\t1\tYW5uYQ==\n");
    assert_eq!(client.send("CONT\t1\t\n"), "FAIL\t1\tuser=anna\n");
}

#[test]
fn a_nul_within_login_or_password_is_refused() {
    let begin = |response: &[u8]| format!("AUTH\t1\tLOGIN\tservice=smtp\tresp={}\n", base64(response));
    for name in [&b"an\0na"[..], b"anna\0", b"\0"] {
        assert_eq!(said_to(1, &begin(name)), "FAIL\t1\n", "{name:?}");
    }
    for password in [&b"se\0cret"[..], b"secret\0", b"\0secret"] {
        let mut client = Client::greeted();
        client.send(begin(b"anna"));
        assert_eq!(client.send(format!("CONT\t1\t{}\n", base64(password))), "FAIL\t1\tuser=anna\n");
        assert!(matches!(client.refused(), RefusalReason::Invalid(_)));
        client.assert_nothing_happens();
    }
}

#[test]
fn control_bytes_in_a_login_are_refused_and_told_escaped() {
    for (response, user) in [
        (&b"\0an\tna\0p"[..], "an\x01tna"),
        (b"\0an\nOK\t2\0p", "an\x01nOK\x01t2"),
        (b"\0\x01\0p", "\x011"),
        (b"\0\x7f\0p", "\x7f"),
    ] {
        let mut client = Client::greeted();
        assert_eq!(client.plain(1, response), format!("FAIL\t1\tuser={user}\n"));
        assert_eq!(client.refused(), RefusalReason::ControlBytes);
        client.assert_nothing_happens();
    }
}

#[test]
fn other_bytes_of_a_login_and_all_of_a_password_are_left_as_they_are() {
    let mut client = Client::greeted();
    client.plain(1, "\0änna b\0p\tä\n\x01".as_bytes());
    let request = client.request();
    assert_eq!(request.credentials.login, "änna b".as_bytes());
    assert!(request.credentials.password == Secret::copy_of("p\tä\n\x01".as_bytes()));
}

#[test]
fn login_and_password_have_the_limits_of_the_configuration() {
    let limits = Limits { field: 4, password: 6 };
    for (response, said) in [
        (&b"\0anna\0secret"[..], ""),
        (b"\0annas\0secret", "FAIL\t1\n"),
        (b"\0anna\0secrets", "FAIL\t1\tuser=anna\n"),
    ] {
        let mut client = Client::greeted_with(SessionSettings { limits, ..settings() }, 0);
        assert_eq!(client.send(format!("AUTH\t1\tPLAIN\tservice=s\tresp={}\n", base64(response))), said);
        assert_eq!(client.session.open_requests().count(), usize::from(said.is_empty()));
    }
}
