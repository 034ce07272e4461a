//! How long a server takes for its answers, and so how long a silence is that means something.
#![forbid(unsafe_code)]

use std::time::{Duration, Instant};

/// The shortest silence that makes a connection suspect: many round trips, even around the world.
const SHORTEST: Duration = Duration::from_secs(1);
/// How many times the slowest answer a silence must last. Servers let those wait who have a wrong password.
const FACTOR: u32 = 2;
/// For how long at least the slowest answer is remembered.
const WINDOW: Duration = Duration::from_secs(600);

/// The slowest answers of this window of time and of the one before.
#[derive(Default)]
pub(super) struct Pace {
    began: Option<Instant>,
    slowest: Duration,
    slowest_before: Duration,
}

impl Pace {
    /// An answer has taken so long.
    pub(super) fn note(&mut self, took: Duration, now: Instant) {
        let began = *self.began.get_or_insert(now);
        if now >= began + WINDOW {
            let is_recent = now < began + 2 * WINDOW;
            self.slowest_before = if is_recent { self.slowest } else { Duration::ZERO };
            self.slowest = Duration::ZERO;
            self.began = Some(now);
        }
        self.slowest = self.slowest.max(took);
    }

    /// How long a connection may be silent to a question before it is suspect. `operation`: when the question is given
    /// up; half of that must be left for another try.
    pub(super) fn patience(&self, operation: Duration) -> Duration {
        let slowest = self.slowest.max(self.slowest_before);
        SHORTEST.min(operation / 2).max(slowest.saturating_mul(FACTOR))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_server_that_takes_its_time_is_given_twice_that() {
        let (mut pace, now) = (Pace::default(), Instant::now());
        assert_eq!(pace.patience(20 * SECOND), SECOND);
        assert_eq!(pace.patience(SECOND), SECOND / 2);
        pace.note(SECOND / 10, now);
        assert_eq!(pace.patience(20 * SECOND), SECOND);
        pace.note(3 * SECOND, now);
        pace.note(SECOND / 10, now);
        assert_eq!(pace.patience(20 * SECOND), 6 * SECOND);
    }

    #[test]
    fn a_slow_answer_is_remembered_for_ten_minutes_at_least_and_not_for_ever() {
        let (mut pace, now) = (Pace::default(), Instant::now());
        pace.note(3 * SECOND, now);
        pace.note(SECOND / 10, now + WINDOW);
        assert_eq!(pace.patience(20 * SECOND), 6 * SECOND);
        pace.note(SECOND / 10, now + 2 * WINDOW);
        assert_eq!(pace.patience(20 * SECOND), SECOND);
        pace.note(3 * SECOND, now + 2 * WINDOW);
        pace.note(SECOND / 10, now + 10 * WINDOW);
        assert_eq!(pace.patience(20 * SECOND), SECOND);
    }
}
