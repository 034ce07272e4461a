//! Lanes and those who wait in them.
#![forbid(unsafe_code)]

use super::connection::Purpose;
use super::health::Standing;
use super::lane::{Step, Switch};
use super::queue::Tried;
use super::{Event, FORGOTTEN_AFTER, Order, State, Switchboard, Timer};
use crate::mech::remote::{Lane, LaneId, QuestionId};
use std::rc::Rc;
use std::time::Instant;

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

    /// Looks after the addresses and the failed servers of a lane that is used. `true` if a probe is on its way that
    /// is worth waiting for.
    pub(super) fn attend(&mut self, id: LaneId, now: Instant) -> bool {
        let Some(switch) = self.lanes.get(&id) else { return false };
        let alternative = switch.best(Tried::default(), &self.servers, now) > Standing::Bad;
        let promising = switch.bundles.iter().any(|bundle| self.servers.is_probed_soon(bundle.server));
        let mut probes = Vec::new();
        for (index, bundle) in switch.bundles.iter().enumerate() {
            if self.servers.attend(bundle.server, alternative, now)
                && bundle.connections < switch.most_connections()
            {
                probes.push(index);
            }
        }
        let mut opened = false;
        for index in probes {
            opened |= self.open(id, index, Purpose::Probe, now);
        }
        opened || promising
    }

    pub(super) fn enqueue(&mut self, id: QuestionId) {
        let Some(question) = self.questions.get_mut(&id) else { return };
        question.state = State::Waiting;
        if let Some(switch) = self.lanes.get_mut(&question.lane) {
            switch.queue.insert(question.wish, &question.origin, question.ticket, id);
        }
        self.unsettled.insert(question.lane);
        self.set_question_timer(id, None);
    }

    pub(super) fn dequeue(&mut self, id: QuestionId) {
        let Some(question) = self.questions.get(&id) else { return };
        if let Some(switch) = self.lanes.get_mut(&question.lane) {
            switch.queue.remove(question.wish, &question.origin, question.ticket);
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
