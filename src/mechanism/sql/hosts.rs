//! Which server is asked: the first of the list that is well, on the connection that is kept if there is one. Knows no
//! connection and no clock, so that tests can play any course of events.
#![forbid(unsafe_code)]

use std::time::{Duration, Instant};

/// For how long a server that has failed is asked after all others.
const PENALTY: Duration = Duration::from_secs(30);

/// How long a server that was silent may be until then, where there is no other: each login would wait in vain.
const SHORT_CONNECT: Duration = Duration::from_secs(1);

/// A connection that has not been used for so long is made anew: a firewall may have forgotten it without a word.
const MOST_IDLE: Duration = Duration::from_secs(60);

/// After so long the connection to a server that was not the first choice is given up if the first choice may be back.
const SECOND_CHOICE: Duration = Duration::from_secs(300);

/// How long things may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Limits {
    /// Making a connection.
    pub connect: Duration,
    /// An answer.
    pub answer: Duration,
}

/// What is known of the servers.
#[derive(Debug)]
pub(super) struct Hosts {
    limits: Limits,
    /// Until when each is to be asked last, and why.
    failures: Vec<Option<Failure>>,
    kept: Option<Kept>,
}

#[derive(Debug, Clone, Copy)]
struct Failure {
    until: Instant,
    was_silent: bool,
}

/// The connection that is there.
#[derive(Debug, Clone, Copy)]
struct Kept {
    host: usize,
    made: Instant,
    used: Instant,
}

/// The servers that one login has been brought to.
#[derive(Debug)]
pub(super) struct Attempt {
    /// No connection is made after this.
    deadline: Instant,
    tried: Vec<usize>,
    /// Whether the kept connection may be used: once.
    may_use_kept: bool,
}

/// What to do next for a login.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Ask on the connection that is kept.
    UseKept,
    /// Give up the connection that is kept, make one to this server within that time, and ask there.
    Connect {
        /// Its place in the list.
        host: usize,
        /// The time for it.
        within: Duration,
    },
    /// Nobody is left who could be asked, or no time.
    GiveUp,
}

impl Hosts {
    /// Of so many servers, of which nothing is known.
    pub(super) fn new(count: usize, limits: Limits) -> Self {
        Self { limits, failures: vec![None; count], kept: None }
    }

    /// Begins with a login.
    pub(super) fn begin(&self, now: Instant) -> Attempt {
        // Two servers in a row may be silent.
        let deadline = now + self.limits.connect * 2 + self.limits.answer;
        Attempt { deadline, tried: Vec::new(), may_use_kept: true }
    }

    /// What to do for it. `is_alive` tells whether the connection that is kept is one still.
    pub(super) fn next(&mut self, attempt: &mut Attempt, is_alive: bool, now: Instant) -> Step {
        let may_use_kept = std::mem::replace(&mut attempt.may_use_kept, false);
        if may_use_kept && is_alive && self.kept.is_some_and(|kept| !self.is_stale(kept, now)) {
            return Step::UseKept;
        }
        self.kept = None;
        let Some(host) = self.best(&attempt.tried, now) else { return Step::GiveUp };
        let within = self.time_for(host, now).min(self.share(attempt, now));
        if within.is_zero() {
            return Step::GiveUp;
        }
        attempt.tried.push(host);
        Step::Connect { host, within }
    }

    /// There is a connection to this server now.
    pub(super) fn note_connected(&mut self, host: usize, now: Instant) {
        self.kept = Some(Kept { host, made: now, used: now });
    }

    /// An answer has come.
    pub(super) fn note_answered(&mut self, now: Instant) {
        let Some(kept) = &mut self.kept else { return };
        kept.used = now;
        if let Some(failure) = self.failures.get_mut(kept.host) {
            *failure = None;
        }
    }

    /// No connection could be made to this server.
    pub(super) fn note_unreachable(&mut self, host: usize, was_silent: bool, now: Instant) {
        if let Some(failure) = self.failures.get_mut(host) {
            *failure = Some(Failure { until: now + PENALTY, was_silent });
        }
    }

    /// The connection has broken, or nothing came in time: it is no connection any more. Where it was made for this login, or
    /// was silent, its server is to blame; one that was kept may just have been closed, and its server is asked again.
    pub(super) fn note_broken(&mut self, attempt: &mut Attempt, was_silent: bool, now: Instant) {
        let Some(kept) = self.kept.take() else { return };
        let is_fresh = attempt.tried.contains(&kept.host);
        if is_fresh || was_silent {
            self.note_unreachable(kept.host, was_silent, now);
        }
        if was_silent && !is_fresh {
            attempt.tried.push(kept.host);
        }
    }

    fn is_stale(&self, kept: Kept, now: Instant) -> bool {
        let is_idle = now.saturating_duration_since(kept.used) >= MOST_IDLE;
        let is_old = now.saturating_duration_since(kept.made) >= SECOND_CHOICE;
        is_idle || is_old && self.best(&[], now).is_some_and(|best| best < kept.host)
    }

    /// The first that is well, otherwise the one whose failure is the longest ago.
    fn best(&self, tried: &[usize], now: Instant) -> Option<usize> {
        let untried = (0..self.failures.len()).filter(|host| !tried.contains(host));
        untried.min_by_key(|host| self.failure(*host, now).map(|failure| failure.until))
    }

    /// What still counts against a server.
    fn failure(&self, host: usize, now: Instant) -> Option<Failure> {
        self.failures.get(host).copied().flatten().filter(|failure| failure.until > now)
    }

    /// What is left of the time, for each of the servers that are left: the last of many silent ones is tried, too.
    fn share(&self, attempt: &Attempt, now: Instant) -> Duration {
        let left = self.failures.len().saturating_sub(attempt.tried.len());
        attempt.deadline.saturating_duration_since(now) / u32::try_from(left).unwrap_or(u32::MAX).max(1)
    }

    fn time_for(&self, host: usize, now: Instant) -> Duration {
        match self.failure(host, now) {
            Some(Failure { was_silent: true, .. }) => self.limits.connect.min(SHORT_CONNECT),
            _ => self.limits.connect,
        }
    }
}

#[cfg(test)]
#[path = "hosts_tests.rs"]
mod tests;
