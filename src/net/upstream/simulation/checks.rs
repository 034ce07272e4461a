//! What must hold after every step.

use super::super::connection_pool::Step;
use super::*;

impl World {
    pub(super) fn check(&self) {
        let due = self.board.next_timeout();
        for asked in self.asked.values() {
            assert!(due.is_some_and(|due| due <= asked.deadline), "a question would be forgotten");
        }
        let mine: Vec<_> = self.asked.keys().copied().collect();
        let mut known: Vec<_> = self.board.questions.keys().copied().collect();
        known.sort();
        assert_eq!(known, mine, "all questions, and no other, are known");
        let wires: Vec<_> = self.wires.keys().copied().collect();
        let mut known: Vec<_> = self.board.connections.keys().copied().collect();
        known.sort();
        assert_eq!(known, wires, "all connections, and no other, are known");
        assert!(self.board.closing.is_empty());
        assert!(self.board.timers.len() <= self.asked.len() + wires.len() + self.pools.len());
        self.check_debts();
        for (id, pool) in &self.board.pools {
            self.check_pool(*id, pool);
        }
    }

    fn check_debts(&self) {
        let mut debts: BTreeMap<_, (usize, usize)> = BTreeMap::new();
        for connection in self.board.connections.values() {
            let debt = debts.entry(connection.server).or_default();
            debt.0 += usize::from(!connection.is_ready());
            debt.1 += connection.in_flight.len();
        }
        for pool in self.board.pools.values() {
            for server_pool in &pool.server_pools {
                let (opening, unanswered, awaited) = self.board.servers.debts_for_test(server_pool.server);
                let expected = debts.get(&server_pool.server).copied().unwrap_or_default();
                assert_eq!((opening, unanswered), (expected.0 + usize::from(awaited), expected.1));
            }
        }
    }

    fn check_pool(&self, id: PoolId, pool: &ConnectionPool) {
        let step = pool.next_step(&self.board.servers, self.now);
        assert!(matches!(step, Step::Rest(_)), "something could be done: {step:?}");
        let waiting = self.board.questions.values().filter(|question| question.pool == id);
        let waiting = waiting.filter(|question| question.state == State::Waiting).count();
        assert_eq!(pool.queue.len(), waiting);
        for (index, server_pool) in pool.server_pools.iter().enumerate() {
            let mine = || {
                let all = self.board.connections.values();
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
                    && connection.in_flight.len() < pool.capacity()
            };
            assert_eq!(server_pool.free.len(), mine().filter(free).count());
            for (_, connection) in &server_pool.free {
                assert!(free(&&self.board.connections[connection]), "a busy connection among the free");
            }
        }
    }
}
