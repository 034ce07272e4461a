//! Pools and those who wait in them.
#![forbid(unsafe_code)]

use super::certain::certain;
use super::connection::Purpose;
use super::connection_pool::{ConnectionPool, Step};
use super::health::Availability;
use super::queue::ServersTried;
use super::{Command, Event, FORGOTTEN_AFTER, State, Timer, UpstreamManager};
use crate::net::exchange::{PoolId, PoolSettings, QuestionId};
use std::rc::Rc;
use std::time::Instant;

impl UpstreamManager {
    pub(super) fn enter(&mut self, id: PoolId, pool: &Rc<PoolSettings>, now: Instant) {
        if let Some(pool) = self.pools.get_mut(&id) {
            pool.used_at = now;
            return;
        }
        self.pools.insert(id, ConnectionPool::new(id, pool, &mut self.servers, now));
        self.timers.insert((now + FORGOTTEN_AFTER, Timer::Pool(id)));
    }

    /// Forgets the pool, or looks again later.
    pub(super) fn retire(&mut self, id: PoolId, now: Instant) {
        let Some(pool) = certain(self.pools.get(&id)) else { return };
        let due = pool.used_at + FORGOTTEN_AFTER;
        if due > now || !pool.is_empty() {
            let due = if due > now { due } else { now + FORGOTTEN_AFTER };
            self.timers.insert((due, Timer::Pool(id)));
            return;
        }
        for server_pool in self.pools.remove(&id).into_iter().flat_map(|pool| pool.server_pools) {
            self.servers.leave(server_pool.server, id);
        }
    }

    /// Looks after the addresses and the failed servers of a pool that is used. `true` if a probe is on its way that
    /// is worth waiting for.
    pub(super) fn attend(&mut self, id: PoolId, now: Instant) -> bool {
        let Some(pool) = certain(self.pools.get(&id)) else { return false };
        let alternative = pool.best(ServersTried::default(), &self.servers, now) > Availability::Down;
        let promising =
            pool.server_pools.iter().any(|server_pool| self.servers.is_probed_soon(server_pool.server));
        let mut probes = Vec::new();
        for (index, server_pool) in pool.server_pools.iter().enumerate() {
            if self.servers.attend(server_pool.server, alternative, now)
                && server_pool.connections < pool.most_connections()
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
        let Some(question) = certain(self.questions.get_mut(&id)) else { return };
        question.state = State::Waiting;
        if let Some(pool) = certain(self.pools.get_mut(&question.pool)) {
            pool.queue.insert(question.group, &question.origin, question.sequence_number, id);
        }
        self.unsettled.insert(question.pool);
        self.set_question_timer(id, None);
    }

    pub(super) fn dequeue(&mut self, id: QuestionId) {
        let Some(question) = certain(self.questions.get(&id)) else { return };
        if let Some(pool) = certain(self.pools.get_mut(&question.pool)) {
            pool.queue.remove(question.group, &question.origin, question.sequence_number);
        }
    }

    /// Does what can be done for those who wait in the pools where something has changed.
    pub(super) fn settle(&mut self, now: Instant) {
        loop {
            while let Some(pool) = self.servers.next_changed() {
                self.unsettled.insert(pool);
            }
            let Some(pool) = self.unsettled.pop_first() else { return };
            self.settle_pool(pool, now);
        }
    }

    fn settle_pool(&mut self, id: PoolId, now: Instant) {
        while let Some(pool) = self.pools.get_mut(&id) {
            match pool.next_step(&self.servers, now) {
                Step::Ask(question, connection) => {
                    let server =
                        certain(self.connections.get(&connection)).map_or(0, |connection| connection.index);
                    pool.turn_to_next(server);
                    self.dequeue(question);
                    self.put(question, connection, now);
                }
                Step::Open(server) => {
                    pool.turn_to_next(server);
                    if !self.open(id, server, Purpose::Queue, now) {
                        return;
                    }
                }
                Step::GiveUp(question) => {
                    let failure = pool.last_failure(&self.servers);
                    self.dequeue(question);
                    self.give_up(question, failure);
                }
                Step::Rest(None) => return,
                Step::Rest(Some(server)) => {
                    let waiting = pool.queue.len();
                    let server = pool.settings.servers.get(server).filter(|_| pool.waiting_told.is_due(now));
                    let event = server.map(|server| Event::Waiting(server.clone(), waiting));
                    return self.commands.extend(event.map(Command::Log));
                }
            }
        }
    }
}
