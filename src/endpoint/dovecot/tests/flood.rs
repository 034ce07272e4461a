//! Clients that ask more than they may, or in pieces.

use super::*;
use crate::endpoint::dovecot::session::MOST_OUTPUT;
use crate::secret::alive;

#[test]
fn at_the_bound_the_exchange_makes_room_that_has_waited_longest_for_its_client() {
    let mut client = Client::greeted();
    for id in 1..=16 {
        client.send(login(id));
        client.pass(Duration::from_millis(1));
    }
    client.send("CONT\t1\tYW5uYQ==\n");
    let said = client.plain(17, b"\0anna\0secret");
    assert_eq!(said, "FAIL\t2\ttemp\tcode=temp_fail\n", "1 has gone on since");
    assert_eq!(client.refused(), RefusalReason::TooManyRequests);
    assert_eq!(client.request().credentials.login, b"anna");
    client.send("CONT\t1\tc2VjcmV0\n");
    client.request();
}

#[test]
fn one_request_more_than_can_be_checked_fails_as_temporary() {
    let mut client = Client::greeted();
    for id in 1..=16 {
        assert_eq!(client.plain(id, b"\0anna\0secret"), "");
    }
    assert_eq!(client.plain(17, b"\0anna\0secret"), "FAIL\t17\ttemp\tcode=temp_fail\n");
    assert_eq!(client.send(login(18)), "FAIL\t18\ttemp\tcode=temp_fail\n");
    assert_eq!(client.session.open_requests().count(), 16);
    let request = client.request();
    assert_eq!(client.answer(&request, &Outcome::ACCEPT), "OK\t1\tuser=anna\n");
    assert_eq!(client.plain(17, b"\0anna\0secret"), "", "there is room again");
}

#[test]
fn a_refusal_takes_nobodys_room() {
    let mut client = Client::greeted_with(SessionSettings { max_open: 1, ..settings() }, 0);
    client.send(login(1));
    assert!(client.send("AUTH\t2\tPLAIN\tservice=smtp\tresp=*\n").contains("invalid_base64"));
    assert_eq!(client.send("CONT\t1\tYW5uYQ==\n"), "CONT\t1\tUGFzc3dvcmQ6\n");
}

#[test]
fn a_client_that_does_not_read_is_not_read_from_and_then_closed() {
    let mut client = Client::greeted();
    let lines = "CONT\t9\t\n".repeat(2048);
    client.session.handle_input(lines.as_bytes(), client.now);
    assert!(!client.session.wants_input());
    assert!(client.session.next_event().is_none(), "one read of the shortest lines is not the end");
    client.session.handle_input(lines.as_bytes(), client.now);
    assert!(client.session.output().len() <= MOST_OUTPUT + 100);
    client.read();
    assert_eq!(client.closed(), CloseReason::Unread);
}

#[test]
fn a_client_that_reads_is_read_from_again() {
    let mut client = Client::greeted();
    client.session.handle_input("CONT\t9\t\n".repeat(2048).as_bytes(), client.now);
    assert!(!client.session.wants_input());
    client.read();
    assert!(client.session.wants_input());
}

#[test]
fn a_million_bytes_come_one_by_one_in_linear_time() {
    let mut client = Client::greeted();
    let parameter = "x".repeat(16_000);
    let line = format!("AUTH\t1\tPLAIN\tservice=smtp\tx={parameter}\tresp=AGFubmEAc2VjcmV0\nCANCEL\t1\n");
    let started = Instant::now();
    for byte in line.repeat(65).bytes() {
        client.session.handle_input(&[byte], client.now);
    }
    // A quadratic reader would look at 8·10⁹ bytes.
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    client.assert_nothing_happens();
    assert!(client.session.is_at_rest());
}

#[test]
fn many_short_requests_at_once_take_linear_time() {
    let mut client = Client::greeted();
    let mut lines = login(1) + "CANCEL\t1\n";
    lines.push_str("AUTH\t1\tPLAIN\tservice=s\tresp=AGFubmEAc2VjcmV0\nCANCEL\t1\n");
    let lines = lines.repeat(10_000);
    let started = Instant::now();
    for piece in lines.as_bytes().chunks(16 * 1024) {
        client.send(piece);
    }
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    client.assert_nothing_happens();
}

#[test]
fn no_password_is_kept_once_it_is_asked_about_refused_or_cancelled() {
    let before = alive();
    let mut client = Client::greeted();
    let at_rest = alive();
    for byte in plain(1, b"\0anna\0secret").bytes() {
        client.send([byte]);
    }
    assert_eq!(alive(), at_rest + 1, "the password of the request");
    let request = client.request();
    client.answer(&request, &Outcome::ACCEPT);
    drop(request);
    assert_eq!(alive(), at_rest);
    client.send(plain(1, b"\0anna\0secret") + "CANCEL\t1\n" + &plain(2, b"bert\0anna\0secret"));
    assert_eq!(alive(), at_rest);
    client.send(plain(3, b"\0anna\0secret") + "FOO\n");
    assert_eq!(alive(), at_rest, "taken back with the close");
    drop(client);
    assert_eq!(alive(), before);
}

#[test]
fn requests_come_whole_in_pieces_of_any_size() {
    let lines = login(1)
        + "CONT\t1\tYW5uYQ==\r\nCONT\t1\tc2VjcmV0\n"
        + &plain(2, b"\0bert\0geheim")
        + "CONT\t7\t\nCANCEL\t2\n"
        + &plain(2, b"\0cleo\0x");
    for size in 1..lines.len() {
        let mut client = Client::greeted();
        let said: String = lines.as_bytes().chunks(size).map(|piece| client.send(piece)).collect();
        assert_eq!(
            said,
            "CONT\t1\tVXNlcm5hbWU6\nCONT\t1\tUGFzc3dvcmQ6\nFAIL\t7\treason=Authentication request timed out\n"
        );
        let logins = [client.request().credentials.login, client.request().credentials.login];
        assert_eq!(logins, [b"anna", b"cleo"]);
    }
}
