//! What both say before the first request.

use super::{expect_served, plain, start};
use crate::support::AuthServer;
use std::collections::BTreeSet;

for_both_auth_servers!(
    it_greets_in_one_write_before_it_has_heard_anything,
    every_connection_has_its_own_number_and_cookie,
    any_minor_version_is_served,
    the_first_requests_may_come_with_the_handshake_in_one_write,
    a_byte_at_a_time_is_as_good_as_all_at_once,
    lines_may_end_as_in_mail,
    two_connections_of_one_process_are_served,
);

/// Exim waits for the greeting, for ever; Radicale reads once and takes no more than a thousand bytes.
fn it_greets_in_one_write_before_it_has_heard_anything(program: AuthServer) {
    let server = start(program);
    let greeting = server.connect().read_once();
    assert!(greeting.len() < 1024, "{}", greeting.len());
    let text = String::from_utf8(greeting).unwrap();
    let lines: Vec<&str> = text.split_terminator('\n').collect();
    let ["VERSION\t1\t2", mechanisms @ .., spid, cuid, cookie, "DONE"] = &lines[..] else {
        panic!("{lines:?}")
    };
    assert_eq!(mechanisms, ["MECH\tPLAIN\tplaintext", "MECH\tLOGIN\tplaintext"]);
    assert!(text.ends_with('\n'));
    let number = |line: &str, key| line.strip_prefix(key).and_then(|text| text.parse::<u32>().ok());
    assert!(number(spid, "SPID\t").is_some_and(|id| id > 0), "{spid}");
    assert!(number(cuid, "CUID\t").is_some_and(|id| id > 0), "{cuid}");
    let cookie = cookie.strip_prefix("COOKIE\t").unwrap();
    assert!(cookie.len() == 32 && cookie.bytes().all(|digit| digit.is_ascii_hexdigit()), "{cookie}");
}

fn every_connection_has_its_own_number_and_cookie(program: AuthServer) {
    let server = start(program);
    let greetings: Vec<_> = (0..5).map(|_| server.connect().greeting()).collect();
    for key in ["CUID", "COOKIE"] {
        let lines = greetings.iter().flatten().filter(|line| line.starts_with(key));
        assert_eq!(lines.collect::<BTreeSet<_>>().len(), 5, "{key} of {greetings:?}");
    }
}

/// Postfix and Exim are of 1.0, Prosody and chasquid of 1.1.
fn any_minor_version_is_served(program: AuthServer) {
    let server = start(program);
    for minor in [0, 1, 2, 9] {
        expect_served(&mut server.connect().introduced(minor));
    }
}

/// Exim reads the greeting first, others do not wait.
fn the_first_requests_may_come_with_the_handshake_in_one_write(program: AuthServer) {
    let server = start(program);
    let mut client = server.connect();
    client.send(format!("VERSION\t1\t0\nCPID\t9040\n{}", plain(1, "anna", "secret")));
    client.greeting();
    assert_eq!(client.line(), r"OK\t1\tuser=anna");
}

fn a_byte_at_a_time_is_as_good_as_all_at_once(program: AuthServer) {
    let server = start(program);
    let mut client = server.connect();
    for byte in format!("VERSION\t1\t2\nCPID\t4711\n{}", plain(1, "anna", "secret")).bytes() {
        client.send([byte]);
    }
    client.greeting();
    assert_eq!(client.line(), r"OK\t1\tuser=anna");
    expect_served(&mut client);
}

fn lines_may_end_as_in_mail(program: AuthServer) {
    let server = start(program);
    let mut client = server.connect();
    client.greeting();
    let text = format!(
        "VERSION\t1\t2\nCPID\t4711\n{}AUTH\t2\tLOGIN\tservice=smtp\tresp=YW5uYQ==\n",
        plain(1, "anna", "secret")
    );
    client.send(text.replace('\n', "\r\n"));
    assert_eq!(client.lines(2), [r"CONT\t2\tUGFzc3dvcmQ6", r"OK\t1\tuser=anna"]);
    client.send("CONT\t2\tc2VjcmV0\r\n");
    assert_eq!(client.line(), r"OK\t2\tuser=anna");
}

/// The numbers of the requests are each connection's own.
fn two_connections_of_one_process_are_served(program: AuthServer) {
    let server = start(program);
    let (mut first, mut second) = (server.log_on(), server.log_on());
    first.send("AUTH\t1\tLOGIN\tservice=smtp\n");
    second.send(plain(1, "anna", "secret"));
    assert_eq!(second.line(), r"OK\t1\tuser=anna");
    assert_eq!(first.line(), r"CONT\t1\tVXNlcm5hbWU6");
    first.send("CONT\t1\tYW5uYQ==\n");
    assert_eq!(first.line(), r"CONT\t1\tUGFzc3dvcmQ6");
    drop(second);
    first.send("CONT\t1\tc2VjcmV0\n");
    assert_eq!(first.line(), r"OK\t1\tuser=anna");
}
