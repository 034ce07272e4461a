//! What there is to do and who does it, for a glance.
#![forbid(unsafe_code)]

use super::Dispatcher;
use super::job::{Asker, Job, Place};
use crate::metrics::activity::Activity;

impl Dispatcher {
    /// What is being done now; `decided` is counted by the caller.
    pub fn activity(&self, decided: u64) -> Activity {
        // While a worker does something for it, or is to, it is counted there.
        let is_at_servers = |job: &&Job| match &job.asker {
            Asker::Requests(login) => {
                matches!(job.place, Place::Network(_) | Place::PolicyServer(_)) && login.errand.is_none()
            }
            Asker::Driver(..) => false,
        };
        Activity {
            decided,
            busy_workers: self.pools.busy(),
            waiting_logins: self.pools.queued(),
            at_servers: self.jobs.values().filter(is_at_servers).count(),
        }
    }
}
