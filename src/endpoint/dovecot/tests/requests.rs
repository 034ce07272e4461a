//! AUTH, CONT and CANCEL, and their answers.

use super::*;

#[test]
fn what_postfix_sends_becomes_a_request() {
    let mut client = Client::greeted();
    let line = "AUTH\t1\tPLAIN\tservice=smtp\tnologin\tlip=192.0.2.1\trip=192.0.2.7\tsecured\tresp=AGFubmEAc2VjcmV0\n";
    assert_eq!(client.send(line), "");
    let Request { credentials, parameters, .. } = client.request();
    assert_eq!(credentials.login, b"anna");
    assert!(credentials.password == Secret::copy_of(b"secret"));
    assert_eq!(credentials.service, b"smtp");
    assert_eq!(credentials.realm, b"");
    assert_eq!(credentials.client.unwrap().to_string(), "192.0.2.7");
    assert_eq!(parameters.local.unwrap().to_string(), "192.0.2.1");
    assert_eq!(parameters.mechanism, Mechanism::Plain);
    assert!(parameters.secured);
}

#[test]
fn every_answer_to_a_request_names_the_login_and_never_a_reason() {
    for (outcome, said) in [
        (Outcome::Accept("remote authentication successful".into()), "OK\t7\tuser=anna@example.org\n"),
        (Outcome::reject("user unknown"), "FAIL\t7\tuser=anna@example.org\n"),
    ] {
        let mut client = Client::greeted();
        client.plain(7, b"\0anna\0secret");
        let request = client.request();
        // As the login's form of the configuration made it.
        client.session.handle_answer(request.number, &outcome, b"anna@example.org");
        assert_eq!(client.read(), said);
        client.session.handle_answer(request.number, &Outcome::ACCEPT, b"anna");
        client.assert_nothing_happens();
    }
}

#[test]
fn a_login_is_escaped_in_its_answer() {
    let mut client = Client::greeted();
    client.plain(1, b"\0anna\0secret");
    let request = client.request();
    client.session.handle_answer(request.number, &Outcome::ACCEPT, b"a\tpass=x\nOK\t2");
    assert_eq!(client.read(), "OK\t1\tuser=a\x01tpass=x\x01nOK\x01t2\n");
}

#[test]
fn answers_come_in_any_order_under_the_ids_of_the_client() {
    let mut client = Client::greeted();
    let said = client.send(
        plain(4_294_967_295, b"\0anna\0a") + &plain(2, b"\0bert\0b") + &login(3) + &plain(1, b"\0cleo\0c"),
    );
    assert_eq!(said, "CONT\t3\tVXNlcm5hbWU6\n");
    let requests = [client.request(), client.request(), client.request()];
    assert_eq!(requests[1].credentials.login, b"bert");
    assert_eq!(client.answer(&requests[1], &Outcome::ACCEPT), "OK\t2\tuser=bert\n");
    assert_eq!(client.answer(&requests[2], &Outcome::reject("")), "FAIL\t1\tuser=cleo\n");
    assert_eq!(client.answer(&requests[0], &Outcome::ACCEPT), "OK\t4294967295\tuser=anna\n");
}

#[test]
fn an_id_can_be_used_again_and_an_old_answer_is_not_taken_for_its() {
    let mut client = Client::greeted();
    client.plain(1, b"\0anna\0wrong");
    let first = client.request();
    client.send("CANCEL\t1\n");
    client.plain(1, b"\0bert\0wrong");
    let Some(SessionEvent::Withdrawn(number)) = client.session.next_event() else { panic!() };
    assert_eq!(number, first.number);
    let second = client.request();
    assert_eq!(client.answer(&first, &Outcome::ACCEPT), "");
    assert_eq!(client.answer(&second, &Outcome::reject("")), "FAIL\t1\tuser=bert\n");
}

#[test]
fn a_request_is_cancelled_without_an_answer_at_whatever_point_it_is() {
    let mut client = Client::greeted();
    client.send(login(1) + "CANCEL\t1\n");
    client.send(plain(2, b"\0anna\0secret") + "CANCEL\t2\n");
    client.send("CANCEL\t3\n");
    client.assert_nothing_happens();
    client.plain(4, b"\0anna\0secret");
    let request = client.request();
    assert_eq!(client.session.open_requests().collect::<Vec<_>>(), [request.number]);
    assert_eq!(client.send("CANCEL\t4\n"), "");
    assert!(
        matches!(client.session.next_event(), Some(SessionEvent::Withdrawn(number)) if number == request.number)
    );
    assert!(client.session.is_at_rest());
}

#[test]
fn going_on_with_what_is_not_open_fails_as_with_dovecot() {
    let mut client = Client::greeted();
    assert_eq!(client.send("CONT\t9\tAA==\n"), "FAIL\t9\treason=Authentication request timed out\n");
    client.assert_nothing_happens();
}

