//! The policy server is asked before a login is checked, and told what came of it. It has no part in what the cache
//! answers, nor in logins without a client address.
#![forbid(unsafe_code)]

use super::job::{Asker, Job, Place};
use super::{Action, Dispatcher, Event};
use crate::credentials::Credentials;
use crate::job::JobId;
use crate::metrics::totals::PolicyTotals;
use crate::outcome::{Outcome, Refusal};
use crate::policy::origin::Origin;
use crate::policy::policy_server::{
    Advice, Answer, Attempt, LONGEST_DELAY, MOST_REPORTS, OnUnavailable, Patience, PolicySettings, Question,
    Report,
};
use crate::policy::route::chain::Decision;
use crate::rate_limit::RateLimit;
use std::collections::HashMap;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// What is asked beyond the time that the server has, before it is given up: whoever carries the question knows better why
/// there is no answer.
pub(super) const GRACE: Duration = Duration::from_millis(200);

/// What the dispatcher knows of the policy server.
pub(super) struct PolicyServer {
    settings: PolicySettings,
    patience: Patience,
    /// What is asked and told beside the logins, so that none waits for it.
    asides: HashMap<JobId, Aside>,
    /// Whether the log has it as one that cannot be asked.
    is_told: bool,
    lines: RateLimit,
    pub(super) counted: PolicyTotals,
}

/// A question that no login waits for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Aside {
    /// Whether the server is back; asked then.
    Probe(Instant),
    Report,
}

impl PolicyServer {
    pub(super) fn new(settings: PolicySettings) -> Self {
        Self {
            settings,
            patience: Patience::default(),
            asides: HashMap::new(),
            is_told: false,
            lines: RateLimit::default(),
            counted: PolicyTotals::default(),
        }
    }

    /// Nobody waits any more for what is on its way.
    pub(super) fn give_up(&mut self) {
        self.asides.clear();
    }

    fn reports(&self) -> usize {
        self.asides.values().filter(|aside| **aside == Aside::Report).count()
    }
}

impl Dispatcher {
    /// The same, which puts logins to a policy server.
    pub fn asking(mut self, settings: PolicySettings) -> Self {
        self.policy_server = Some(PolicyServer::new(settings));
        self
    }

    /// Whether the policy server has not heard yet what came of logins.
    pub fn has_reports(&self) -> bool {
        self.policy_server.as_ref().is_some_and(|server| server.reports() > 0)
    }

    /// What the policy server would know of the login; `None` if it is not asked about it.
    pub(super) fn policy_attempt(&self, credentials: &Credentials) -> Option<Rc<Attempt>> {
        let server = self.policy_server.as_ref()?;
        Attempt::of(credentials, &server.settings.nonce).map(Rc::new)
    }

    /// The login waits for what the policy server says of it, or is not put to it at the moment.
    pub(super) fn consult(&mut self, id: JobId, attempt: Rc<Attempt>, now: Instant) {
        let Some(server) = &mut self.policy_server else { return self.begin_chain(id, now) };
        let advice = match server.settings.on_unavailable {
            OnUnavailable::Allow => server.patience.advise(now),
            // It would help nobody not to ask, and let one who makes the server silent lock out all others.
            OnUnavailable::Unavailable => Advice::Wait,
        };
        let until = now + server.settings.timeout + GRACE;
        if let Some(login) = self.jobs.get_mut(&id).and_then(Job::login) {
            login.policy_attempt = Some(Rc::clone(&attempt));
        }
        match advice {
            Advice::Wait => self.ask_policy_server(id, attempt, until, now),
            Advice::AskAside => {
                self.ask_aside(id, attempt, now);
                self.skip(id, now);
            }
            Advice::Skip => self.skip(id, now),
        }
    }

    /// Half of the time that is left is for the check.
    fn ask_policy_server(&mut self, id: JobId, attempt: Rc<Attempt>, until: Instant, now: Instant) {
        let until = until.min(now + self.time_left(id, now) / 2);
        self.put_at(id, Place::PolicyServer(until), now);
        let Some(job) = self.jobs.get(&id) else { return };
        let question = Action::AskPolicyServer(id, job.origin.clone(), Question::Allow(attempt));
        self.actions.push_back(question);
    }

