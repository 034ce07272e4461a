//! Connections are opened, serve, rest and are closed.
#![forbid(unsafe_code)]

use super::certain::certain;
use super::connection::{Connection, Purpose};
use super::connection_pool::{ConnectionPool, ServerPool};
use super::health::Evidence;
use super::in_flight::Awaited;
use super::{Command, ConnectionId, State, Timer, UpstreamManager};
use crate::net::exchange::{PoolId, QuestionId, Sharing};
use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

/// The connections of a pool to the server at that place of its list.
fn server_pool(
    pools: &mut HashMap<PoolId, ConnectionPool>,
    pool: PoolId,
    index: usize,
) -> Option<&mut ServerPool> {
    certain(certain(pools.get_mut(&pool))?.server_pools.get_mut(index))
}

impl UpstreamManager {
    /// Begins a connection to the next address of a server. `false` if it has none.
    pub(super) fn open(&mut self, pool: PoolId, index: usize, purpose: Purpose, now: Instant) -> bool {
        let Some(server_pool) = server_pool(&mut self.pools, pool, index) else { return false };
        let server = server_pool.server;
        let Some(target) = self.servers.target(server).cloned() else { return false };
        self.last_connection += 1;
        let id = ConnectionId(self.last_connection);
        server_pool.connections += 1;
        match &purpose {
            Purpose::Queue => server_pool.opening += 1,
            Purpose::Probe => self.servers.begin_probe(server),
            Purpose::Again(questions) => self.reserve(questions, id),
            Purpose::Replacement(_) => {}
        }
        self.servers.begin_waiting(server, Awaited::Opening, now);
        self.commands.push_back(Command::Open {
            connection: id,
            pool,
            server: index,
            target: target.clone(),
        });
        self.connections.insert(id, Connection::new(pool, index, server, target, purpose, now));
        self.time_stage(id);
        true
    }

    fn reserve(&mut self, questions: &BTreeSet<QuestionId>, connection: ConnectionId) {
        for id in questions {
            if let Some(question) = certain(self.questions.get_mut(id)) {
                question.state = State::Reserved(connection);
            }
            self.set_question_timer(*id, None);
        }
    }

    pub(super) fn time_stage(&mut self, id: ConnectionId) {
        let Some(connection) = certain(self.connections.get(&id)) else { return };
        let Some(pool) = certain(self.pools.get(&connection.pool)) else { return };
        let due = connection.stage_began + connection.allowed(&pool.settings.timeouts);
        self.set_connection_timer(id, Some(due));
    }

    fn set_connection_timer(&mut self, id: ConnectionId, due: Option<Instant>) {
        let Some(connection) = certain(self.connections.get_mut(&id)) else { return };
        if let Some(before) = std::mem::replace(&mut connection.due, due) {
            self.timers.remove(&(before, Timer::Connection(id)));
        }
        self.timers.extend(due.map(|due| (due, Timer::Connection(id))));
    }

    /// It has become ready.
    pub(super) fn begin_service(&mut self, id: ConnectionId, now: Instant) {
        self.set_connection_timer(id, None);
        let Some(connection) = certain(self.connections.get_mut(&id)) else { return };
        self.servers.end_waiting(connection.server, Awaited::Opening);
        let (server, began) = (connection.server, connection.began);
        self.servers.note_life(server, &connection.target, Evidence::Ready, began, now);
        self.unsettled.insert(connection.pool);
        match &mut connection.purpose {
            Purpose::Queue => {
                let (pool, index) = (connection.pool, connection.index);
                self.with_server_pool(pool, index, |server_pool| {
                    server_pool.opening = server_pool.opening.saturating_sub(1)
                });
            }
            Purpose::Again(questions) => {
                for question in std::mem::take(questions) {
                    self.put(question, id, now);
                }
            }
            Purpose::Replacement(silent) => {
                let silent = *silent;
                self.take_over(id, silent, now);
            }
            Purpose::Probe => {}
        }
        self.fill(id, now);
    }

    /// A question is off the connection.
    pub(super) fn release(&mut self, id: ConnectionId, question: QuestionId, now: Instant) {
        let sharing = self.sharing(id);
        let Some(connection) = certain(self.connections.get_mut(&id)) else { return };
        if connection.in_flight.remove(&question) {
            self.servers.end_waiting(connection.server, Awaited::Answer);
        }
        self.unsettled.insert(connection.pool);
        if sharing != Some(Sharing::OneShot) && !connection.is_finished {
            self.fill(id, now);
        } else if connection.in_flight.is_empty() {
            self.close(id);
        }
    }

