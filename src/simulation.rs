//! What the seeded simulations share: their seeds and their chance.
#![forbid(unsafe_code)]

use std::time::Duration;

const SEEDS: u64 = 1000;

/// Runs a world of each seed; the seed of one that fails is printed. `SASLAUTHD_SIMULATION_SEED` replays that alone.
pub(crate) fn of_all_seeds(run: impl Fn(u64) + std::panic::RefUnwindSafe) {
    if let Ok(seed) = std::env::var("SASLAUTHD_SIMULATION_SEED") {
        return run(seed.parse().unwrap());
    }
    for seed in 0..SEEDS {
        let result = std::panic::catch_unwind(|| run(seed));
        assert!(result.is_ok(), "replay with SASLAUTHD_SIMULATION_SEED={seed}");
    }
}

/// SplitMix64: small, seeded, and nobody's secret.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    pub(crate) fn one_in(&mut self, chances: u64) -> bool {
        self.below(chances) == 0
    }

    pub(crate) fn pick<T: Copy>(&mut self, items: &[T]) -> Option<T> {
        let index = self.below(items.len().max(1) as u64);
        items.get(index as usize).copied()
    }

    pub(crate) fn milliseconds(&mut self, limit: u64) -> Duration {
        Duration::from_millis(self.below(limit))
    }
}
