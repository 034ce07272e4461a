//! A protocol of lines: the password is the question, `yes` accepts and anything else does not.
#![forbid(unsafe_code)]

use crate::credentials::Credentials;
use crate::job::{Errand, ErrandResult};
use crate::net::exchange::{
    Exchange, Failure, FailureKind, PoolId, PoolSettings, Protocol, QuestionId, Session, SessionEvent, Step,
    TlsMode,
};
use crate::outcome::{Outcome, Verdict};
use crate::secret::Secret;
use std::collections::VecDeque;
use std::rc::Rc;

/// Logins are questions to the one pool, or to the second with a service of that name.
pub(in crate::net) struct Lines {
    pub(in crate::net) pool: Rc<PoolSettings>,
    pub(in crate::net) second: Option<Rc<PoolSettings>>,
    /// Whether the server speaks first.
    pub(in crate::net) greets: bool,
}

impl Protocol for Lines {
    type Request = Credentials;
    type Verdict = Verdict;
    type Question = Secret;
    type Answer = Vec<u8>;
    type Session = LineSession;
    type Exchange = LineExchange;

    fn pool(&self, id: PoolId) -> Rc<PoolSettings> {
        Rc::clone(self.second.as_ref().filter(|_| id == PoolId(1)).unwrap_or(&self.pool))
    }

    fn session(&self, _: PoolId, server: usize) -> LineSession {
        let tls = self.pool.servers.get(server).map_or(TlsMode::Off, |server| server.tls);
        LineSession::new(self.greets, tls == TlsMode::StartTls)
    }

    fn exchange(&self, credentials: Credentials) -> LineExchange {
        LineExchange { credentials }
    }
}

/// A login. With the service `errand` a worker has to be asked first.
pub(in crate::net) struct LineExchange {
    credentials: Credentials,
}

impl Exchange for LineExchange {
    type Question = Secret;
    type Answer = Vec<u8>;
    type Verdict = Verdict;

    fn begin(&mut self) -> Step<Secret> {
        let password = Secret::copy_of(self.credentials.password.as_bytes());
        match self.credentials.service.as_slice() {
            b"errand" => Step::Errand(Errand::CheckPassword { password, stored: Secret::copy_of(b"{X}") }),
            b"second" => Step::Ask(PoolId(1), password),
            _ => Step::Ask(PoolId(0), password),
        }
    }

    fn handle_answer(&mut self, answer: Result<Vec<u8>, Failure>) -> Step<Secret> {
        let outcome = match answer {
            Ok(line) if line == b"yes" => Outcome::ACCEPT,
            Ok(_) => Outcome::reject("no"),
            Err(failure) => Outcome::unavailable(format!("{:?}", failure.kind), failure.reason),
        };
        Step::Done(outcome.into())
    }

    fn handle_errand(&mut self, result: ErrandResult) -> Step<Secret> {
        match result {
            ErrandResult::PasswordChecked(true) => {
                Step::Ask(PoolId(0), Secret::copy_of(self.credentials.password.as_bytes()))
            }
            _ => Step::Done(Outcome::reject("errand").into()),
        }
    }
}

/// One connection.
pub(in crate::net) struct LineSession {
    output: Secret,
    /// What has come and is no whole line yet.
    pub(in crate::net) input: Vec<u8>,
    state: State,
    asked: VecDeque<QuestionId>,
    begun: Option<QuestionId>,
    events: VecDeque<SessionEvent<Vec<u8>>>,
}

#[derive(PartialEq, Eq)]
enum State {
    Greeting { then_tls: bool },
    BeforeTls,
    Ready,
}

impl LineSession {
    pub(in crate::net) fn new(greets: bool, start_tls: bool) -> Self {
        let state = match (greets, start_tls) {
            (true, then_tls) => State::Greeting { then_tls },
            (false, true) => State::BeforeTls,
            (false, false) => State::Ready,
        };
        Self {
            output: Secret::default(),
            input: Vec::new(),
            state,
            asked: VecDeque::new(),
            begun: None,
            events: VecDeque::new(),
        }
    }

    fn handle_line(&mut self, line: Vec<u8>) {
        match self.state {
            State::Greeting { then_tls: true } => self.ask_for_tls(),
            State::Greeting { then_tls: false } => self.be_ready(),
            State::BeforeTls if line == b"GO" && self.input.is_empty() => {
                self.events.push_back(SessionEvent::StartTls);
            }
            State::BeforeTls => {
                let failure = Failure::new(FailureKind::Unexpected, "more than the go-ahead came before TLS");
                self.events.push_back(SessionEvent::Failed(failure));
            }
            State::Ready => match (line.as_slice(), self.asked.pop_front()) {
                (b"busy", Some(id)) => {
                    let failure = Failure::new(FailureKind::Refused, "the server is busy");
                    self.events.push_back(SessionEvent::Answered(id, Err(failure)));
                }
                (_, Some(id)) => self.events.push_back(SessionEvent::Answered(id, Ok(line))),
                (_, None) => self.events.push_back(SessionEvent::Finished),
            },
        }
    }

    fn ask_for_tls(&mut self) {
        self.state = State::BeforeTls;
        self.output.extend_from_slice(b"STARTTLS\n");
    }

    fn be_ready(&mut self) {
        self.state = State::Ready;
        self.events.push_back(SessionEvent::Ready);
    }
}

impl Session for LineSession {
    type Question = Secret;
    type Answer = Vec<u8>;

    fn handle_connected(&mut self) {
        match self.state {
            State::Greeting { .. } => {}
            State::BeforeTls => self.ask_for_tls(),
            State::Ready => self.be_ready(),
        }
    }

    fn handle_secured(&mut self) {
        self.be_ready();
    }

    fn handle_input(&mut self, bytes: &[u8]) {
        self.input.extend_from_slice(bytes);
        while let Some(end) = self.input.iter().position(|byte| *byte == b'\n') {
            let mut line: Vec<u8> = self.input.drain(..=end).collect();
            line.pop();
            self.handle_line(line);
        }
    }

    fn handle_end(&mut self) {}

    fn handle_errand(&mut self, _: ErrandResult) {}

    fn ask(&mut self, id: QuestionId, question: &Secret) {
        self.asked.push_back(id);
        self.output.extend_from_slice(question.as_bytes());
        self.output.extend_from_slice(b"\n");
    }

    fn next_begun(&mut self) -> Option<QuestionId> {
        let has_part = !self.input.is_empty() && self.output.is_empty();
        self.asked.front().copied().filter(|id| has_part && self.begun.replace(*id) != Some(*id))
    }

    fn say_goodbye(&mut self) {
        self.output.extend_from_slice(b"bye\n");
    }

    fn output(&mut self) -> &mut Secret {
        &mut self.output
    }

    fn next_event(&mut self) -> Option<SessionEvent<Vec<u8>>> {
        self.events.pop_front()
    }
}
