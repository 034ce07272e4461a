//! All servers of all pools: their health and their addresses, which pools share.
#![forbid(unsafe_code)]

mod lookups;
mod observation;

use super::addresses::Addresses;
use super::certain::certain;
use super::health::{Availability, Evidence, FailedStep, Health};
use super::in_flight::Awaited;
use super::{Command, Event, Target};
use crate::metrics::totals::ServerTotals;
use crate::net::exchange::{Failure, PoolId, Server};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::time::{Duration, Instant};

/// Short for a [`Server`] within one credential scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct ServerId(u64);

pub(super) struct Servers {
    retry_interval: Duration,
    ids: HashMap<(Server, usize), ServerId>,
    records: BTreeMap<ServerId, Record>,
    last_id: u64,
    /// The names that are being looked up: host and service.
    lookups: HashSet<(String, String)>,
    /// When to look whether a server has become suspect.
    watches: BTreeSet<(Instant, ServerId)>,
    /// Pools that may have to choose anew.
    changed: BTreeSet<PoolId>,
    commands: VecDeque<Command>,
    /// What was counted of those that are not known any more.
    counts_of_gone: BTreeMap<String, ServerTotals>,
}

/// What has failed, as far as it is news.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FailureScope {
    /// Nothing: it began before the last failure of the server.
    Nothing,
    /// The server has other addresses.
    Address,
    /// The server has failed.
    Server,
}

struct Record {
    server: Server,
    credential_scope: usize,
    health: Health,
    addresses: Addresses,
    /// Whether its name is being looked up while no address is known.
    awaited: bool,
    pools: BTreeSet<PoolId>,
    /// Since somebody asked for them.
    counts: ServerTotals,
}

impl Servers {
    pub(super) fn new(retry_interval: Duration) -> Self {
        Self {
            retry_interval,
            ids: HashMap::new(),
            records: BTreeMap::new(),
            last_id: 0,
            lookups: HashSet::new(),
            watches: BTreeSet::new(),
            changed: BTreeSet::new(),
            commands: VecDeque::new(),
            counts_of_gone: BTreeMap::new(),
        }
    }

    /// A pool of that credential scope has come that names the server.
    pub(super) fn enter(
        &mut self,
        server: &Server,
        credential_scope: usize,
        pool: PoolId,
        now: Instant,
    ) -> ServerId {
        let id = *self.ids.entry((server.clone(), credential_scope)).or_insert_with(|| {
            self.last_id += 1;
            ServerId(self.last_id)
        });
        let record = self.records.entry(id).or_insert_with(|| Record::new(server, credential_scope, now));
        record.pools.insert(pool);
        id
    }

    /// A pool is gone that named the server; without a pool nothing is known of it any more.
    pub(super) fn leave(&mut self, id: ServerId, pool: PoolId) {
        let Some(record) = certain(self.records.get_mut(&id)) else { return };
        record.pools.remove(&pool);
        if record.pools.is_empty() {
            self.ids.remove(&(record.server.clone(), record.credential_scope));
            let (name, counts) = (record.server.name.clone(), record.counts);
            self.counts_of_gone.entry(name).or_default().add(&counts);
            self.records.remove(&id);
            self.watches.retain(|(_, watched)| *watched != id);
        }
    }

    pub(super) fn availability(&self, id: ServerId, now: Instant) -> Availability {
        certain(self.records.get(&id)).map_or(Availability::Down, |record| record.health.availability(now))
    }

    pub(super) fn is_half_open(&self, id: ServerId) -> bool {
        certain(self.records.get(&id)).is_some_and(|record| record.health.is_half_open())
    }

    pub(super) fn is_probed(&self, id: ServerId) -> bool {
        certain(self.records.get(&id)).is_some_and(|record| record.health.is_probed())
    }

    pub(super) fn is_probed_soon(&self, id: ServerId) -> bool {
        certain(self.records.get(&id)).is_some_and(|record| record.health.is_probed_soon())
    }

    pub(super) fn failure(&self, id: ServerId) -> Option<(Instant, &Failure)> {
        certain(self.records.get(&id))?.health.failure()
    }

    /// Where to connect next.
    pub(super) fn target(&self, id: ServerId) -> Option<&Target> {
        certain(self.records.get(&id))?.addresses.first()
    }

    pub(super) fn pools(&self, id: ServerId) -> Vec<PoolId> {
        certain(self.records.get(&id)).map_or_else(Vec::new, |record| record.pools.iter().copied().collect())
    }

    pub(super) fn begin_probe(&mut self, id: ServerId) {
        self.change(id, Health::begin_probe);
    }

    pub(super) fn end_probe(&mut self, id: ServerId) {
        self.change(id, Health::end_probe);
    }

    /// Something is waited for from now on.
    pub(super) fn begin_waiting(&mut self, id: ServerId, awaited: Awaited, now: Instant) {
        if let Some(record) = certain(self.records.get_mut(&id)) {
            record.health.in_flight.begin(awaited, now);
            if record.health.is_half_open() {
                self.note_change(id);
            }
            self.watch(id, now);
        }
    }

    fn watch(&mut self, id: ServerId, now: Instant) {
        let due = certain(self.records.get_mut(&id)).and_then(|record| record.health.in_flight.watch(now));
        self.watches.extend(due.map(|due| (due, id)));
    }

