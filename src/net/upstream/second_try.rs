//! Questions on a connection that has gone silent are asked once more on a fresh one.
//!
//! A connection that has carried questions before may be dead without a word: a firewall has forgotten it, or the
//! machine behind it is another. So when nothing has been heard on it for [`Pace::patience`] while a question waits, a
//! fresh connection to the same server is opened beside it. If that becomes ready and the old one is still silent, the
//! questions go over and the old one is closed. If the old one speaks first, they stay.
//!
//! A question goes over once, and only if no part of its answer has come: a wrong password that is asked twice may
//! count twice.
//!
//! [`Pace::patience`]: super::pace::Pace::patience
#![forbid(unsafe_code)]

use super::asking::was_commanded;
use super::certain::certain;
use super::connection::{Connection, Purpose};
use super::connection_pool::ServerPool;
use super::health::Availability;
use super::in_flight::Awaited;
use super::queue::ServersTried;
use super::{ConnectionId, State, Timer, UpstreamManager};
use crate::net::exchange::{Failure, FailureKind, PoolId, QuestionId};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

impl UpstreamManager {
    /// A question was asked on a connection that may be dead.
    pub(super) fn watch_silence(&mut self, id: ConnectionId, now: Instant) {
        // An earlier look sets the next one: cheaper than a timer for each question.
        if certain(self.connections.get(&id)).is_some_and(|connection| connection.silence_due.is_none()) {
            let patience = self.patience(id);
            self.set_silence_timer(id, Some(now + patience));
        }
    }

    pub(super) fn set_silence_timer(&mut self, id: ConnectionId, due: Option<Instant>) {
        let Some(connection) = certain(self.connections.get_mut(&id)) else { return };
        if let Some(before) = std::mem::replace(&mut connection.silence_due, due) {
            self.timers.remove(&(before, Timer::Silence(id)));
        }
        self.timers.extend(due.map(|due| (due, Timer::Silence(id))));
    }

    fn patience(&self, id: ConnectionId) -> Duration {
        let Some(connection) = certain(self.connections.get(&id)) else { return Duration::MAX };
        let operation =
            certain(self.pools.get(&connection.pool)).map(|pool| pool.settings.timeouts.operation);
        let pace = self.server_pool_of(connection).map(|server_pool| &server_pool.pace);
        pace.zip(operation).map_or(Duration::MAX, |(pace, operation)| pace.patience(operation))
    }

    fn server_pool_of(&self, connection: &Connection) -> Option<&ServerPool> {
        certain(certain(self.pools.get(&connection.pool))?.server_pools.get(connection.index))
    }

