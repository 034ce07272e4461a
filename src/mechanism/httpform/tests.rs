//! The mechanism as the driver sees it: one login from its credentials to its verdict.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::net::exchange::{
    Exchange as _, Failure, FailureKind, QuestionId, Session as _, SessionEvent, Step,
};
use crate::outcome::{Outcome, Refusal};
use crate::settings::file::Text;

const PLAIN: &str = "httpform_uri: /login\nhttpform_data: u=%u&p=%p\n";
const NOTHING: &str = "\r\nContent-Length: 0\r\n\r\n";

fn httpform(file: &str) -> Httpform {
    let text = Text { path: "/c".into(), bytes: Secret::copy_of(file.as_bytes()) };
    let sources = RawSettings { file: Some(text), ..RawSettings::default() };
    assert_eq!(check(&sources, &NetworkSettings::DEFAULT), []);
    protocol(&sources, &NetworkSettings::DEFAULT).unwrap()
}

fn credentials(login: &[u8], password: &[u8]) -> Credentials {
    Credentials { service: Vec::new(), ..Credentials::of_login(login, password) }
}

/// What a session has said since the last time.
#[derive(Debug, PartialEq)]
enum Said {
    Ready,
    Answered(u64, Result<Reply, Failure>),
    Finished,
    Failed(FailureKind, String),
}

fn said(session: &mut Session) -> Vec<Said> {
    let events = std::iter::from_fn(|| session.next_event());
    let said = events.map(|event| match event {
        SessionEvent::Ready => Said::Ready,
        SessionEvent::Answered(id, answer) => Said::Answered(id.0, answer),
        SessionEvent::Finished => Said::Finished,
        SessionEvent::Failed(failure) => Said::Failed(failure.kind, failure.reason),
        SessionEvent::StartTls | SessionEvent::Errand(_) => panic!("HTTP has nothing like it"),
    });
    said.collect()
}

fn answered(id: u64, status: u16, phrase: &str) -> Said {
    Said::Answered(id, Ok(Reply { status, phrase: phrase.to_owned() }))
}

fn written(session: &mut Session) -> String {
    let text = String::from_utf8(session.output().as_bytes().to_vec()).unwrap();
    session.output().clear();
    text
}

/// A session that has asked question 1, and what it has written.
fn asked(protocol: &Httpform, credentials: Credentials) -> (Session, String) {
    let Step::Ask(pool, question) = protocol.exchange(credentials).begin() else { panic!("nothing asked") };
    let mut session = protocol.session(pool, 0);
    session.handle_connected();
    assert_eq!(said(&mut session), [Said::Ready]);
    session.ask(QuestionId(1), &question);
    let written = written(&mut session);
    (session, written)
}

fn waiting() -> Session {
    asked(&httpform(PLAIN), credentials(b"anna", b"s3cret")).0
}

/// The outcome after a reply of these bytes.
fn outcome(file: &str, reply: &str) -> Outcome {
    let protocol = httpform(file);
    let (mut session, _) = asked(&protocol, credentials(b"anna", b"s3cret"));
    session.handle_input(reply.as_bytes());
    let Some(SessionEvent::Answered(_, answer)) = session.next_event() else { panic!("no answer: {reply}") };
    let mut exchange = protocol.exchange(credentials(b"anna", b"s3cret"));
    let Step::Done(verdict) = exchange.handle_answer(answer) else { panic!("no verdict") };
    verdict.outcome
}

#[test]
fn a_login_is_one_request_that_looks_like_the_one_of_c() {
    let (_, request) = asked(&httpform(PLAIN), credentials(b"anna", b"s3cret&x"));
    assert_eq!(
        request,
        "POST /login HTTP/1.1\r\nHost: localhost:80\r\nConnection: keep-alive\r\nUser-Agent: saslauthd\r\n\
         Accept: */*\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 19\r\n\r\n\
         u=anna&p=s3cret%26x"
    );
}

#[test]
fn what_comes_before_the_request_is_written_decides_nothing() {
    let mut session = waiting();
    session.handle_input(format!("HTTP/1.1 403 no{NOTHING}").as_bytes());
    assert_eq!(said(&mut session), [answered(1, 403, "no")]);
    session.ask(QuestionId(2), &Secret::copy_of(b"u=anna"));
    session.handle_input(format!("HTTP/1.1 200 yes{NOTHING}").as_bytes());
    let reason = "the server replies before it has the request".to_owned();
    assert_eq!(said(&mut session), [Said::Failed(FailureKind::Unexpected, reason)]);
}

