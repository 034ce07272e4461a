//! One login on its route: who is asked next, and what the answers come to in the end.
#![forbid(unsafe_code)]

use crate::config::site::{Continuation, InstanceId, Route, Step};
use crate::outcome::{Outcome, Refusal, Verdict};
use std::ops::Range;
use std::rc::Rc;
use std::time::Duration;

/// A login that goes from step to step. [`Self::next_step`] names who is asked, [`Self::handle`] takes the answer.
pub struct Chain {
    route: Rc<Route>,
    /// How many steps have been asked, the one included that has not answered yet.
    asked: usize,
    /// Of the first step that could not tell.
    unavailable: Option<Refusal>,
    /// Of the first step that knew the login, else of the last that refused it.
    refusal: Option<Refusal>,
    /// The longest that a step wants.
    delay: Duration,
    /// Whether a step has refused that leaves the delay to the daemon.
    owes_failure_delay: bool,
}

/// What an answer leads to.
#[derive(Debug, PartialEq, Eq)]
pub enum Progress {
    /// The next step is to be asked, if there is time and somebody waits.
    Next,
    /// It is decided.
    Done(Decision),
}

/// What has become of a login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The answers of all steps together.
    pub outcome: Outcome,
    /// For the log: the one that accepted, otherwise all that were asked.
    pub asked: Asked,
    /// For how long its mechanisms want a failure to be held back.
    pub delay: Duration,
    /// Whether one has refused the login that leaves the delay to the daemon, whatever came of it in the end.
    pub owes_failure_delay: bool,
    /// Whether any has refused the login, whatever came of it in the end.
    pub is_refused: bool,
    /// Who says so.
    pub source: Source,
}

/// Who says what has become of a login.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The mechanisms that were asked, just now.
    Mechanisms,
    /// The negative cache: what they have said a moment ago.
    NegativeCache,
    /// The cache: none of them could be asked, and its acceptance has expired not long ago.
    StaleCache,
}

/// Some steps of a route, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    route: Rc<Route>,
    steps: Range<usize>,
    /// Whether the policy server has decided, so that nobody was asked.
    by_policy: bool,
}

impl Asked {
    /// Every step of the route.
    pub fn all(route: &Rc<Route>) -> Self {
        Self { route: Rc::clone(route), steps: 0..route.steps.len(), by_policy: false }
    }

    /// Whether the policy server has decided instead of all these.
    pub fn is_policy_server(&self) -> bool {
        self.by_policy
    }

    /// Who was asked last.
    pub fn last(&self) -> Option<InstanceId> {
        self.route.steps.get(self.steps.end.checked_sub(1)?).map(|step| step.instance)
    }

    /// Who was asked, in order.
    pub fn instances(&self) -> impl Iterator<Item = InstanceId> + '_ {
        self.route.steps.get(self.steps.clone()).unwrap_or_default().iter().map(|step| step.instance)
    }
}

impl Chain {
    /// A login of which nobody has been asked yet.
    pub fn new(route: Rc<Route>) -> Self {
        Self {
            route,
            asked: 0,
            unavailable: None,
            refusal: None,
            delay: Duration::ZERO,
            owes_failure_delay: false,
        }
    }

    /// Goes on to the next step and names whom it asks; `None` behind the last.
    pub fn next_step(&mut self) -> Option<InstanceId> {
        let step = self.route.steps.get(self.asked)?;
        self.asked += 1;
        Some(step.instance)
    }

    /// Whether there is an answer of the step that is being asked after which another one would be asked.
    pub fn may_go_on(&self) -> bool {
        let continues = |step: &Step| {
            [step.on_reject, step.on_unknown, step.on_unavailable].contains(&Continuation::Next)
        };
        self.asked < self.route.steps.len() && self.current().is_some_and(continues)
    }

    /// The step that was asked last has answered, or could not be asked.
    pub fn handle(&mut self, verdict: Verdict) -> Progress {
        self.delay = self.delay.max(verdict.delay.unwrap_or_default());
        let step = self.current().copied();
        let continuation = match verdict.outcome {
            outcome @ Outcome::Accept(_) => return Progress::Done(self.accepted(outcome)),
            Outcome::Reject(refusal) => {
                self.owes_failure_delay |= verdict.delay.is_none();
                let is_unknown = refusal.is_unknown_login;
                self.note(refusal);
                step.map(|step| if is_unknown { step.on_unknown } else { step.on_reject })
            }
            Outcome::Unavailable(refusal) => {
                self.unavailable.get_or_insert(refusal);
                step.map(|step| step.on_unavailable)
            }
        };
        if continuation == Some(Continuation::Next) && self.asked < self.route.steps.len() {
            return Progress::Next;
        }
        Progress::Done(self.refused())
    }

    /// No further step can be asked, or the one that is being asked is not waited for; `refusal` says why.
    pub fn cut_short(&self, refusal: Refusal) -> Decision {
        let refusal = self.unavailable.clone().unwrap_or(refusal);
        self.failed(Outcome::Unavailable(refusal))
    }

    /// The policy server decides, before anybody is asked. A refusal owes the delay of any failure.
    pub fn decided_by_policy(&self, outcome: Outcome) -> Decision {
        let owes_failure_delay = matches!(outcome, Outcome::Reject(_));
        let asked = Asked { route: Rc::clone(&self.route), steps: 0..0, by_policy: true };
        Decision {
            outcome,
            asked,
            delay: self.delay,
            owes_failure_delay,
            is_refused: false,
            source: Source::Mechanisms,
        }
    }

    /// What has been found so far that is no outage, for the log if nobody waits for the answer any more.
    pub fn refusal(&self) -> Option<Decision> {
        Some(self.failed(Outcome::Reject(self.refusal.clone()?)))
    }

    /// All whose turn has come.
    pub fn all_asked(&self) -> Asked {
        Asked { route: Rc::clone(&self.route), steps: 0..self.asked, by_policy: false }
    }

    fn current(&self) -> Option<&Step> {
        self.route.steps.get(self.asked.checked_sub(1)?)
    }

    /// Whoever knows the login has more to say than those who do not.
    fn note(&mut self, refusal: Refusal) {
        if self.refusal.as_ref().is_none_or(|earlier| earlier.is_unknown_login) {
            self.refusal = Some(refusal);
        }
    }

    fn accepted(&self, outcome: Outcome) -> Decision {
        let steps = self.asked.saturating_sub(1)..self.asked;
        let asked = Asked { route: Rc::clone(&self.route), steps, by_policy: false };
        let source = Source::Mechanisms;
        let delay = Duration::ZERO;
        Decision { outcome, asked, delay, owes_failure_delay: false, is_refused: false, source }
    }

    fn refused(&self) -> Decision {
        let unavailable = self.unavailable.clone().map(Outcome::Unavailable);
        let outcome = unavailable.or_else(|| self.refusal.clone().map(Outcome::Reject));
        self.failed(outcome.unwrap_or_else(|| Outcome::internal_failure("no mechanism was asked")))
    }

    fn failed(&self, outcome: Outcome) -> Decision {
        Decision {
            outcome,
            asked: self.all_asked(),
            delay: self.delay,
            owes_failure_delay: self.owes_failure_delay,
            is_refused: self.refusal.is_some(),
            source: Source::Mechanisms,
        }
    }
}
