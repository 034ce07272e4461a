//! Whether a process still does its work: it is asked now and then, and anything that it says is an answer.
#![forbid(unsafe_code)]

use std::time::{Duration, Instant};

/// How often a process is asked, at the least.
pub(super) const INTERVAL: Duration = Duration::from_secs(5);
/// How often it is asked at the most, whatever a service manager wants.
pub(super) const SHORTEST_INTERVAL: Duration = Duration::from_millis(100);
/// For how long it may leave that unanswered. A frontend never waits for anything, so a second would do on an idle
/// machine; the rest is for one that swaps, or that was suspended.
pub(super) const LONGEST_SILENCE: Duration = Duration::from_secs(10);

/// Who looks at the clock so much later than was due was not running: a machine that was paused must not blame those
/// that were paused with it.
const LATE: Duration = Duration::from_secs(1);

/// What is to be done about a process now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Beat {
    Nothing,
    Ask,
    /// It is stopped, or caught in a loop.
    Silent,
}

/// When one process was last asked, or will be.
#[derive(Debug)]
pub(super) struct Heartbeat {
    interval: Duration,
    next: Next,
}

#[derive(Debug, Clone, Copy)]
enum Next {
    AskAt(Instant),
    AnswerBy(Instant),
}

impl Heartbeat {
    /// Of a process that is asked that often.
    pub(super) fn new(interval: Duration, now: Instant) -> Self {
        Self { interval, next: Next::AskAt(now + interval) }
    }

    /// The process has said something. One that talks by itself is asked all the same: what it answers is told to others.
    pub(super) fn handle_heard(&mut self, now: Instant) {
        if matches!(self.next, Next::AnswerBy(_)) {
            self.next = Next::AskAt(now + self.interval);
        }
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) -> Beat {
        match self.next {
            Next::AskAt(due) if due <= now => {
                self.next = Next::AnswerBy(now + LONGEST_SILENCE);
                Beat::Ask
            }
            Next::AnswerBy(due) if now >= due + LATE => {
                self.next = Next::AnswerBy(now + LONGEST_SILENCE);
                Beat::Nothing
            }
            Next::AnswerBy(due) if due <= now => Beat::Silent,
            Next::AskAt(_) | Next::AnswerBy(_) => Beat::Nothing,
        }
    }

    pub(super) fn next_timeout(&self) -> Instant {
        match self.next {
            Next::AskAt(due) | Next::AnswerBy(due) => due,
        }
    }
}
