//! Connections are opened, serve, rest and are closed.
#![forbid(unsafe_code)]

use super::connection::{Connection, Purpose};
use super::health::Debt;
use super::lane::Bundle;
use super::{ConnectionId, Order, State, Switchboard, Timer};
use crate::mech::remote::{LaneId, QuestionId, Sharing};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

impl Switchboard {
    /// Begins a connection to the next address of a server. `false` if it has none.
    pub(super) fn open(&mut self, lane: LaneId, index: usize, purpose: Purpose, now: Instant) -> bool {
        let Some(bundle) = self.lanes.get_mut(&lane).and_then(|switch| switch.bundles.get_mut(index)) else {
            return false;
        };
        let server = bundle.server;
        let Some(target) = self.servers.target(server).cloned() else { return false };
        self.last_connection += 1;
        let id = ConnectionId(self.last_connection);
        bundle.connections += 1;
        match &purpose {
            Purpose::Queue => bundle.opening += 1,
            Purpose::Probe => self.servers.begin_probe(server),
            Purpose::Again(questions) => self.reserve(questions, id),
        }
        self.servers.owe(server, Debt::Opening, now);
        self.orders.push_back(Order::Open { connection: id, lane, server: index, target: target.clone() });
        self.connections.insert(id, Connection::new(lane, index, server, target, purpose, now));
        self.time_stage(id);
        true
    }

    fn reserve(&mut self, questions: &BTreeSet<QuestionId>, connection: ConnectionId) {
        for id in questions {
            if let Some(question) = self.questions.get_mut(id) {
                question.state = State::Reserved(connection);
            }
            self.set_question_timer(*id, None);
        }
    }

    pub(super) fn time_stage(&mut self, id: ConnectionId) {
        let Some(connection) = self.connections.get(&id) else { return };
        let Some(switch) = self.lanes.get(&connection.lane) else { return };
        let due = connection.stage_began + connection.allowed(&switch.lane.timeouts);
        self.set_connection_timer(id, Some(due));
    }

