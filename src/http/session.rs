//! One connection to an HTTP server: requests out, replies in, one at a time.
#![forbid(unsafe_code)]

use super::reply::{Reader, Whole};
use crate::job::ErrandResult;
use crate::net::exchange::{self, Failure, FailureKind, QuestionId, SessionEvent};
use crate::secret::Secret;
use std::collections::VecDeque;

/// What is asked over HTTP, and what the replies mean.
pub trait Dialogue {
    /// See [`exchange::Protocol::Question`].
    type Question;
    /// See [`exchange::Protocol::Answer`].
    type Answer;
    /// What must be known of a question to understand its reply.
    type Asked;

    /// Writes the whole request.
    fn write(&self, question: &Self::Question, output: &mut Secret) -> Self::Asked;

    /// Reads the reply.
    fn reader(&self) -> Reader;

    /// What a whole reply says; a [`Failure`] if this server cannot answer.
    ///
    /// # Errors
    /// Another server may answer.
    fn judge(&self, asked: Self::Asked, whole: Whole) -> Result<Self::Answer, Failure>;
}

/// A connection, as [`exchange::Session`] wants it.
pub struct Session<D: Dialogue> {
    dialogue: D,
    state: State<D::Asked>,
    /// The request to which a reply has begun.
    begun: Option<QuestionId>,
    output: Secret,
    events: VecDeque<SessionEvent<D::Answer>>,
}

enum State<Asked> {
    /// Nothing is asked, and nothing must be said.
    Idle,
    /// A request is on its way.
    Waiting(QuestionId, Asked, Reader),
    /// Nothing more is asked or listened to.
    Over,
}

impl<D: Dialogue> Session<D> {
    /// A session for a new connection.
    pub fn new(dialogue: D) -> Self {
        Self { dialogue, state: State::Idle, begun: None, output: Secret::default(), events: VecDeque::new() }
    }

    /// Takes a whole reply. Before anything else is asked here it must be clear that the connection is fit for it.
    fn answer(&mut self, id: QuestionId, asked: D::Asked, whole: Whole) {
        let is_reusable = whole.reusable;
        self.state = if is_reusable { State::Idle } else { State::Over };
        self.events.push_back(SessionEvent::Answered(id, self.dialogue.judge(asked, whole)));
        if !is_reusable {
            self.events.push_back(SessionEvent::Finished);
        }
    }

    fn fail(&mut self, reason: impl Into<String>) {
        self.events.push_back(SessionEvent::Failed(Failure::new(FailureKind::Unexpected, reason)));
    }
}

impl<D: Dialogue> exchange::Session for Session<D> {
    type Question = D::Question;
    type Answer = D::Answer;

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
                self.fail("the server replies before it has the request");
            }
            State::Waiting(id, asked, mut reader) => match reader.handle_input(bytes) {
                Ok(None) => {
                    self.begun = Some(id);
                    self.state = State::Waiting(id, asked, reader);
                }
                Ok(Some(whole)) => self.answer(id, asked, whole),
                Err(fault) => self.fail(fault.to_string()),
            },
        }
    }

    fn handle_end(&mut self) {
        let State::Waiting(id, asked, reader) = std::mem::replace(&mut self.state, State::Over) else {
            return;
        };
        if let Some(whole) = reader.handle_end() {
            self.answer(id, asked, whole);
        }
    }

    fn handle_errand(&mut self, _: ErrandResult) {}

    fn ask(&mut self, id: QuestionId, question: &D::Question) {
        let asked = self.dialogue.write(question, &mut self.output);
        self.state = State::Waiting(id, asked, self.dialogue.reader());
    }

    fn next_begun(&mut self) -> Option<QuestionId> {
        self.begun.take()
    }

    fn say_goodbye(&mut self) {}

    fn output(&mut self) -> &mut Secret {
        &mut self.output
    }

    fn next_event(&mut self) -> Option<SessionEvent<D::Answer>> {
        self.events.pop_front()
    }
}
