//! What a login has coming at which many guess, from wherever.
#![forbid(unsafe_code)]

use super::attempt::Attempt;
use super::ring::{LENGTH, Ring};
use std::time::{Duration, Instant};

/// So many different wrong passwords within [`WITHIN`] are many.
pub const MANY: usize = LENGTH;

/// As [`MANY`].
pub const WITHIN: Duration = Duration::from_secs(60);

/// How long a refusal is held back then. Small: whoever the login belongs to mistypes, too.
pub(super) const DELAY: Duration = Duration::from_secs(4);

/// How often the log says so of one login at the most.
pub(super) const SILENCE: Duration = Duration::from_secs(3600);

/// The longest name that is kept to be shown, in bytes.
pub(super) const LONGEST_NAME: usize = 255;

/// The wrong passwords for a login.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Login {
    failures: Ring<(u32, Instant)>,
    /// Since there were many.
    name: Option<Box<[u8]>>,
    told: Option<Instant>,
}

impl Login {
    /// A wrong password; the same one counts once a minute. Whether the log is to say that there are many.
    pub(super) fn note_failure(
        &mut self,
        attempt: Attempt,
        name: impl FnOnce() -> Vec<u8>,
        now: Instant,
    ) -> bool {
        self.failures.retain(|(_, time)| now.saturating_duration_since(*time) < WITHIN);
        if self.failures.iter().any(|(password, _)| *password == attempt.password) {
            return false;
        }
        self.failures.push((attempt.password, now));
        if !self.has_many(now) {
            return false;
        }
        if self.name.is_none() {
            let mut name = name();
            name.truncate(LONGEST_NAME);
            self.name = Some(name.into());
        }
        let is_silent = self.told.is_some_and(|told| now.saturating_duration_since(told) < SILENCE);
        if !is_silent {
            self.told = Some(now);
        }
        !is_silent
    }

    /// Whether refusals are held back.
    pub(super) fn has_many(&self, now: Instant) -> bool {
        self.left(now).is_some()
    }

    /// For how long they still are if nothing more comes.
    pub(super) fn left(&self, now: Instant) -> Option<Duration> {
        let (_, first) = self.failures.iter().next().filter(|_| self.failures.len() >= MANY)?;
        Some((*first + WITHIN).saturating_duration_since(now)).filter(|left| !left.is_zero())
    }

    /// What it is called, if there were ever many.
    pub(super) fn name(&self) -> Option<&[u8]> {
        self.name.as_deref()
    }

    /// Whether nothing is worth remembering.
    pub(super) fn is_over(&self, now: Instant) -> bool {
        let is_past = |time: Instant, length| now.saturating_duration_since(time) >= length;
        self.failures.iter().all(|(_, time)| is_past(*time, WITHIN))
            && self.told.is_none_or(|told| is_past(told, SILENCE))
    }
}

/// What another frontend is told.
pub(super) struct Parts {
    pub(super) name: Option<Vec<u8>>,
    /// How long ago the log was told.
    pub(super) told: Option<Duration>,
    /// Password and age, the oldest first.
    pub(super) failures: Vec<(u32, Duration)>,
}

impl Login {
    /// `None` if nothing is worth remembering.
    pub(super) fn parts(&self, now: Instant) -> Option<Parts> {
        let age = |time: Instant| now.saturating_duration_since(time);
        let failures = self.failures.iter().map(|(password, time)| (*password, age(*time))).collect();
        let name = self.name.as_ref().map(|name| name.to_vec());
        (!self.is_over(now)).then(|| Parts { name, told: self.told.map(age), failures })
    }

    /// Puts it together; `None` if it is over, or nothing can be that long ago.
    pub(super) fn of_parts(parts: Parts, now: Instant) -> Option<Self> {
        let failures = parts.failures.into_iter();
        let failures = failures.map(|(password, age)| Some((password, now.checked_sub(age)?)));
        let told = match parts.told {
            Some(age) => Some(now.checked_sub(age)?),
            None => None,
        };
        let failures = failures.collect::<Option<_>>()?;
        let login = Self { failures, name: parts.name.map(Vec::into_boxed_slice), told };
        (!login.is_over(now)).then_some(login)
    }
}
