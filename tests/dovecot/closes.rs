//! What no client may send: the connection is closed, without a word.

use super::{expect_served, plain, start};
use crate::support::AuthServer;

for_both_auth_servers!(
    a_handshake_that_is_not_one_ends_the_connection,
    a_request_that_is_not_one_ends_the_connection,
    the_number_of_an_open_request_may_not_be_used_for_another,
    one_connection_that_is_closed_does_not_disturb_another,
);

fn a_handshake_that_is_not_one_ends_the_connection(program: AuthServer) {
    let server = start(program);
    for lines in [
        "CPID\t4711\n",
        "VERSION\t2\t0\nCPID\t4711\n",
        "VERSION\t0\t2\nCPID\t4711\n",
        "VERSION\t1\nCPID\t4711\n",
        "VERSION\t1\tx\nCPID\t4711\n",
        "VERSION\t1\t2\nVERSION\t1\t2\nCPID\t4711\n",
        // A request before the client has told who it is.
        "VERSION\t1\t2\n",
        "VERSION\t1\t2\nCPID\t0\n",
        "VERSION\t1\t2\nCPID\tx\n",
        "VERSION\t1\t2\nCPID\t4711\nCPID\t4711\n",
        "\n",
        "EHLO client.example.test\n",
    ] {
        let mut client = server.connect();
        client.greeting();
        client.send(format!("{lines}{}", plain(1, "anna", "secret")));
        assert_eq!(client.next_line(), None, "{lines:?}");
    }
    expect_served(&mut server.log_on());
}

fn a_request_that_is_not_one_ends_the_connection(program: AuthServer) {
    let server = start(program);
    let response = super::response("", "anna", "secret");
    for line in [
        "HELLO\t1".to_owned(),
        String::new(),
        "auth\t1\tPLAIN\tservice=smtp".to_owned(),
        "AUTH".to_owned(),
        "AUTH\t1".to_owned(),
        format!("AUTH\t1\tSCRAM-SHA-1\tservice=smtp\tresp={response}"),
        format!("AUTH\t0\tPLAIN\tservice=smtp\tresp={response}"),
        format!("AUTH\tx\tPLAIN\tservice=smtp\tresp={response}"),
        format!("AUTH\t4294967296\tPLAIN\tservice=smtp\tresp={response}"),
        format!("AUTH\t1\tPLAIN\tresp={response}"),
        format!("AUTH\t1\tPLAIN\tservice=smtp\tresp={response}\tsecured"),
    ] {
        let mut client = server.log_on();
        client.send(format!("{line}\n"));
        assert_eq!(client.next_line(), None, "{line:?}");
    }
    let mut client = server.log_on();
    client.send("AUTH\t1\tPLAIN\tservice=smtp\n");
    assert_eq!(client.line(), r"CONT\t1\t");
    // The response is missing, and its TAB.
    client.send("CONT\t1\n");
    assert_eq!(client.next_line(), None);
    expect_served(&mut server.log_on());
}

fn the_number_of_an_open_request_may_not_be_used_for_another(program: AuthServer) {
    let server = start(program);
    let mut client = server.log_on();
    client.send("AUTH\t1\tPLAIN\tservice=smtp\n");
    assert_eq!(client.line(), r"CONT\t1\t");
    client.send(plain(1, "anna", "secret"));
    assert_eq!(client.next_line(), None);
}

fn one_connection_that_is_closed_does_not_disturb_another(program: AuthServer) {
    let server = start(program);
    let mut client = server.log_on();
    client.send("AUTH\t1\tPLAIN\tservice=smtp\n");
    assert_eq!(client.line(), r"CONT\t1\t");
    let mut other = server.log_on();
    other.send("HELLO\t1\n");
    assert_eq!(other.next_line(), None);
    client.send(format!("CONT\t1\t{}\n", super::response("", "anna", "secret")));
    assert_eq!(client.line(), r"OK\t1\tuser=anna");
}
