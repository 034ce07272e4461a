//! A policy server that lets logins be checked, delays them, refuses them, fails, or says nothing.

use super::super::policy_server::GRACE;
use super::super::testing::SECOND;
use super::super::*;
use super::{Question as Login, World};
use crate::policy::policy_server::{
    Answer, LONGEST_DELAY, MOST_REPORTS, OnUnavailable, PolicySettings, Question, Report,
};
use crate::secret::Secret;
use crate::simulation::Random;
use std::collections::BTreeMap;
use std::net::IpAddr;

/// What a login has been told by it.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) enum PolicyAnswer {
    /// It was not asked, or goes on without it.
    #[default]
    None,
    /// Not yet.
    Awaited(Instant),
    /// The check may begin then.
    From(Instant),
    Refused,
    /// It said nothing, and the login cannot be decided without.
    Missing,
}

/// The server, and what is asked of it.
pub(super) struct Policy {
    on_unavailable: OnUnavailable,
    log_only: bool,
    timeout: Duration,
    is_silent: bool,
    /// Questions and reports without an answer, and whether they are reports.
    asked: BTreeMap<JobId, bool>,
    /// A login that was refused by it in this step.
    refused: bool,
}

impl Policy {
    /// As the site has it, and a dispatcher that asks it.
    pub(super) fn of(site: &Site, random: &mut Random, dispatcher: Dispatcher) -> (Self, Dispatcher) {
        let on_unavailable = if random.one_in(2) { OnUnavailable::Allow } else { OnUnavailable::Unavailable };
        let (log_only, timeout) = (random.one_in(4), SECOND * (1 + random.below(5) as u32));
        let nonce = Secret::copy_of(b"nonce");
        let settings = PolicySettings { nonce, timeout, on_unavailable, reports: true, log_only };
        let dispatcher = if site.has_policy_server { dispatcher.asking(settings) } else { dispatcher };
        let is_silent = random.one_in(4);
        let asked = BTreeMap::new();
        (Self { on_unavailable, log_only, timeout, is_silent, asked, refused: false }, dispatcher)
    }
}

impl World {
    /// Where a login comes from.
    pub(super) fn client(&mut self) -> Option<IpAddr> {
        let address = |last| IpAddr::from([192, 0, 2, last as u8]);
        self.random.one_in(2).then(|| address(self.random.below(2)))
    }

    pub(super) fn put_to_policy(&mut self, id: JobId, question: &Question) {
        match question {
            Question::Allow(attempt) => {
                // One that is no login's is on the side.
                if let Some(history) = self.histories.get_mut(&id) {
                    assert_eq!(history.policy, PolicyAnswer::None, "asked twice");
                    assert!(history.answers.is_empty(), "asked after a mechanism");
                    assert_eq!(history.question.client, Some(attempt.client));
                    history.policy = PolicyAnswer::Awaited(self.now);
                }
                self.policy.asked.insert(id, false);
            }
            Question::Report(attempt, Report { success, policy_reject }) => {
                let is_it = |login: &Login| {
                    login.client == Some(attempt.client) && login.login.as_bytes() == attempt.login
                };
                // One that an expired acceptance made up for was accepted before.
                let seen = || self.verdicts.iter().chain(self.memory.accepted()).any(is_it);
                assert!(!success || seen(), "a success that nobody saw");
                assert!(!policy_reject || self.policy.refused, "refused by itself, as it is told");
                self.policy.asked.insert(id, true);
            }
        }
    }

    pub(super) fn abandon_policy_question(&mut self, id: JobId) {
        assert_eq!(self.policy.asked.remove(&id), Some(false), "it was asked");
        self.note_missing(id);
    }

    fn note_missing(&mut self, id: JobId) {
        let missing = match self.policy.on_unavailable {
            OnUnavailable::Allow => PolicyAnswer::None,
            OnUnavailable::Unavailable => PolicyAnswer::Missing,
        };
        self.histories.get_mut(&id).into_iter().for_each(|history| history.policy = missing);
    }

    /// It says something about one of the logins, or that it has heard of one.
    pub(super) fn answer_for_policy(&mut self) {
        let asked: Vec<_> = self.policy.asked.keys().copied().collect();
        let Some(id) = self.random.pick(&asked).filter(|_| !self.policy.is_silent) else { return };
        self.policy.asked.remove(&id);
        let answer = match self.random.below(6) {
            0..=1 => Answer::Allow(Duration::ZERO),
            2 => Answer::Allow(SECOND * self.random.below(30) as u32),
            3 => Answer::Failed("HTTP status 500".to_owned()),
            _ => Answer::Refuse("too many".to_owned()),
        };
        self.note_policy_answer(id, &answer);
        self.dispatcher.handle_policy_answer(id, answer, self.now);
        if self.random.one_in(10) {
            // Once more, which is out of date.
            self.dispatcher.handle_policy_answer(id, Answer::Refuse(String::new()), self.now);
        }
    }

    fn note_policy_answer(&mut self, id: JobId, answer: &Answer) {
        let log_only = self.policy.log_only;
        match answer {
            Answer::Failed(_) => self.note_missing(id),
            Answer::Refuse(_) if !log_only => {
                let history = self.histories.get_mut(&id);
                self.policy.refused = history.is_some();
                self.histories
                    .get_mut(&id)
                    .into_iter()
                    .for_each(|known| known.policy = PolicyAnswer::Refused);
            }
            Answer::Refuse(_) => self.note_from(id, Duration::ZERO),
            Answer::Allow(delay) => self.note_from(id, if log_only { Duration::ZERO } else { *delay }),
        }
    }

    /// At the latest when half of the time that is left is over, or nobody would be there for the answer.
    fn note_from(&mut self, id: JobId, delay: Duration) {
        let waiting = self.asked.values().filter(|asked| asked.job == Some(id));
        let left = waiting.map(|asked| asked.deadline.saturating_duration_since(self.now)).min();
        let least = delay.min(LONGEST_DELAY).min(left.unwrap_or_default() / 4);
        let from = PolicyAnswer::From(self.now + least);
        self.histories.get_mut(&id).into_iter().for_each(|history| history.policy = from);
    }

    /// A mechanism is asked about a login.
    pub(super) fn judge_begin(&self, question: &Login, policy: &PolicyAnswer, is_first: bool) {
        match policy {
            PolicyAnswer::Awaited(_) | PolicyAnswer::Refused | PolicyAnswer::Missing => {
                panic!("checked without the leave of the policy server: {policy:?}")
            }
            PolicyAnswer::From(time) => assert!(self.now >= *time, "checked too soon"),
            PolicyAnswer::None if self.policy.on_unavailable == OnUnavailable::Unavailable => {
                let is_asked = self.site.has_policy_server && question.client.is_some();
                assert!(!is_asked || !is_first, "nobody goes around it");
            }
            PolicyAnswer::None => {}
        }
    }

    pub(super) fn check_policy(&mut self) {
        self.policy.refused = false;
        let longest = self.policy.timeout + GRACE;
        for (id, is_report) in &self.policy.asked {
            if let Some(PolicyAnswer::Awaited(since)) = self.histories.get(id).map(|history| history.policy) {
                assert!(!is_report && self.now < since + longest, "a login waits for longer than it may");
            }
        }
        let reports = self.policy.asked.values().filter(|is_report| **is_report).count();
        assert!(reports <= MOST_REPORTS);
    }
}
