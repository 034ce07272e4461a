//! Questions find connections: the queue, opening, asking, resting, closing.
#![forbid(unsafe_code)]

use super::connection::{Connection, Purpose};
use super::health::{Debt, SUSPICION, Standing};
use super::lane::{Bundle, Step, Switch};
use super::{ConnectionId, Event, FORGOTTEN_AFTER, Order, State, Switchboard, Timer};
use crate::mech::remote::{Failure, Lane, LaneId, QuestionId, Sharing};
use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// Lanes and those who wait in them.
impl Switchboard {
    pub(super) fn enter(&mut self, id: LaneId, lane: &Rc<Lane>, now: Instant) {
        if let Some(switch) = self.lanes.get_mut(&id) {
            switch.used_at = now;
            return;
        }
        self.lanes.insert(id, Switch::new(id, lane, &mut self.servers, now));
        self.timers.insert((now + FORGOTTEN_AFTER, Timer::Lane(id)));
    }

    /// Forgets the lane, or looks again later.
    pub(super) fn retire(&mut self, id: LaneId, now: Instant) {
        let Some(switch) = self.lanes.get(&id) else { return };
        let due = switch.used_at + FORGOTTEN_AFTER;
        if due > now || !switch.is_empty() {
            let due = if due > now { due } else { now + FORGOTTEN_AFTER };
            self.timers.insert((due, Timer::Lane(id)));
            return;
        }
        for bundle in self.lanes.remove(&id).into_iter().flat_map(|switch| switch.bundles) {
            self.servers.leave(bundle.server, id);
        }
    }

    /// Looks after the addresses and the failed servers of a lane that is used. `true` if a probe is on its way now.
    pub(super) fn attend(&mut self, id: LaneId, now: Instant) -> bool {
        let Some(switch) = self.lanes.get(&id) else { return false };
        let mut probes = Vec::new();
        for (index, bundle) in switch.bundles.iter().enumerate() {
            if self.servers.attend(bundle.server, now) && bundle.connections < switch.most_connections() {
                probes.push(index);
            }
        }
        let mut opened = false;
        for index in probes {
            opened |= self.open(id, index, Purpose::Probe, now);
        }
        opened
    }

    pub(super) fn enqueue(&mut self, id: QuestionId) {
        let Some(question) = self.questions.get_mut(&id) else { return };
        question.state = State::Waiting;
        if let Some(switch) = self.lanes.get_mut(&question.lane) {
            switch.queue.insert(question.wish, question.ticket, id);
        }
        self.unsettled.insert(question.lane);
        self.set_question_timer(id, None);
    }

    pub(super) fn dequeue(&mut self, id: QuestionId) {
        let Some(question) = self.questions.get(&id) else { return };
        if let Some(switch) = self.lanes.get_mut(&question.lane) {
            switch.queue.remove(question.wish, question.ticket);
        }
    }

    /// Does what can be done for those who wait in the lanes where something has changed.
    pub(super) fn settle(&mut self, now: Instant) {
        loop {
            while let Some(lane) = self.servers.next_changed() {
                self.unsettled.insert(lane);
            }
            let Some(lane) = self.unsettled.pop_first() else { return };
            self.settle_lane(lane, now);
        }
    }

    fn settle_lane(&mut self, id: LaneId, now: Instant) {
        while let Some(switch) = self.lanes.get_mut(&id) {
            match switch.next_step(&self.servers, now) {
                Step::Ask(question, connection) => {
                    let server = self.connections.get(&connection).map_or(0, |connection| connection.index);
                    switch.turn_to_next(server);
                    self.dequeue(question);
                    self.put(question, connection, now);
                }
                Step::Open(server) => {
                    switch.turn_to_next(server);
                    if !self.open(id, server, Purpose::Queue, now) {
                        return;
                    }
                }
                Step::GiveUp(question) => {
                    let failure = switch.last_failure(&self.servers);
                    self.dequeue(question);
                    self.give_up(question, failure);
                }
                Step::Rest(None) => return,
                Step::Rest(Some(server)) => {
                    let waiting = switch.queue.len();
                    let server = switch.lane.servers.get(server).filter(|_| switch.waiting_told.is_due(now));
                    let event = server.map(|server| Event::Waiting(server.clone(), waiting));
                    return self.orders.extend(event.map(Order::Log));
                }
            }
        }
    }
}

/// Questions on their way.
impl Switchboard {
    /// Asks it on a connection that has room.
    pub(super) fn put(&mut self, id: QuestionId, to: ConnectionId, now: Instant) {
        let Some(question) = self.questions.get_mut(&id) else { return };
        let Some(connection) = self.connections.get_mut(&to) else { return };
        let Some(switch) = self.lanes.get(&connection.lane) else { return };
        let elsewhere = question.wish.tried.with(connection.index);
        // One question finds out whether a server answers again, and should not have to pay for it.
        let rushed = self.servers.is_on_trial(connection.server)
            && !connection.has_greeted
            && switch.best(elsewhere, &self.servers, now) == Standing::Good;
        let operation = switch.lane.timeouts.operation;
        let allowed = if rushed { operation.min(SUSPICION) } else { operation };
        question.state = State::Asked { connection: to, at: now, is_ordered: false };
        connection.in_flight.insert(id);
        self.servers.owe(connection.server, Debt::Answer, now);
        self.orders.push_back(Order::Ask(to, id));
        self.set_question_timer(id, Some(now + allowed));
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
                let purpose = self.connections.get_mut(&connection).map(|connection| &mut connection.purpose);
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
            Some(Sharing::Together(_)) => self.release(id, question, now),
            // Its answer would be taken for that of the next one.
            _ => drop(self.close(id)),
        }
    }

    pub(super) fn sharing(&self, id: ConnectionId) -> Option<Sharing> {
        let lane = self.connections.get(&id)?.lane;
        Some(self.lanes.get(&lane)?.lane.sharing)
    }

    pub(super) fn give_up(&mut self, id: QuestionId, otherwise: Failure) {
        let failure = self.questions.get_mut(&id).and_then(|question| question.failure.take());
        self.forget(id);
        self.orders.push_back(Order::GiveUp(id, failure.unwrap_or(otherwise)));
    }

    pub(super) fn forget(&mut self, id: QuestionId) {
        if let Some(question) = self.questions.remove(&id) {
            self.timers.remove(&(question.due, Timer::Question(id)));
        }
    }

    /// At that time or its deadline, whatever comes first.
    fn set_question_timer(&mut self, id: QuestionId, due: Option<Instant>) {
        let Some(question) = self.questions.get_mut(&id) else { return };
        let due = due.map_or(question.deadline, |due| due.min(question.deadline));
        if due != question.due {
            self.timers.remove(&(question.due, Timer::Question(id)));
            self.timers.insert((due, Timer::Question(id)));
            question.due = due;
        }
    }
}

/// Connections.
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
