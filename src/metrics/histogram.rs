//! Durations in a few fixed buckets.
#![forbid(unsafe_code)]

use std::time::Duration;

/// The upper bounds of the buckets, in microseconds; a last one has no bound. From what the cache answers at once (tens of
/// microseconds) to what PAM's delays and hung servers take.
pub const BOUNDS: [u64; 12] = [
    100, 1_000, 5_000, 10_000, 50_000, 100_000, 500_000, 1_000_000, 2_500_000, 5_000_000, 10_000_000,
    30_000_000,
];

/// How often what took how long.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Histogram {
    /// One for each of [`BOUNDS`], then those that took longer; not cumulative.
    pub buckets: [u64; BOUNDS.len() + 1],
    /// All of them together, in microseconds.
    pub sum: u64,
}

impl Histogram {
    /// Counts one.
    pub fn record(&mut self, duration: Duration) {
        let microseconds = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        let place = BOUNDS.partition_point(|bound| *bound < microseconds);
        if let Some(bucket) = self.buckets.get_mut(place) {
            *bucket = bucket.saturating_add(1);
        }
        self.sum = self.sum.saturating_add(microseconds);
    }

    /// Adds another one.
    pub fn add(&mut self, other: &Self) {
        for (mine, theirs) in self.buckets.iter_mut().zip(other.buckets) {
            *mine = mine.saturating_add(theirs);
        }
        self.sum = self.sum.saturating_add(other.sum);
    }

    /// How many there were.
    pub fn count(&self) -> u64 {
        self.buckets.iter().fold(0, |sum, bucket| sum.saturating_add(*bucket))
    }

    /// The duration below which that part of them is, from 0 to 1; `None` if there are none.
    pub fn quantile(&self, part: f64) -> Option<Duration> {
        let count = self.count();
        #[allow(clippy::cast_precision_loss)]
        let wanted = part.clamp(0.0, 1.0) * count as f64;
        let mut before = 0.0;
        let mut lower = 0;
        for (place, number) in self.buckets.iter().enumerate() {
            let upper = BOUNDS.get(place).copied().unwrap_or(lower);
            #[allow(clippy::cast_precision_loss)]
            let number = *number as f64;
            if number > 0.0 && before + number >= wanted {
                #[allow(clippy::cast_precision_loss)]
                let (lower, width) = (lower as f64, (upper - lower) as f64);
                let inside = ((wanted - before) / number).clamp(0.0, 1.0);
                return Some(Duration::from_secs_f64((lower + width * inside) / 1e6));
            }
            before += number;
            lower = upper;
        }
        None
    }
}