    fn ask_aside(&mut self, login: JobId, attempt: Rc<Attempt>, now: Instant) {
        let Some(origin) = self.jobs.get(&login).map(|job| job.origin.clone()) else { return };
        self.put_aside(Aside::Probe(now), origin, Question::Allow(attempt));
    }

    fn put_aside(&mut self, aside: Aside, origin: Origin, question: Question) {
        let id = self.take_number();
        if let Some(server) = &mut self.policy_server {
            server.asides.insert(id, aside);
            self.actions.push_back(Action::AskPolicyServer(id, origin, question));
        }
    }

    fn skip(&mut self, id: JobId, now: Instant) {
        self.policy_server.iter_mut().for_each(|server| server.counted.skipped += 1);
        self.begin_chain(id, now);
    }

    /// The policy server has answered [`Action::AskPolicyServer`], or cannot.
    pub fn handle_policy_answer(&mut self, id: JobId, answer: Answer, now: Instant) {
        let aside = self.policy_server.as_mut().and_then(|server| server.asides.remove(&id));
        match (aside, self.jobs.get(&id).map(|job| (job.place, job.since))) {
            (Some(Aside::Report), _) => self.note_report(&answer, now),
            // What it says of the login comes too late.
            (Some(Aside::Probe(since)), _) => self.note_policy_answer(&answer, since, now),
            (None, Some((Place::PolicyServer(_), since))) => self.take_policy_answer(id, answer, since, now),
            (None, _) => {}
        }
    }

    fn take_policy_answer(&mut self, id: JobId, answer: Answer, since: Instant, now: Instant) {
        let Some(server) = &mut self.policy_server else { return };
        let log_only = server.settings.log_only;
        self.note_policy_answer(&answer, since, now);
        match answer {
            Answer::Refuse(message) if !log_only => self.refuse_by_policy(id, &message, now),
            Answer::Refuse(message) => {
                self.log_advice(id, message);
                self.begin_chain(id, now);
            }
            Answer::Allow(delay) if !delay.is_zero() && !log_only => self.hold(id, delay, now),
            Answer::Allow(_) => self.begin_chain(id, now),
            Answer::Failed(reason) => self.go_on_without_policy(id, &reason, now),
        }
    }

    /// For the counters, the log and the logins that follow. It was asked at `since`.
    fn note_policy_answer(&mut self, answer: &Answer, since: Instant, now: Instant) {
        let Some(server) = &mut self.policy_server else { return };
        let was_slow = now.saturating_duration_since(since) >= server.settings.timeout / 2;
        let event = match answer {
            Answer::Failed(reason) => {
                server.counted.failed += 1;
                let is_news = !server.is_told && server.lines.is_due(now);
                server.is_told |= is_news;
                is_news.then(|| Event::PolicyServerFailed(reason.clone(), server.settings.on_unavailable))
            }
            Answer::Refuse(_) | Answer::Allow(_) => {
                let count = match answer {
                    Answer::Refuse(_) => &mut server.counted.refused,
                    Answer::Allow(Duration::ZERO) => &mut server.counted.allowed,
                    _ => &mut server.counted.delayed,
                };
                *count += 1;
                std::mem::take(&mut server.is_told).then_some(Event::PolicyServerRecovered)
            }
        };
        match answer {
            Answer::Failed(_) if was_slow => server.patience.note_silence(now),
            _ => server.patience.note_end(),
        }
        self.actions.extend(event.map(Action::Log));
    }

    fn log_advice(&mut self, id: JobId, message: String) {
        if let Some(Job { asker: Asker::Requests(login), .. }) = self.jobs.get(&id) {
            let event = Event::PolicyWouldRefuse(Rc::clone(&login.names), message);
            self.actions.push_back(Action::Log(event));
        }
    }

