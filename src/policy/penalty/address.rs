//! What a client address has coming.
#![forbid(unsafe_code)]

use super::attempt::{Account, Attempt};
use super::ring::Ring;
use std::time::{Duration, Instant};

/// How many steps there are.
pub(super) const STEPS: u8 = 4;

/// How long a refusal is held back after the first, second, third wrong password and all that follow.
const DELAYS: [Duration; STEPS as usize] = [seconds(2), seconds(4), seconds(8), seconds(15)];

/// After how much quiet the first, second, third and fourth step are taken back; as Dovecot.
const FORGIVEN_AFTER: [Duration; STEPS as usize] = [seconds(15), seconds(23), seconds(27), seconds(29)];

const fn seconds(number: u64) -> Duration {
    Duration::from_secs(number)
}

/// The longest that a penalty can still be remembered.
#[cfg(test)]
pub(super) const LONGEST_MEMORY: Duration = seconds(15 + 29);

/// The wrong passwords of an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Address {
    /// Before any quiet.
    step: u8,
    /// When the refusal of the last one is out: whoever waits for it, as he has to, is not quiet.
    quiet_since: Instant,
    failures: Ring<Failure>,
    /// There were more than are remembered.
    has_lost_some: bool,
}

/// A wrong password that has counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Failure {
    /// Half of the digest, to save room: who finds another account with the same half can take one step back.
    account: u32,
    password: u32,
}

impl Failure {
    fn of(attempt: Attempt) -> Self {
        Self { account: half(attempt.account), password: attempt.password }
    }
}

fn half(Account(digest): Account) -> u32 {
    u32::try_from(digest >> u32::BITS).unwrap_or_default()
}

impl Address {
    pub(super) fn new(now: Instant) -> Self {
        Self { step: 0, quiet_since: now, failures: Ring::default(), has_lost_some: false }
    }

    /// A wrong password; one that is remembered counts no second time. Whether it has counted.
    pub(super) fn note_failure(&mut self, attempt: Attempt, now: Instant) -> bool {
        let failure = Failure::of(attempt);
        if self.failures.iter().any(|known| *known == failure) {
            return false;
        }
        self.has_lost_some |= self.failures.push(failure).is_some();
        self.step = (self.step(now) + 1).min(STEPS);
        self.quiet_since = now + delay(self.step);
        true
    }

    /// The right password: what was wrong for the same account were slips, and nothing else is forgiven. Otherwise who
    /// guesses at others would use his own account in between.
    pub(super) fn note_success(&mut self, account: Account, now: Instant) {
        let account = half(account);
        if self.has_lost_some || self.failures.iter().all(|failure| failure.account != account) {
            return;
        }
        self.failures.retain(|failure| failure.account != account);
        let left = u8::try_from(self.failures.len()).unwrap_or(STEPS);
        self.step -= self.step(now).saturating_sub(left);
    }

    /// The steps in force.
    pub(super) fn step(&self, now: Instant) -> u8 {
        let quiet = now.saturating_duration_since(self.quiet_since);
        let forgiven = FORGIVEN_AFTER.iter().filter(|time| quiet >= **time).count();
        self.step.saturating_sub(u8::try_from(forgiven).unwrap_or(STEPS))
    }

    /// How long a refusal is held back now.
    pub(super) fn delay(&self, now: Instant) -> Duration {
        delay(self.step(now))
    }

    /// How long something of it is remembered if nothing more comes.
    pub(super) fn left(&self, now: Instant) -> Duration {
        (self.quiet_since + of_step(&FORGIVEN_AFTER, self.step)).saturating_duration_since(now)
    }

    pub(super) fn is_over(&self, now: Instant) -> bool {
        self.step(now) == 0
    }
}

fn delay(step: u8) -> Duration {
    of_step(&DELAYS, step)
}

/// Nothing for none.
fn of_step(times: &[Duration], step: u8) -> Duration {
    usize::from(step).checked_sub(1).and_then(|place| times.get(place)).copied().unwrap_or_default()
}

/// What another frontend is told.
pub(super) struct Parts {
    pub(super) step: u8,
    pub(super) left: Duration,
    pub(super) has_lost_some: bool,
    /// Account and password, the oldest first.
    pub(super) failures: Vec<(u32, u32)>,
}

impl Address {
    /// `None` if all is forgiven.
    pub(super) fn parts(&self, now: Instant) -> Option<Parts> {
        let failures = self.failures.iter().map(|failure| (failure.account, failure.password)).collect();
        let Self { step, has_lost_some, .. } = *self;
        (!self.is_over(now)).then(|| Parts { step, left: self.left(now), has_lost_some, failures })
    }

    /// Puts it together; `None` if no penalty is like that.
    pub(super) fn of_parts(parts: Parts, now: Instant) -> Option<Self> {
        let Parts { step, left, has_lost_some, failures } = parts;
        // Those that were taken back by a right password leave the time of their refusals.
        if step > STEPS || left > delay(STEPS) + of_step(&FORGIVEN_AFTER, step) {
            return None;
        }
        let quiet_since = (now + left).checked_sub(of_step(&FORGIVEN_AFTER, step))?;
        let failures =
            failures.into_iter().map(|(account, password)| Failure { account, password }).collect();
        let address = Self { step, quiet_since, failures, has_lost_some };
        (!address.is_over(now)).then_some(address)
    }
}
