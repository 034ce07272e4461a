//! What becomes of connections and questions that take too long.
#![forbid(unsafe_code)]

use super::certain::certain;
use super::connection::{Connection, Seconds};
use super::health::Availability;
use super::in_flight::SUSPICION;
use super::{ConnectionId, State, UpstreamManager};
use crate::net::exchange::{Failure, FailureKind, PoolId, QuestionId, Sharing, TlsMode};
use std::collections::BTreeSet;
use std::time::Instant;

impl UpstreamManager {
    pub(super) fn time_out_connection(&mut self, id: ConnectionId, now: Instant) {
        let Some(connection) = certain(self.connections.get(&id)) else { return };
        if connection.is_ready() {
            return self.end_idleness(id, now);
        }
        let Some(pool) = certain(self.pools.get(&connection.pool)) else { return };
        let tls =
            certain(pool.settings.servers.get(connection.index)).map_or(TlsMode::Off, |server| server.tls);
        let failure = connection.expiry(&pool.settings.timeouts, tls);
        self.cut(id, &failure, now);
    }

    pub(super) fn time_out_question(&mut self, id: QuestionId, now: Instant) {
        let Some(question) = certain(self.questions.get(&id)) else { return };
        let over = now >= question.deadline;
        match question.state {
            State::Asked { connection, at, .. } => {
                let time = Seconds(question.due.saturating_duration_since(at));
                let server = self.server_asked(connection);
                let waits = self.connections.get(&connection).and_then(|known| known.waits_because);
                let hint = waits.map(|reason| format!(": {reason}")).unwrap_or_default();
                let reason = format!("no answer from {server} within {time}{hint}");
                let failure = Failure::new(FailureKind::Unexpected, reason);
                if over {
                    self.miss_deadline(id, connection, failure, now);
                } else {
                    self.miss_answer(id, connection, &failure, now);
                }
            }
            State::Waiting | State::Reserved(_) => {
                let failure = Failure::new(FailureKind::Contact, self.what_is_late(question.pool));
                self.detach(id, now);
                self.give_up(id, failure);
            }
        }
    }

    /// Why a question in the queue of the pool could not be asked in time.
    fn what_is_late(&self, pool: PoolId) -> String {
        let pool = certain(self.pools.get(&pool));
        let servers = pool.map(|pool| pool.settings.servers.as_slice()).unwrap_or_default();
        let server = servers.first().map(ToString::to_string).unwrap_or_default();
        let first = pool.and_then(|pool| pool.server_pools.first());
        match first.is_some_and(|server_pool| self.servers.is_awaited(server_pool.server)) {
            true => format!("no address of {server} in time"),
            false => format!("no connection to {server} in time"),
        }
    }

    /// The question has taken too long on this server, though not too long for another.
    fn miss_answer(&mut self, id: QuestionId, on: ConnectionId, failure: &Failure, now: Instant) {
        self.note_silence(id, on, failure, now);
        let Some(connection) = certain(self.connections.get(&on)) else { return };
        let is_alive = connection.heard_at > self.asked_at(on, id);
        if is_alive && matches!(self.sharing(on), Some(Sharing::Pipelined(_))) {
            let index = connection.index;
            self.servers.note_failed(connection.server, 1);
            self.call_off(on, id);
            self.try_elsewhere(id, index, failure, now);
            self.release(on, id, now);
        } else {
            self.close_silent(id, on, failure, now);
        }
    }

    /// Closes a connection that has been silent to this question for all its time. It goes over to a fresh one if the
    /// old one may have been dead and no other server is better; so do the others, which have not had their time.
    fn close_silent(&mut self, id: QuestionId, on: ConnectionId, failure: &Failure, now: Instant) {
        let asked_at = self.asked_at(on, id);
        let Some(connection) = certain(self.close(on)) else { return };
        let may_be_dead =
            connection.was_used && connection.heard_at <= asked_at && !self.has_better(id, &connection, now);
        let (again, lost): (BTreeSet<_>, BTreeSet<_>) = connection
            .in_flight
            .iter()
            .partition(|question| (**question != id || may_be_dead) && self.may_be_asked_again(question));
        if !again.is_empty() {
            self.ask_again(&connection, again, failure, now);
        }
        if !lost.is_empty() {
            self.leave_unanswered(&connection, lost, failure, now);
        }
    }

    /// Whether the question has a server to go to that works.
    fn has_better(&self, id: QuestionId, connection: &Connection, now: Instant) -> bool {
        let Some(question) = certain(self.questions.get(&id)) else { return false };
        let elsewhere = question.group.tried.with(connection.index);
        let pool = certain(self.pools.get(&connection.pool));
        pool.is_some_and(|pool| pool.best(elsewhere, &self.servers, now) == Availability::Up)
    }

    /// The login's time is over. The server is silent only if it has been so for long.
    fn miss_deadline(&mut self, id: QuestionId, on: ConnectionId, failure: Failure, now: Instant) {
        let Some(asked_at) = certain(self.asked_at(on, id)) else { return };
        if now >= asked_at + SUSPICION {
            self.note_silence(id, on, &failure, now);
        }
        if let Some(connection) = certain(self.connections.get(&on)) {
            self.servers.note_failed(connection.server, 1);
        }
        self.detach(id, now);
        if let Some(question) = self.questions.get_mut(&id) {
            question.failure = Some(failure.clone());
        }
        self.give_up(id, failure);
    }

    /// A question has waited in vain for long.
    fn note_silence(&mut self, id: QuestionId, on: ConnectionId, failure: &Failure, now: Instant) {
        let Some(asked_at) = certain(self.asked_at(on, id)) else { return };
        if let Some(connection) = certain(self.connections.get(&on)) {
            self.servers.handle_silence(connection.server, &connection.target, failure, asked_at, now);
        }
    }

    fn server_asked(&self, on: ConnectionId) -> String {
        let Some(connection) = certain(self.connections.get(&on)) else { return String::new() };
        let pool = certain(self.pools.get(&connection.pool));
        let server = pool.and_then(|pool| pool.settings.servers.get(connection.index));
        server.map(ToString::to_string).unwrap_or_default()
    }
}
