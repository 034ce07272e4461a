//! Durations of late: two histograms that take turns, so that what is old goes without a time being kept for each.
#![forbid(unsafe_code)]

use super::histogram::Histogram;
use std::time::{Duration, Instant};

/// What took how long between one and two periods ago and now.
#[derive(Debug, Clone)]
pub struct Recent {
    period: Duration,
    began: Instant,
    current: Histogram,
    before: Histogram,
    has_before: bool,
}

impl Recent {
    /// Nothing yet.
    pub fn new(period: Duration, now: Instant) -> Self {
        Self {
            period,
            began: now,
            current: Histogram::default(),
            before: Histogram::default(),
            has_before: false,
        }
    }

    /// Counts one.
    pub fn record(&mut self, duration: Duration, now: Instant) {
        if now >= self.began + self.period {
            self.turn(now);
        }
        self.current.record(duration);
    }

    /// All of them, and the time in which they were counted.
    pub fn look(&mut self, now: Instant) -> (Histogram, Duration) {
        if now >= self.began + self.period {
            self.turn(now);
        }
        let mut all = self.current.clone();
        all.add(&self.before);
        let before = if self.has_before { self.period } else { Duration::ZERO };
        (all, before + now.saturating_duration_since(self.began))
    }

    fn turn(&mut self, now: Instant) {
        let late = now.saturating_duration_since(self.began + self.period);
        self.before = std::mem::take(&mut self.current);
        if late >= self.period {
            self.before = Histogram::default();
        }
        self.has_before = true;
        let periods = u32::try_from(late.as_nanos() / self.period.as_nanos().max(1)).unwrap_or(u32::MAX);
        self.began += self.period + self.period.saturating_mul(periods);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERIOD: Duration = Duration::from_secs(30);
    const SECOND: Duration = Duration::from_secs(1);

    fn count(recent: &mut Recent, now: Instant) -> (u64, u64) {
        let (histogram, time) = recent.look(now);
        (histogram.count(), time.as_secs())
    }

    #[test]
    fn what_was_counted_is_seen_for_a_period_at_least_and_for_two_at_the_most() {
        let start = Instant::now();
        let mut recent = Recent::new(PERIOD, start);
        recent.record(SECOND, start + SECOND);
        assert_eq!(count(&mut recent, start + SECOND), (1, 1));
        recent.record(SECOND, start + 29 * SECOND);
        assert_eq!(count(&mut recent, start + 31 * SECOND), (2, 31));
        assert_eq!(count(&mut recent, start + 59 * SECOND), (2, 59));
        assert_eq!(count(&mut recent, start + 60 * SECOND), (0, 30));
    }

    #[test]
    fn a_long_pause_leaves_nothing_behind() {
        let start = Instant::now();
        let mut recent = Recent::new(PERIOD, start);
        recent.record(SECOND, start);
        recent.record(SECOND, start + 1000 * SECOND);
        assert_eq!(count(&mut recent, start + 1000 * SECOND), (1, 40));
    }

    #[test]
    fn one_a_second_is_one_a_second_at_any_time() {
        let start = Instant::now();
        let mut recent = Recent::new(PERIOD, start);
        for second in 0..600 {
            let now = start + second * SECOND;
            recent.record(SECOND, now);
            let (histogram, time) = recent.look(now);
            assert!(histogram.count().abs_diff(time.as_secs()) <= 1, "{second}");
        }
    }
}
