//! What is outstanding at a server, and since when it says nothing to it.
#![forbid(unsafe_code)]

use std::time::{Duration, Instant};

/// For how long a server may leave everything unanswered before others are preferred. A server that accepts
/// connections and hangs would otherwise swallow logins until the first of them times out.
pub(super) const SUSPICION: Duration = Duration::from_secs(1);

/// What a server can be waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Awaited {
    /// A connection is being opened, or its name is being looked up for the first time.
    Opening,
    /// A question was asked.
    Answer,
}

/// Counts both, and how long there has been nothing.
#[derive(Default)]
pub(super) struct InFlight {
    opening: Silence,
    answers: Silence,
    /// Whether somebody looks when the silence becomes suspicious.
    watched: bool,
}

/// How many are waited for, and since when none has come.
#[derive(Default)]
struct Silence {
    outstanding: usize,
    since: Option<Instant>,
}

impl InFlight {
    pub(super) fn begin(&mut self, awaited: Awaited, now: Instant) {
        self.of(awaited).begin(now);
    }

    /// One of them is waited for no more, for whatever reason. `true` if none of them is.
    pub(super) fn end(&mut self, awaited: Awaited) -> bool {
        self.of(awaited).end()
    }

    fn of(&mut self, awaited: Awaited) -> &mut Silence {
        match awaited {
            Awaited::Opening => &mut self.opening,
            Awaited::Answer => &mut self.answers,
        }
    }

    /// Whether a question has no answer yet.
    pub(super) fn has_unanswered(&self) -> bool {
        self.answers.outstanding > 0
    }

    /// How many questions have no answer yet.
    pub(super) fn unanswered(&self) -> usize {
        self.answers.outstanding
    }

    /// Whether something has been waited for suspiciously long.
    pub(super) fn is_silent(&self, now: Instant) -> bool {
        self.opening.is_long(now) || self.answers.is_long(now)
    }

    /// Whether connections, and nothing else, have been waited for suspiciously long.
    pub(super) fn is_closed(&self, now: Instant) -> bool {
        self.opening.is_long(now) && self.answers.outstanding == 0
    }

    /// The server can be connected to. Whether it answers is not known by that.
    pub(super) fn note_opened(&mut self, now: Instant) {
        self.opening.interrupt(now);
    }

    /// A question was answered.
    pub(super) fn note_answer(&mut self, now: Instant) {
        self.opening.interrupt(now);
        self.answers.interrupt(now);
    }

    /// When to look whether the silence has become suspicious, if nobody does.
    pub(super) fn watch(&mut self, now: Instant) -> Option<Instant> {
        let earliest = [self.opening.since, self.answers.since].into_iter().flatten();
        let due = earliest.filter(|_| !self.watched).map(|since| since + SUSPICION).filter(|due| *due > now);
        let due = due.min()?;
        self.watched = true;
        Some(due)
    }

    /// The time to look has come.
    pub(super) fn end_watch(&mut self) {
        self.watched = false;
    }

    #[cfg(any(test, feature = "simulation"))]
    pub(super) fn counts_for_test(&self) -> (usize, usize) {
        (self.opening.outstanding, self.answers.outstanding)
    }
}

impl Silence {
    fn begin(&mut self, now: Instant) {
        self.outstanding += 1;
        self.since.get_or_insert(now);
    }

    fn end(&mut self) -> bool {
        debug_assert!(self.outstanding > 0, "what ends has begun");
        self.outstanding = self.outstanding.saturating_sub(1);
        self.since = self.since.filter(|_| self.outstanding > 0);
        self.outstanding == 0
    }

    fn interrupt(&mut self, now: Instant) {
        self.since = self.since.map(|_| now);
    }

    fn is_long(&self, now: Instant) -> bool {
        self.since.is_some_and(|since| now >= since + SUSPICION)
    }
}
