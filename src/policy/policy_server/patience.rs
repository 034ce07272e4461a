//! How long a policy server that does not answer is waited for, over many logins: some wait in vain, the others are not
//! held up.
//!
//! Only where logins go on without an answer. Nobody gains by it: whoever can make a server silent for the logins of his
//! own is let through by each of them anyway.
#![forbid(unsafe_code)]

use std::time::{Duration, Instant};

/// After so many logins in a row that have waited in vain no further one waits.
const SILENT_IN_A_ROW: u32 = 3;
/// How long the server is left alone then. Doubles each time, up to [`LONGEST_REST`].
const FIRST_REST: Duration = Duration::from_secs(1);
/// As the daemon's other servers are by default.
const LONGEST_REST: Duration = Duration::from_secs(10);

/// What to do about a login.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Advice {
    /// Ask, and wait for the answer.
    Wait,
    /// Ask whether the server is back, and do not wait.
    AskAside,
    /// Do not ask.
    Skip,
}

/// What is known of a server's silence.
#[derive(Debug, Default)]
pub struct Patience {
    in_a_row: u32,
    rest: Option<Rest>,
}

#[derive(Debug)]
struct Rest {
    until: Instant,
    time: Duration,
    /// Whether one question is on its way that nobody waits for.
    is_asked: bool,
}

impl Patience {
    /// What to do about the next login.
    pub fn advise(&mut self, now: Instant) -> Advice {
        match &mut self.rest {
            None => Advice::Wait,
            Some(rest) if !rest.is_asked && now >= rest.until => {
                rest.is_asked = true;
                Advice::AskAside
            }
            Some(_) => Advice::Skip,
        }
    }

    /// A question has not waited for its whole time: the server has said something, whatever it was, or it is known that it
    /// cannot.
    pub fn note_end(&mut self) {
        *self = Self::default();
    }

    /// A question has waited for its whole time.
    pub fn note_silence(&mut self, now: Instant) {
        self.in_a_row = self.in_a_row.saturating_add(1);
        match &mut self.rest {
            // What was asked before says nothing new.
            Some(rest) if !rest.is_asked => {}
            Some(Rest { time, .. }) => self.rest = Some(Rest::from(now, (*time * 2).min(LONGEST_REST))),
            None if self.in_a_row >= SILENT_IN_A_ROW => self.rest = Some(Rest::from(now, FIRST_REST)),
            None => {}
        }
    }
}

impl Rest {
    fn from(now: Instant, time: Duration) -> Self {
        Self { until: now + time, time, is_asked: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn silent(now: Instant) -> Patience {
        let mut patience = Patience::default();
        for _ in 0..SILENT_IN_A_ROW {
            assert_eq!(patience.advise(now), Advice::Wait);
            patience.note_silence(now);
        }
        patience
    }

    #[test]
    fn when_three_have_waited_in_vain_no_other_waits() {
        let now = Instant::now();
        let mut patience = silent(now);
        assert_eq!(patience.advise(now), Advice::Skip);
        assert_eq!(patience.advise(now + SECOND), Advice::AskAside);
        assert_eq!(patience.advise(now + 5 * SECOND), Advice::Skip, "one at a time");
    }

    #[test]
    fn an_answer_in_between_begins_anew() {
        let now = Instant::now();
        let mut patience = Patience::default();
        for _ in 0..10 {
            patience.note_silence(now);
            patience.note_silence(now);
            patience.note_end();
            assert_eq!(patience.advise(now), Advice::Wait);
        }
    }

    #[test]
    fn a_server_that_stays_silent_is_tried_more_and_more_seldom_and_one_that_is_back_at_once() {
        let mut now = Instant::now();
        let mut patience = silent(now);
        for rest in [1, 2, 4, 8, 10, 10] {
            assert_eq!(patience.advise(now + rest * SECOND - SECOND / 2), Advice::Skip);
            now += rest * SECOND;
            assert_eq!(patience.advise(now), Advice::AskAside);
            patience.note_silence(now);
        }
        patience.note_end();
        assert_eq!(patience.advise(now), Advice::Wait);
    }

    #[test]
    fn what_was_asked_before_the_rest_does_not_prolong_it() {
        let now = Instant::now();
        let mut patience = silent(now);
        patience.note_silence(now + SECOND / 2);
        assert_eq!(patience.advise(now + SECOND), Advice::AskAside);
    }
}
