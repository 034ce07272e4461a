//! How long to wait before processes that keep dying are replaced.
#![forbid(unsafe_code)]

use std::time::{Duration, Instant};

/// The wait after the second death in a row; the first is replaced at once.
const FIRST_WAIT: Duration = Duration::from_millis(10);
/// The longest wait: a service that works again is found working within it.
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// Doubles the wait with each death in a row, so that a process that dies at start cannot eat the machine. A single
/// answer ends the row.
#[derive(Default)]
pub(crate) struct Backoff {
    deaths_in_a_row: u32,
    held_until: Option<Instant>,
}

impl Backoff {
    pub(crate) fn handle_death(&mut self, now: Instant) {
        self.deaths_in_a_row = self.deaths_in_a_row.saturating_add(1);
        self.held_until = match self.deaths_in_a_row.checked_sub(2) {
            None => None,
            Some(doublings) => {
                let factor = 1u32.checked_shl(doublings.min(16)).unwrap_or(u32::MAX);
                Some(now + FIRST_WAIT.saturating_mul(factor).min(LONGEST_WAIT))
            }
        };
    }

    pub(crate) fn handle_success(&mut self) {
        *self = Self::default();
    }

    pub(crate) fn holds_at(&self, now: Instant) -> bool {
        self.held_until.is_some_and(|until| now < until)
    }

    /// When the next process may be started.
    pub(crate) fn next_start(&self, now: Instant) -> Instant {
        self.held_until.unwrap_or(now)
    }

    pub(crate) fn held_until(&self) -> Option<Instant> {
        self.held_until
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_death_is_replaced_at_once_and_the_wait_doubles_up_to_two_seconds() {
        let now = Instant::now();
        let mut backoff = Backoff::default();
        backoff.handle_death(now);
        assert!(!backoff.holds_at(now));
        let mut waits = Vec::new();
        for _ in 0..40 {
            backoff.handle_death(now);
            waits.push(backoff.held_until().map_or(Duration::ZERO, |until| until - now));
        }
        assert_eq!(waits.first(), Some(&FIRST_WAIT));
        assert_eq!(waits.get(1), Some(&(FIRST_WAIT * 2)));
        assert_eq!(waits.last(), Some(&LONGEST_WAIT));
        assert!(waits.is_sorted());
    }

    #[test]
    fn an_answer_ends_the_row_of_deaths() {
        let now = Instant::now();
        let mut backoff = Backoff::default();
        (0..10).for_each(|_| backoff.handle_death(now));
        backoff.handle_success();
        backoff.handle_death(now);
        assert!(!backoff.holds_at(now));
    }
}
