//! Whether a server is up, silent, down, or may be back.
//!
//! A circuit breaker, with one difference: only what no login has chosen can open it. A server that cannot be
//! connected to, or that does not come to the point at which it could be asked, is *down* and not asked at all. One
//! that leaves questions unanswered is *silent*: others are preferred to it, but where there is no other it is asked
//! on, for the login may be the reason, and must not take the server from everybody else.
#![forbid(unsafe_code)]

use super::in_flight::{InFlight, SUSPICION};
use crate::net::exchange::Failure;
use std::time::{Duration, Instant};

/// How long a server is left alone after its first failure: it may only be restarting. Doubles with each failure in
/// a row, up to the retry interval.
const FIRST_WAIT: Duration = Duration::from_millis(500);
/// How often a server is tried at the most while there is no other and trying costs nobody more than a moment.
const PAUSE: Duration = Duration::from_millis(100);
/// The shortest time between two log lines about failures of one server that had recovered in between.
const SILENCE: Duration = Duration::from_secs(5);
/// How often the log tells that a server is still failing.
const REMINDER: Duration = Duration::from_secs(60);

/// How good a choice a server is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Availability {
    /// Not to be asked.
    Down,
    /// To be asked if no other is better.
    Suspect,
    /// As far as is known.
    Up,
}

/// What tells that a server lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Evidence {
    /// A connection that began at that time is ready for questions.
    Ready,
    /// A question that was asked at that time is answered.
    Answer,
}

/// What has failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FailedStep {
    /// No connection came to the point at which a question could be asked: the server is down.
    Opening,
    /// A question was not answered: the server is silent, or the question is at fault.
    Question,
}

/// The state of one server within one credential scope.
#[derive(Default)]
pub(super) struct Health {
    /// `None` while it is up.
    outage: Option<Outage>,
    pub(super) in_flight: InFlight,
    reports: Reports,
}

struct Outage {
    step: FailedStep,
    circuit: Circuit,
    /// How many failures in a row.
    times: u32,
    at: Instant,
    why: Failure,
    skipped_until: Instant,
    /// When it is tried again if there is no other.
    needed_at: Instant,
    /// Whether it was found out soon: nobody listens, rather than that nobody answers.
    soon: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Circuit {
    /// Left alone, as far as there is another.
    Open,
    /// As before, while a connection is being opened to see whether it is back; no login waits for that.
    Probed,
    /// It can be connected to. Whether it answers is found out with one question at a time.
    HalfOpen,
}

/// Keeps the log short.
#[derive(Default)]
struct Reports {
    /// Whether the log has it as failed.
    is_known: bool,
    last: Option<Instant>,
}

impl Health {
    pub(super) fn availability(&self, now: Instant) -> Availability {
        let Some(outage) = &self.outage else {
            return if self.in_flight.is_silent(now) { Availability::Suspect } else { Availability::Up };
        };
        match (outage.circuit, outage.step) {
            (Circuit::HalfOpen, _) if self.in_flight.is_closed(now) => Availability::Down,
            (Circuit::HalfOpen, _) if self.in_flight.has_unanswered() => Availability::Suspect,
            (Circuit::HalfOpen, _) => Availability::Up,
            (Circuit::Open | Circuit::Probed, FailedStep::Question) => Availability::Suspect,
            (Circuit::Open | Circuit::Probed, FailedStep::Opening) => Availability::Down,
        }
    }

    fn circuit(&self) -> Option<Circuit> {
        self.outage.as_ref().map(|outage| outage.circuit)
    }

    /// Whether it should be tried again by now. Without an `alternative` it is not left alone for long: the first
    /// login after its restart is to find it.
    pub(super) fn wants_probe(&self, alternative: bool, now: Instant) -> bool {
        let open = self.outage.as_ref().filter(|outage| outage.circuit == Circuit::Open);
        open.is_some_and(|outage| now >= if alternative { outage.skipped_until } else { outage.needed_at })
    }