#[test]
fn each_server_has_its_own_path_and_name() {
    let file = "httpform_url: http://a/x https://b:8443/y?z\nhttpform_data: {\"u\":\"%u\"}\n\
                httpform_content_type: application/json\nhttpform_keep_alive: no\n";
    let protocol = httpform(file);
    let pool = protocol.pool(PoolId(0));
    assert_eq!((pool.servers.len(), pool.sharing), (2, Sharing::OneShot));
    for (server, start) in
        ["POST /x HTTP/1.1\r\nHost: a\r\n", "POST /y?z HTTP/1.1\r\nHost: b:8443\r\n"].into_iter().enumerate()
    {
        let mut session = protocol.session(PoolId(0), server);
        session.ask(QuestionId(1), &Secret::copy_of(b"{}"));
        let request = written(&mut session);
        assert!(request.starts_with(start), "{request}");
        assert!(request.contains("\r\nConnection: close\r\n"), "{request}");
        assert!(request.ends_with("\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"));
    }
}

#[test]
fn nothing_in_a_login_becomes_a_part_of_the_request() {
    let protocol = httpform("httpform_uri: /\nhttpform_data: u=%u&p=%p&r=%r&s=%s\n");
    let long = vec![b'\n'; 65536];
    for evil in [
        b"\r\n\r\nPOST / HTTP/1.1\r\nHost: x\r\n\r\n".as_slice(),
        b"x&p=other",
        b"=&%=%25%00",
        b"\0\x7f\x80\xff",
        &long,
    ] {
        let credentials =
            Credentials { realm: evil.to_vec(), service: evil.to_vec(), ..credentials(evil, evil) };
        let (_, request) = asked(&protocol, credentials);
        let (head, body) = request.split_once("\r\n\r\n").unwrap();
        assert_eq!(head.lines().count(), 7);
        assert!(head.ends_with(&format!("\r\nContent-Length: {}", body.len())));
        let fields: Vec<_> = body.split('&').map(|field| field.split_once('=').unwrap()).collect();
        assert_eq!(fields.iter().map(|(name, _)| *name).collect::<String>(), "uprs");
        for (_, value) in fields {
            assert_eq!(percent_encoding::percent_decode_str(value).collect::<Vec<_>>(), evil);
        }
    }
}

#[test]
fn the_status_is_the_verdict() {
    assert_eq!(outcome(PLAIN, "HTTP/1.1 200 OK\r\n\r\n").reply(), "OK remote authentication successful");
    assert!(matches!(outcome(PLAIN, "HTTP/1.1 204 No Content\r\n\r\n"), Outcome::Accept(_)));
    assert_eq!(
        outcome(PLAIN, "HTTP/1.1 403 User unknown\r\n\r\n"),
        Outcome::Reject(Refusal::with_reason("User unknown", "HTTP status 403 User unknown"))
    );
    assert_eq!(outcome(PLAIN, "HTTP/1.1 401 Unauthorized\r\n\r\n").reply(), "NO Unauthorized");
    assert_eq!(outcome(PLAIN, "HTTP/1.1 403\r\n\r\n").reply(), "NO");
}

#[test]
fn any_other_status_is_unavailable_and_never_a_verdict() {
    for (line, reason) in [
        ("500 Internal Server Error", "HTTP status 500 Internal Server Error"),
        ("404", "HTTP status 404"),
        ("201 Created", "HTTP status 201 Created"),
        ("302 Found", "HTTP status 302 Found, which is not followed"),
        ("999 What", "HTTP status 999 What"),
    ] {
        let text = "[ALERT] Unexpected response from remote authentication server";
        assert_eq!(
            outcome(PLAIN, &format!("HTTP/1.1 {line}\r\nLocation: /x{NOTHING}")),
            Outcome::unavailable(text, reason)
        );
    }
}

#[test]
fn a_busy_server_leaves_the_question_to_another_one() {
    for line in ["503 Service Unavailable", "502 Bad Gateway", "504 x", "429 Too Many Requests"] {
        let mut session = waiting();
        session.handle_input(format!("HTTP/1.1 {line}{NOTHING}").as_bytes());
        let failure = Failure::new(FailureKind::Refused, format!("HTTP status {line}"));
        assert_eq!(said(&mut session), [Said::Answered(1, Err(failure))]);
    }
    assert_eq!(
        outcome(PLAIN, &format!("HTTP/1.1 503 x{NOTHING}")).reply(),
        "NO [ALERT] The remote authentication server is currently unavailable"
    );
}

#[test]
fn listed_statuses_decide_instead() {
    let file = format!("{PLAIN}httpform_accept: 302\nhttpform_reject: 200 503\n");
    assert!(matches!(outcome(&file, &format!("HTTP/1.1 302 Found{NOTHING}")), Outcome::Accept(_)));
    assert!(matches!(outcome(&file, &format!("HTTP/1.1 200 OK{NOTHING}")), Outcome::Reject(_)));
    assert!(matches!(outcome(&file, &format!("HTTP/1.1 503 x{NOTHING}")), Outcome::Reject(_)));
    assert!(matches!(outcome(&file, &format!("HTTP/1.1 403 x{NOTHING}")), Outcome::Unavailable(_)));
}

