//! What the dispatcher counts: some additions for each login. Names come to the numbers only when somebody asks.
#![forbid(unsafe_code)]

use crate::config::site::{InstanceId, Site};
use crate::metrics::histogram::Histogram;
use crate::metrics::ledger::label;
use crate::metrics::reasons::{WorkerDeath, WorkerDeaths};
use crate::metrics::recent::Recent;
use crate::metrics::totals::{Penalties, Totals, Verdicts};
use crate::outcome::Outcome;
use crate::policy::penalty::Owed;
use crate::policy::route::chain::Source;
use std::time::{Duration, Instant};

/// How long the logins of late are looked at, at the least.
const LATELY: Duration = Duration::from_secs(30);
/// As [`LATELY`], for the checks of one mechanism: there may be few of them.
const LATELY_EACH: Duration = Duration::from_secs(150);

pub(super) struct Counters {
    /// By instance of the site.
    verdicts: Vec<Verdicts>,
    /// Of those about whom nobody was asked.
    unasked: Verdicts,
    cache_hits: u64,
    cache_misses: u64,
    cache_flushed: u64,
    stale_hits: u64,
    negative_hits: u64,
    negative_flushed: u64,
    delayed: u64,
    told_early: u64,
    shed: u64,
    left_alone: u64,
    held_outside: u64,
    durations: Histogram,
    penalties: Penalties,
    worker_deaths: WorkerDeaths,
    /// Of requests.
    recent: Recent,
    /// Of the checks of each instance.
    recent_checks: Vec<Recent>,
}

impl Counters {
    pub(super) fn new(site: &Site, now: Instant) -> Self {
        let instances = site.instances.len();
        Self {
            verdicts: vec![Verdicts::default(); instances],
            unasked: Verdicts::default(),
            cache_hits: 0,
            cache_misses: 0,
            cache_flushed: 0,
            stale_hits: 0,
            negative_hits: 0,
            negative_flushed: 0,
            delayed: 0,
            told_early: 0,
            shed: 0,
            left_alone: 0,
            held_outside: 0,
            durations: Histogram::default(),
            penalties: Penalties::default(),
            worker_deaths: WorkerDeaths::default(),
            recent: Recent::new(LATELY, now),
            recent_checks: vec![Recent::new(LATELY_EACH, now); instances],
        }
    }

    /// As [`Self::note_verdict`], or else by what is remembered of it.
    pub(super) fn note_decision(&mut self, source: Source, last: Option<InstanceId>, outcome: &Outcome) {
        match source {
            Source::Mechanisms => self.note_verdict(last, outcome),
            Source::NegativeCache => self.negative_hits = self.negative_hits.saturating_add(1),
            Source::StaleCache => self.stale_hits = self.stale_hits.saturating_add(1),
        }
    }

    /// The answer to a failure is held back.
    pub(super) fn note_delayed(&mut self) {
        self.delayed = self.delayed.saturating_add(1);
    }

    /// So many answers are not held back as long as they should be, since others want their places.
    pub(super) fn note_told_early(&mut self, failures: u64) {
        self.told_early = self.told_early.saturating_add(failures);
    }

    /// A login is told early that it would not be served in time.
    pub(super) fn note_shed(&mut self) {
        self.shed = self.shed.saturating_add(1);
    }

    /// A login is not asked of a backend that answers nobody.
    pub(super) fn note_left_alone(&mut self) {
        self.left_alone = self.left_alone.saturating_add(1);
    }

    /// A login waits until its backend leaves a worker to others.
    pub(super) fn note_held_outside(&mut self) {
        self.held_outside = self.held_outside.saturating_add(1);
    }

    /// A request, or a login that nobody waits for any more, is decided by that instance.
    pub(super) fn note_verdict(&mut self, by: Option<InstanceId>, outcome: &Outcome) {
        let known = by.and_then(|instance| self.verdicts.get_mut(instance.0));
        let verdicts = known.unwrap_or(&mut self.unasked);
        let count = match outcome {
            Outcome::Accept(_) => &mut verdicts.accept,
            Outcome::Reject(_) => &mut verdicts.reject,
            Outcome::Unavailable(_) => &mut verdicts.unavailable,
        };
        *count = count.saturating_add(1);
    }