    /// Whether it is being tried and the result is not far.
    pub(super) fn is_probed_soon(&self) -> bool {
        self.outage.as_ref().is_some_and(|outage| outage.soon && outage.circuit == Circuit::Probed)
    }

    pub(super) fn is_probed(&self) -> bool {
        self.circuit() == Some(Circuit::Probed)
    }

    pub(super) fn is_half_open(&self) -> bool {
        self.circuit() == Some(Circuit::HalfOpen)
    }

    /// When and why it failed last, if it has not recovered.
    pub(super) fn failure(&self) -> Option<(Instant, &Failure)> {
        self.outage.as_ref().map(|outage| (outage.at, &outage.why))
    }

    /// Whether a failure of what began then says nothing new, since it began before the one that is known. That no
    /// connection can be opened is news where only a question is known to be unanswered.
    pub(super) fn is_old_news(&self, step: FailedStep, began: Instant) -> bool {
        let known = self
            .outage
            .as_ref()
            .filter(|outage| outage.step == FailedStep::Opening || step == FailedStep::Question);
        known.is_some_and(|outage| began <= outage.at)
    }

    pub(super) fn begin_probe(&mut self) {
        self.enter(Circuit::Probed);
    }

    /// The probe has ended without a result.
    pub(super) fn end_probe(&mut self) {
        if self.is_probed() {
            self.enter(Circuit::Open);
        }
    }

    /// It is being connected to, or its name looked up, though it has failed.
    pub(super) fn half_open(&mut self, now: Instant) {
        self.in_flight.note_opened(now);
        self.enter(Circuit::HalfOpen);
    }

    fn enter(&mut self, circuit: Circuit) {
        if let Some(outage) = &mut self.outage {
            outage.circuit = circuit;
        }
    }

    /// The server shows that it lives, by what began then. `true` if the log is to be told.
    pub(super) fn note_life(&mut self, evidence: Evidence, began: Instant, now: Instant) -> bool {
        match evidence {
            Evidence::Ready => {
                self.in_flight.note_opened(now);
                if self.outage.as_ref().is_some_and(|outage| began > outage.at) {
                    self.enter(Circuit::HalfOpen);
                }
                false
            }
            Evidence::Answer => {
                self.in_flight.note_answer(now);
                self.recover(began)
            }
        }
    }

    /// An answer was heard. One of a connection from before a server went down does not say that it is up.
    fn recover(&mut self, began: Instant) -> bool {
        let is_over = |outage: &Outage| {
            outage.step == FailedStep::Question || outage.circuit == Circuit::HalfOpen || began > outage.at
        };
        match self.outage.take_if(|outage| is_over(outage)) {
            Some(_) => std::mem::take(&mut self.reports.is_known),
            None => false,
        }
    }

    /// It is left alone: for `wait`, or for a time that grows up to `longest`. `began`: what has failed began then.
    /// `true` if the log is to be told.
    pub(super) fn fail(
        &mut self,
        step: FailedStep,
        why: Failure,
        wait: Option<Duration>,
        longest: Duration,
        began: Instant,
        now: Instant,
    ) -> bool {
        let times = self.outage.as_ref().map_or(0, |outage| outage.times).saturating_add(1);
        let growing = || FIRST_WAIT.saturating_mul(1 << times.min(16).saturating_sub(1)).min(longest);
        let skipped_until = now + wait.unwrap_or_else(growing);
        let soon = wait.is_none() && now < began + SUSPICION;
        let longest = if soon { PAUSE } else { wait.unwrap_or(FIRST_WAIT) };
        let needed_at = skipped_until.min(now + longest);
        let circuit = Circuit::Open;
        self.outage = Some(Outage { step, circuit, times, at: now, why, skipped_until, needed_at, soon });
        step == FailedStep::Opening && self.reports.is_due(now)
    }
}

impl Reports {
    fn is_due(&mut self, now: Instant) -> bool {
        let silence = if self.is_known { REMINDER } else { SILENCE };
        let is_due = self.last.is_none_or(|last| now >= last + silence);
        if is_due {
            self.is_known = true;
            self.last = Some(now);
        }
        is_due
    }
}
