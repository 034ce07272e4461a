//! What a server answers decides.

use super::{GO_ON, REFUSE, REFUSED, ask, expect_checked, json, keys, launch};
use crate::support::{Authority, FakeHttp, Nginx, Request, eventually};
use std::time::{Duration, Instant};

#[test]
fn a_login_goes_on_is_refused_or_delayed_as_the_server_says() {
    let fake = FakeHttp::answering(json(GO_ON));
    let daemon = launch(&keys(fake.address())).start();
    expect_checked(&daemon);
    fake.answer(json(REFUSE));
    assert_eq!(ask(&daemon, "secret"), REFUSED, "and nothing of the server's words");
    let line = daemon.log.wait_for("[reason=policy: too many]");
    assert!(line.contains("auth failure: [user=anna]") && line.contains("[mech=policy]"), "{line}");
    fake.answer(json(r#"{"status":1}"#));
    let start = Instant::now();
    assert_eq!(ask(&daemon, "secret"), "OK");
    assert!(start.elapsed() >= Duration::from_secs(1));
}

#[test]
fn a_refusal_is_not_remembered_and_the_cache_asks_nobody() {
    let fake = FakeHttp::answering(json(REFUSE));
    let daemon = launch(&keys(fake.address())).with(&["-c"]).start();
    assert_eq!(ask(&daemon, "secret"), REFUSED);
    fake.answer(json(GO_ON));
    assert_eq!(ask(&daemon, "secret"), "OK");
    let heard = || Some(fake.heard().len()).filter(|heard| *heard == 4);
    eventually("two questions and two reports have come", heard);
    assert_eq!(ask(&daemon, "secret"), "OK");
    assert_eq!(ask(&daemon, "secret"), "OK");
    assert_eq!(fake.heard().len(), 4);
}

#[test]
fn nobody_is_asked_about_a_login_without_an_address() {
    let fake = FakeHttp::answering(json(REFUSE));
    let daemon = launch(&keys(fake.address())).start();
    assert_eq!(daemon.ask(&Request::new("anna", "secret").service("smtp")), "OK");
    assert!(fake.heard().is_empty());
}

#[test]
fn the_end_is_told_with_the_hash_and_without_the_password() {
    let fake = FakeHttp::answering(json(GO_ON));
    let daemon = launch(&keys(fake.address())).with(&["-V"]).start();
    expect_checked(&daemon);
    let heard = eventually("two reports have come", || Some(fake.heard()).filter(|heard| heard.len() == 4));
    // A report may come when the next login is asked about already.
    for (command, end) in [
        ("allow", r#""pwhash":"023d","remote":"10.1.1.1","session_id":"","tls":false}"#),
        (
            "report",
            r#""pwhash":"023d","remote":"10.1.1.1","session_id":"","success":true,"policy_reject":false,"tls":false}"#,
        ),
        ("allow", r#""pwhash":"016e","remote":"10.1.1.1","session_id":"","tls":false}"#),
        (
            "report",
            r#""pwhash":"016e","remote":"10.1.1.1","session_id":"","success":false,"policy_reject":false,"tls":false}"#,
        ),
    ] {
        let begin = format!("POST /?command={command} HTTP/1.1\r\n");
        let is_it = |request: &&String| request.starts_with(&begin) && request.ends_with(end);
        assert_eq!(heard.iter().filter(is_it).count(), 1, "{command} {end}: {heard:?}");
    }
    assert!(heard.iter().all(|request| !request.contains("secret") && !request.contains("wrong")));
    assert!(daemon.log.all().iter().all(|line| !line.contains("secret") && !line.contains("localnonce")));
    // A report that comes while the one before is on its way has a connection of its own.
    let connections = fake.connections().into_iter().zip(&heard);
    let asked: Vec<_> =
        connections.filter(|(_, request)| request.contains("=allow ")).map(|(number, _)| number).collect();
    assert_eq!(asked, [0, 0], "questions share one and wait for no report");
}

#[test]
fn reports_can_be_left_out_and_answers_only_logged() {
    let fake = FakeHttp::answering(json(REFUSE));
    let lines = format!("{}policy_report: no\npolicy_log_only: yes\n", keys(fake.address()));
    let daemon = launch(&lines).start();
    expect_checked(&daemon);
    let line = daemon.log.wait_for("The policy server would refuse a login, which is only logged");
    assert!(line.contains("[user=anna]") && line.contains("[reason=too many]"), "{line}");
    assert!(!line.contains("auth failure"), "no program is to count it: {line}");
    assert_eq!(fake.heard().len(), 2, "and no report");
}

#[test]
fn a_message_cannot_forge_a_line() {
    let fake = FakeHttp::answering(json(r#"{"status":-1,"msg":"x] [user=root]\nauth failure: [user=y"}"#));
    let daemon = launch(&keys(fake.address())).start();
    assert_eq!(ask(&daemon, "secret"), REFUSED);
    let line = daemon.log.wait_for("[reason=policy: x");
    assert!(line.contains("[user=anna]") && !line.contains("[user=root]"), "{line}");
}

#[test]
fn a_server_is_asked_within_tls_only_if_its_certificate_proves_it() {
    require!(Nginx);
    let (authority, other) = (Authority::new(), Authority::new());
    let nginx = Nginx::new();
    let certificate = authority.issue(&[&nginx.address().to_string()]);
    let nginx = nginx.with_certificate(&certificate).start();
    let daemon = |authority: &Authority| {
        let file = authority.file().display().to_string();
        let url = format!("policy_url: https://{}/policy\n", nginx.secure());
        launch(&format!("{url}policy_nonce: n\npolicy_tls_cacert_file: {file}\n")).start()
    };
    assert_eq!(ask(&daemon(&authority), "secret"), REFUSED);
    let careful = daemon(&other);
    expect_checked(&careful);
    careful.log.wait_for("The policy server cannot be asked, and logins are checked without it");
}
