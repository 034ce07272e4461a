//! Counters since the daemon was started. Each frontend counts for itself; the supervisor adds up what they report, and
//! tells each new frontend what those before it have counted.
#![forbid(unsafe_code)]

use super::histogram::Histogram;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

/// All counters.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Totals {
    /// By the name of the instance that decided: the one that accepted, otherwise the last that was asked. What was
    /// answered without asking any has an empty name.
    pub mechanisms: BTreeMap<String, Verdicts>,
    /// Acceptances from the cache, which `mechanisms` does not count.
    pub cache_hits: u64,
    /// Requests that the cache could not answer; 0 without a cache.
    pub cache_misses: u64,
    /// Entries that were removed by hand.
    pub cache_flushed: u64,
    /// Acceptances by entries of the cache that have expired, while no mechanism could be asked; `mechanisms` does not count
    /// them.
    pub stale_hits: u64,
    /// Refusals from the negative cache, which `mechanisms` does not count.
    pub negative_hits: u64,
    /// Its entries that were removed by hand.
    pub negative_flushed: u64,
    /// Failures whose answer was held back.
    pub failures_delayed: u64,
    /// Failures whose answer was not held back as long as it should be, since others wanted their places.
    pub failures_told_early: u64,
    /// Logins that were told early that they would not be served in time.
    pub logins_shed: u64,
    /// Logins that were not asked of a backend, since it answered nobody: by an open circuit.
    pub circuit_refusals: u64,
    /// Logins that waited until their backend left a worker to others: by a full bulkhead.
    pub bulkhead_waits: u64,
    /// From the complete request to its reply, for all requests.
    pub durations: Histogram,
    /// From the wish for a worker to the moment that one took the job.
    pub waits: Histogram,
    /// Connections that were closed without a verdict on purpose, by reason: a word of the metric's label.
    pub clients_refused: BTreeMap<String, u64>,
    /// Requests that were not understood, by reason: a word of the metric's label.
    pub invalid_requests: BTreeMap<String, u64>,
    /// Workers that ended without being told to, by reason: `crash`, `timeout`, `killed`.
    pub worker_deaths: BTreeMap<String, u64>,
    /// By instance and server, as the log names it.
    pub servers: BTreeMap<(String, String), ServerTotals>,
    /// Questions and reports to the policy server.
    pub policy: PolicyTotals,
    /// Reloads that were taken into use, and that were refused.
    pub reloads: Reloads,
    /// What came of guessing.
    pub penalties: Penalties,
    /// Log lines that could not be delivered and were given up.
    pub log_lines_dropped: u64,
}

impl Totals {
    /// Adds others, whatever names they have: see [`super::ledger::Ledger`] for a bound.
    pub fn add(&mut self, more: &Self) {
        add_all(&mut self.mechanisms, &more.mechanisms, Verdicts::add);
        add_all(&mut self.servers, &more.servers, ServerTotals::add);
        add_all(&mut self.clients_refused, &more.clients_refused, add_count);
        add_all(&mut self.invalid_requests, &more.invalid_requests, add_count);
        add_all(&mut self.worker_deaths, &more.worker_deaths, add_count);
        self.durations.add(&more.durations);
        self.waits.add(&more.waits);
        self.penalties.add(&more.penalties);
        for (mine, theirs) in [
            (&mut self.cache_hits, more.cache_hits),
            (&mut self.cache_misses, more.cache_misses),
            (&mut self.cache_flushed, more.cache_flushed),
            (&mut self.stale_hits, more.stale_hits),
            (&mut self.negative_hits, more.negative_hits),
            (&mut self.negative_flushed, more.negative_flushed),
            (&mut self.failures_delayed, more.failures_delayed),
            (&mut self.failures_told_early, more.failures_told_early),
            (&mut self.logins_shed, more.logins_shed),
            (&mut self.circuit_refusals, more.circuit_refusals),
            (&mut self.bulkhead_waits, more.bulkhead_waits),
            (&mut self.policy.allowed, more.policy.allowed),
            (&mut self.policy.delayed, more.policy.delayed),
            (&mut self.policy.refused, more.policy.refused),
            (&mut self.policy.failed, more.policy.failed),
            (&mut self.policy.skipped, more.policy.skipped),
            (&mut self.policy.reported, more.policy.reported),
            (&mut self.policy.dropped, more.policy.dropped),
            (&mut self.reloads.succeeded, more.reloads.succeeded),
            (&mut self.reloads.failed, more.reloads.failed),
            (&mut self.log_lines_dropped, more.log_lines_dropped),
        ] {
            *mine = mine.saturating_add(theirs);
        }
    }

