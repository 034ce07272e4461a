//! Chance that a seed repeats.

use std::time::Duration;

/// The chance of one client or one kind of fault: SplitMix64.
pub struct Random(u64);

impl Random {
    /// Each `stream` of a seed is another sequence.
    pub fn of(seed: u64, stream: u64) -> Self {
        let mut of_streams = Self(stream);
        Self(seed ^ of_streams.next())
    }

    /// Any number.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// From 0 to `limit - 1`.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    /// True once in so many times.
    pub fn one_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    /// One of them.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        let place = self.below(items.len().max(1) as u64);
        items.get(usize::try_from(place).ok()?)
    }

    /// Less than so many milliseconds.
    pub fn milliseconds(&mut self, limit: u64) -> Duration {
        Duration::from_millis(self.below(limit))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats_its_streams_and_no_two_are_the_same() {
        let numbers = |seed, stream| {
            let mut random = Random::of(seed, stream);
            [random.next(), random.next()]
        };
        assert_eq!(numbers(1, 2), numbers(1, 2));
        let some = [numbers(1, 2), numbers(2, 1), numbers(1, 1), numbers(2, 2)];
        assert!((0..some.len()).all(|place| !some[place + 1..].contains(&some[place])), "{some:?}");
    }
}
