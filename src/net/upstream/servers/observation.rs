//! What the servers are doing, and what was counted of them.
#![forbid(unsafe_code)]

use super::super::health::Availability;
use super::{Record, ServerId, Servers};
use crate::metrics::ledger::label;
use crate::metrics::snapshot::{ServerNow, ServerState};
use crate::metrics::totals::ServerTotals;
use std::collections::BTreeMap;
use std::time::Instant;

/// Of a server that has left something unanswered, and has not failed otherwise.
const SILENT: &str = "it has left everything unanswered for more than a second";

impl Servers {
    /// It has answered a question.
    pub(in super::super) fn note_answered(&mut self, id: ServerId) {
        if let Some(record) = self.records.get_mut(&id) {
            record.counts.answered = record.counts.answered.saturating_add(1);
        }
    }

    /// So many connections or questions have failed.
    pub(in super::super) fn note_failed(&mut self, id: ServerId, times: usize) {
        if let Some(record) = self.records.get_mut(&id) {
            record.counts.failed = record.counts.failed.saturating_add(times as u64);
        }
    }

    /// What was counted since this was asked last, by name; only what there was.
    pub(in super::super) fn take_counts(&mut self) -> BTreeMap<String, ServerTotals> {
        let mut counts = std::mem::take(&mut self.counts_of_gone);
        for record in self.records.values_mut() {
            let counted = std::mem::take(&mut record.counts);
            if counted != ServerTotals::default() {
                counts.entry(record.server.name.clone()).or_default().add(&counted);
            }
        }
        counts.into_iter().map(|(name, counts)| (label(&name), counts)).collect()
    }

    /// How each of them is. One that is connected to in several ways is as bad as it is in the worst.
    pub(in super::super) fn look(&self, now: Instant) -> BTreeMap<ServerId, ServerNow> {
        self.records.iter().map(|(id, record)| (*id, record.look(now))).collect()
    }
}

impl Record {
    fn look(&self, now: Instant) -> ServerNow {
        let state = match self.health.availability(now) {
            Availability::Up => ServerState::Up,
            Availability::Suspect => ServerState::Silent,
            Availability::Down => ServerState::Down,
        };
        let failure = || self.health.failure().map_or(SILENT, |(_, failure)| &failure.reason).to_owned();
        ServerNow {
            instance: String::new(),
            server: label(&self.server.name),
            state,
            reason: if state == ServerState::Up { String::new() } else { failure() },
            connections: 0,
            in_flight: self.health.in_flight.unanswered(),
        }
    }
}