    /// Takes those who wait, the oldest first; without any the connection rests.
    fn fill(&mut self, id: ConnectionId, now: Instant) {
        while let Some(connection) = certain(self.connections.get(&id)) {
            let Some(pool) = certain(self.pools.get(&connection.pool)) else { return };
            if connection.in_flight.len() >= pool.capacity() || connection.is_suspect {
                break;
            }
            let Some(question) = pool.next_for(connection.index, &self.servers, now) else { break };
            self.dequeue(question);
            self.put(question, id, now);
        }
        self.note_freedom(id);
        self.rest(id, now);
    }

    fn rest(&mut self, id: ConnectionId, now: Instant) {
        if certain(self.connections.get(&id)).is_none_or(|connection| !connection.in_flight.is_empty()) {
            return;
        }
        if self.sharing(id) == Some(Sharing::OneShot) {
            self.close(id);
            return;
        }
        let Some(connection) = certain(self.connections.get_mut(&id)) else { return };
        connection.was_used = true;
        connection.idle_since = now;
        // Otherwise an earlier timer rings and is set anew: cheaper than one for each question.
        if connection.due.is_none() {
            let due = now + self.idle_time(id);
            self.set_connection_timer(id, Some(due));
        }
    }

    fn idle_time(&self, id: ConnectionId) -> Duration {
        let pool = certain(self.connections.get(&id))
            .and_then(|connection| certain(self.pools.get(&connection.pool)));
        pool.map_or(Duration::ZERO, |pool| pool.settings.idle_time)
    }

    /// The timer of a ready connection has rung.
    pub(super) fn end_idleness(&mut self, id: ConnectionId, now: Instant) {
        let idle_time = self.idle_time(id);
        let Some(connection) = certain(self.connections.get_mut(&id)) else { return };
        connection.due = None;
        let due = connection.idle_since + idle_time;
        match connection.in_flight.is_empty() {
            true if due <= now => drop(self.close(id)),
            true => self.set_connection_timer(id, Some(due)),
            false => {}
        }
    }

    /// Keeps the list of free connections true.
    pub(super) fn note_freedom(&mut self, id: ConnectionId) {
        let Some(connection) = certain(self.connections.get_mut(&id)) else { return };
        let Some(pool) = certain(self.pools.get_mut(&connection.pool)) else { return };
        let room = connection.in_flight.len() < pool.capacity();
        let free = connection.is_ready() && room && !connection.is_finished && !connection.is_suspect;
        let sharing = pool.settings.sharing;
        let Some(server_pool) = certain(pool.server_pools.get_mut(connection.index)) else { return };
        match (connection.free_as, free) {
            (Some(key), false) => {
                server_pool.free.remove(&(key, id));
                connection.free_as = None;
            }
            (None, true) => {
                self.last_release += 1;
                // Few connections are to be kept busy: the oldest of those that are shared, otherwise the one used
                // last.
                let key = match sharing {
                    Sharing::Pipelined(_) => u64::MAX - id.0,
                    Sharing::OneShot | Sharing::Sequential => self.last_release,
                };
                server_pool.free.insert((key, id));
                connection.free_as = Some(key);
            }
            _ => {}
        }
    }

    /// Has the connection closed. What was asked on it is up to the caller.
    pub(super) fn close(&mut self, id: ConnectionId) -> Option<Connection> {
        let connection = self.take(id)?;
        self.closing.insert(id);
        self.commands.push_back(Command::Close(id));
        Some(connection)
    }

    /// Forgets the connection. What was asked on it is up to the caller.
    pub(super) fn take(&mut self, id: ConnectionId) -> Option<Connection> {
        if !self.connections.contains_key(&id) {
            return None;
        }
        self.set_connection_timer(id, None);
        self.set_silence_timer(id, None);
        let connection = self.connections.remove(&id)?;
        let opening = !connection.is_ready();
        self.with_server_pool(connection.pool, connection.index, |server_pool| {
            debug_assert!(server_pool.connections > 0, "what is taken was counted");
            server_pool.connections = server_pool.connections.saturating_sub(1);
            if opening && connection.purpose == Purpose::Queue {
                server_pool.opening = server_pool.opening.saturating_sub(1);
            }
            if let Some(key) = connection.free_as {
                server_pool.free.remove(&(key, id));
            }
        });
        if opening {
            self.servers.end_waiting(connection.server, Awaited::Opening);
        }
        if opening && connection.purpose == Purpose::Probe {
            self.servers.end_probe(connection.server);
        }
        for _ in &connection.in_flight {
            self.servers.end_waiting(connection.server, Awaited::Answer);
        }
        self.unsettled.insert(connection.pool);
        Some(connection)
    }

    pub(super) fn with_server_pool(
        &mut self,
        pool: PoolId,
        index: usize,
        change: impl FnOnce(&mut ServerPool),
    ) {
        if let Some(server_pool) = server_pool(&mut self.pools, pool, index) {
            change(server_pool);
        }
    }
}
