//! What there is to do and who does it, for a glance.
#![forbid(unsafe_code)]

use super::Dispatcher;
use super::job::{Asker, Job, Place};
use crate::metrics::activity::Activity;

impl Dispatcher {
    /// What is being done now; `decided` is counted by the caller.
    pub fn activity(&self, decided: u64) -> Activity {
        let waits = |job: &&Job| {
            let is_login = matches!(job.asker, Asker::Requests(_));
            is_login && (job.purpose.is_some() || matches!(job.place, Place::Network(_)))
        };
        Activity {
            decided,
            busy_workers: self.pools.busy(),
            waiting_logins: self.jobs.values().filter(waits).count(),
        }
    }
}
