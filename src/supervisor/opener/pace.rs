//! How often a worker gets its file.
#![forbid(unsafe_code)]

use std::time::{Duration, Instant};

/// What a worker gets in the long run: each opening costs some ten microseconds, so this is half a percent of a processor.
pub(super) const INTERVAL: Duration = Duration::from_millis(2);

/// What it gets at once. A worker asks once a second, and for a login that finds the file changed, or missing.
pub(super) const AT_ONCE: u32 = 100;

/// Of one worker.
pub(super) struct Pace {
    /// When all that it has had would have been due, one by one.
    due: Instant,
}

impl Pace {
    pub(super) fn new(now: Instant) -> Self {
        Self { due: now }
    }

    /// It asks: after how long it is to be answered.
    pub(super) fn wait(&mut self, now: Instant) -> Duration {
        self.due = self.due.max(now) + INTERVAL;
        self.due.saturating_duration_since(now + INTERVAL * AT_ONCE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_asks_now_and_then_is_answered_at_once_and_who_floods_at_a_steady_pace() {
        let mut now = Instant::now();
        let mut pace = Pace::new(now);
        for _ in 0..1000 {
            assert_eq!(pace.wait(now), Duration::ZERO);
            now += INTERVAL;
        }
        let begin = now;
        for asked in 0..1000 {
            let wait = pace.wait(now);
            assert_eq!(wait.is_zero(), asked < AT_ONCE, "{asked}: {wait:?}");
            now += wait;
        }
        assert_eq!(now - begin, INTERVAL * (1000 - AT_ONCE));
        now += INTERVAL * AT_ONCE * 10;
        assert!((0..AT_ONCE).all(|_| pace.wait(now).is_zero()), "a pause makes it good again");
        assert!(!pace.wait(now).is_zero(), "and not more than that");
    }
}
