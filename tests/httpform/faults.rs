//! Servers that fail: no verdict, in good time, and as before when they are back.

use super::{ACCEPTED, ask, expect_service, launch, url};
use crate::support::nginx::{LOGIN, PASSWORD};
use crate::support::{Answer, Daemon, FakeHttp, Fault, Launch, Moment, Nginx, Proxy, eventually};
use std::time::{Duration, Instant};

/// Deadlines that a test can wait for.
const QUICK: [&str; 4] =
    ["--operation-timeout=1", "--connect-timeout=1", "--retry-interval=1", "--total-timeout=5"];

/// The end of the request.
const ASKED: Moment = Moment::Sent(b"&p=");

fn quick(lines: &str) -> Launch {
    launch(lines).with(&QUICK)
}

fn eventually_served(daemon: &Daemon) {
    eventually("the server is asked again", || (ask(daemon, LOGIN, PASSWORD) == ACCEPTED).then_some(()));
}

#[test]
fn a_fault_is_no_verdict_and_is_over_when_the_server_is_back() {
    require!(Nginx);
    let nginx = Nginx::new().start();
    for fault in [
        Fault::Silence,
        Fault::Close,
        Fault::Reset,
        Fault::Say(b"220 mail.example ESMTP\r\n"),
        Fault::Say(b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"),
        Fault::Say(b"HTTP/1.1 200\0OK\r\n\r\n"),
        Fault::Say(b"HTTP/1.1 100 Continue\r\n\r\n"),
        Fault::Say(b"HTTP/1.1 101 Switching Protocols\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"),
        Fault::Flood(b"HTTP/1.1 200 OKOKOK"),
        Fault::Flood(b"HTTP/1.1 100 Continue\r\n\r\n"),
        Fault::Flood(b"\0"),
        Fault::Half,
        Fault::HalfAndClose,
    ] {
        let proxy = Proxy::before(nginx.clear());
        let daemon = quick(&url(proxy.address())).start();
        proxy.spoil(ASKED, fault);
        let start = Instant::now();
        assert_eq!(ask(&daemon, LOGIN, PASSWORD), Answer::Nothing, "{fault:?}");
        assert!(start.elapsed() < Duration::from_secs(5), "{fault:?}");
        assert_eq!(proxy.faults(), 1, "{fault:?}");
        daemon.log.wait_for(&proxy.address().to_string());
        proxy.heal();
        eventually_served(&daemon);
        expect_service(&daemon);
    }
}

#[test]
fn a_fault_before_the_first_request_is_no_verdict() {
    require!(Nginx);
    let nginx = Nginx::new().start();
    for fault in [Fault::Close, Fault::Silence, Fault::Say(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")] {
        let proxy = Proxy::before(nginx.clear());
        let daemon = quick(&url(proxy.address())).start();
        proxy.spoil(Moment::Connected, fault);
        let answer = ask(&daemon, LOGIN, PASSWORD);
        // What the server says before it is asked may come after the request, where nobody can tell.
        assert!(answer == Answer::Nothing || matches!(fault, Fault::Say(_)), "{fault:?}: {answer:?}");
        proxy.heal();
        eventually_served(&daemon);
    }
}

#[test]
fn a_reply_in_single_bytes_is_a_reply() {
    require!(Nginx);
    let nginx = Nginx::new().start();
    for path in ["login", "chunked"] {
        let proxy = Proxy::before(nginx.clear());
        proxy.spoil(ASKED, Fault::Bytewise);
        let daemon = quick(&format!("httpform_url: http://{}/{path}", proxy.address())).start();
        expect_service(&daemon);
        assert_eq!(proxy.faults(), 1);
    }
}

/// The status has been heard; that the body was cut off changes nothing.
#[test]
fn a_reply_that_breaks_off_in_its_body_is_a_reply() {
    let server = FakeHttp::answering("HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\nx");
    let daemon = quick(&url(server.address())).start();
    assert_eq!(ask(&daemon, LOGIN, PASSWORD), ACCEPTED);
}

#[test]
fn nobody_listening_is_no_verdict() {
    require!(Nginx);
    let mut nginx = Nginx::new().start();
    let daemon = quick(&url(nginx.clear())).start();
    expect_service(&daemon);
    nginx.stop();
    assert_eq!(ask(&daemon, LOGIN, PASSWORD), Answer::Nothing);
    assert_eq!(ask(&daemon, LOGIN, "wrong"), Answer::Nothing);
    nginx.start_again();
    eventually_served(&daemon);
}

#[test]
fn a_server_that_was_restarted_between_requests_is_asked_at_once() {
    require!(Nginx);
    let mut nginx = Nginx::new().start();
    let daemon = quick(&url(nginx.clear())).start();
    for _ in 0..3 {
        expect_service(&daemon);
        nginx.start_again();
    }
    expect_service(&daemon);
}

/// As a firewall does that has forgotten about it, or a server whose end of it crosses with the request.
#[test]
fn a_kept_connection_that_breaks_under_the_request_is_no_fault() {
    require!(Nginx);
    let nginx = Nginx::new().start();
    let proxy = Proxy::before(nginx.clear());
    let daemon = quick(&url(proxy.address())).start();
    expect_service(&daemon);
    proxy.cut();
    expect_service(&daemon);
    assert_eq!(proxy.connections(), 2);
}

#[test]
fn the_second_server_is_asked_when_the_first_is_dead() {
    require!(Nginx);
    let nginx = Nginx::new().start();
    let good = format!("http://{}/login", nginx.clear());
    let refusing = Proxy::before(nginx.clear());
    refusing.close();
    let silent = Proxy::before(nginx.clear());
    silent.spoil(Moment::Connected, Fault::Silence);
    for bad in [
        format!("http://{}/login", refusing.address()),
        format!("http://{}/login", silent.address()),
        format!("http://{}/busy", nginx.clear()),
        format!("https://{}/login", nginx.clear()),
    ] {
        let daemon = quick(&format!("httpform_url: {bad} {good}")).start();
        for _ in 0..3 {
            expect_service(&daemon);
        }
    }
}

/// A program that fails for one login must not take the server away from all others.
#[test]
fn one_login_that_a_server_cannot_decide_costs_no_other() {
    let server = FakeHttp::answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    let daemon = launch(&url(server.address())).with(&["--retry-interval=3600"]).start();
    for status in [500, 502, 503, 504, 429] {
        server.answer(format!("HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n"));
        assert_eq!(ask(&daemon, "mallory", "x"), Answer::Nothing, "{status}");
        server.answer("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        assert_eq!(ask(&daemon, "anna", "x"), ACCEPTED, "{status}");
    }
}

/// A firewall forgets the connections that there are, and serves new ones.
#[test]
fn a_connection_that_dies_without_a_word_costs_no_login() {
    require!(Nginx);
    let nginx = Nginx::new().start();
    let proxy = Proxy::before(nginx.clear());
    let daemon = launch(&url(proxy.address())).start();
    expect_service(&daemon);
    proxy.forget();
    let start = Instant::now();
    expect_service(&daemon);
    assert!(start.elapsed() < Duration::from_secs(8), "{:?}", start.elapsed());
}