    /// An answer, or a sign of one, has come: the connection is alive.
    pub(super) fn note_heard(&mut self, id: ConnectionId, now: Instant) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        connection.heard_at = Some(now);
        if std::mem::take(&mut connection.is_suspect) {
            self.unsettled.insert(connection.pool);
            self.note_freedom(id);
            self.watch_silence(id, now);
        }
    }

    /// The time to look whether the connection is silent has come.
    pub(super) fn look_at_silence(&mut self, id: ConnectionId, now: Instant) {
        self.set_silence_timer(id, None);
        let Some(since) = self.silent_since(id) else { return };
        let due = since + self.patience(id);
        if now < due {
            self.set_silence_timer(id, Some(due));
        } else {
            self.replace(id, since, now);
        }
    }

    /// Since when nothing has come while a question waits that may be asked again.
    fn silent_since(&self, id: ConnectionId) -> Option<Instant> {
        let connection = certain(self.connections.get(&id))?;
        let asked = connection.in_flight.iter().filter(|question| self.may_be_asked_again(question));
        let oldest = asked.filter_map(|question| self.asked_at(id, *question)).min()?;
        Some(connection.heard_at.map_or(oldest, |heard_at| heard_at.max(oldest)))
    }

    /// Whether it has a second try, and the server has not begun to answer it.
    pub(super) fn may_be_asked_again(&self, id: &QuestionId) -> bool {
        self.questions.get(id).is_some_and(|question| {
            !question.was_asked_again && matches!(question.state, State::Asked { is_seen: false, .. })
        })
    }

    /// Opens a connection beside one that is silent.
    fn replace(&mut self, silent: ConnectionId, since: Instant, now: Instant) {
        let Some(connection) = certain(self.connections.get(&silent)) else { return };
        let (pool, index) = (connection.pool, connection.index);
        let is_slow = self.servers.has_answered_since(connection.server, &connection.target, since);
        let given_twice = since + 2 * self.patience(silent);
        self.unsettled.insert(pool);
        if self.has_room(pool, index) || self.close_an_idle_one(silent) {
            self.suspect(silent);
            self.open(pool, index, Purpose::Replacement(silent), now);
        } else if is_slow && now < given_twice {
            // All that are allowed are busy. One that may only be slow is not given up for its place yet.
            self.set_silence_timer(silent, Some(given_twice));
        } else {
            self.reopen(silent, now);
        }
    }

    fn suspect(&mut self, id: ConnectionId) {
        if let Some(connection) = certain(self.connections.get_mut(&id)) {
            connection.is_suspect = true;
            self.note_freedom(id);
        }
    }

    fn has_room(&self, pool: PoolId, index: usize) -> bool {
        certain(self.pools.get(&pool)).is_some_and(|pool| {
            let server_pool = certain(pool.server_pools.get(index));
            server_pool.is_some_and(|server_pool| server_pool.connections < pool.most_connections())
        })
    }

    fn close_an_idle_one(&mut self, beside: ConnectionId) -> bool {
        let Some(connection) = certain(self.connections.get(&beside)) else { return false };
        let free = self.server_pool_of(connection).into_iter().flat_map(|server_pool| &server_pool.free);
        let mut free = free.map(|(_, id)| *id);
        let idle =
            free.find(|id| certain(self.connections.get(id)).is_some_and(|known| known.in_flight.is_empty()));
        idle.is_some_and(|id| self.close(id).is_some())
    }

    /// Closes a silent connection and opens another in its place.
    fn reopen(&mut self, silent: ConnectionId, now: Instant) {
        let questions = self.repeatable(silent);
        let Some(connection) = certain(self.connections.get(&silent)) else { return };
        if connection.in_flight.len() > questions.len() {
            return;
        }
        let failure = Failure::new(FailureKind::Unexpected, format!("{} is silent", connection.target));
        if let Some(connection) = self.close(silent) {
            self.ask_again(&connection, questions, &failure, now);
        }
    }

    fn repeatable(&self, on: ConnectionId) -> BTreeSet<QuestionId> {
        let in_flight =
            certain(self.connections.get(&on)).into_iter().flat_map(|connection| &connection.in_flight);
        in_flight.copied().filter(|question| self.may_be_asked_again(question)).collect()
    }

    /// A connection is ready that was opened beside a silent one.
    pub(super) fn take_over(&mut self, fresh: ConnectionId, silent: ConnectionId, now: Instant) {
        // It may be gone, or have spoken in the meantime.
        if self.connections.get(&silent).is_none_or(|connection| !connection.is_suspect) {
            return;
        }
        let questions = self.repeatable(silent);
        let asked = questions.iter().filter_map(|question| self.asked_at(silent, *question)).min();
        self.close_unheard(silent, asked.unwrap_or(now));
        for question in &questions {
            self.take_off(*question, silent);
        }
        self.end_silence(silent);
        for question in questions {
            self.put(question, fresh, now);
        }
    }

    fn take_off(&mut self, id: QuestionId, from: ConnectionId) {
        let is_commanded = was_commanded(&self.questions, &id);
        self.call_off(from, id);
        if let Some(question) = certain(self.questions.get_mut(&id)) {
            question.was_asked_again |= is_commanded;
        }
        if let Some(connection) = certain(self.connections.get_mut(&from)) {
            connection.in_flight.remove(&id);
            self.servers.end_waiting(connection.server, Awaited::Answer);
        }
    }

    /// No connection can be opened in the place of a silent one: the next server, if there is one. Otherwise the
    /// silent one may still answer.
    pub(super) fn leave_silent(&mut self, silent: ConnectionId, failure: &Failure, now: Instant) {
        let Some(connection) = self.connections.get(&silent).filter(|known| known.is_suspect) else { return };
        let Some(pool) = certain(self.pools.get(&connection.pool)) else { return };
        let index = connection.index;
        if pool.best(ServersTried::default().with(index), &self.servers, now) == Availability::Down {
            return;
        }
        for question in self.repeatable(silent) {
            self.take_off(question, silent);
            self.try_elsewhere(question, index, failure, now);
        }
        self.end_silence(silent);
    }

    /// Those that have had their second try, or the begin of an answer, wait on for what they wait for.
    fn end_silence(&mut self, id: ConnectionId) {
        let Some(connection) = certain(self.connections.get_mut(&id)) else { return };
        connection.is_finished = true;
        if connection.in_flight.is_empty() {
            self.close(id);
        }
    }

    /// Connections that rest are as likely to be dead as the silent one was, unless they were heard since.
    fn close_unheard(&mut self, beside: ConnectionId, since: Instant) {
        let Some(connection) = certain(self.connections.get(&beside)) else { return };
        let free = self.server_pool_of(connection).into_iter().flat_map(|server_pool| &server_pool.free);
        let dead: Vec<_> = free
            .map(|(_, id)| *id)
            .filter(|id| {
                self.connections
                    .get(id)
                    .is_some_and(|known| known.in_flight.is_empty() && known.last_sign_of_life() < since)
            })
            .collect();
        for id in dead {
            self.close(id);
        }
    }
}
