//! What this frontend counts, what those before it and beside it have counted, and what the supervisor is yet to be told.
#![forbid(unsafe_code)]

use super::Frontend;
use crate::config::site::Site;
use crate::ipc::{FromFrontend, MOST_NAMES};
use crate::log as logging;
use crate::metrics::daemon::Daemon;
use crate::metrics::ledger::{Ledger, label};
use crate::metrics::reasons::{ClientRefusals, InvalidRequests, WorkerDeaths};
use crate::metrics::totals::Totals;
use crate::weakforced;
use std::time::{Duration, Instant};

/// How often the supervisor is told at the least, if there is something to tell.
const REPORT_INTERVAL: Duration = Duration::from_secs(5);

pub(super) struct Counters {
    /// All frontends together, as far as is known here.
    known: Ledger,
    /// Of this one, and not reported yet.
    unreported: Totals,
    reported_at: Instant,
    /// What the supervisor has told of the daemon, and when.
    daemon: Daemon,
    told_at: Option<Instant>,
    /// Of what only the frontend sees.
    pub(super) worker_deaths: WorkerDeaths,
}

impl Counters {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            known: Ledger::default(),
            unreported: Totals::default(),
            reported_at: now,
            daemon: Daemon::default(),
            told_at: None,
            worker_deaths: WorkerDeaths::default(),
        }
    }

    /// What others have counted, and the state of the daemon.
    pub(super) fn handle_told(&mut self, totals: &Totals, daemon: Daemon, now: Instant) {
        self.known.add(totals);
        (self.daemon, self.told_at) = (daemon, Some(now));
    }

    /// The daemon now.
    pub(super) fn daemon(&self, now: Instant) -> Daemon {
        let since_told = self.told_at.map(|told| now.saturating_duration_since(told));
        let uptime = self.daemon.uptime + since_told.unwrap_or_default();
        Daemon { uptime, ..self.daemon }
    }

    /// All frontends together, with a number for each instance of the site, also if that is 0.
    pub(super) fn totals(&self, site: &Site) -> Totals {
        let mut totals = self.known.totals().clone();
        for instance in &site.instances {
            totals.mechanisms.entry(label(&instance.name)).or_default();
        }
        totals
    }

    fn note(&mut self, counted: &Totals) {
        if !counted.is_empty() {
            self.known.add(counted);
            self.unreported.add(counted);
        }
    }

    /// One that does not serve yet waits with it, unless it will not: it is told all there was when it begins, and would
    /// count its own part twice.
    fn take_report(&mut self, is_leaving: bool, now: Instant) -> Totals {
        self.reported_at = now;
        if self.told_at.is_none() && !is_leaving {
            return Totals::default();
        }
        std::mem::take(&mut self.unreported)
    }

    fn is_report_due(&self, now: Instant) -> bool {
        now >= self.reported_at + REPORT_INTERVAL
    }
}

impl Frontend {
    /// Collects what was counted in all places since the last time.
    pub(super) fn collect_counts(&mut self) {
        let mut counted = self.dispatcher.take_totals();
        let (mut refused, mut invalid) = (ClientRefusals::default(), InvalidRequests::default());
        for (refusals, requests) in [self.clients.take_counts(), self.auth_clients.take_counts()] {
            refused.add(&refusals);
            invalid.add(&requests);
        }
        refused.add(&self.listeners.take_refusals());
        refused.add_to_counts(&mut counted.clients_refused);
        invalid.add_to_counts(&mut counted.invalid_requests);
        std::mem::take(&mut self.counters.worker_deaths).add_to_counts(&mut counted.worker_deaths);
        counted.log_lines_dropped = logging::take_dropped();
        for (instance, servers) in self.networks.take_counts() {
            let name = self.site.instances.get(instance.0).map(|instance| label(&instance.name));
            let name = name.unwrap_or_else(|| weakforced::NAME.to_owned());
            counted
                .servers
                .extend(servers.into_iter().map(|(server, counts)| ((name.clone(), server), counts)));
        }
        self.counters.note(&counted);
    }

    /// Tells the supervisor what was counted since the last report.
    pub(super) fn report(&mut self, now: Instant) {
        self.collect_counts();
        let report = self.counters.take_report(self.draining, now);
        if !report.is_empty() {
            let parts = report.into_parts(MOST_NAMES);
            parts.into_iter().for_each(|part| self.control.send(FromFrontend::Totals(Box::new(part))));
        }
    }

    /// As [`Self::report`], if it was long ago.
    pub(super) fn report_if_due(&mut self, now: Instant) {
        if self.counters.is_report_due(now) {
            self.report(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_counted_before_it_serves_is_reported_when_it_does_and_counted_once() {
        let now = Instant::now();
        let mut counters = Counters::new(now);
        let counted = Totals { log_lines_dropped: 3, ..Totals::default() };
        counters.note(&counted);
        assert!(counters.take_report(false, now).is_empty());
        counters.handle_told(&Totals { cache_hits: 5, ..Totals::default() }, Daemon::default(), now);
        assert_eq!(counters.take_report(false, now), counted);
        assert_eq!(counters.known.totals(), &Totals { cache_hits: 5, ..counted });
    }

    #[test]
    fn one_that_ends_without_having_served_reports_what_it_has() {
        let now = Instant::now();
        let mut counters = Counters::new(now);
        counters.note(&Totals { log_lines_dropped: 3, ..Totals::default() });
        assert_eq!(counters.take_report(true, now).log_lines_dropped, 3);
    }
}