    /// The same in parts, each with no more than so many mechanisms and servers; together they come to what this is.
    pub fn into_parts(mut self, most: usize) -> Vec<Self> {
        let mut mechanisms = std::mem::take(&mut self.mechanisms).into_iter();
        let mut servers = std::mem::take(&mut self.servers).into_iter();
        let mut parts = Vec::new();
        loop {
            self.mechanisms.extend(mechanisms.by_ref().take(most));
            self.servers.extend(servers.by_ref().take(most));
            if !parts.is_empty() && self.is_empty() {
                return parts;
            }
            parts.push(std::mem::take(&mut self));
        }
    }

    /// How many logins were decided, whether or not by a mechanism.
    pub fn logins(&self) -> u64 {
        let decided = self.mechanisms.values().map(Verdicts::sum);
        [self.stale_hits, self.negative_hits]
            .into_iter()
            .chain(decided)
            .fold(self.cache_hits, u64::saturating_add)
    }

    /// Whether nothing was counted.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

fn add_count(mine: &mut u64, theirs: &u64) {
    *mine = mine.saturating_add(*theirs);
}

fn add_all<K: Ord + Clone, V: Clone>(
    mine: &mut BTreeMap<K, V>,
    theirs: &BTreeMap<K, V>,
    add: fn(&mut V, &V),
) {
    for (name, value) in theirs {
        match mine.entry(name.clone()) {
            Entry::Occupied(mut known) => add(known.get_mut(), value),
            Entry::Vacant(vacant) => drop(vacant.insert(value.clone())),
        }
    }
}

/// How logins ended.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Verdicts {
    /// Accepted.
    pub accept: u64,
    /// Refused.
    pub reject: u64,
    /// Could not be decided.
    pub unavailable: u64,
}

impl Verdicts {
    /// Adds others.
    pub fn add(&mut self, more: &Self) {
        self.accept = self.accept.saturating_add(more.accept);
        self.reject = self.reject.saturating_add(more.reject);
        self.unavailable = self.unavailable.saturating_add(more.unavailable);
    }

    /// All of them.
    pub fn sum(&self) -> u64 {
        self.accept.saturating_add(self.reject).saturating_add(self.unavailable)
    }
}

/// What became of questions to a server.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct ServerTotals {
    /// Questions that it answered.
    pub answered: u64,
    /// Connections and questions that failed.
    pub failed: u64,
}

impl ServerTotals {
    /// Adds others.
    pub fn add(&mut self, more: &Self) {
        self.answered = self.answered.saturating_add(more.answered);
        self.failed = self.failed.saturating_add(more.failed);
    }
}

/// What came of guessing.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Penalties {
    /// Refusals that were held back for their client address.
    pub by_address: u64,
    /// And for their login.
    pub by_login: u64,
    /// Those that were not, since too many were already.
    pub waived: u64,
    /// Logins with many different wrong passwords, as often as the log was told.
    pub logins: u64,
}

impl Penalties {
    /// Adds others.
    pub fn add(&mut self, more: &Self) {
        self.by_address = self.by_address.saturating_add(more.by_address);
        self.by_login = self.by_login.saturating_add(more.by_login);
        self.waived = self.waived.saturating_add(more.waived);
        self.logins = self.logins.saturating_add(more.logins);
    }
}

/// What was put to the policy server.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct PolicyTotals {
    /// Logins that it has let be checked at once.
    pub allowed: u64,
    /// Logins that it has let be checked later.
    pub delayed: u64,
    /// Logins that it has refused.
    pub refused: u64,
    /// Logins that it has said nothing of.
    pub failed: u64,
    /// Logins about which it was not asked, since it was silent.
    pub skipped: u64,
    /// Reports that it has heard.
    pub reported: u64,
    /// Reports that it has not heard.
    pub dropped: u64,
}

/// Reloads.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Reloads {
    /// Taken into use.
    pub succeeded: u64,
    /// Refused; the daemon went on with what it had.
    pub failed: u64,
}
