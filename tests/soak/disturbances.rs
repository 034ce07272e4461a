//! What is done to the daemon and its servers, and when: the only excuses for a login that could not be checked.

use super::truth::Needs;
use std::sync::Mutex;
use std::time::Instant;

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Cause {
    /// A frontend is killed, and with it its connections and workers.
    FrontendKilled,
    /// A frontend stands still for less time than anybody waits: no excuse, but seen in the history of a failure.
    FrontendStopped,
    /// A worker is killed, by the test or, since it stood still for too long, by the daemon.
    WorkerKilled,
    /// A worker stands still for less time than anybody waits: no excuse.
    WorkerStopped,
    /// The LDAP server is down or stands still.
    DirectoryOut,
    /// The IMAP server is down or stands still.
    ImapOut,
    /// The policy server is down or says nothing: no excuse, since logins are checked without it.
    PolicyOut,
    /// The frontend gets no further descriptors.
    NoDescriptors,
    /// Many connections come and are silent: an excuse for closing those that have not asked.
    Crowd,
    /// The configuration is read again: no excuse.
    Reload,
}

impl Cause {
    /// Whether a login that needs these could not be checked because of it.
    fn excuses(self, needs: Needs) -> bool {
        match self {
            Self::FrontendKilled | Self::NoDescriptors => true,
            Self::WorkerKilled => needs.workers,
            Self::DirectoryOut => needs.directory,
            Self::ImapOut => needs.imap,
            Self::FrontendStopped | Self::WorkerStopped | Self::PolicyOut | Self::Crowd | Self::Reload => {
                false
            }
        }
    }

    /// The same of one whose client took its time to ask.
    pub fn is_excuse(self, needs: Needs, is_slow: bool) -> bool {
        self.excuses(needs) || is_slow && self.closes_silent_connections()
    }

    /// Whether a login that needs these may wait for so long because of it that its time is over.
    pub fn may_delay(self, needs: Needs) -> bool {
        match self {
            Self::FrontendStopped => true,
            Self::WorkerStopped => needs.workers,
            other => other.excuses(needs),
        }
    }

    /// Whether a connection that has nothing to wait for may be closed because of it.
    pub fn closes_silent_connections(self) -> bool {
        matches!(self, Self::FrontendKilled | Self::NoDescriptors | Self::Crowd)
    }
}

/// One thing that was done.
#[derive(Clone, Copy, Debug)]
pub struct Disturbance {
    /// What it was.
    pub cause: Cause,
    /// Just before.
    pub from: Instant,
    /// When it was seen to be over.
    pub until: Option<Instant>,
}

/// All that was done so far.
#[derive(Default)]
pub struct Disturbances(Mutex<Vec<Disturbance>>);

impl Disturbances {
    /// Notes that something is about to be done; the number is for [`Self::end`].
    pub fn begin(&self, cause: Cause) -> usize {
        let mut all = self.0.lock().unwrap();
        all.push(Disturbance { cause, from: Instant::now(), until: None });
        all.len() - 1
    }

    /// Notes that it is over.
    pub fn end(&self, number: usize) {
        self.0.lock().unwrap()[number].until = Some(Instant::now());
    }

    /// It was something else after all.
    pub fn turn_out_to_be(&self, number: usize, cause: Cause) {
        self.0.lock().unwrap()[number].cause = cause;
    }

    /// All that went on at some moment between these two, with their numbers.
    pub fn during(&self, from: Instant, until: Instant) -> Vec<(usize, Disturbance)> {
        let overlaps =
            |it: &Disturbance| it.from <= until && it.until.is_none_or(|its_until| its_until >= from);
        let all = self.0.lock().unwrap();
        all.iter().copied().enumerate().filter(|(_, disturbance)| overlaps(disturbance)).collect()
    }

    /// How often each was done.
    pub fn counts(&self) -> Vec<(Cause, usize)> {
        let mut counts = std::collections::BTreeMap::new();
        self.0.lock().unwrap().iter().for_each(|it| *counts.entry(it.cause).or_default() += 1);
        counts.into_iter().collect()
    }
}
