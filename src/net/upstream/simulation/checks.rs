//! What must hold after every step.

use super::super::connection_pool::Step;
use super::*;

impl World {
    pub(super) fn check(&self) {
        let due = self.manager.next_timeout();
        for asked in self.asked.values() {
            assert!(due.is_some_and(|due| due <= asked.deadline), "a question would be forgotten");
        }
        let mine: Vec<_> = self.asked.keys().copied().collect();
        let mut known: Vec<_> = self.manager.questions.keys().copied().collect();
        known.sort();
        assert_eq!(known, mine, "all questions, and no other, are known");
        let wires: Vec<_> = self.wires.keys().copied().collect();
        let mut known: Vec<_> = self.manager.connections.keys().copied().collect();
        known.sort();
        assert_eq!(known, wires, "all connections, and no other, are known");
        assert!(self.manager.closing.is_empty());
        assert!(self.manager.timers.len() <= self.asked.len() + 2 * wires.len() + self.pools.len());
        self.check_in_flight();
        for (id, pool) in &self.manager.pools {
            self.check_pool(*id, pool);
        }
    }

    fn check_in_flight(&self) {
        let mut in_flight: BTreeMap<_, (usize, usize)> = BTreeMap::new();
        for connection in self.manager.connections.values() {
            let counts = in_flight.entry(connection.server).or_default();
            counts.0 += usize::from(!connection.is_ready());
            counts.1 += connection.in_flight.len();
        }
        for pool in self.manager.pools.values() {
            for server_pool in &pool.server_pools {
                let (opening, unanswered, awaited) =
                    self.manager.servers.in_flight_for_test(server_pool.server);
                let expected = in_flight.get(&server_pool.server).copied().unwrap_or_default();
                assert_eq!((opening, unanswered), (expected.0 + usize::from(awaited), expected.1));
            }
        }
    }

    fn check_pool(&self, id: PoolId, pool: &ConnectionPool) {
        let step = pool.next_step(&self.manager.servers, self.now);
        assert!(matches!(step, Step::Rest(_)), "something could be done: {step:?}");
        let waiting = self.manager.questions.values().filter(|question| question.pool == id);
        let waiting = waiting.filter(|question| question.state == State::Waiting).count();
        assert_eq!(pool.queue.len(), waiting);
        for (index, server_pool) in pool.server_pools.iter().enumerate() {
            let mine = || {
                let all = self.manager.connections.values();
                all.filter(move |connection| connection.pool == id && connection.index == index)
            };
            assert_eq!(server_pool.connections, mine().count());
            let opening = |connection: &&Connection| {
                !connection.is_ready() && connection.purpose == connection::Purpose::Queue
            };
            assert_eq!(server_pool.opening, mine().filter(opening).count());
            let free = |connection: &&Connection| {
                connection.is_ready()
                    && !connection.is_finished
                    && !connection.is_suspect
                    && connection.in_flight.len() < pool.capacity()
            };
            assert_eq!(server_pool.free.len(), mine().filter(free).count());
            for (_, connection) in &server_pool.free {
                assert!(free(&&self.manager.connections[connection]), "a busy connection among the free");
            }
        }
    }
}
