//! Whether a server works, is suspected, has failed, or may be back.
#![forbid(unsafe_code)]

use crate::mech::remote::Failure;
use std::time::{Duration, Instant};

/// For how long a server may leave everything unanswered before others are preferred. A server that accepts
/// connections and hangs would otherwise swallow logins until the first of them times out.
pub(super) const SUSPICION: Duration = Duration::from_secs(1);
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
pub(super) enum Standing {
    /// Not to be asked.
    Bad,
    /// To be asked if no other is better.
    Doubtful,
    Good,
}

/// What a server can owe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Debt {
    /// A connection is being opened, or its name is being looked up for the first time.
    Opening,
    Answer,
}

#[derive(Default)]
pub(super) struct Health {
    failed: Option<Failed>,
    opening: usize,
    unanswered: usize,
    /// Since when something is owed and nothing was answered.
    silent_since: Option<Instant>,
    /// Whether somebody looks when the silence becomes suspicious.
    watched: bool,
    /// Whether the log has it as failed.
    told: bool,
    told_at: Option<Instant>,
}

struct Failed {
    /// How often in a row.
    times: u32,
    at: Instant,
    skipped_until: Instant,
    /// When it is tried again if there is no other.
    needed_at: Instant,
    /// Whether it was found out soon: nobody listens, rather than that nobody answers.
    soon: bool,
    why: Failure,
    phase: Phase,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Left alone.
    Skipped,
    /// A connection is being opened to see whether it is back; nobody waits for it.
    Probed,
    /// It can be connected to. Whether it answers is found out with one question at a time.
    OnTrial,
}

impl Health {
    pub(super) fn standing(&self, now: Instant) -> Standing {
        let suspect = self.is_suspect(now);
        match self.failed.as_ref().map(|failed| failed.phase) {
            None if suspect => Standing::Doubtful,
            None => Standing::Good,
            Some(Phase::OnTrial) if suspect => Standing::Bad,
            Some(Phase::OnTrial) if self.unanswered > 0 => Standing::Doubtful,
            Some(Phase::OnTrial) => Standing::Good,
            Some(Phase::Skipped | Phase::Probed) => Standing::Bad,
        }
    }

    fn is_suspect(&self, now: Instant) -> bool {
        self.silent_since.is_some_and(|since| now >= since + SUSPICION)
    }

    /// Whether it should be tried again by now. Without an `alternative` it is not left alone for long: the first
    /// login after its restart is to find it, and one login that it does not answer is not to cost all others theirs.
    pub(super) fn wants_probe(&self, alternative: bool, now: Instant) -> bool {
        let skipped = self.failed.as_ref().filter(|failed| failed.phase == Phase::Skipped);
        skipped.is_some_and(|failed| now >= if alternative { failed.skipped_until } else { failed.needed_at })
    }

    /// Whether it is being tried and the result is not far.
    pub(super) fn is_probed_soon(&self) -> bool {
        self.failed.as_ref().is_some_and(|failed| failed.soon && failed.phase == Phase::Probed)
    }

    pub(super) fn is_probed(&self) -> bool {
        self.failed.as_ref().is_some_and(|failed| failed.phase == Phase::Probed)
    }

    pub(super) fn is_on_trial(&self) -> bool {
        self.failed.as_ref().is_some_and(|failed| failed.phase == Phase::OnTrial)
    }

    /// When and why it failed last, if it has not recovered.
    pub(super) fn failure(&self) -> Option<(Instant, &Failure)> {
        self.failed.as_ref().map(|failed| (failed.at, &failed.why))
    }

    /// Whether what began then says nothing new: it began before the failure that is known.
    pub(super) fn is_old_news(&self, began: Instant) -> bool {
        self.failed.as_ref().is_some_and(|failed| began <= failed.at)
    }

    pub(super) fn begin_probe(&mut self) {
        self.enter(Phase::Probed);
    }

    /// The probe has ended without a result.
    pub(super) fn end_probe(&mut self) {
        if self.is_probed() {
            self.enter(Phase::Skipped);
        }
    }

    /// It can be connected to, or at least its name has an address.
    pub(super) fn begin_trial(&mut self, now: Instant) {
        self.silent_since = self.silent_since.map(|_| now);
        self.enter(Phase::OnTrial);
    }

    fn enter(&mut self, phase: Phase) {
        if let Some(failed) = &mut self.failed {
            failed.phase = phase;
        }
    }

    /// Something is owed.
    pub(super) fn owe(&mut self, debt: Debt, now: Instant) {
        if self.opening + self.unanswered == 0 {
            self.silent_since = Some(now);
        }
        *self.debts(debt) += 1;
    }

    /// Something is owed no more, for whatever reason. `true` if nothing is.
    pub(super) fn settle(&mut self, debt: Debt) -> bool {
        let debts = self.debts(debt);
        *debts = debts.saturating_sub(1);
        let nothing = self.opening + self.unanswered == 0;
        if nothing {
            self.silent_since = None;
        }
        nothing
    }

    fn debts(&mut self, debt: Debt) -> &mut usize {
        match debt {
            Debt::Opening => &mut self.opening,
            Debt::Answer => &mut self.unanswered,
        }
    }

    /// When to look whether it has become suspect, if nobody does.
    pub(super) fn watch(&mut self, now: Instant) -> Option<Instant> {
        let due = self.silent_since.filter(|_| !self.watched).map(|since| since + SUSPICION)?;
        self.watched = due > now;
        self.watched.then_some(due)
    }

    /// The time to look has come. `true` if it is suspect.
    pub(super) fn handle_watch(&mut self, now: Instant) -> bool {
        self.watched = false;
        self.is_suspect(now)
    }

    /// A question was answered. `true` if it was suspect.
    pub(super) fn hear(&mut self, now: Instant) -> bool {
        let suspect = self.is_suspect(now);
        self.silent_since = self.silent_since.map(|_| now);
        suspect
    }

    /// It works, as far as something shows that began then. `true` if the log is to be told.
    pub(super) fn recover(&mut self, began: Instant) -> bool {
        if self.failed.is_none() || (self.is_old_news(began) && !self.is_on_trial()) {
            return false;
        }
        self.failed = None;
        std::mem::take(&mut self.told)
    }

    /// It is left alone: for `wait`, or for a time that grows up to `longest`. `began`: what has failed began then.
    /// `true` if the log is to be told.
    pub(super) fn fail(
        &mut self,
        why: Failure,
        wait: Option<Duration>,
        longest: Duration,
        began: Instant,
        now: Instant,
    ) -> bool {
        let times = self.failed.as_ref().map_or(0, |failed| failed.times).saturating_add(1);
        let growing = || FIRST_WAIT.saturating_mul(1 << times.min(16).saturating_sub(1)).min(longest);
        let skipped_until = now + wait.unwrap_or_else(growing);
        let soon = wait.is_none() && now < began + SUSPICION;
        let longest = if soon { PAUSE } else { wait.unwrap_or(FIRST_WAIT) };
        let needed_at = skipped_until.min(now + longest);
        let phase = Phase::Skipped;
        self.failed = Some(Failed { times, at: now, skipped_until, needed_at, soon, why, phase });
        let silence = if self.told { REMINDER } else { SILENCE };
        let tell = self.told_at.is_none_or(|told_at| now >= told_at + silence);
        if tell {
            self.told = true;
            self.told_at = Some(now);
        }
        tell
    }
}

#[cfg(test)]
impl Health {
    pub(super) fn debts_for_test(&self) -> (usize, usize) {
        (self.opening, self.unanswered)
    }
}
