//! Whether a process still does its work: it is asked now and then, and anything that it says is an answer.
#![forbid(unsafe_code)]

use std::time::{Duration, Instant};

/// How often a process that says nothing by itself is asked.
pub(super) const INTERVAL: Duration = Duration::from_secs(5);
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
pub(super) enum Heartbeat {
    AskAt(Instant),
    AnswerBy(Instant),
}

impl Heartbeat {
    pub(super) fn new(now: Instant) -> Self {
        Self::AskAt(now + INTERVAL)
    }

    /// The process has said something.
    pub(super) fn handle_heard(&mut self, now: Instant) {
        *self = Self::new(now);
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) -> Beat {
        match *self {
            Self::AskAt(due) if due <= now => {
                *self = Self::AnswerBy(now + LONGEST_SILENCE);
                Beat::Ask
            }
            Self::AnswerBy(due) if now >= due + LATE => {
                *self = Self::AnswerBy(now + LONGEST_SILENCE);
                Beat::Nothing
            }
            Self::AnswerBy(due) if due <= now => Beat::Silent,
            Self::AskAt(_) | Self::AnswerBy(_) => Beat::Nothing,
        }
    }

    pub(super) fn next_timeout(&self) -> Instant {
        match self {
            Self::AskAt(due) | Self::AnswerBy(due) => *due,
        }
    }
}
