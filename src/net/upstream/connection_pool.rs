//! One pool: its queue, its connections to each server, and the choice among them.
#![forbid(unsafe_code)]

use super::ConnectionId;
use super::health::Availability;
use super::pace::Pace;
use super::queue::{MOST_SERVERS, Queue, ServersTried};
use super::servers::{ServerId, Servers};
use crate::config::ServerOrder;
use crate::net::exchange::{Failure, FailureKind, PoolId, PoolSettings, QuestionId, Sharing};
use crate::rate_limit::RateLimit;
use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Instant;

pub(super) struct ConnectionPool {
    pub(super) settings: Rc<PoolSettings>,
    /// One for each server of the pool.
    pub(super) server_pools: Vec<ServerPool>,
    pub(super) queue: Queue,
    /// Whose turn it is with [`ServerOrder::RoundRobin`].
    turn: usize,
    pub(super) used_at: Instant,
    pub(super) waiting_told: RateLimit,
    pub(super) unanswered_told: RateLimit,
}

/// The connections to one server.
pub(super) struct ServerPool {
    pub(super) server: ServerId,
    pub(super) connections: usize,
    /// Those being opened that will be free for any question.
    pub(super) opening: usize,
    /// Those that can take a question now, the best last.
    pub(super) free: BTreeSet<(u64, ConnectionId)>,
    /// How long answers take.
    pub(super) pace: Pace,
}

/// What to do with the questions that wait.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    Ask(QuestionId, ConnectionId),
    /// To the server at that place.
    Open(usize),
    GiveUp(QuestionId),
    /// Nothing. If it is for the bound of connections: to the server at that place.
    Rest(Option<usize>),
}

enum Choice {
    Free(ConnectionId),
    Room(usize),
    Full(usize),
    /// Its addresses are not known yet.
    Unknown,
    Nobody,
}

impl ConnectionPool {
    pub(super) fn new(id: PoolId, settings: &Rc<PoolSettings>, servers: &mut Servers, now: Instant) -> Self {
        let listed = settings.servers.iter().take(MOST_SERVERS);
        Self {
            settings: Rc::clone(settings),
            server_pools: listed
                .map(|server| ServerPool::new(servers.enter(server, settings.credential_scope, id, now)))
                .collect(),
            queue: Queue::default(),
            turn: 0,
            used_at: now,
            waiting_told: RateLimit::default(),
            unanswered_told: RateLimit::default(),
        }
    }

