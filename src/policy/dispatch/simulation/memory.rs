//! What the world remembers of what the dispatcher may remember: whom it may answer without asking anybody.

use super::super::{Dispatcher, Waits};
use super::checks::end;
use super::{Question, World, sites};
use crate::job::JobId;
use crate::outcome::Outcome;
use std::collections::HashMap;
use std::time::Instant;

/// A refusal of all steps together.
#[derive(Clone)]
pub(super) struct Refused {
    when: Instant,
    pub(super) outcome: Outcome,
    /// Whether a step has refused that leaves the delay to the daemon.
    pub(super) owes_failure_delay: bool,
}

#[derive(Default)]
pub(super) struct Memory {
    /// When a question was accepted last, if no step has refused it since.
    accepted: HashMap<Question, Instant>,
    refused: HashMap<Question, Vec<Refused>>,
}

impl Memory {
    /// What was accepted, and was not refused since.
    pub(super) fn accepted(&self) -> impl Iterator<Item = &Question> {
        self.accepted.keys()
    }

    pub(super) fn forget(&mut self, is_meant: impl Fn(&Question) -> bool) {
        self.accepted.retain(|question, _| !is_meant(question));
        self.refused.retain(|question, _| !is_meant(question));
    }
}

impl World {
    /// A step has answered a login that is remembered.
    pub(super) fn note_remembered(&mut self, job: JobId) {
        let history = &self.histories[&job];
        let question = history.question.clone();
        match history.answers.last() {
            Some(Outcome::Accept(_)) => {
                // Another password of the same login is forgotten.
                self.memory.accepted.retain(|other, _| {
                    Question { password: question.password.clone(), ..other.clone() } != question
                });
                self.memory.accepted.insert(question.clone(), self.now);
                self.memory.refused.remove(&question);
            }
            Some(Outcome::Reject(_)) => drop(self.memory.accepted.remove(&question)),
            _ => {}
        }
        let route = sites::numbered(&self.site, history.question.route);
        if let Some(outcome @ Outcome::Reject(_)) = end(route, &history.answers) {
            let refused = Refused { when: self.now, outcome, owes_failure_delay: history.owes_failure_delay };
            self.memory.refused.entry(history.question.clone()).or_default().push(refused);
        }
    }

    /// The refusals that the negative cache may repeat now.
    pub(super) fn may_be_refused(&self, question: &Question) -> Vec<Refused> {
        let ttl = self.service.negative_cache_ttl;
        let refused = self.memory.refused.get(question).into_iter().flatten();
        refused.filter(|refused| self.now < refused.when + ttl).cloned().collect()
    }

    /// Whether an acceptance that has expired may be used for what these steps have said: nothing but that they cannot.
    pub(super) fn may_be_stale(&self, question: &Question, answers: &[Outcome]) -> bool {
        let is_outage = answers.iter().all(|answer| matches!(answer, Outcome::Unavailable(_)));
        let cache = self.service.cache.as_ref();
        is_outage
            && cache.is_some_and(|cache| {
                let accepted = self.memory.accepted.get(question);
                accepted.is_some_and(|when| self.now < *when + cache.lifetime + cache.stale)
            })
    }

    pub(super) fn check_memory(&mut self) {
        if let Some(cache) = &self.dispatcher.negative_cache {
            let (bytes, most) = cache.bytes();
            assert!(bytes <= most);
        }
        assert!(no_acceptance_waits(&self.dispatcher), "a right answer is held back");
    }
}

fn no_acceptance_waits(dispatcher: &Dispatcher) -> bool {
    let mut waits = dispatcher.requests.values();
    waits.all(|waits| !matches!(waits, Waits::Delay(_, Outcome::Accept(_), _)))
}