    /// It is waited for no more.
    pub(super) fn end_waiting(&mut self, id: ServerId, awaited: Awaited) {
        let Some(record) = certain(self.records.get_mut(&id)) else { return };
        if record.health.in_flight.end(awaited) || record.health.is_half_open() {
            self.note_change(id);
        }
    }

    /// The server shows that it lives. `began`: when the connection or the question did that shows it.
    pub(super) fn note_life(
        &mut self,
        id: ServerId,
        target: &Target,
        evidence: Evidence,
        began: Instant,
        now: Instant,
    ) {
        let Some(record) = certain(self.records.get_mut(&id)) else { return };
        if evidence == Evidence::Answer {
            record.addresses.answer(target, now);
        }
        let was_good =
            record.health.availability(now) == Availability::Up && record.health.failure().is_none();
        if record.health.note_life(evidence, began, now) {
            self.commands.push_back(Command::Log(Event::Recovered(record.server.clone())));
        }
        if !was_good {
            self.note_change(id);
        }
        self.watch(id, now);
    }

    /// Whether a question was answered at that address since.
    pub(super) fn has_answered_since(&self, id: ServerId, target: &Target, time: Instant) -> bool {
        certain(self.records.get(&id)).is_some_and(|record| record.addresses.has_answered_since(target, time))
    }

    /// No connection to the address came to the point at which a question can be asked. It began then.
    pub(super) fn handle_failure(
        &mut self,
        id: ServerId,
        target: &Target,
        why: &Failure,
        began: Instant,
        now: Instant,
    ) -> FailureScope {
        let Some(record) = certain(self.records.get_mut(&id)) else { return FailureScope::Nothing };
        if record.health.is_old_news(FailedStep::Opening, began) {
            return FailureScope::Nothing;
        }
        record.addresses.fail(target, now);
        if !record.addresses.have_all_failed() {
            return FailureScope::Address;
        }
        record.addresses.forget_failures();
        self.lose(id, why, None, began, now);
        FailureScope::Server
    }

    /// A question that was asked then has waited in vain, and nothing was answered at that address since: others are
    /// preferred. No more than that, since it may be the question.
    pub(super) fn handle_silence(
        &mut self,
        id: ServerId,
        target: &Target,
        why: &Failure,
        asked: Instant,
        now: Instant,
    ) {
        let Some(record) = certain(self.records.get_mut(&id)) else { return };
        if record.health.is_old_news(FailedStep::Question, asked)
            || record.addresses.has_answered_since(target, asked)
        {
            return;
        }
        record.addresses.put_last(target);
        record.health.fail(FailedStep::Question, why.clone(), None, self.retry_interval, asked, now);
        self.note_change(id);
    }

    fn lose(&mut self, id: ServerId, why: &Failure, wait: Option<Duration>, began: Instant, now: Instant) {
        let Some(record) = certain(self.records.get_mut(&id)) else { return };
        if record.health.fail(FailedStep::Opening, why.clone(), wait, self.retry_interval, began, now) {
            self.commands.push_back(Command::Log(Event::Failed(record.server.clone(), why.clone())));
        }
        self.note_change(id);
    }

    fn change(&mut self, id: ServerId, change: fn(&mut Health)) {
        if let Some(record) = certain(self.records.get_mut(&id)) {
            change(&mut record.health);
            self.note_change(id);
        }
    }

    fn note_change(&mut self, id: ServerId) {
        if let Some(record) = certain(self.records.get(&id)) {
            self.changed.extend(&record.pools);
        }
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        while let Some(&(due, id)) = self.watches.first().filter(|(due, _)| *due <= now) {
            self.watches.remove(&(due, id));
            let Some(record) = certain(self.records.get_mut(&id)) else { continue };
            record.health.in_flight.end_watch();
            if record.health.in_flight.is_silent(now) {
                self.note_change(id);
            }
            self.watch(id, now);
        }
    }

    pub(super) fn next_timeout(&self) -> Option<Instant> {
        self.watches.first().map(|(due, _)| *due)
    }

    pub(super) fn next_command(&mut self) -> Option<Command> {
        self.commands.pop_front()
    }

    /// A pool that may have to choose anew.
    pub(super) fn next_changed(&mut self) -> Option<PoolId> {
        self.changed.pop_first()
    }
}

impl Record {
    fn new(server: &Server, credential_scope: usize, now: Instant) -> Self {
        Self {
            server: server.clone(),
            credential_scope,
            health: Health::default(),
            addresses: Addresses::of(&server.address, now),
            awaited: false,
            pools: BTreeSet::new(),
            counts: ServerTotals::default(),
        }
    }
}

#[cfg(any(test, feature = "simulation"))]
#[allow(clippy::indexing_slicing)]
impl Servers {
    pub(super) fn in_flight_for_test(&self, id: ServerId) -> (usize, usize, bool) {
        let record = &self.records[&id];
        let (opening, unanswered) = record.health.in_flight.counts_for_test();
        (opening, unanswered, record.awaited)
    }

    pub(super) fn sizes_for_test(&self) -> (usize, usize, usize) {
        (self.ids.len(), self.records.len(), self.watches.len())
    }
}