    /// Whether nothing waits and no connection is open.
    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty() && self.server_pools.iter().all(|server_pool| server_pool.connections == 0)
    }

    /// How many questions a connection can carry at a time.
    pub(super) fn capacity(&self) -> usize {
        match self.settings.sharing {
            Sharing::OneShot | Sharing::Sequential => 1,
            Sharing::Pipelined(most) => most.max(1),
        }
    }

    /// What to do next; called again when that is done, until it is to rest.
    pub(super) fn next_step(&self, servers: &Servers, now: Instant) -> Step {
        let mut full = None;
        let mut next = None;
        let mut expected = Vec::new();
        for group in self.queue.groups() {
            let tried = group.key.tried;
            let step = match self.choose(tried, servers, now) {
                Choice::Free(connection) => Step::Ask(group.question, connection),
                Choice::Unknown => continue,
                Choice::Nobody if group.key.awaits_probe && self.is_probing(tried, servers) => continue,
                Choice::Nobody => Step::GiveUp(group.question),
                Choice::Room(_) | Choice::Full(_)
                    if self.covers(tried, group.size, &mut expected, servers, now) =>
                {
                    continue;
                }
                Choice::Room(server) => Step::Open(server),
                Choice::Full(server) => {
                    full = full.or(Some(server));
                    continue;
                }
            };
            if next.as_ref().is_none_or(|(oldest, _)| group.oldest < *oldest) {
                next = Some((group.oldest, step));
            }
        }
        next.map_or(Step::Rest(full), |(_, step)| step)
    }

    /// The oldest question that a free connection to the server at that place may take, though another server may
    /// come first in the list.
    pub(super) fn next_for(&self, server: usize, servers: &Servers, now: Instant) -> Option<QuestionId> {
        if self.queue.is_empty() {
            return None;
        }
        let availability = self.availability(server, servers, now);
        let may =
            |tried: ServersTried| !tried.contains(server) && availability == self.best(tried, servers, now);
        let groups =
            self.queue.groups().filter(|group| availability > Availability::Down && may(group.key.tried));
        groups.min_by_key(|group| group.oldest).map(|group| group.question)
    }

    /// How well the best of the servers is doing that are not tried yet.
    pub(super) fn best(&self, tried: ServersTried, servers: &Servers, now: Instant) -> Availability {
        let untried = (0..self.server_pools.len()).filter(|server| !tried.contains(*server));
        untried.map(|server| self.availability(server, servers, now)).max().unwrap_or(Availability::Down)
    }

    fn availability(&self, server: usize, servers: &Servers, now: Instant) -> Availability {
        self.server_pools
            .get(server)
            .map_or(Availability::Down, |server_pool| servers.availability(server_pool.server, now))
    }

    fn choose(&self, tried: ServersTried, servers: &Servers, now: Instant) -> Choice {
        if self.best(tried, servers, now) == Availability::Down {
            return Choice::Nobody;
        }
        let mut full = None;
        for (index, server_pool) in self.candidates(tried, servers, now) {
            if let Some((_, connection)) = server_pool.free.last() {
                return Choice::Free(*connection);
            }
            if servers.target(server_pool.server).is_none() {
                match self.settings.order {
                    ServerOrder::Listed => return Choice::Unknown,
                    ServerOrder::RoundRobin => continue,
                }
            }
            if server_pool.connections < self.most_connections() {
                return Choice::Room(index);
            }
            full = full.or(Some(index));
        }
        full.map_or(Choice::Unknown, Choice::Full)
    }

    /// The servers that a question may go to now, in the pool's order.
    fn candidates<'a>(
        &'a self,
        tried: ServersTried,
        servers: &'a Servers,
        now: Instant,
    ) -> impl Iterator<Item = (usize, &'a ServerPool)> {
        let best = self.best(tried, servers, now);
        let first = match self.settings.order {
            ServerOrder::Listed => 0,
            ServerOrder::RoundRobin => self.turn,
        };
        let all = self.server_pools.iter().enumerate();
        all.clone()
            .skip(first)
            .chain(all.take(first))
            .filter(move |(index, _)| !tried.contains(*index))
            .filter(move |(_, server_pool)| servers.availability(server_pool.server, now) == best)
    }

    /// The server at that place has had its turn.
    pub(super) fn turn_to_next(&mut self, server: usize) {
        self.turn = (server + 1) % self.server_pools.len().max(1);
    }

    pub(super) fn most_connections(&self) -> usize {
        self.settings.most_connections.max(1)
    }

    /// Whether connections that are being opened will do for so many questions. `expected` is what they can carry,
    /// less what groups before have claimed.
    fn covers(
        &self,
        tried: ServersTried,
        questions: usize,
        expected: &mut Vec<usize>,
        servers: &Servers,
        now: Instant,
    ) -> bool {
        if expected.is_empty() {
            expected.extend(
                self.server_pools
                    .iter()
                    .map(|server_pool| server_pool.opening.saturating_mul(self.capacity())),
            );
        }
        let mut uncovered = questions;
        for (index, _) in self.candidates(tried, servers, now) {
            if let Some(expected) = expected.get_mut(index) {
                let claimed = uncovered.min(*expected);
                *expected -= claimed;
                uncovered -= claimed;
            }
        }
        uncovered == 0
    }

    fn is_probing(&self, tried: ServersTried, servers: &Servers) -> bool {
        let mut untried = self.server_pools.iter().enumerate().filter(|(index, _)| !tried.contains(*index));
        untried.any(|(_, server_pool)| servers.is_probed(server_pool.server))
    }

    /// Why the last of its servers failed that has failed.
    pub(super) fn last_failure(&self, servers: &Servers) -> Failure {
        let failures = self.server_pools.iter().filter_map(|server_pool| servers.failure(server_pool.server));
        let last = failures.max_by_key(|(at, _)| *at).map(|(_, failure)| failure.clone());
        last.unwrap_or_else(|| Failure::new(FailureKind::Internal, "no server is left to be asked"))
    }
}

impl ServerPool {
    fn new(server: ServerId) -> Self {
        Self { server, connections: 0, opening: 0, free: BTreeSet::new(), pace: Pace::default() }
    }
}
