//! Logins that no worker would take in time are told so early. They need not wait for their deadline in vain, and no
//! worker begins what it cannot finish.
//!
//! Only logins that wait for workers. Questions that wait for a connection to a server have `--total-timeout`, and there are
//! hundreds of connections: who is slow there is the server, which is not known to be as slow for the next question.
#![forbid(unsafe_code)]

use super::job::{Asker, Job, Waits};
use super::{Action, Dispatcher, Event, RequestId};
use crate::config::WorkerFlag;
use crate::config::site::PoolId;
use crate::job::JobId;
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// Between two looks at a queue.
const LOOK: Duration = Duration::from_millis(500);
/// The shortest time between two warnings.
const SILENCE: Duration = Duration::from_secs(60);

/// What such a login is told, and the log.
const OVERLOADED: &str = "too many logins wait for a free process to be served in time";

/// Logins that could not be served in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shed {
    /// By whose workers.
    pub pool: PoolId,
    /// How many since the last time that this was said.
    pub logins: u64,
    /// The flag that would help.
    pub flag: WorkerFlag,
}

/// When to look at a queue, and when to speak of it.
#[derive(Default)]
pub(super) struct OverloadWatch {
    next_look: Option<Instant>,
    silent_until: Option<Instant>,
    unsaid: u64,
}

impl OverloadWatch {
    /// So many wait.
    fn observe(&mut self, waiting: usize, now: Instant) {
        self.next_look = if waiting == 0 { None } else { self.next_look.or(Some(now + LOOK)) };
    }

    /// Whether it is time to look.
    fn look(&mut self, now: Instant) -> bool {
        let is_due = self.next_look.is_some_and(|due| due <= now);
        if is_due {
            self.next_look = None;
        }
        is_due
    }

    /// So many are given up. Returns how many were since the last warning, when it is time for another.
    fn note(&mut self, logins: u64, now: Instant) -> Option<u64> {
        self.unsaid = self.unsaid.saturating_add(logins);
        if self.unsaid == 0 || self.silent_until.is_some_and(|until| now < until) {
            return None;
        }
        self.silent_until = Some(now + SILENCE);
        Some(std::mem::take(&mut self.unsaid))
    }

    pub(super) fn next_timeout(&self) -> Option<Instant> {
        self.next_look
    }
}

impl Dispatcher {
    /// Something has come to the queue of that pool, or left it.
    pub(super) fn observe_overload(&mut self, id: PoolId, now: Instant) {
        if let Some((pool, watch)) = self.pools.watched(id) {
            watch.observe(pool.waiting(), now);
        }
    }

    /// Gives up those in the queue of that pool whose turn comes too late.
    pub(super) fn shed(&mut self, id: PoolId, now: Instant) {
        let Some((pool, watch)) = self.pools.watched(id) else { return };
        if watch.look(now) && self.sheds {
            let flag = pool.settings().flag;
            let late = pool.find_late(|job| deadline(&self.jobs, &self.requests, job), now);
            let logins = late.into_iter().filter(|job| self.shed_login(id, *job, now)).count();
            let watch = self.pools.watched(id).map(|(_, watch)| watch);
            if let Some(logins) = watch.and_then(|watch| watch.note(logins as u64, now)) {
                self.actions.push_back(Action::Log(Event::Shed(Shed { pool: id, logins, flag })));
            }
        }
        self.observe_overload(id, now);
    }

    /// As if the mechanism had said that it cannot tell; another may follow. `false` if a worker has it by now.
    fn shed_login(&mut self, pool: PoolId, id: JobId, now: Instant) -> bool {
        if !self.pools.get(pool).is_some_and(|pool| pool.withdraw(id, now)) {
            return false;
        }
        self.counters.note_shed();
        // What a further step needs is kept, as when a worker takes it.
        drop(self.jobs.get_mut(&id).and_then(Job::hand_out));
        self.fail(id, OVERLOADED, now);
        true
    }
}

/// Until when a login can be answered: the latest of those who wait for it. Errands belong to others, who know how long
/// they can wait.
fn deadline(jobs: &HashMap<JobId, Job>, requests: &HashMap<RequestId, Waits>, id: JobId) -> Option<Instant> {
    let job = jobs.get(&id)?;
    let Asker::Requests(login) = &job.asker else { return None };
    let of_request = |request: &RequestId| match requests.get(request) {
        Some(Waits::Job(_, deadline, _)) => Some(*deadline),
        Some(Waits::Delay(..)) | None => None,
    };
    let latest = login.requests.iter().filter_map(of_request).max();
    latest.map(|latest| latest.min(job.deadline))
}
