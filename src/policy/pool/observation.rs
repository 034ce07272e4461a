//! What the pool is doing, for somebody to look at.
#![forbid(unsafe_code)]

use super::Pool;
use crate::metrics::histogram::Histogram;
use crate::metrics::snapshot::PoolNow;
use std::collections::HashSet;
use std::time::{Duration, Instant};

impl Pool {
    /// How long jobs have waited that were taken since this was asked last.
    pub fn take_waits(&mut self) -> Histogram {
        std::mem::take(&mut self.waits)
    }

    /// What it is doing, for somebody to look at; for whom it works is not its business. Jobs are gone through only while
    /// some of them wait.
    pub fn look(&self, now: Instant) -> PoolNow {
        let taken: HashSet<_> =
            self.workers.values().flat_map(|worker| worker.jobs().iter().copied()).collect();
        let waiting = self.jobs.iter().filter(|(id, _)| !self.queue.is_empty() && !taken.contains(id));
        let oldest = waiting.map(|(_, job)| job.since).min();
        PoolNow {
            instance: None,
            idle: self.idle.len(),
            busy: self.busy(),
            starting: self.starting().count() + self.awaited,
            most: self.settings.most,
            queued: self.queued(),
            longest_wait: oldest.map_or(Duration::ZERO, |since| now.saturating_duration_since(since)),
        }
    }
}