    /// The check begins later. The rest of the time must do for it.
    fn hold(&mut self, id: JobId, delay: Duration, now: Instant) {
        let delay = delay.min(LONGEST_DELAY).min(self.time_left(id, now) / 2);
        self.put_at(id, Place::Held(now + delay), now);
    }

    fn go_on_without_policy(&mut self, id: JobId, reason: &str, now: Instant) {
        let wanted = self.policy_server.as_ref().map(|server| server.settings.on_unavailable);
        if wanted != Some(OnUnavailable::Unavailable) {
            return self.begin_chain(id, now);
        }
        let refusal = Refusal::internal(format!("policy: {reason}"));
        let login = self.jobs.get_mut(&id).and_then(Job::login);
        let decision = login.map(|login| login.chain.decided_by_policy(Outcome::Unavailable(refusal)));
        decision.into_iter().for_each(|decision| self.finish(id, decision, now));
    }

    /// As if a mechanism had refused it, but for the cache: another day, or from elsewhere, it may be right.
    fn refuse_by_policy(&mut self, id: JobId, message: &str, now: Instant) {
        let reason = if message.is_empty() { "policy".to_owned() } else { format!("policy: {message}") };
        let Some(Job { asker: Asker::Requests(login), origin, .. }) = self.forget(id) else { return };
        let outcome = Outcome::Reject(Refusal::with_reason("authentication failed", reason));
        let decision = login.chain.decided_by_policy(outcome);
        for request in &login.requests {
            self.answer(*request, &login.names, &decision, now);
        }
        let report = Report { success: false, policy_reject: true };
        login.policy_attempt.into_iter().for_each(|attempt| self.tell(attempt, origin.clone(), report));
    }

    /// Tells the policy server how a login that it was asked about has ended. That nobody could tell is no wrong password.
    pub(super) fn report_decision(
        &mut self,
        attempt: Option<Rc<Attempt>>,
        origin: Origin,
        decision: &Decision,
    ) {
        let success = match decision.outcome {
            Outcome::Accept(_) => true,
            Outcome::Reject(_) => false,
            Outcome::Unavailable(_) => return,
        };
        let report = Report { success, policy_reject: false };
        attempt.into_iter().for_each(|attempt| self.tell(attempt, origin.clone(), report));
    }

    fn tell(&mut self, attempt: Rc<Attempt>, origin: Origin, report: Report) {
        let Some(server) = self.policy_server.as_mut().filter(|server| server.settings.reports) else {
            return;
        };
        if server.reports() >= MOST_REPORTS {
            server.counted.dropped += 1;
            return;
        }
        self.put_aside(Aside::Report, origin, Question::Report(attempt, report));
    }

    fn note_report(&mut self, answer: &Answer, now: Instant) {
        let Some(server) = &mut self.policy_server else { return };
        let Answer::Failed(reason) = answer else {
            server.counted.reported += 1;
            return;
        };
        server.counted.dropped += 1;
        // Where it cannot be asked either, that is known.
        if !server.is_told && server.lines.is_due(now) {
            self.actions.push_back(Action::Log(Event::ReportFailed(reason.clone())));
        }
    }

    /// The time of a login at the policy server, or of its delay, is over.
    pub(super) fn handle_policy_timer(&mut self, id: JobId, now: Instant) {
        match self.jobs.get(&id).map(|job| (job.place, job.since)) {
            Some((Place::PolicyServer(_), since)) => {
                self.actions.push_back(Action::AbandonPolicyQuestion(id));
                let reason = "no answer in the time that the login has".to_owned();
                self.take_policy_answer(id, Answer::Failed(reason), since, now);
            }
            Some((Place::Held(_), _)) => self.begin_chain(id, now),
            _ => {}
        }
    }

    /// Until the first of those who wait for the login has to be answered.
    fn time_left(&self, id: JobId, now: Instant) -> Duration {
        let Some(job) = self.jobs.get(&id) else { return Duration::ZERO };
        let Asker::Requests(login) = &job.asker else { return Duration::ZERO };
        let requests = login.requests.iter().filter_map(|request| self.deadline_of(*request));
        requests.fold(job.deadline, Instant::min).saturating_duration_since(now)
    }
}
