//! Greeting, handshake, what closes the connection, hand-over.

use super::*;

#[test]
fn the_greeting_is_there_before_the_client_has_said_anything() {
    let mut client = Client::new(settings());
    assert_eq!(
        client.read(),
        "VERSION\t1\t2\nMECH\tPLAIN\tplaintext\nMECH\tLOGIN\tplaintext\nSPID\t4711\nCUID\t25\n\
         COOKIE\ta5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5\nDONE\n"
    );
}

#[test]
fn the_longest_greeting_can_be_read_at_once() {
    let identity = Identity { process: u32::MAX, connection: u64::MAX, cookie: [0; 16] };
    assert!(reply::greeting(&Mechanism::ALL, &identity).len() < 1024);
}

#[test]
fn only_what_the_settings_offer_is_offered_and_taken() {
    let mut client = Client::new(SessionSettings { mechanisms: vec![Mechanism::Login], ..settings() });
    assert!(client.read().contains("\nMECH\tLOGIN\tplaintext\nSPID"));
    client.send("VERSION\t1\t1\nCPID\t1\n");
    assert_eq!(client.plain(1, b"\0anna\0secret"), "");
    assert_eq!(client.closed(), CloseReason::Protocol(ProtocolError::UnknownMechanism));
}

#[test]
fn the_ways_of_known_clients_to_shake_hands_are_understood() {
    for hello in
        ["VERSION\t1\t0\nCPID\t9040\n", "VERSION\t1\t1\r\nCPID\t4294967295\r\n", "VERSION\t1\t9\nCPID\t1\n"]
    {
        let mut client = Client::new(settings());
        client.read();
        assert_eq!(client.send(hello), "", "{hello:?}");
        client.plain(1, b"\0anna\0secret");
        client.request();
    }
}

#[test]
fn a_client_that_does_not_shake_hands_is_closed_as_by_dovecot() {
    use ProtocolError::*;
    for (hello, error) in [
        ("CPID\t7\n", OutOfTurn),
        ("AUTH\t1\tPLAIN\tservice=smtp\n", OutOfTurn),
        ("VERSION\t1\t1\nAUTH\t1\tPLAIN\tservice=smtp\n", OutOfTurn),
        ("VERSION\t1\t1\nVERSION\t1\t1\n", OutOfTurn),
        ("VERSION\t1\t1\nCPID\t7\nCPID\t8\n", OutOfTurn),
        ("VERSION\t1\t1\nCPID\t7\nVERSION\t1\t1\n", OutOfTurn),
        ("VERSION\t2\t0\n", UnknownVersion),
        ("VERSION\n", Malformed),
        ("VERSION\t1\n", Malformed),
        ("VERSION\t1\tx\n", Malformed),
        ("VERSION\t1\t\n", Malformed),
        ("VERSION\t1\t1\tx\n", Malformed),
        ("VERSION\t1\t1\nCPID\n", Malformed),
        ("VERSION\t1\t1\nCPID\t0\n", Malformed),
        ("VERSION\t1\t1\nCPID\tx\n", Malformed),
        ("VERSION\t1\t1\nCPID\t7\tx\n", Malformed),
    ] {
        let mut client = Client::new(settings());
        client.read();
        assert_eq!(client.send(hello), "", "{hello:?}");
        assert_eq!(client.closed(), CloseReason::Protocol(error), "{hello:?}");
    }
}

#[test]
fn a_client_that_has_shaken_hands_is_closed_for_what_dovecot_closes_for() {
    use ProtocolError::*;
    for (line, error) in [
        ("FOO\t1\n", UnknownCommand),
        ("\n", UnknownCommand),
        ("auth\t1\tPLAIN\tservice=smtp\n", UnknownCommand),
        ("AUTH\n", Malformed),
        ("AUTH\t1\n", Malformed),
        ("AUTH\t0\tPLAIN\tservice=smtp\n", Malformed),
        ("AUTH\t4294967296\tPLAIN\tservice=smtp\n", Malformed),
        ("AUTH\t-1\tPLAIN\tservice=smtp\n", Malformed),
        ("AUTH\t+1\tPLAIN\tservice=smtp\n", Malformed),
        ("AUTH\t\tPLAIN\tservice=smtp\n", Malformed),
        ("AUTH\t1\tCRAM-MD5\tservice=smtp\n", UnknownMechanism),
        ("AUTH\t1\tPLAIN\n", NoService),
        ("AUTH\t1\tPLAIN\tnologin\tresp=\n", NoService),
        ("AUTH\t1\tPLAIN\tservice=smtp\tresp=AGEAYg==\tsecured\n", AfterResponse),
        ("AUTH\t1\tPLAIN\tservice=smtp\tresp=AGEAYg==\t\n", AfterResponse),
        ("CONT\n", Malformed),
        ("CONT\t1\n", Malformed),
        ("CONT\tx\tAA==\n", Malformed),
        ("CANCEL\n", Malformed),
        ("CANCEL\tx\n", Malformed),
        ("CANCEL\t1\tx\n", Malformed),
        ("AUTH\t1\tLOGIN\tservice=smtp\nAUTH\t1\tPLAIN\tservice=smtp\n", IdInUse),
    ] {
        let mut client = Client::greeted();
        client.send(line);
        assert_eq!(client.closed(), CloseReason::Protocol(error), "{line:?}");
    }
}

