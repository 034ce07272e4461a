//! One connection to a directory.
//!
//! `opening` leads up to the first question: StartTLS and the bind of the service account. `asking` are the
//! questions themselves, many at a time on a connection that only searches; `progress` is what is known of answers
//! that are not complete; `protection` is what GSSAPI does for all of that after the bind.
#![forbid(unsafe_code)]

mod asking;
mod opening;
mod progress;
mod protection;
#[cfg(test)]
mod tests;

use super::ber;
use super::message::{Operation, Request};
use super::protected::Protected;
use super::question::{Answer, Question};
use super::response::{Body, NOTICE_OF_DISCONNECTION, Response, ResponseError};
use super::sasl::Mechanism;
use super::sasl_choice::Choice;
use super::settings::Account;
use crate::job::ErrandResult;
use crate::net::exchange::{Failure, FailureKind, QuestionId, Session, SessionEvent};
use crate::secret::Secret;
use asking::{Asked, Login};
use opening::Opening;
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;

/// What one connection has said and heard.
pub struct LdapSession {
    phase: Phase,
    opening: Opening,
    /// Questions without an answer, by the number of the request.
    asked: HashMap<i32, Asked>,
    /// A question for which a worker is doing something.
    worked_for: Option<(QuestionId, Login)>,
    last_number: i32,
    /// The place of the server in its pool.
    server: usize,
    /// Its name, for SASL.
    host: String,
    /// Whether referrals are of any use.
    follows: bool,
    /// Requests whose answers nobody waits for, the latest last. RFC 4511, section 4.11: they may come all the same.
    abandoned: VecDeque<i32>,
    /// Questions to which a part of the answer has come.
    begun: VecDeque<QuestionId>,
    /// The SASL mechanism that was chosen when the connection was opened.
    chosen: Option<Mechanism>,
    /// What protects the connection since the account's bind.
    protected: Option<Protected>,
    /// What has come of a message that is not whole yet.
    input: Secret,
    output: Secret,
    events: VecDeque<SessionEvent<Answer>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// [`Opening`] has the word.
    Opening,
    /// Questions can be asked.
    Ready,
    /// Nothing that comes matters any more.
    Over,
}

impl LdapSession {
    /// A session that is to begin TLS by StartTLS if `start_tls`, and to bind as `account` before the first question
    /// unless there is none: then each question is a bind of its own.
    pub fn new(start_tls: bool, account: Option<Rc<Account>>) -> Self {
        Self {
            phase: Phase::Opening,
            opening: Opening::new(start_tls, account),
            asked: HashMap::new(),
            worked_for: None,
            last_number: 0,
            server: 0,
            host: String::new(),
            follows: false,
            abandoned: VecDeque::new(),
            begun: VecDeque::new(),
            chosen: None,
            protected: None,
            input: Secret::default(),
            output: Secret::default(),
            events: VecDeque::new(),
        }
    }

    /// The same for the server of that name, at that place in its pool.
    #[must_use]
    pub fn of_server(self, server: usize, host: &str) -> Self {
        Self { server, host: host.to_owned(), ..self }
    }

    /// The same, which gives referrals back if `follows`: otherwise a server that refers to another one has not
    /// answered.
    #[must_use]
    pub fn with_referrals(self, follows: bool) -> Self {
        Self { follows, ..self }
    }

    /// The same, which asks the server for its SASL mechanisms before the first bind and chooses among these.
    #[must_use]
    pub fn choosing(self, choice: Option<Choice>, is_private: bool) -> Self {
        Self { opening: self.opening.choosing(choice, is_private), ..self }
    }

    /// The mechanism for a bind.
    fn mechanism(&self, choice: &Choice) -> Result<Mechanism, Failure> {
        let known = choice.only().or_else(|| self.chosen.filter(|chosen| choice.has(*chosen)));
        known.ok_or_else(|| Failure::new(FailureKind::Internal, "no SASL mechanism has been chosen"))
    }

    /// Puts a request into the output, and gives its number.
    fn send(&mut self, request: &Request<'_>) -> i32 {
        let number = self.next_number();
        request.write(number, self.sayings());
        number
    }

    fn send_operation(&mut self, operation: &Operation) -> i32 {
        let number = self.next_number();
        operation.write(number, self.sayings());
        number
    }

    /// Where to put what is said to the server.
    fn sayings(&mut self) -> &mut Secret {
        self.protected.as_mut().map_or(&mut self.output, Protected::outgoing)
    }

    fn next_number(&mut self) -> i32 {
        loop {
            self.last_number = self.last_number.checked_add(1).unwrap_or(1);
            if !self.asked.contains_key(&self.last_number) {
                return self.last_number;
            }
        }
    }

