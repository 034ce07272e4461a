//! PLAIN and LOGIN, with and without an initial response.

use super::{expect_served, plain, response, start};
use crate::support::AuthServer;

for_both_auth_servers!(
    plain_tells_right_wrong_and_unknown_apart,
    login_asks_for_both_or_for_the_password,
    plain_without_a_response_asks_for_it,
    an_empty_response_is_none_for_clients_before_minor_version_2,
    an_equals_sign_is_an_empty_response,
    a_name_of_a_mechanism_may_be_in_small_letters,
    parameters_that_are_not_known_are_skipped,
    what_is_no_base64_is_refused_at_once,
);

fn plain_tells_right_wrong_and_unknown_apart(program: AuthServer) {
    let server = start(program);
    let mut client = server.log_on();
    for (login, password, answer) in [
        ("anna", "secret", r"OK\t1\tuser=anna"),
        ("anna", "wrong", r"FAIL\t1\tuser=anna"),
        ("anna", "", r"FAIL\t1\tuser=anna"),
        ("anna", "secre", r"FAIL\t1\tuser=anna"),
        ("anna", "secrets", r"FAIL\t1\tuser=anna"),
        ("nobody", "secret", r"FAIL\t1\tuser=nobody"),
        ("bert@example.org", "hush hush", r"OK\t1\tuser=bert@example.org"),
        ("bert", "hush hush", r"FAIL\t1\tuser=bert"),
    ] {
        client.send(plain(1, login, password));
        assert_eq!(client.line(), answer);
    }
}

fn login_asks_for_both_or_for_the_password(program: AuthServer) {
    let server = start(program);
    let mut client = server.log_on();
    for (password, answer) in [("c2VjcmV0", r"OK\t3\tuser=anna"), ("d3Jvbmc=", r"FAIL\t3\tuser=anna")] {
        client.send("AUTH\t3\tLOGIN\tservice=smtp\n");
        assert_eq!(client.line(), r"CONT\t3\tVXNlcm5hbWU6");
        client.send("CONT\t3\tYW5uYQ==\n");
        assert_eq!(client.line(), r"CONT\t3\tUGFzc3dvcmQ6");
        client.send(format!("CONT\t3\t{password}\n"));
        assert_eq!(client.line(), answer);
        client.send("AUTH\t3\tLOGIN\tservice=smtp\tresp=YW5uYQ==\n");
        assert_eq!(client.line(), r"CONT\t3\tUGFzc3dvcmQ6");
        client.send(format!("CONT\t3\t{password}\n"));
        assert_eq!(client.line(), answer);
    }
}

/// Postfix says 535 if the TAB is missing.
fn plain_without_a_response_asks_for_it(program: AuthServer) {
    let server = start(program);
    let mut client = server.log_on();
    client.send("AUTH\t4\tPLAIN\tservice=smtp\n");
    assert_eq!(client.line(), r"CONT\t4\t");
    client.send(format!("CONT\t4\t{}\n", response("", "anna", "secret")));
    assert_eq!(client.line(), r"OK\t4\tuser=anna");
    client.send("AUTH\t5\tPLAIN\tservice=smtp\n");
    assert_eq!(client.line(), r"CONT\t5\t");
    client.send("CONT\t5\t\n");
    assert_eq!(client.line(), r"FAIL\t5");
}

/// Exim sends `resp=` always.
fn an_empty_response_is_none_for_clients_before_minor_version_2(program: AuthServer) {
    let server = start(program);
    for minor in [0, 1] {
        let mut client = server.connect().introduced(minor);
        client.send("AUTH\t1\tPLAIN\tservice=smtp\tresp=\n");
        assert_eq!(client.line(), r"CONT\t1\t", "1.{minor}");
        client.send(format!("CONT\t1\t{}\n", response("", "anna", "secret")));
        assert_eq!(client.line(), r"OK\t1\tuser=anna", "1.{minor}");
    }
    let mut client = server.log_on();
    client.send("AUTH\t1\tPLAIN\tservice=smtp\tresp=\n");
    assert_eq!(client.line(), r"FAIL\t1");
    for minor in [0, 2] {
        let mut client = server.connect().introduced(minor);
        client.send("AUTH\t1\tLOGIN\tservice=smtp\tresp=\n");
        assert_eq!(client.line(), r"CONT\t1\tVXNlcm5hbWU6", "1.{minor}");
    }
}

fn an_equals_sign_is_an_empty_response(program: AuthServer) {
    let server = start(program);
    for minor in [0, 2] {
        let mut client = server.connect().introduced(minor);
        client.send("AUTH\t1\tPLAIN\tservice=smtp\tresp==\n");
        assert_eq!(client.line(), r"FAIL\t1", "1.{minor}");
        client.send("AUTH\t2\tLOGIN\tservice=smtp\tresp==\n");
        assert_eq!(client.line(), r"CONT\t2\tVXNlcm5hbWU6", "1.{minor}");
    }
}

fn a_name_of_a_mechanism_may_be_in_small_letters(program: AuthServer) {
    let server = start(program);
    let mut client = server.log_on();
    client.send(plain(1, "anna", "secret").replace("PLAIN", "plain"));
    assert_eq!(client.line(), r"OK\t1\tuser=anna");
}

fn parameters_that_are_not_known_are_skipped(program: AuthServer) {
    let server = start(program);
    let mut client = server.log_on();
    let response = response("", "anna", "secret");
    for parameters in [
        "service=smtp\tnologin\tlip=127.0.0.1\trip=127.0.0.1\tsecured",
        "service=smtp\tsecured\tvalid-client-cert\trip=2001:db8::1\tlip=::1\tnologin",
        "service=smtp\tlport=25\trport=40000\tsession=abc\tno-penalty\tcert_username=x\tclient_id=",
        "service=smtp\tfuture\tanother=thing\t=\t\tresponse=no",
        "rip=nonsense\tservice=smtp",
        "service=",
    ] {
        client.send(format!("AUTH\t1\tPLAIN\t{parameters}\tresp={response}\n"));
        assert_eq!(client.line(), r"OK\t1\tuser=anna", "{parameters:?}");
    }
}

fn what_is_no_base64_is_refused_at_once(program: AuthServer) {
    let server = start(program);
    let mut client = server.log_on();
    for text in ["!!!", "AGFubmEAc2VjcmV0!", "YW5uYQ==YW5uYQ==", "YW5uYQ", "A"] {
        client.send(format!("AUTH\t15\tPLAIN\tservice=smtp\tresp={text}\n"));
        let answer = r"FAIL\t15\tcode=invalid_base64\treason=Invalid base64 data in initial response";
        assert_eq!(client.line(), answer, "{text:?}");
        client.send("AUTH\t16\tPLAIN\tservice=smtp\n");
        assert_eq!(client.line(), r"CONT\t16\t");
        client.send(format!("CONT\t16\t{text}\n"));
        let answer = r"FAIL\t16\tcode=invalid_base64\treason=Invalid base64 data in continued response";
        assert_eq!(client.line(), answer, "{text:?}");
    }
    // An equals sign stands for an empty response in a request only.
    client.send("AUTH\t17\tPLAIN\tservice=smtp\n");
    assert_eq!(client.line(), r"CONT\t17\t");
    client.send("CONT\t17\t=\n");
    assert!(client.line().starts_with(r"FAIL\t17"));
    expect_served(&mut client);
}
