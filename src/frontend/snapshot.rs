//! Everything that is shown of the daemon.
#![forbid(unsafe_code)]

use super::Frontend;
use crate::generated::{COMMIT, build};
use crate::metrics::snapshot::Snapshot;
use std::time::Instant;

impl Frontend {
    /// The daemon at this moment. What waits or is remembered is counted where it comes and goes, so that this takes no
    /// longer with more of it, but for the jobs of a pool in which some wait.
    pub(super) fn snapshot(&mut self, now: Instant) -> Snapshot {
        self.collect_counts();
        let daemon = self.counters.daemon(now);
        let (recent_durations, time) = self.dispatcher.recent(now);
        let servers = self.networks.servers(now);
        let mut totals = self.counters.totals(&self.site);
        for server in &servers {
            totals.servers.entry((server.instance.clone(), server.server.clone())).or_default();
        }
        Snapshot {
            version: format!("{} {}", build::PKG_VERSION, COMMIT),
            pid: daemon.pid,
            started: daemon.started,
            configured: daemon.configured,
            uptime: daemon.uptime,
            reload_failed: daemon.reload_failed,
            totals,
            mechanisms: self.dispatcher.mechanisms(now),
            pools: self.dispatcher.pools(now),
            servers,
            open_circuits: self.dispatcher.open_circuits_now(),
            cache: self.dispatcher.cache(),
            negative_cache: self.dispatcher.negative_cache(now),
            penalties: self.dispatcher.has_penalties().then(|| self.dispatcher.penalties(now)),
            has_policy_server: self.site.has_policy_server,
            clients: self.clients.len() + self.auth_clients.len(),
            requests: self.dispatcher.waiting_requests(),
            draining: daemon.draining,
            recent_logins: (recent_durations.count(), time),
            recent_durations,
        }
    }
}
