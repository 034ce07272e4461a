//! One connection to an HTTP server: requests out, replies in, one at a time.
#![forbid(unsafe_code)]

use super::status::{Meaning, Statuses};
use crate::http::head::Reply;
use crate::http::reply::{Reader, Whole};
use crate::job::ErrandResult;
use crate::net::exchange::{Failure, FailureKind, QuestionId, SessionEvent};
use crate::secret::Secret;
use std::collections::VecDeque;
use std::rc::Rc;

/// A connection, as [`Session`](crate::net::exchange::Session) wants it.
pub struct Session {
    /// Every request up to the number that says how long its body is.
    head: Rc<str>,
    statuses: Rc<Statuses>,
    state: State,
    /// The request to which a reply has begun.
    begun: Option<QuestionId>,
    output: Secret,
    events: VecDeque<SessionEvent<Reply>>,
}

enum State {
    /// Nothing is asked, and nothing must be said.
    Idle,
    /// A request is on its way.
    Waiting(QuestionId, Reader),
    /// Nothing more is asked or listened to.
    Over,
}

impl Session {
    /// A session for a new connection.
    pub(super) fn new(head: Rc<str>, statuses: Rc<Statuses>) -> Self {
        Self {
            head,
            statuses,
            state: State::Idle,
            begun: None,
            output: Secret::default(),
            events: VecDeque::new(),
        }
    }

    /// Takes a whole reply. Before anything else is asked here it must be clear that the connection is fit for it.
    fn answer(&mut self, id: QuestionId, whole: Whole) {
        self.state = if whole.reusable { State::Idle } else { State::Over };
        self.events.push_back(SessionEvent::Answered(id, self.judge(whole.reply)));
        if !whole.reusable {
            self.events.push_back(SessionEvent::Finished);
        }
    }

    fn judge(&self, reply: Reply) -> Result<Reply, Failure> {
        match self.statuses.meaning(reply.status) {
            Meaning::Busy => Err(Failure::new(FailureKind::Refused, reply.to_string())),
            Meaning::Accepted | Meaning::Rejected | Meaning::Unknown => Ok(reply),
        }
    }
}

impl crate::net::exchange::Session for Session {
    type Question = Secret;
    type Answer = Reply;

    fn handle_connected(&mut self) {
        self.events.push_back(SessionEvent::Ready);
    }

    fn handle_secured(&mut self) {}

    fn handle_input(&mut self, bytes: &[u8]) {
        match std::mem::replace(&mut self.state, State::Over) {
            // Such as the 408 of a server that has waited long enough. It must not pass for the next reply.
            State::Idle if !bytes.is_empty() => self.events.push_back(SessionEvent::Finished),
            State::Idle => self.state = State::Idle,
            State::Over => {}
            // It cannot be the reply to what the server does not have yet, but to something before it.
            State::Waiting(..) if !self.output.is_empty() => {
                let failure =
                    Failure::new(FailureKind::Unexpected, "the server replies before it has the request");
                self.events.push_back(SessionEvent::Failed(failure));
            }
            State::Waiting(id, mut reader) => match reader.handle_input(bytes) {
                Ok(None) => {
                    self.begun = Some(id);
                    self.state = State::Waiting(id, reader);
                }
                Ok(Some(whole)) => self.answer(id, whole),
                Err(fault) => {
                    let failure = Failure::new(FailureKind::Unexpected, fault.to_string());
                    self.events.push_back(SessionEvent::Failed(failure));
                }
            },
        }
    }

    fn handle_end(&mut self) {
        let State::Waiting(id, reader) = std::mem::replace(&mut self.state, State::Over) else { return };
        if let Some(whole) = reader.handle_end() {
            self.answer(id, whole);
        }
    }

    fn handle_errand(&mut self, _: ErrandResult) {}

    fn ask(&mut self, id: QuestionId, body: &Secret) {
        self.state = State::Waiting(id, Reader::of_head());
        self.output.extend_from_slice(self.head.as_bytes());
        self.output.extend_from_slice(format!("{}\r\n\r\n", body.len()).as_bytes());
        self.output.extend_from_slice(body.as_bytes());
    }

    fn next_begun(&mut self) -> Option<QuestionId> {
        self.begun.take()
    }

    fn say_goodbye(&mut self) {}

    fn output(&mut self) -> &mut Secret {
        &mut self.output
    }

    fn next_event(&mut self) -> Option<SessionEvent<Reply>> {
        self.events.pop_front()
    }
}
