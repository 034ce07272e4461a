//! How long a line may be: 16,384 bytes with its end.

use super::{expect_served, response, start};
use crate::support::AuthServer;

/// With the line feed.
const LONGEST_LINE: usize = 16384;

for_both_auth_servers!(
    a_line_of_16_kibibytes_is_read,
    a_longer_line_ends_the_connection,
    a_line_without_end_ends_the_connection,
);

fn a_line_of_16_kibibytes_is_read(program: AuthServer) {
    let server = start(program);
    let mut client = server.log_on();
    for length in [8192, 8193, LONGEST_LINE - 1, LONGEST_LINE] {
        client.send(request_of(length));
        assert_eq!(client.line(), r"OK\t1\tuser=anna", "{length}");
    }
    expect_served(&mut client);
}

fn a_longer_line_ends_the_connection(program: AuthServer) {
    let server = start(program);
    for length in [LONGEST_LINE + 1, LONGEST_LINE + 2, 20_000, 100_000] {
        let mut client = server.log_on();
        expect_served(&mut client);
        client.send(request_of(length));
        assert_eq!(client.next_line(), None, "{length}");
    }
    expect_served(&mut server.log_on());
}

fn a_line_without_end_ends_the_connection(program: AuthServer) {
    let server = start(program);
    let mut client = server.log_on();
    expect_served(&mut client);
    client.send("A".repeat(LONGEST_LINE + 1));
    assert_eq!(client.next_line(), None);
    let mut client = server.connect();
    client.greeting();
    client.send("V".repeat(LONGEST_LINE + 1));
    assert_eq!(client.next_line(), None);
}

/// A request of so many bytes with its line feed, most of them in a parameter that nobody knows.
fn request_of(length: usize) -> String {
    let (start, end) = ("AUTH\t1\tPLAIN\tservice=smtp\tx=", response("", "anna", "secret"));
    let rest = length - start.len() - "\tresp=".len() - end.len() - 1;
    format!("{start}{}\tresp={end}\n", "a".repeat(rest))
}