    /// A request is answered, or will be as soon as a delay is over: that is owed on purpose, and says nothing of how
    /// long the daemon takes.
    pub(super) fn note_duration(&mut self, duration: Duration, now: Instant) {
        self.durations.record(duration);
        self.recent.record(duration, now);
    }

    /// That instance has checked a login.
    pub(super) fn note_check(&mut self, instance: InstanceId, duration: Duration, now: Instant) {
        if let Some(recent) = self.recent_checks.get_mut(instance.0) {
            recent.record(duration, now);
        }
    }

    pub(super) fn note_hit(&mut self) {
        self.cache_hits = self.cache_hits.saturating_add(1);
    }

    pub(super) fn note_miss(&mut self) {
        self.cache_misses = self.cache_misses.saturating_add(1);
    }

    /// So many entries of the cache and of the negative cache were removed by hand.
    pub(super) fn note_flushed(&mut self, accepted: usize, refused: usize) {
        self.cache_flushed = self.cache_flushed.saturating_add(accepted as u64);
        self.negative_flushed = self.negative_flushed.saturating_add(refused as u64);
    }

    /// An answer is held back for a penalty: for the longer one.
    pub(super) fn note_penalty(&mut self, owed: Owed) {
        let is_of_address = owed.by_address >= owed.by_login;
        let count = if is_of_address { &mut self.penalties.by_address } else { &mut self.penalties.by_login };
        *count = count.saturating_add(1);
    }

    /// One is not, since too many are.
    pub(super) fn note_waived_penalty(&mut self) {
        self.penalties.waived = self.penalties.waived.saturating_add(1);
    }

    /// There are many failures for a login.
    pub(super) fn note_many_failures(&mut self) {
        self.penalties.logins = self.penalties.logins.saturating_add(1);
    }

    pub(super) fn note_death(&mut self, reason: WorkerDeath) {
        self.worker_deaths.note(reason);
    }

    /// What the requests of late took, and the time in which they were decided.
    pub(super) fn recent(&mut self, now: Instant) -> (Histogram, Duration) {
        self.recent.look(now)
    }

    /// What the checks of an instance took of late.
    pub(super) fn recent_checks(&mut self, instance: InstanceId, now: Instant) -> Histogram {
        self.recent_checks.get_mut(instance.0).map(|recent| recent.look(now).0).unwrap_or_default()
    }

    /// What was counted since this was asked last.
    pub(super) fn take(&mut self, site: &Site) -> Totals {
        let mut totals = Totals {
            cache_hits: std::mem::take(&mut self.cache_hits),
            cache_misses: std::mem::take(&mut self.cache_misses),
            cache_flushed: std::mem::take(&mut self.cache_flushed),
            stale_hits: std::mem::take(&mut self.stale_hits),
            negative_hits: std::mem::take(&mut self.negative_hits),
            negative_flushed: std::mem::take(&mut self.negative_flushed),
            failures_delayed: std::mem::take(&mut self.delayed),
            failures_told_early: std::mem::take(&mut self.told_early),
            logins_shed: std::mem::take(&mut self.shed),
            circuit_refusals: std::mem::take(&mut self.left_alone),
            bulkhead_waits: std::mem::take(&mut self.held_outside),
            durations: std::mem::take(&mut self.durations),
            penalties: std::mem::take(&mut self.penalties),
            ..Totals::default()
        };
        std::mem::take(&mut self.worker_deaths).add_to_counts(&mut totals.worker_deaths);
        let named = site.instances.iter().map(|instance| label(&instance.name)).zip(&mut self.verdicts);
        for (name, verdicts) in named.chain([(String::new(), &mut self.unasked)]) {
            let verdicts = std::mem::take(verdicts);
            if verdicts.sum() > 0 {
                totals.mechanisms.entry(name).or_default().add(&verdicts);
            }
        }
        totals
    }
}
