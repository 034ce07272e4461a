//! Saying once in a while what could be said a thousand times a second.
#![forbid(unsafe_code)]

use std::time::{Duration, Instant};

/// The shortest time between two lines of one kind that clients can cause.
const SILENCE: Duration = Duration::from_secs(5);

#[derive(Default)]
pub(crate) struct RateLimit {
    silent_until: Option<Instant>,
}

impl RateLimit {
    /// Whether it may be said again; if so, the next silence begins.
    pub(crate) fn is_due(&mut self, now: Instant) -> bool {
        let due = self.silent_until.is_none_or(|until| now >= until);
        if due {
            self.silent_until = Some(now + SILENCE);
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thousand_times_a_second_becomes_once_in_five_seconds() {
        let start = Instant::now();
        let mut limit = RateLimit::default();
        let said =
            (0..10_000).filter(|millisecond| limit.is_due(start + Duration::from_millis(*millisecond)));
        assert_eq!(said.collect::<Vec<_>>(), [0, 5000]);
    }
}
