//! A server that does not answer as it should stops no login, and none for long.

use super::{GO_ON, REFUSE, REFUSED, ask, expect_checked, json, keys, launch};
use crate::support::{Answer, FakeHttp, Request, eventually};
use std::net::TcpListener;
use std::time::{Duration, Instant};

#[test]
fn whatever_is_no_answer_lets_logins_be_checked_and_is_one_line() {
    for (reply, reason) in [
        (json("junk"), "not a JSON object"),
        (json("{}"), "has no status"),
        (json(r#"{"status":"0"}"#), "not a whole number"),
        (json(r#"{"status":-1} x"#), "not a JSON object"),
        ("HTTP/1.1 500 Oops\r\nContent-Length: 13\r\n\r\n{\"status\":-1}".to_owned(), "HTTP status 500 Oops"),
        ("220 mail.example ESMTP\r\n".to_owned(), "does not speak HTTP"),
    ] {
        let fake = FakeHttp::answering(&reply);
        let daemon = launch(&keys(fake.address())).start();
        expect_checked(&daemon);
        let line = daemon.log.wait_for("The policy server cannot be asked");
        assert!(line.contains(reason), "{line}");
        fake.answer(json(GO_ON));
        eventually("it answers again", || {
            ask(&daemon, "secret");
            daemon.log.all().iter().any(|line| line.contains("The policy server answers again")).then_some(())
        });
        let lines = daemon.log.all();
        assert_eq!(lines.iter().filter(|line| line.contains("cannot be asked")).count(), 1, "{lines:#?}");
    }
}

#[test]
fn one_that_nobody_listens_for_costs_nothing() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let daemon = launch(&keys(nobody)).start();
    for _ in 0..20 {
        expect_checked(&daemon);
    }
    daemon.log.wait_for("The policy server cannot be asked, and logins are checked without it");
}

#[test]
fn a_silent_one_costs_a_login_its_timeout_and_soon_nothing() {
    let fake = FakeHttp::answering("");
    let daemon = launch(&format!("{}policy_timeout: 1\n", keys(fake.address()))).start();
    let start = Instant::now();
    assert_eq!(ask(&daemon, "secret"), "OK");
    assert!(start.elapsed() >= Duration::from_secs(1));
    for _ in 0..2 {
        assert_eq!(ask(&daemon, "secret"), "OK");
    }
    // Nobody is asked, or only beside the login.
    let skipped = || {
        let start = Instant::now();
        assert_eq!(ask(&daemon, "secret"), "OK");
        (start.elapsed() < Duration::from_secs(1)).then_some(())
    };
    eventually("logins do not wait any more", skipped);
    fake.answer(json(REFUSE));
    eventually("it is asked again", || (ask(&daemon, "secret") == REFUSED).then_some(()));
}

/// With mechanisms that ask no servers themselves, too: its connections are its own.
#[test]
fn a_slow_one_is_asked_about_many_logins_at_a_time() {
    let fake = FakeHttp::answering("");
    let daemon = launch(&format!("{}policy_timeout: 60\n", keys(fake.address()))).start();
    let ask = |number: u8| {
        let mut client = daemon.connect();
        let request = Request::new("anna", "secret").service("smtp").address(format!("10.1.1.{number};25"));
        client.send(request.bytes());
        client
    };
    let waiting: Vec<_> = (0..20).map(ask).collect();
    eventually("all are asked about", || (fake.heard().len() == waiting.len()).then_some(()));
}

#[test]
fn where_nobody_is_let_in_without_it_an_outage_is_no_wrong_password() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let daemon = launch(&format!("{}policy_on_unavailable: unavailable\n", keys(nobody))).start();
    assert_eq!(ask(&daemon, "secret"), Answer::Nothing);
    let line = daemon.log.wait_for("auth unavailable: [user=anna]");
    assert!(line.contains("[mech=policy]") && line.contains("[reason=policy: "), "{line}");
}

#[test]
fn a_connection_that_the_server_closes_between_two_questions_is_not_noticed() {
    let fake = FakeHttp::answering(json(REFUSE));
    let daemon = launch(&keys(fake.address())).start();
    for _ in 0..5 {
        assert_eq!(ask(&daemon, "secret"), REFUSED);
        fake.hang_up();
    }
    fake.answer(format!(
        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{REFUSE}",
        REFUSE.len()
    ));
    for _ in 0..5 {
        assert_eq!(ask(&daemon, "secret"), REFUSED);
    }
}

#[test]
fn what_comes_behind_an_answer_is_not_the_next() {
    let fake = FakeHttp::answering([json(REFUSE), json(GO_ON)].concat());
    let daemon = launch(&keys(fake.address())).start();
    for _ in 0..5 {
        assert_eq!(ask(&daemon, "secret"), REFUSED);
    }
}

#[test]
fn a_second_server_is_asked_when_the_first_cannot() {
    let (broken, sound) = (FakeHttp::answering(json("junk")), FakeHttp::answering(json(REFUSE)));
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for first in [broken.address(), nobody] {
        let second = sound.address();
        let daemon =
            launch(&format!("policy_url: http://{first}/ http://{second}/\npolicy_nonce: n\n")).start();
        for _ in 0..3 {
            assert_eq!(ask(&daemon, "secret"), REFUSED);
        }
    }
}
