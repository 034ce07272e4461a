//! Questions on their way.
#![forbid(unsafe_code)]

use super::certain::certain;
use super::connection::Purpose;
use super::health::Availability;
use super::in_flight::{Awaited, SUSPICION};
use super::{Command, ConnectionId, Question, State, Timer, UpstreamManager};
use crate::net::exchange::{Failure, QuestionId, Sharing};
use std::collections::HashMap;
use std::time::Instant;

/// Whether the caller has been told to ask it: then the server may have seen it.
pub(super) fn was_commanded(questions: &HashMap<QuestionId, Question>, id: &QuestionId) -> bool {
    matches!(questions.get(id).map(|question| question.state), Some(State::Asked { is_commanded: true, .. }))
}

impl UpstreamManager {
    /// Asks it on a connection that has room.
    pub(super) fn put(&mut self, id: QuestionId, to: ConnectionId, now: Instant) {
        let Some(question) = certain(self.questions.get_mut(&id)) else { return };
        let Some(connection) = certain(self.connections.get_mut(&to)) else { return };
        let Some(pool) = certain(self.pools.get(&connection.pool)) else { return };
        let elsewhere = question.group.tried.with(connection.index);
        // One question finds out whether a server answers again, and should not have to pay for it.
        let rushed = self.servers.is_half_open(connection.server)
            && !connection.has_greeted
            && pool.best(elsewhere, &self.servers, now) == Availability::Up;
        let operation = pool.settings.timeouts.operation;
        let allowed = if rushed { operation.min(SUSPICION) } else { operation };
        question.state = State::Asked { connection: to, at: now, is_commanded: false, is_seen: false };
        connection.in_flight.insert(id);
        let may_be_dead = connection.may_be_dead(now) && !question.was_asked_again && !rushed;
        self.servers.begin_waiting(connection.server, Awaited::Answer, now);
        self.commands.push_back(Command::Ask(to, id));
        self.set_question_timer(id, Some(now + allowed));
        if may_be_dead {
            self.watch_silence(to, now);
        }
        self.note_freedom(to);
    }

    /// When the question was asked on that connection, if it is on it.
    pub(super) fn asked_at(&self, on: ConnectionId, question: QuestionId) -> Option<Instant> {
        match self.questions.get(&question)?.state {
            State::Asked { connection, at, .. } if connection == on => Some(at),
            _ => None,
        }
    }

    /// Takes a question away from wherever it is.
    pub(super) fn detach(&mut self, id: QuestionId, now: Instant) {
        match self.questions.get(&id).map(|question| question.state) {
            Some(State::Waiting) => self.dequeue(id),
            Some(State::Reserved(connection)) => {
                let purpose =
                    certain(self.connections.get_mut(&connection)).map(|connection| &mut connection.purpose);
                if let Some(Purpose::Again(questions)) = purpose {
                    questions.remove(&id);
                }
            }
            Some(State::Asked { connection, .. }) => self.hang_up(connection, id, now),
            None => {}
        }
    }

    /// A question on the connection is not to be answered any more.
    fn hang_up(&mut self, id: ConnectionId, question: QuestionId, now: Instant) {
        match self.sharing(id) {
            Some(Sharing::Pipelined(_)) => {
                self.call_off(id, question);
                self.release(id, question, now);
            }
            // Its answer would be taken for that of the next one.
            _ => drop(self.close(id)),
        }
    }

    /// The server need not work on it any more.
    pub(super) fn call_off(&mut self, on: ConnectionId, question: QuestionId) {
        if was_commanded(&self.questions, &question) {
            self.commands.push_back(Command::Abandon(on, question));
        }
    }

    pub(super) fn sharing(&self, id: ConnectionId) -> Option<Sharing> {
        let pool = certain(self.connections.get(&id))?.pool;
        Some(certain(self.pools.get(&pool))?.settings.sharing)
    }

    pub(super) fn give_up(&mut self, id: QuestionId, otherwise: Failure) {
        let failure = certain(self.questions.get_mut(&id)).and_then(|question| question.failure.take());
        self.forget(id);
        self.commands.push_back(Command::GiveUp(id, failure.unwrap_or(otherwise)));
    }

    pub(super) fn forget(&mut self, id: QuestionId) {
        if let Some(question) = self.questions.remove(&id) {
            self.timers.remove(&(question.due, Timer::Question(id)));
        }
    }

    /// At that time or its deadline, whatever comes first.
    pub(super) fn set_question_timer(&mut self, id: QuestionId, due: Option<Instant>) {
        let Some(question) = certain(self.questions.get_mut(&id)) else { return };
        let due = due.map_or(question.deadline, |due| due.min(question.deadline));
        if due != question.due {
            self.timers.remove(&(question.due, Timer::Question(id)));
            self.timers.insert((due, Timer::Question(id)));
            question.due = due;
        }
    }
}
