//! Numbers, the status and the checks know the policy server.

use super::{GO_ON, REFUSE, ask, expect_checked, json, keys, launch};
use crate::control;
use crate::support::{FakeHttp, eventually};
use std::net::TcpListener;

#[test]
fn what_was_asked_and_told_is_counted_and_the_status_shows_the_server() {
    let fake = FakeHttp::answering(json(GO_ON));
    let daemon = launch(&keys(fake.address())).start();
    expect_checked(&daemon);
    fake.answer(json(REFUSE));
    ask(&daemon, "secret");
    eventually("all is told and counted", || {
        let metrics = control::ask(&daemon, &["metrics"]).output;
        let has = |line: &str| metrics.lines().any(|found| found == line);
        let all = has("saslauthd_policy_requests_total{result=\"allowed\"} 2")
            && has("saslauthd_policy_requests_total{result=\"refused\"} 1")
            && has("saslauthd_policy_reports_total{result=\"told\"} 3")
            && has("saslauthd_policy_reports_total{result=\"dropped\"} 0");
        all.then_some(())
    });
    let status = control::ask(&daemon, &["status"]).output;
    let server = format!("(policy) http://{}", fake.address());
    assert!(status.lines().any(|line| line.starts_with(&server) && line.ends_with("up")), "{status}");
    assert!(status.contains("POLICY"), "{status}");
}

#[test]
fn the_check_finds_what_is_wrong_with_keys_and_server() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let without_nonce = format!("policy_url: http://{nobody}/\n");
    let finished = launch(&without_nonce).with(&["--check"]).run();
    assert!(finished.code == Some(1) && finished.output.contains("policy_nonce is missing"), "{finished:?}");
    let finished = launch(&keys(nobody)).with(&["--check"]).run();
    assert_eq!(finished.code, Some(0), "{finished:?}");
    let finished = launch(&keys(nobody)).with(&["--check=system"]).run();
    assert!(finished.output.contains(&format!("http://{nobody}")), "{finished:?}");
    let fake = FakeHttp::answering(json(GO_ON));
    let finished = launch(&keys(fake.address())).with(&["--check=system"]).run();
    let line = finished.output.lines().find(|line| line.contains(&fake.address().to_string()));
    assert!(line.is_some_and(|line| line.starts_with("ok")), "{finished:?}");
    assert!(fake.heard().is_empty(), "it is connected to and asked nothing");
}
