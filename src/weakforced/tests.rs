//! Whole conversations without sockets.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::credentials::MailConnection;
use crate::net::exchange::{
    Exchange as _, Failure, FailureKind, QuestionId, Session as _, SessionEvent, Step,
};
use crate::policy::policy_server::{Attempt, Report};
use crate::settings::file::Text;

const FILE: &str = "policy_url: http://127.0.0.1:8084/\npolicy_nonce: localnonce\npolicy_user: wforce\npolicy_password: super\n";

fn weakforced(file: &str) -> Weakforced {
    let text = Text { path: "/c".into(), bytes: Secret::copy_of(file.as_bytes()) };
    let sources = RawSettings { file: Some(text), ..RawSettings::default() };
    client(&sources, &NetworkSettings::DEFAULT).unwrap().unwrap().0
}

fn attempt() -> Rc<Attempt> {
    let connection = MailConnection::default();
    let client = "10.1.1.1".parse().unwrap();
    let (login, service) = (b"anna".to_vec(), b"smtp".to_vec());
    Rc::new(Attempt { login, password_hash: 0x23d, client, service, connection })
}

fn report() -> Question {
    Question::Report(attempt(), Report { success: false, policy_reject: true })
}

/// What is written for a question.
fn written(file: &str, question: Question) -> String {
    let weakforced = weakforced(file);
    let mut exchange = weakforced.exchange(question);
    let Step::Ask(pool, question) = exchange.begin() else { panic!("it asks") };
    let mut session = weakforced.session(pool, 0);
    session.ask(QuestionId(1), &question);
    String::from_utf8(session.output().as_bytes().to_vec()).unwrap()
}

/// What becomes of a question that is replied to with these bytes, after which the server hangs up.
fn verdict(question: Question, reply: &str) -> Answer {
    let weakforced = weakforced(FILE);
    let mut exchange = weakforced.exchange(question);
    let Step::Ask(pool, question) = exchange.begin() else { panic!("it asks") };
    let mut session = weakforced.session(pool, 0);
    session.ask(QuestionId(1), &question);
    session.output().clear();
    session.handle_input(reply.as_bytes());
    session.handle_end();
    let answer = match session.next_event() {
        Some(SessionEvent::Answered(_, answer)) => answer,
        Some(SessionEvent::Failed(failure)) => Err(failure),
        _ => Err(Failure::new(FailureKind::Unexpected, "hung up")),
    };
    match exchange.handle_answer(answer) {
        Step::Done(answer) => answer,
        Step::Ask(..) | Step::Errand(_) => panic!("it asks once"),
    }
}

fn reply(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

#[test]
fn a_question_is_written_as_dovecot_does_but_for_its_name_and_the_date() {
    assert_eq!(
        written(FILE, Question::Allow(attempt())),
        "POST /?command=allow HTTP/1.1\r\nHost: 127.0.0.1:8084\r\nUser-Agent: saslauthd\r\nContent-Length: 113\r\n\
         Connection: Keep-Alive\r\nContent-Type: application/json\r\nAuthorization: Basic d2ZvcmNlOnN1cGVy\r\n\r\n\
         {\"device_id\":\"\",\"login\":\"anna\",\"protocol\":\"smtp\",\"pwhash\":\"023d\",\"remote\":\"10.1.1.1\",\
         \"session_id\":\"\",\"tls\":false}"
    );
}

#[test]
fn a_report_goes_to_its_own_command_and_without_an_account_there_is_no_authorization() {
    let file = "policy_url: http://a/x?y=z&\npolicy_nonce: n\n";
    let written = written(file, report());
    assert!(written.starts_with("POST /x?y=z&command=report HTTP/1.1\r\nHost: a\r\n"), "{written}");
    assert!(!written.contains("Authorization"), "{written}");
    assert!(written.contains("\"success\":false,\"policy_reject\":true,\"tls\":false}"), "{written}");
}

#[test]
fn the_status_decides() {
    let allowed = |seconds| Answer::Allow(Duration::from_secs(seconds));
    let refused = |message: &str| Answer::Refuse(message.to_owned());
    for (body, expected) in [
        (r#"{"status":0,"msg":""}"#, allowed(0)),
        (r#"{"status":3}"#, allowed(3)),
        (r#"{"status":-1,"msg":"too many"}"#, refused("too many")),
        (r#"{"status":-2}"#, refused("")),
    ] {
        assert_eq!(verdict(Question::Allow(attempt()), &reply(body)), expected, "{body}");
    }
}

#[test]
fn a_reply_that_says_nothing_is_no_answer() {
    for (reply, reason) in [
        (reply("junk"), "the answer is not a JSON object"),
        (reply("{}"), "the answer has no status"),
        (reply(""), "the answer is not a JSON object"),
        ("HTTP/1.1 500 Oops\r\nContent-Length: 12\r\n\r\n{\"status\":0}".to_owned(), "HTTP status 500 Oops"),
        (
            "HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 12\r\n\r\n{\"status\":0}".to_owned(),
            "HTTP status 302 Found",
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n{\"status\":0}".to_owned(),
            "the answer is cut or too long",
        ),
        (
            reply(&format!("{{\"status\":0,\"x\":\"{}\"}}", "x".repeat(65_536))),
            "the answer is cut or too long",
        ),
        ("* OK IMAP4rev1\r\n".to_owned(), "the server does not speak HTTP/1.1"),
        (String::new(), "hung up"),
    ] {
        assert_eq!(
            verdict(Question::Allow(attempt()), &reply),
            Answer::Failed(reason.to_owned()),
            "{reply:?}"
        );
    }
}

#[test]
fn an_answer_that_ends_with_its_connection_counts() {
    for head in ["HTTP/1.0 200 OK", "HTTP/1.1 200 OK\r\nConnection: close"] {
        let reply = format!("{head}\r\n\r\n{{\"status\":-1}}");
        assert_eq!(verdict(Question::Allow(attempt()), &reply), Answer::Refuse(String::new()));
    }
}

#[test]
fn a_report_is_heard_whatever_the_body_of_the_reply_says() {
    for body in [r#"{"status":"ok"}"#, "", "junk"] {
        assert_eq!(verdict(report(), &reply(body)), Answer::Allow(Duration::ZERO), "{body}");
    }
    let failed = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
    assert_eq!(verdict(report(), failed), Answer::Failed("HTTP status 404 Not Found".to_owned()));
}

#[test]
fn reports_have_connections_of_their_own() {
    let weakforced = weakforced(FILE);
    assert_eq!(weakforced.pool(ALLOW).most_connections, POLICY_CONNECTIONS_FOR_QUESTIONS);
    assert_eq!(weakforced.pool(REPORT).most_connections, POLICY_CONNECTIONS_FOR_REPORTS);
}