#[test]
fn no_server_is_asked_in_json_about_what_is_not_text() {
    let protocol = httpform(
        "httpform_uri: /\nhttpform_content_type: application/json\nhttpform_data: [\"%u\",\"%p\"]\n",
    );
    for (login, password) in [(b"\xe4", b"x"), (b"x", b"\xe4")] {
        let Step::Done(verdict) = protocol.exchange(credentials(login, password)).begin() else {
            panic!("asked")
        };
        assert!(matches!(verdict.outcome, Outcome::Reject(_)));
    }
}

#[test]
fn a_failure_is_unavailable_with_the_text_of_c() {
    let mut exchange = httpform(PLAIN).exchange(credentials(b"anna", b"x"));
    let Step::Done(verdict) =
        exchange.handle_answer(Err(Failure::new(FailureKind::Contact, "nobody listens")))
    else {
        panic!("no verdict")
    };
    let text = "[ALERT] Couldn't contact remote authentication server";
    assert_eq!(verdict.outcome, Outcome::unavailable(text, "nobody listens"));
}

#[test]
fn a_connection_is_asked_again_when_its_reply_has_ended() {
    let mut session = waiting();
    session.handle_input(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel");
    assert_eq!(said(&mut session), [], "the rest of the body would be taken for the next reply");
    session.handle_input(b"lo");
    assert_eq!(said(&mut session), [answered(1, 200, "OK")]);
    session.ask(QuestionId(2), &Secret::copy_of(b"u=b"));
    assert!(written(&mut session).ends_with("Content-Length: 3\r\n\r\nu=b"));
    session.handle_input(format!("HTTP/1.1 403 No{NOTHING}").as_bytes());
    assert_eq!(said(&mut session), [answered(2, 403, "No")]);
}

#[test]
fn a_reply_without_an_end_is_the_last() {
    for reply in [
        "HTTP/1.1 200 OK\r\n\r\n",
        "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1 403 No\r\n\r\n",
    ] {
        let mut session = waiting();
        session.handle_input(reply.as_bytes());
        assert_eq!(said(&mut session), [answered(1, 200, "OK"), Said::Finished], "{reply}");
        session.handle_input(b"HTTP/1.1 403 No\r\n\r\n");
        session.handle_end();
        assert_eq!(said(&mut session), [], "{reply}");
    }
}

#[test]
fn what_comes_unasked_ends_the_connection_and_answers_nothing() {
    let mut session = httpform(PLAIN).session(PoolId(0), 0);
    session.handle_connected();
    session.handle_input(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(said(&mut session), [Said::Ready, Said::Finished]);
    let mut session = waiting();
    session.handle_input(format!("HTTP/1.1 403 No{NOTHING}").as_bytes());
    session.handle_input(b"HTTP/1.1 408 Request Timeout\r\n\r\n");
    assert_eq!(said(&mut session), [answered(1, 403, "No"), Said::Finished]);
}

#[test]
fn what_is_no_reply_is_a_failure() {
    let mut session = waiting();
    session.handle_input(b"220 mail.example ESMTP\r\n");
    let reason = "the server does not speak HTTP/1.1".to_owned();
    assert_eq!(said(&mut session), [Said::Failed(FailureKind::Unexpected, reason)]);
    session.handle_input(b"HTTP/1.1 200 OK\r\n\r\n");
    assert_eq!(said(&mut session), []);
}

#[test]
fn an_early_end_answers_only_what_has_its_status() {
    let mut session = waiting();
    session.handle_input(b"HTTP/1.1 200 OK\r\nContent-Length: 50");
    session.handle_end();
    assert_eq!(said(&mut session), []);
    let mut session = waiting();
    session.handle_input(b"HTTP/1.1 403 No\r\nContent-Length: 50\r\n\r\nx");
    session.handle_end();
    assert_eq!(said(&mut session), [answered(1, 403, "No"), Said::Finished]);
    let mut session = httpform(PLAIN).session(PoolId(0), 0);
    session.handle_end();
    assert_eq!(said(&mut session), []);
}

#[test]
fn a_login_leaves_no_secret_behind() {
    let before = crate::secret::alive();
    {
        let (mut session, _) = asked(&httpform(PLAIN), credentials(b"anna", b"s3cret"));
        session.handle_input(format!("HTTP/1.1 200 OK{NOTHING}").as_bytes());
    }
    assert_eq!(crate::secret::alive(), before);
}
