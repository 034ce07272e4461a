//! What is asked, and which answers are right.

use std::sync::Mutex;
use std::time::{Duration, Instant};

/// What the answer to a login depends on: only if one of these was out may nobody be asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// A process of a mechanism that blocks.
    pub workers: bool,
    /// The LDAP server.
    pub directory: bool,
    /// The IMAP server.
    pub imap: bool,
}

impl Needs {
    /// Those of both.
    pub fn or(self, other: Self) -> Self {
        Self {
            workers: self.workers || other.workers,
            directory: self.directory || other.directory,
            imap: self.imap || other.imap,
        }
    }
}

/// Something that changes while the daemon runs, such as a password; each value with the time in which it may have
/// been in force.
#[derive(Default)]
pub struct Timeline(Mutex<Vec<Span>>);

struct Span {
    value: u64,
    from: Instant,
    until: Option<Instant>,
}

impl Timeline {
    /// From now on `value` may be in force, and others still are: before the change is made.
    pub fn begin(&self, value: u64) {
        self.0.lock().unwrap().push(Span { value, from: Instant::now(), until: None });
    }

    /// From now on `value` alone is in force: when the change is known to be made, or to have been refused.
    pub fn settle(&self, value: u64) {
        let now = Instant::now();
        let mut spans = self.0.lock().unwrap();
        spans
            .iter_mut()
            .filter(|span| span.value != value)
            .for_each(|span| span.until = span.until.or(Some(now)));
    }

    /// The value that was announced last.
    pub fn latest(&self) -> u64 {
        self.0.lock().unwrap().last().map_or(0, |span| span.value)
    }

    /// Whether one of the values that `is_meant` was in force for a moment between these two.
    fn held(&self, is_meant: impl Fn(u64) -> bool, from: Instant, until: Instant) -> bool {
        let overlaps =
            |span: &Span| span.from <= until && span.until.is_none_or(|its_until| its_until >= from);
        self.0.lock().unwrap().iter().any(|span| is_meant(span.value) && overlaps(span))
    }
}

/// Whether the password is right.
#[derive(Clone, Copy)]
pub enum Truth<'a> {
    /// It is, all the time.
    Right,
    /// It is not, and nobody may ever take it for right.
    Wrong,
    /// While this value is in force; what was said of it may be remembered.
    While {
        /// What changes.
        timeline: &'a Timeline,
        /// When it is right.
        value: u64,
        /// How long the answer of before may be given afterwards.
        memory: Memory,
    },
}

/// How long an answer may be given that is not right any more.
#[derive(Clone, Copy, Default)]
pub struct Memory {
    /// That the password is right.
    pub accepted: Duration,
    /// The same while nobody can be asked, in addition.
    pub stale: Duration,
    /// That it is not.
    pub refused: Duration,
}

impl Truth<'_> {
    /// Whether it may be accepted, of a login between these two moments.
    pub fn may_accept(self, sent: Instant, answered: Instant) -> bool {
        self.was_right(sent, answered, |memory| memory.accepted)
    }

    /// The same while nobody can be asked.
    pub fn may_accept_unasked(self, sent: Instant, answered: Instant) -> bool {
        self.was_right(sent, answered, |memory| memory.accepted + memory.stale)
    }

    fn was_right(self, sent: Instant, answered: Instant, time: impl Fn(Memory) -> Duration) -> bool {
        match self {
            Self::Right => true,
            Self::Wrong => false,
            Self::While { timeline, value, memory } => {
                timeline.held(|held| held == value, before(sent, time(memory)), answered)
            }
        }
    }

    /// Whether it may be refused.
    pub fn may_refuse(self, sent: Instant, answered: Instant) -> bool {
        match self {
            Self::Right => false,
            Self::Wrong => true,
            Self::While { timeline, value, memory } => {
                timeline.held(|held| held != value, before(sent, memory.refused), answered)
            }
        }
    }
}

/// So much earlier than `moment`.
pub fn before(moment: Instant, time: Duration) -> Instant {
    moment.checked_sub(time).unwrap_or(moment)
}

/// A login and all that is known about it.
#[derive(Clone)]
pub struct Question<'a> {
    /// As it is sent.
    pub login: String,
    /// As the daemon passes it on and names it in its answer.
    pub checked: String,
    /// As it is sent.
    pub password: String,
    /// In a field of its own; the login has none then.
    pub realm: String,
    /// Whether it is right.
    pub truth: Truth<'a>,
    /// Who has to be there to tell.
    pub needs: Needs,
    /// Whether a refusal comes no earlier than `--failure-delay` says.
    pub is_delayed: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn during_a_change_both_values_may_be_in_force_and_afterwards_one() {
        let timeline = Timeline::default();
        timeline.begin(1);
        let before = Instant::now();
        timeline.begin(2);
        let during = Instant::now();
        timeline.settle(2);
        let after = Instant::now() + SECOND;
        let verdicts = |value, memory, moment| {
            let truth = Truth::While { timeline: &timeline, value, memory };
            (truth.may_accept(moment, moment), truth.may_refuse(moment, moment))
        };
        let none = Memory::default();
        assert_eq!(verdicts(1, none, before), (true, false));
        assert_eq!(verdicts(1, none, during), (true, true));
        assert_eq!(verdicts(1, none, after), (false, true));
        let memory = Memory { accepted: 2 * SECOND, ..none };
        assert_eq!(verdicts(1, memory, after), (true, true), "it may be remembered");
        assert_eq!(verdicts(2, none, during), (true, true));
        assert_eq!(verdicts(2, none, after), (true, false));
        let memory = Memory { refused: 2 * SECOND, ..none };
        assert_eq!(verdicts(2, memory, after), (true, true), "so may that it was wrong");
        let memory = Memory { stale: 2 * SECOND, ..none };
        let truth = Truth::While { timeline: &timeline, value: 1, memory };
        assert!(!truth.may_accept(after, after) && truth.may_accept_unasked(after, after));
        assert_eq!(timeline.latest(), 2);
    }
}
