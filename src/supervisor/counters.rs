//! What all frontends have counted since the start, and what the one that takes connections knows of it.
//!
//! A report of that one is added up; one of another frontend, and what the supervisor itself counts, is passed on to it,
//! once a second at the most. Pure: `now` goes in.
#![forbid(unsafe_code)]

use super::succession::FrontendId;
use crate::ipc::MOST_NAMES;
use crate::metrics::daemon::Daemon;
use crate::metrics::ledger::Ledger;
use crate::metrics::reasons::{WorkerDeath, WorkerDeaths};
use crate::metrics::totals::{Reloads, Totals};
use std::time::{Duration, Instant};

/// How often the frontend is told something at the most: whatever others report, it must not come to read nothing else.
const PAUSE: Duration = Duration::from_secs(1);

pub(super) struct Counters {
    sum: Ledger,
    /// The frontend that takes connections.
    serving: Option<FrontendId>,
    /// What that one does not know yet.
    untold: Ledger,
    daemon: Daemon,
    started: Instant,
    /// What it was told of the daemon last, and when.
    told: Option<(Daemon, Instant)>,
}

impl Counters {
    /// Nothing yet. `pid` is that of the supervisor, `started` the time in seconds since the epoch.
    pub(super) fn new(pid: u32, started: u64, now: Instant) -> Self {
        let daemon = Daemon { pid, started, ..Daemon::default() };
        let (sum, untold) = (Ledger::default(), Ledger::default());
        Self { sum, serving: None, untold, daemon, started: now, told: None }
    }

    /// A frontend has counted that much since its last report.
    pub(super) fn handle_report(&mut self, from: FrontendId, report: &Totals) {
        self.sum.add(report);
        if self.serving != Some(from) {
            self.untold.add(report);
        }
    }

    /// This one is to take connections, with the configuration that was read then. It is to be told all there was.
    pub(super) fn begin_serving(&mut self, frontend: FrontendId, configured: u64) {
        self.serving = Some(frontend);
        self.daemon.configured = configured;
        self.untold = Ledger::default();
        self.untold.add(self.sum.totals());
        self.told = None;
    }

    /// So many frontends still answer what they have taken.
    pub(super) fn note_draining(&mut self, draining: usize) {
        self.daemon.draining = draining;
    }

    /// A worker has ended that was not told to.
    pub(super) fn note_worker_death(&mut self, reason: WorkerDeath) {
        let mut deaths = WorkerDeaths::default();
        deaths.note(reason);
        let mut totals = Totals::default();
        deaths.add_to_counts(&mut totals.worker_deaths);
        self.add(&totals);
    }

    /// A reload is complete, or was refused.
    pub(super) fn note_reload(&mut self, has_succeeded: bool) {
        let (succeeded, failed) = (u64::from(has_succeeded), u64::from(!has_succeeded));
        self.daemon.reload_failed = !has_succeeded;
        self.add(&Totals { reloads: Reloads { succeeded, failed }, ..Totals::default() });
    }

    /// So many log lines of the supervisor were given up.
    pub(super) fn note_dropped_lines(&mut self, log_lines_dropped: u64) {
        if log_lines_dropped > 0 {
            self.add(&Totals { log_lines_dropped, ..Totals::default() });
        }
    }

    fn add(&mut self, totals: &Totals) {
        self.sum.add(totals);
        self.untold.add(totals);
    }

    /// All there was.
    #[cfg(test)]
    pub(super) fn totals(&self) -> &Totals {
        self.sum.totals()
    }

    /// What the frontend that serves is to be told now.
    pub(super) fn next_message(&mut self, now: Instant) -> Option<(FrontendId, Totals, Daemon)> {
        let serving = self.serving?;
        if self.next_timeout(now).is_none_or(|due| due > now) {
            return None;
        }
        let mut parts = std::mem::take(&mut self.untold).into_totals().into_parts(MOST_NAMES).into_iter();
        let part = parts.next().unwrap_or_default();
        parts.for_each(|rest| self.untold.add(&rest));
        self.told = Some((self.daemon, now));
        let uptime = now.saturating_duration_since(self.started);
        Some((serving, part, Daemon { uptime, ..self.daemon }))
    }

    /// It had no room for the message.
    pub(super) fn take_back(&mut self, totals: &Totals) {
        self.untold.add(totals);
    }

    /// When there is something to tell; `None` if there is nothing.
    pub(super) fn next_timeout(&self, now: Instant) -> Option<Instant> {
        match self.told {
            _ if self.serving.is_none() => None,
            None => Some(now),
            Some((told, _)) if told == self.daemon && self.untold.totals().is_empty() => None,
            Some((_, at)) => Some(at + PAUSE),
        }
    }
}

#[cfg(test)]
#[path = "counters_tests.rs"]
#[allow(clippy::unwrap_used)]
mod tests;
