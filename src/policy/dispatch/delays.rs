//! For how long the answer to a failure is held back, so that guessing takes time. No worker waits for it, only a timer.
#![forbid(unsafe_code)]

use super::{Dispatcher, Names};
use crate::outcome::Outcome;
use crate::policy::route::chain::Decision;
use hmac::digest::FixedOutput;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use std::time::{Duration, Instant};

/// What failures are owed by the daemon's own settings.
pub(super) struct Delays {
    /// `--failure-delay`; zero for none.
    failure_delay: Duration,
    spread: Spread,
}

impl Delays {
    /// `key` is random. What clients can measure tells nothing of it.
    pub(super) fn new(failure_delay: Duration, key: &[u8; 32]) -> Self {
        Self { failure_delay, spread: Spread::new(key) }
    }

    /// `--failure-delay`, a quarter more or less.
    fn failure_delay(&mut self) -> Duration {
        self.spread.around(self.failure_delay)
    }
}

impl Dispatcher {
    /// For how long from `now` the answer to a request that came at `since` is to be held back. Never a right answer; and
    /// the caller never holds one back beyond its deadline.
    ///
    /// PAM's delay counts from the decision, as in C. `--failure-delay` counts from the request, so that what a mechanism
    /// has taken is part of it: the time of an answer does not tell a login without a password to check from one with
    /// a slow hash, and a server that delays failures itself does not make them wait twice.
    pub(super) fn delay_owed(
        &mut self,
        _names: &Names,
        decision: &Decision,
        since: Instant,
        now: Instant,
    ) -> Duration {
        if matches!(decision.outcome, Outcome::Accept(_)) {
            return Duration::ZERO;
        }
        let passed = now.saturating_duration_since(since);
        let own = if decision.owes_failure_delay { self.delays.failure_delay() } else { Duration::ZERO };
        decision.delay.max(own.saturating_sub(passed))
    }
}

/// Chance, for delays that should not be all the same: SplitMix64, which is small, and whose numbers are no secret.
struct Spread(u64);

impl Spread {
    fn new(key: &[u8; 32]) -> Self {
        let seed = Hmac::<Sha256>::new_from_slice(key).map(|keyed| {
            let digest: [u8; 32] = keyed.chain_update("spread of delays").finalize_fixed().into();
            digest.first_chunk().copied().map_or(0, u64::from_le_bytes)
        });
        Self(seed.unwrap_or_default())
    }

    /// A duration a quarter shorter or longer at the most.
    fn around(&mut self, duration: Duration) -> Duration {
        let quarter = duration / 4;
        let span = u64::try_from(quarter.as_nanos()).unwrap_or(u64::MAX).saturating_mul(2).saturating_add(1);
        (duration - quarter).saturating_add(Duration::from_nanos(self.next() % span))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delay_is_spread_by_a_quarter_to_both_sides() {
        let wanted = Duration::from_secs(2);
        let mut spread = Spread::new(&[3; 32]);
        let delays: Vec<_> = (0..10_000).map(|_| spread.around(wanted)).collect();
        let (shortest, longest) = (delays.iter().min(), delays.iter().max());
        let milliseconds = |wanted| Duration::from_millis(wanted);
        assert!(shortest.is_some_and(|delay| (milliseconds(1500)..milliseconds(1510)).contains(delay)));
        assert!(longest.is_some_and(|delay| (milliseconds(2490)..=milliseconds(2500)).contains(delay)));
    }

    #[test]
    fn no_delay_stays_none() {
        assert_eq!(Spread::new(&[3; 32]).around(Duration::ZERO), Duration::ZERO);
        assert!(Spread::new(&[3; 32]).around(Duration::MAX) >= Duration::MAX / 2);
    }

    #[test]
    fn another_key_means_other_delays() {
        let delay = |key| Spread::new(&[key; 32]).around(Duration::from_secs(2));
        assert_eq!(delay(1), delay(1));
        assert_ne!(delay(1), delay(2));
    }
}