#[test]
fn what_was_said_before_a_close_is_still_written() {
    let mut client = Client::greeted();
    let said = client.send("CONT\t9\tAA==\nFOO\n");
    assert_eq!(said, "FAIL\t9\treason=Authentication request timed out\n");
    assert_eq!(client.closed(), CloseReason::Protocol(ProtocolError::UnknownCommand));
}

#[test]
fn a_close_withdraws_what_is_being_checked_and_takes_back_what_nobody_has_heard_of() {
    let mut client = Client::greeted();
    client.plain(1, b"\0anna\0secret");
    let request = client.request();
    client.send(plain(2, b"\0bert\0secret") + "FOO\n");
    let Some(SessionEvent::Withdrawn(number)) = client.session.next_event() else { panic!() };
    assert_eq!(number, request.number);
    assert_eq!(client.closed(), CloseReason::Protocol(ProtocolError::UnknownCommand));
    assert_eq!(client.answer(&request, &Outcome::ACCEPT), "", "it is too late");
    assert_eq!(client.session.open_requests().count(), 0);
}

#[test]
fn a_line_of_16384_bytes_is_taken_and_a_longer_one_closes() {
    let beginning = "AUTH\t1\tLOGIN\tservice=smtp\tx=";
    for (length, taken) in [(16_384, true), (16_385, false)] {
        let line = format!("{beginning}{}\n", "x".repeat(length - beginning.len() - 1));
        let mut client = Client::greeted();
        assert_eq!(!client.send(line).is_empty(), taken, "{length}");
        if !taken {
            assert_eq!(client.closed(), CloseReason::Protocol(ProtocolError::LineTooLong));
        }
    }
}

#[test]
fn a_client_between_requests_may_be_silent_for_ever() {
    let mut client = Client::greeted();
    client.plain(1, b"\0anna\0secret");
    let request = client.request();
    client.answer(&request, &Outcome::ACCEPT);
    assert_eq!(client.session.next_timeout(), None);
    assert_eq!(client.pass(Duration::from_secs(86_400)), "");
    client.assert_nothing_happens();
}

#[test]
fn a_handshake_or_a_line_that_does_not_end_is_given_up() {
    for bytes in ["", "VERSION\t1\t1\n", "VERSION\t1\t1\nCPID", "VERSION\t1\t1\nCPID\t7\nAU"] {
        let mut client = Client::new(settings());
        client.send(bytes);
        assert_eq!(client.session.next_timeout(), Some(client.now + CONTINUATION_TIME), "{bytes:?}");
        client.pass(CONTINUATION_TIME - Duration::from_millis(1));
        client.assert_nothing_happens();
        client.pass(Duration::from_millis(1));
        assert_eq!(client.closed(), CloseReason::TimedOut, "{bytes:?}");
    }
}

#[test]
fn bytes_that_trickle_in_do_not_gain_time() {
    let mut client = Client::greeted();
    let until = client.now + CONTINUATION_TIME;
    for byte in "AUTH\t1\tPL".bytes() {
        client.send([byte]);
        assert_eq!(client.session.next_timeout(), Some(until));
        client.pass(Duration::from_secs(1));
    }
    // A line that begins where another ends has its own time.
    client.send("AIN\tservice=x\nCANCEL\t1\nAUTH");
    assert_eq!(client.session.next_timeout(), Some(client.now + CONTINUATION_TIME));
}

#[test]
fn only_a_connection_without_anything_begun_is_at_rest() {
    let mut client = Client::new(settings());
    assert!(!client.session.is_at_rest(), "the greeting is not written");
    client.read();
    assert!(client.session.is_at_rest());
    client.send("VERSION\t1\t1\nCPID\t7");
    assert!(!client.session.is_at_rest(), "a part of a line");
    client.send("\n");
    assert!(client.session.is_at_rest());
    client.send(login(1));
    assert!(!client.session.is_at_rest(), "the client is to go on");
    client.send("CANCEL\t1\n");
    assert!(client.session.is_at_rest());
    client.plain(2, b"\0anna\0secret");
    assert!(!client.session.is_at_rest(), "a request that nobody has taken");
    let request = client.request();
    assert!(!client.session.is_at_rest(), "an answer is to come");
    client.session.handle_answer(request.number, &Outcome::ACCEPT, b"anna");
    assert!(!client.session.is_at_rest(), "the answer is not written");
    client.read();
    assert!(client.session.is_at_rest());
    client.send("FOO\n");
    assert!(!client.session.is_at_rest(), "it is to be closed");
}

#[test]
fn a_connection_goes_on_in_another_process_where_it_was() {
    let hello = ["VERSION\t1\t2\n", "CPID\t7\n", "AUTH\t1\tPLAIN\tservice=smtp\tresp=\n"];
    for at in 0..3 {
        let mut client = Client::new(settings());
        client.read();
        client.send(hello[..at].concat());
        let bytes = client.session.hand_over().encode();
        assert!(bytes.len() <= 256);
        let handed_over = HandedOver::decode(&bytes).unwrap();
        client.session = Session::resume(Rc::new(settings()), handed_over, client.now);
        assert_eq!(client.session.next_timeout().is_none(), at == 2, "a handshake still has to end");
        // The empty response is one for minor version 2 only.
        assert_eq!(client.send(hello[at..].concat()), "FAIL\t1\n", "and no second greeting");
    }
}
