//! What the seeded simulations share: their seeds and their chance.
//!
//! With the feature `simulation` they are there for fuzzing as well: bytes take the place of chance, so that a fuzzer looks
//! for the sequence of events that breaks an invariant.
#![forbid(unsafe_code)]

mod script;

use std::time::Duration;

pub(crate) use script::is_over;

#[cfg(test)]
const SEEDS: u64 = 1000;

/// Runs a world of each seed; the seed of one that fails is printed. `SASLAUTHD_SIMULATION_SEED` replays that alone.
#[cfg(test)]
pub(crate) fn of_all_seeds(run: impl Fn(u64) + std::panic::RefUnwindSafe) {
    if let Ok(seed) = std::env::var("SASLAUTHD_SIMULATION_SEED") {
        return run(seed.parse().unwrap());
    }
    for seed in 0..SEEDS {
        let result = std::panic::catch_unwind(|| run(seed));
        assert!(result.is_ok(), "replay with SASLAUTHD_SIMULATION_SEED={seed}");
    }
}

/// Plays the world of dispatcher, cache and pools by these bytes.
#[cfg(feature = "simulation")]
pub fn dispatch(bytes: &[u8]) {
    script::play(bytes, || crate::policy::dispatch::simulation::run(0));
}

/// Plays the world of the upstream manager by these bytes.
#[cfg(feature = "simulation")]
pub fn upstream(bytes: &[u8]) {
    script::play(bytes, || crate::net::upstream::simulation::run(0));
}

/// Plays the world of the succession of frontends by these bytes.
#[cfg(feature = "simulation")]
pub fn succession(bytes: &[u8]) {
    script::play(bytes, || crate::supervisor::succession::simulation::run(0));
}

/// Plays the world of a connection of Dovecot's protocol by these bytes.
#[cfg(feature = "simulation")]
pub fn dovecot(bytes: &[u8]) {
    script::play(bytes, || crate::endpoint::dovecot::simulation::run(0));
}

/// SplitMix64: small, seeded, and nobody's secret. While a script is played, its bytes come first.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    fn mixed(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        script::draw(limit).unwrap_or_else(|| self.mixed()) % limit
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