    /// Takes what has come in the clear, or was opened.
    fn take_clear(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let was_protected = self.protected.is_some();
        let mut input = std::mem::take(&mut self.input);
        if input.is_empty() {
            let taken = self.take_messages(bytes)?;
            input.extend_from_slice(bytes.get(taken..).unwrap_or_default());
        } else {
            input.extend_from_slice(bytes);
            let taken = self.take_messages(input.as_bytes())?;
            if taken > 0 {
                input = Secret::copy_of(input.as_bytes().get(taken..).unwrap_or_default());
            }
        }
        if self.protected.is_some() != was_protected {
            return self.take_protected(input.as_bytes());
        }
        if self.phase != Phase::Over {
            self.note_begun(input.as_bytes());
            self.input = input;
        }
        Ok(())
    }

    /// Takes one message after another from the front of `bytes`, and gives the length of what was taken. What is behind the end of a bind
    /// that protects the connection is not in the clear.
    fn take_messages(&mut self, bytes: &[u8]) -> Result<usize, Failure> {
        let was_protected = self.protected.is_some();
        let mut taken = 0;
        while self.phase != Phase::Over && self.protected.is_some() == was_protected {
            let rest = bytes.get(taken..).unwrap_or_default();
            let Some(length) = ber::message_length(rest).map_err(|error| nonsense(error.into()))? else {
                break;
            };
            let (whole, behind) = rest.split_at_checked(length).unwrap_or((rest, &[]));
            let response = Response::parse(whole).map_err(nonsense)?;
            self.take(response, behind.is_empty())?;
            taken += length;
        }
        Ok(taken)
    }

    /// `is_last`: nothing has come behind the message.
    fn take(&mut self, response: Response, is_last: bool) -> Result<(), Failure> {
        let Response { number, body } = response;
        match (number, self.phase) {
            _ if matches!(body, Body::Intermediate) => Ok(()),
            (0, _) => self.take_notice(body),
            (_, Phase::Opening) => self.go_on_opening(number, body, is_last),
            (_, Phase::Ready) => self.take_answer(number, body),
            (_, Phase::Over) => Ok(()),
        }
    }

    /// RFC 4511, section 4.4: the only notice that matters says that the server closes the connection.
    fn take_notice(&mut self, body: Body) -> Result<(), Failure> {
        let Body::Extended { result, name, .. } = body else {
            return Err(unexpected("the server sent an answer to no request"));
        };
        if name.is_some_and(|name| name != NOTICE_OF_DISCONNECTION) {
            return Ok(());
        }
        let reason = format!("the server ends the connection: {result}");
        if self.phase == Phase::Ready && self.asked.is_empty() && self.worked_for.is_none() {
            self.phase = Phase::Over;
            self.events.push_back(SessionEvent::Finished);
            return Ok(());
        }
        Err(Failure::new(FailureKind::Refused, reason))
    }

    fn fail(&mut self, failure: Failure) {
        self.phase = Phase::Over;
        self.input.clear();
        self.asked.clear();
        self.worked_for = None;
        self.events.push_back(SessionEvent::Failed(failure));
    }
}

impl Session for LdapSession {
    type Question = Question;
    type Answer = Answer;

    fn handle_connected(&mut self) {
        self.begin_opening();
    }

    fn handle_secured(&mut self) {
        self.go_on_secured();
    }

    fn handle_input(&mut self, bytes: &[u8]) {
        if self.phase == Phase::Opening && self.opening.is_securing() && !bytes.is_empty() {
            return self.fail(unexpected(opening::IN_CLEAR));
        }
        let taken = match self.protected {
            Some(_) => self.take_protected(bytes),
            None => self.take_clear(bytes),
        };
        taken.unwrap_or_else(|failure| self.fail(failure));
    }

    fn handle_end(&mut self) {}

    fn handle_errand(&mut self, result: ErrandResult) {
        let taken = match self.phase {
            Phase::Ready if self.protected.is_some() => self.take_work_for_connection(result),
            Phase::Opening => self.take_work_for_account(result),
            Phase::Ready => self.take_work_for_user(result),
            Phase::Over => Ok(()),
        };
        taken.unwrap_or_else(|failure| self.fail(failure));
    }

    fn ask(&mut self, id: QuestionId, question: &Question) {
        let put = self.put(id, question).and_then(|()| self.go_on_protected());
        put.unwrap_or_else(|failure| self.fail(failure));
    }

    fn abandon(&mut self, id: QuestionId) {
        self.call_off(id);
        self.go_on_protected().unwrap_or_else(|failure| self.fail(failure));
    }

    fn next_begun(&mut self) -> Option<QuestionId> {
        self.begun.pop_front()
    }

    /// Where the connection is protected nobody waits for a worker to say so: RFC 4511, section 4.3, lets it just end.
    fn say_goodbye(&mut self) {
        if self.protected.is_none() {
            self.send(&Request::Unbind);
        }
    }

    fn output(&mut self) -> &mut Secret {
        &mut self.output
    }

    fn next_event(&mut self) -> Option<SessionEvent<Answer>> {
        self.events.pop_front()
    }
}

fn nonsense(error: ResponseError) -> Failure {
    unexpected(error.to_string())
}

fn unexpected(reason: impl Into<String>) -> Failure {
    Failure::new(FailureKind::Unexpected, reason)
}
