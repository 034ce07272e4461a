//! What clients see when nobody could be asked.

use super::*;

const TEMPORARY: &str = "\ttemp\tcode=temp_fail\n";

#[test]
fn the_connection_is_closed_without_an_answer() {
    let mut client = Client::greeted();
    client.plain(1, b"\0anna\0secret");
    let request = client.request();
    assert_eq!(client.answer(&request, &unavailable()), "");
    assert_eq!(client.closed(), CloseReason::Unavailable);
}

#[test]
fn exchanges_that_postfix_has_forgotten_do_not_keep_it_from_the_close() {
    let mut client = Client::greeted();
    client.send(login(1) + &login(2));
    client.plain(3, b"\0anna\0secret");
    let request = client.request();
    assert_eq!(client.answer(&request, &unavailable()), "");
    assert_eq!(client.closed(), CloseReason::Unavailable);
}

#[test]
fn while_others_are_checked_the_answer_says_that_it_is_temporary() {
    let mut client = Client::greeted();
    client.send(plain(1, b"\0anna\0secret") + &plain(2, b"\0bert\0secret") + &plain(3, b"\0cleo\0secret"));
    let requests = [client.request(), client.request(), client.request()];
    assert_eq!(client.answer(&requests[1], &unavailable()), format!("FAIL\t2\tuser=bert{TEMPORARY}"));
    assert_eq!(client.answer(&requests[0], &Outcome::ACCEPT), "OK\t1\tuser=anna\n");
    assert_eq!(client.answer(&requests[2], &unavailable()), "", "the last one");
    assert_eq!(client.closed(), CloseReason::Unavailable);
}

#[test]
fn where_the_configuration_wants_an_answer_there_is_one() {
    for outcome in [unavailable(), Outcome::broken_off("test")] {
        let mut client =
            Client::greeted_with(SessionSettings { on_unavailable: OnUnavailable::No, ..settings() }, 0);
        client.plain(1, b"\0anna\0secret");
        let request = client.request();
        assert_eq!(client.answer(&request, &outcome), format!("FAIL\t1\tuser=anna{TEMPORARY}"));
        assert!(client.session.is_at_rest());
    }
}