    fn set_connection_timer(&mut self, id: ConnectionId, due: Option<Instant>) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        if let Some(before) = std::mem::replace(&mut connection.due, due) {
            self.timers.remove(&(before, Timer::Connection(id)));
        }
        self.timers.extend(due.map(|due| (due, Timer::Connection(id))));
    }

    /// It has become ready.
    pub(super) fn begin_service(&mut self, id: ConnectionId, now: Instant) {
        self.set_connection_timer(id, None);
        let Some(connection) = self.connections.get_mut(&id) else { return };
        self.servers.settle(connection.server, Debt::Opening);
        self.servers.handle_ready(connection.server, connection.began, now);
        self.unsettled.insert(connection.lane);
        match &mut connection.purpose {
            Purpose::Queue => {
                let (lane, index) = (connection.lane, connection.index);
                self.with_bundle(lane, index, |bundle| bundle.opening = bundle.opening.saturating_sub(1));
            }
            Purpose::Again(questions) => {
                for question in std::mem::take(questions) {
                    self.put(question, id, now);
                }
            }
            Purpose::Probe => {}
        }
        self.fill(id, now);
    }

    /// A question is off the connection.
    pub(super) fn release(&mut self, id: ConnectionId, question: QuestionId, now: Instant) {
        let sharing = self.sharing(id);
        let Some(connection) = self.connections.get_mut(&id) else { return };
        if connection.in_flight.remove(&question) {
            self.servers.settle(connection.server, Debt::Answer);
        }
        self.unsettled.insert(connection.lane);
        if sharing != Some(Sharing::OneQuestion) && !connection.is_finished {
            self.fill(id, now);
        } else if connection.in_flight.is_empty() {
            self.close(id);
        }
    }

    /// Takes those who wait, the oldest first; without any the connection rests.
    fn fill(&mut self, id: ConnectionId, now: Instant) {
        while let Some(connection) = self.connections.get(&id) {
            let Some(switch) = self.lanes.get(&connection.lane) else { return };
            if connection.in_flight.len() >= switch.capacity() {
                break;
            }
            let Some(question) = switch.next_for(connection.index, &self.servers, now) else { break };
            self.dequeue(question);
            self.put(question, id, now);
        }
        self.note_freedom(id);
        self.rest(id, now);
    }

    fn rest(&mut self, id: ConnectionId, now: Instant) {
        if self.connections.get(&id).is_none_or(|connection| !connection.in_flight.is_empty()) {
            return;
        }
        if self.sharing(id) == Some(Sharing::OneQuestion) {
            self.close(id);
            return;
        }
        let Some(connection) = self.connections.get_mut(&id) else { return };
        connection.was_used = true;
        connection.idle_since = now;
        // Otherwise an earlier timer rings and is set anew: cheaper than one for each question.
        if connection.due.is_none() {
            let due = now + self.idle_time(id);
            self.set_connection_timer(id, Some(due));
        }
    }

    fn idle_time(&self, id: ConnectionId) -> Duration {
        let lane = self.connections.get(&id).and_then(|connection| self.lanes.get(&connection.lane));
        lane.map_or(Duration::ZERO, |switch| switch.lane.idle_time)
    }

    /// The timer of a ready connection has rung.
    pub(super) fn end_idleness(&mut self, id: ConnectionId, now: Instant) {
        let idle_time = self.idle_time(id);
        let Some(connection) = self.connections.get_mut(&id) else { return };
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
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let Some(switch) = self.lanes.get_mut(&connection.lane) else { return };
        let room = connection.in_flight.len() < switch.capacity();
        let free = connection.is_ready() && room && !connection.is_finished;
        let sharing = switch.lane.sharing;
        let Some(bundle) = switch.bundles.get_mut(connection.index) else { return };
        match (connection.free_as, free) {
            (Some(key), false) => {
                bundle.free.remove(&(key, id));
                connection.free_as = None;
            }
            (None, true) => {
                self.last_release += 1;
                // Few connections are to be kept busy: the oldest of those that are shared, otherwise the one used
                // last.
                let key = match sharing {
                    Sharing::Together(_) => u64::MAX - id.0,
                    Sharing::OneQuestion | Sharing::InTurn => self.last_release,
                };
                bundle.free.insert((key, id));
                connection.free_as = Some(key);
            }
            _ => {}
        }
    }

    /// Has the connection closed. What was asked on it is up to the caller.
    pub(super) fn close(&mut self, id: ConnectionId) -> Option<Connection> {
        let connection = self.take(id)?;
        self.closing.insert(id);
        self.orders.push_back(Order::Close(id));
        Some(connection)
    }

    /// Forgets the connection. What was asked on it is up to the caller.
    pub(super) fn take(&mut self, id: ConnectionId) -> Option<Connection> {
        self.set_connection_timer(id, None);
        let connection = self.connections.remove(&id)?;
        let opening = !connection.is_ready();
        self.with_bundle(connection.lane, connection.index, |bundle| {
            bundle.connections = bundle.connections.saturating_sub(1);
            if opening && connection.purpose == Purpose::Queue {
                bundle.opening = bundle.opening.saturating_sub(1);
            }
            if let Some(key) = connection.free_as {
                bundle.free.remove(&(key, id));
            }
        });
        if opening {
            self.servers.settle(connection.server, Debt::Opening);
        }
        if opening && connection.purpose == Purpose::Probe {
            self.servers.end_probe(connection.server);
        }
        for _ in &connection.in_flight {
            self.servers.settle(connection.server, Debt::Answer);
        }
        self.unsettled.insert(connection.lane);
        Some(connection)
    }

    fn with_bundle(&mut self, lane: LaneId, index: usize, change: impl FnOnce(&mut Bundle)) {
        if let Some(bundle) = self.lanes.get_mut(&lane).and_then(|switch| switch.bundles.get_mut(index)) {
            change(bundle);
        }
    }
}
