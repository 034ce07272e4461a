//! What the upstream manager tells of its servers.
#![forbid(unsafe_code)]

use super::UpstreamManager;
use crate::metrics::snapshot::{ServerNow, ServerState};
use crate::metrics::totals::ServerTotals;
use std::collections::BTreeMap;
use std::time::Instant;

impl UpstreamManager {
    /// What was counted of each server since this was asked last, by its name.
    pub fn take_counts(&mut self) -> BTreeMap<String, ServerTotals> {
        self.servers.take_counts()
    }

    /// How each server is that was asked of late, by its name. One that is connected to in several ways is as bad as it is
    /// in the worst.
    pub fn look(&self, now: Instant) -> BTreeMap<String, ServerNow> {
        let mut records = self.servers.look(now);
        for server_pool in self.pools.values().flat_map(|pool| &pool.server_pools) {
            if let Some(record) = records.get_mut(&server_pool.server) {
                record.connections += server_pool.connections;
            }
        }
        let mut servers: BTreeMap<String, ServerNow> = BTreeMap::new();
        for record in records.into_values() {
            match servers.get_mut(&record.server) {
                None => drop(servers.insert(record.server.clone(), record)),
                Some(known) => merge(known, record),
            }
        }
        servers
    }
}

fn merge(known: &mut ServerNow, other: ServerNow) {
    known.connections += other.connections;
    known.in_flight += other.in_flight;
    if badness(other.state) > badness(known.state) {
        (known.state, known.reason) = (other.state, other.reason);
    }
}

fn badness(state: ServerState) -> u8 {
    match state {
        ServerState::Up => 0,
        ServerState::Silent => 1,
        ServerState::Down => 2,
    }
}
