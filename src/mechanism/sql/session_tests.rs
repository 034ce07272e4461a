#![allow(clippy::unwrap_used)]

use super::*;
use crate::secret::Secret;
use crate::sys::sql::{Engine, TlsMode};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

const LIMITS: Limits = Limits { connect: Duration::from_secs(5), answer: Duration::from_secs(5) };

/// What happens, in this order: to connections and to questions. Without a script all is well.
#[derive(Default)]
struct Script {
    connects: VecDeque<ErrorKind>,
    answers: VecDeque<Option<ErrorKind>>,
    /// Connections to servers, and questions.
    log: Vec<String>,
    is_dead: bool,
}

struct Played {
    host: String,
    script: Rc<RefCell<Script>>,
}

fn error(kind: ErrorKind) -> SqlError {
    SqlError { kind, text: format!("{kind:?}") }
}

impl Connection for Played {
    fn ask(&mut self, question: &Question<'_>) -> Result<Answer, SqlError> {
        let mut script = self.script.borrow_mut();
        script.log.push(format!("{} {}", self.host, question.text));
        match script.answers.pop_front().flatten() {
            Some(kind) => Err(error(kind)),
            None => Ok(Answer { columns: Vec::new(), first_row: None, has_more_rows: false }),
        }
    }

    fn is_alive(&mut self) -> bool {
        !self.script.borrow().is_dead
    }
}

fn target(host: &str) -> Target {
    Target {
        engine: Engine::Postgresql,
        host: Some(host.to_owned()),
        port: None,
        user: String::new(),
        password: Secret::default(),
        database: String::new(),
        tls: TlsMode::Off,
        connect_timeout: LIMITS.connect,
        answer_timeout: LIMITS.answer,
    }
}

fn session(script: &Rc<RefCell<Script>>) -> Session {
    let script = Rc::clone(script);
    let connect = move |target: &Target| {
        let host = target.host.clone().unwrap();
        script.borrow_mut().log.push(host.clone());
        match script.borrow_mut().connects.pop_front() {
            Some(kind) => Err(error(kind)),
            None => Ok(Box::new(Played { host, script: Rc::clone(&script) }) as Box<dyn Connection>),
        }
    };
    Session::new(vec![target("a"), target("b")], LIMITS, Box::new(connect))
}

/// What a question comes to, and what was done for it.
fn asked(session: &mut Session, script: &Rc<RefCell<Script>>) -> (Option<ErrorKind>, String) {
    let result = session.ask(&Question { text: "?", parameters: &[] });
    let log = std::mem::take(&mut script.borrow_mut().log).join(", ");
    (result.err().map(|error| error.kind), log)
}

#[test]
fn one_connection_serves_question_after_question() {
    let script = Rc::default();
    let mut session = session(&script);
    assert_eq!(asked(&mut session, &script), (None, "a, a ?".to_owned()));
    assert_eq!(asked(&mut session, &script), (None, "a ?".to_owned()));
    script.borrow_mut().is_dead = true;
    assert_eq!(asked(&mut session, &script), (None, "a, a ?".to_owned()), "its server has closed it");
}

#[test]
fn a_question_that_is_lost_with_its_connection_is_asked_again() {
    for kind in [ErrorKind::Lost, ErrorKind::Overloaded] {
        let script = Rc::default();
        let mut session = session(&script);
        asked(&mut session, &script);
        script.borrow_mut().answers.push_back(Some(kind));
        assert_eq!(asked(&mut session, &script), (None, "a ?, a, a ?".to_owned()));
    }
}

#[test]
fn another_server_is_asked_when_one_cannot_be() {
    for kind in [ErrorKind::Lost, ErrorKind::Refused, ErrorKind::Overloaded, ErrorKind::TooSlow] {
        let script = Rc::default();
        let mut session = session(&script);
        script.borrow_mut().connects.push_back(kind);
        assert_eq!(asked(&mut session, &script), (None, "a, b, b ?".to_owned()), "{kind:?}");
        script.borrow_mut().is_dead = true;
        assert_eq!(asked(&mut session, &script), (None, "b, b ?".to_owned()), "the first one is asked last");
        script.borrow_mut().connects.extend([kind, kind]);
        assert_eq!(asked(&mut session, &script), (Some(kind), "b, a".to_owned()));
    }
}

#[test]
fn a_server_that_is_silent_on_the_kept_connection_costs_a_login_one_wait() {
    let script = Rc::default();
    let mut session = session(&script);
    asked(&mut session, &script);
    script.borrow_mut().answers.push_back(Some(ErrorKind::TooSlow));
    assert_eq!(asked(&mut session, &script), (None, "a ?, b, b ?".to_owned()));
    script.borrow_mut().answers.push_back(Some(ErrorKind::TooSlow));
    script.borrow_mut().connects.push_back(ErrorKind::Lost);
    let expected = (Some(ErrorKind::Lost), "b ?, a".to_owned());
    assert_eq!(asked(&mut session, &script), expected, "not the silent one again");
}

#[test]
fn what_a_server_says_of_the_question_is_the_answer() {
    for kind in [ErrorKind::Configuration, ErrorKind::BadValue, ErrorKind::Locked] {
        let script = Rc::default();
        let mut session = session(&script);
        script.borrow_mut().answers.push_back(Some(kind));
        assert_eq!(asked(&mut session, &script), (Some(kind), "a, a ?".to_owned()));
        assert_eq!(asked(&mut session, &script), (None, "a ?".to_owned()), "the connection is still good");
    }
    let script = Rc::default();
    let mut session = session(&script);
    script.borrow_mut().connects.push_back(ErrorKind::Library);
    assert_eq!(asked(&mut session, &script), (Some(ErrorKind::Library), "a".to_owned()));
}