#[test]
fn going_on_while_a_check_is_on_its_way_fails_the_request() {
    let mut client = Client::greeted();
    client.plain(1, b"\0anna\0secret");
    let request = client.request();
    assert_eq!(client.send("CONT\t1\tAA==\n"), "FAIL\t1\treason=Unexpected continuation\n");
    assert!(
        matches!(client.session.next_event(), Some(SessionEvent::Withdrawn(number)) if number == request.number)
    );
    assert_eq!(client.answer(&request, &Outcome::ACCEPT), "");
}

#[test]
fn unknown_parameters_are_passed_over() {
    let mut client = Client::greeted();
    let parameters =
        "service=smtp\tvalid-client-cert\tno-penalty\tx\t\t=\tservice2=y\trip_=1\tforward_a=b\tlport=25";
    client.send(format!("AUTH\t1\tplain\t{parameters}\tresp=AGFubmEAc2VjcmV0\r\n"));
    let Request { credentials, parameters, .. } = client.request();
    assert_eq!((credentials.service.as_slice(), credentials.client), (&b"smtp"[..], None));
    assert_eq!((parameters.local, parameters.secured), (None, false));
}

#[test]
fn parameters_are_unescaped_and_the_last_of_two_counts() {
    let mut client = Client::greeted();
    let parameters = "service=imap\tservice=a\x01tb\x011\trip=junk\trip=::ffff:192.0.2.7\tsecured=tls";
    client.send(format!("AUTH\t1\tPLAIN\t{parameters}\tresp=AGFubmEAc2VjcmV0\n"));
    let Request { credentials, parameters, .. } = client.request();
    assert_eq!(credentials.service, b"a\tb\x01");
    assert_eq!(credentials.client.unwrap().to_string(), "192.0.2.7");
    assert!(parameters.secured);
}

#[test]
fn what_is_no_address_is_none() {
    for address in ["", "junk", "192.0.2", "192.0.2.7 x", "\x01n192.0.2.7"] {
        let mut client = Client::greeted();
        client.send(format!(
            "AUTH\t1\tPLAIN\tservice=smtp\trip={address}\tlip={address}\tresp=AGFubmEAc2VjcmV0\n"
        ));
        let Request { credentials, parameters, .. } = client.request();
        assert_eq!((credentials.client, parameters.local), (None, None), "{address:?}");
    }
}

#[test]
fn a_service_of_the_settings_takes_the_place_of_the_clients() {
    let mut client =
        Client::greeted_with(SessionSettings { service: Some(b"mail".to_vec()), ..settings() }, 0);
    client.plain(1, b"\0anna\0secret");
    let request = client.request();
    assert_eq!(request.credentials.service, b"mail");
    assert_eq!(request.parameters.service, b"mail");
}

#[test]
fn a_service_that_is_too_long_or_holds_a_nul_is_refused() {
    for service in ["x".repeat(1025), "smtp\x010".to_owned()] {
        let mut client = Client::greeted();
        let said = client.send(format!("AUTH\t1\tPLAIN\tservice={service}\tresp=AGFubmEAc2VjcmV0\n"));
        assert_eq!(said, "FAIL\t1\n");
        assert!(matches!(client.refused(), RefusalReason::Invalid(_)));
        client.assert_nothing_happens();
    }
}

#[test]
fn an_exchange_whose_client_does_not_go_on_fails_in_time() {
    let mut client = Client::greeted();
    client.send(login(1));
    client.pass(Duration::from_secs(30));
    client.send(login(2));
    assert_eq!(client.send("CONT\t1\tYW5uYQ==\n"), "CONT\t1\tUGFzc3dvcmQ6\n", "which gives it new time");
    assert_eq!(client.session.next_timeout(), Some(client.now + CONTINUATION_TIME));
    let said = client.pass(CONTINUATION_TIME);
    let fields = "temp\tcode=temp_fail\treason=Authentication request timed out";
    assert_eq!(said, format!("FAIL\t1\t{fields}\nFAIL\t2\t{fields}\n"));
    assert_eq!([client.refused(), client.refused()], [RefusalReason::TimedOut; 2]);
    assert_eq!(client.send("CONT\t2\tYW5uYQ==\n"), "FAIL\t2\treason=Authentication request timed out\n");
    assert!(client.session.is_at_rest(), "the connection lives on");
}

#[test]
fn a_check_has_no_time_limit_here() {
    let mut client = Client::greeted();
    client.plain(1, b"\0anna\0secret");
    let request = client.request();
    assert_eq!(client.session.next_timeout(), None);
    client.pass(CONTINUATION_TIME * 2);
    assert_eq!(client.answer(&request, &Outcome::ACCEPT), "OK\t1\tuser=anna\n");
}
