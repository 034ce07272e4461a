//! Connections and what their sessions say.
#![forbid(unsafe_code)]

use super::{Driver, Sender};
use crate::net::ConnectionId;
use crate::net::connection::Progress;
use crate::net::exchange::{Failure, Protocol, QuestionId, Session, SessionEvent};
use crate::net::upstream::Stage;
use std::time::Instant;

impl<P: Protocol> Driver<P> {
    /// Moves a connection on as far as it goes.
    pub(super) fn advance(&mut self, id: ConnectionId, now: Instant) {
        while let Some(connection) = self.connections.get_mut(&id) {
            match connection.advance(&mut self.buffer) {
                Ok(Progress::Nothing) => break,
                Ok(Progress::Securing) => self.upstream.handle_stage(id, Stage::Securing, now),
                Ok(Progress::Opened) => {
                    self.upstream.handle_stage(id, Stage::Opening, now);
                    self.listen(id, now);
                }
                Ok(Progress::Heard) => self.listen(id, now),
                Ok(Progress::Ended) => {
                    let end = connection.end();
                    self.listen(id, now);
                    self.give_up(id, end, now);
                }
                Err(failure) => self.give_up(id, failure, now),
            }
        }
        self.list(id, now);
    }

    /// Puts a connection on the lists of those that have more to do.
    pub(super) fn list(&mut self, id: ConnectionId, now: Instant) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        if !connection.listed && connection.wants_flush() {
            connection.listed = true;
            self.unflushed.push(id);
            self.listed_at = Some(now);
        }
        let out_of_turn = connection.socket().is_some_and(|socket| socket.is_out_of_turn());
        if out_of_turn && self.unread.last() != Some(&id) {
            self.unread.push(id);
            self.listed_at = Some(now);
        }
    }

    /// Takes what a session has to say.
    pub(super) fn listen(&mut self, id: ConnectionId, now: Instant) {
        while let Some(question) =
            self.connections.get_mut(&id).and_then(|connection| connection.session.next_begun())
        {
            self.upstream.handle_begun(id, question, now);
        }
        while let Some(connection) = self.connections.get_mut(&id) {
            let Some(event) = connection.session.next_event() else { break };
            match event {
                SessionEvent::Ready => {
                    connection.ready = true;
                    let has_greeted = connection.has_spoken();
                    self.upstream.handle_ready(id, has_greeted, now);
                }
                SessionEvent::StartTls => {
                    if let Err(failure) = connection.prepare_tls() {
                        let failure = connection.place(failure);
                        self.give_up(id, failure, now);
                    }
                }
                SessionEvent::Errand(errand) => {
                    self.upstream.handle_wait(id, Some(errand.why_late()));
                    self.send(Sender::Session(id), errand);
                }
                SessionEvent::Answered(question, answer) => {
                    let answer = answer.map_err(|failure| connection.place(failure));
                    self.handle_answer(id, question, answer, now);
                }
                SessionEvent::Finished => self.upstream.handle_finished(id, now),
                SessionEvent::Failed(failure) => {
                    let failure = connection.place(failure);
                    self.give_up(id, failure, now);
                }
            }
        }
        self.list(id, now);
    }

    fn handle_answer(
        &mut self,
        id: ConnectionId,
        question: QuestionId,
        answer: Result<P::Answer, Failure>,
        now: Instant,
    ) {
        let answered = answer.as_ref().map(drop).map_err(Failure::clone);
        if self.upstream.handle_answer(id, question, answered, now) {
            self.answer(question, answer, now);
        }
    }

    fn give_up(&mut self, id: ConnectionId, failure: Failure, now: Instant) {
        if self.connections.remove(&id).is_some() {
            self.withdraw_errands_of(id);
            self.upstream.handle_broken(id, failure, now);
        }
    }
}
