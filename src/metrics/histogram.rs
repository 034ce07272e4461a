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

    /// The duration that this part of all (0.5 for the median) did not exceed; `None` if there were none.
    ///
    /// Within a bucket they count as evenly spread, so the result is off by the width of the bucket at the most. Of those
    /// beyond the last bound no more is known than that: it is the result then.
    pub fn quantile(&self, part: f64) -> Option<Duration> {
        let count = self.count();
        if count == 0 {
            return None;
        }
        let wanted = part.clamp(0.0, 1.0) * as_float(count);
        let (mut below, mut lower) = (0, 0);
        for (upper, bucket) in BOUNDS.iter().zip(self.buckets) {
            if bucket > 0 && as_float(below) + as_float(bucket) >= wanted {
                let place = ((wanted - as_float(below)) / as_float(bucket)).clamp(0.0, 1.0);
                let width = Duration::from_micros(*upper - lower);
                return Some(Duration::from_micros(lower) + width.mul_f64(place));
            }
            below = below.saturating_add(bucket);
            lower = *upper;
        }
        Some(Duration::from_micros(lower))
    }
}

/// What is lost beyond 2^53 is less than anybody sees.
#[allow(clippy::cast_precision_loss)]
fn as_float(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(durations: &[u64]) -> Histogram {
        let mut histogram = Histogram::default();
        durations.iter().for_each(|micros| histogram.record(Duration::from_micros(*micros)));
        histogram
    }

    #[test]
    fn a_duration_is_in_the_bucket_whose_bound_it_does_not_exceed() {
        let histogram = of(&[0, 100, 101, 30_000_000, 30_000_001, u64::MAX]);
        assert_eq!(histogram.buckets.first(), Some(&2));
        assert_eq!(histogram.buckets.get(1), Some(&1));
        assert_eq!(histogram.buckets.get(BOUNDS.len() - 1), Some(&1));
        assert_eq!(histogram.buckets.last(), Some(&2));
        assert_eq!((histogram.count(), histogram.sum), (6, u64::MAX));
    }

    #[test]
    fn of_nothing_there_is_no_quantile() {
        assert_eq!(Histogram::default().quantile(0.5), None);
    }

    #[test]
    fn a_quantile_is_in_the_bucket_of_the_true_one() {
        for durations in
            [vec![7], vec![90, 800, 2_000_000], (1..5_000).map(|number| number * number).collect::<Vec<_>>()]
        {
            let mut sorted = durations.clone();
            sorted.sort_unstable();
            let histogram = of(&durations);
            for percent in [1_u32, 25, 50, 90, 99, 100] {
                let place = (sorted.len() * percent as usize).div_ceil(100).max(1) - 1;
                let exact = sorted.get(place).copied().unwrap_or_default();
                let bucket = BOUNDS.partition_point(|bound| *bound < exact);
                let lower = bucket.checked_sub(1).and_then(|bucket| BOUNDS.get(bucket)).copied().unwrap_or(0);
                let upper = BOUNDS.get(bucket).copied().unwrap_or(lower);
                let found = histogram.quantile(f64::from(percent) / 100.0).map(|found| found.as_micros());
                let found = found.unwrap_or_default();
                assert!((u128::from(lower)..=u128::from(upper)).contains(&found), "{percent}: {found}");
            }
        }
    }

    #[test]
    fn halves_of_a_bucket_are_told_apart() {
        let histogram = of(&[2_000; 100]);
        assert_eq!(histogram.quantile(0.5), Some(Duration::from_micros(3_000)));
        assert_eq!(histogram.quantile(1.0), Some(Duration::from_micros(5_000)));
        assert_eq!(histogram.quantile(7.0), histogram.quantile(1.0));
    }

    #[test]
    fn of_what_took_longest_the_last_bound_is_known() {
        assert_eq!(of(&[99_000_000]).quantile(0.99), Some(Duration::from_secs(30)));
    }

    #[test]
    fn sums_stay_at_the_largest_number() {
        let mut histogram = of(&[u64::MAX]);
        histogram.add(&of(&[u64::MAX, 5]));
        assert_eq!((histogram.count(), histogram.sum), (3, u64::MAX));
        histogram.buckets.fill(u64::MAX);
        assert_eq!(histogram.count(), u64::MAX);
        assert!(histogram.quantile(0.99).is_some());
    }
}
