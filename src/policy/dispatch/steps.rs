//! A login on its way from one mechanism to the next, until it is decided, late or wanted by nobody.
#![forbid(unsafe_code)]

use super::job::{Asker, Job, Login, Place};
use super::{Action, Dispatcher, Event, RequestId};
use crate::config::site::InstanceId;
use crate::job::{ErrandResult, JobId, Purpose};
use crate::metrics::reasons::WorkerDeath;
use crate::outcome::{Outcome, Refusal, Verdict};
use crate::policy::route::chain::{Decision, Progress};
use std::rc::Rc;
use std::time::{Duration, Instant};

/// What is said of a login, or to its driver, when all who waited have hung up.
const NOBODY_WAITS: &str = "nobody waits for the login any more";

impl Dispatcher {
    /// Where that mechanism works; `None` if the site does not have it.
    pub(super) fn place_of(&self, instance: InstanceId) -> Option<Place> {
        self.places.get(instance.0).copied()
    }

    /// Whoever is at the job's place gets it.
    pub(super) fn begin(&mut self, id: JobId, now: Instant) {
        let Some(job) = self.jobs.get_mut(&id) else { return };
        match job.place {
            Place::Pool(place) => {
                self.submit(id, place, now);
                self.watch_queue(place, now);
            }
            Place::Network(instance) => {
                if let Some(Purpose::CheckLogin(credentials)) = job.hand_out() {
                    self.actions.push_back(Action::Ask(instance, id, job.origin.clone(), credentials));
                }
            }
            Place::PolicyServer(_) | Place::Held(_) => {}
        }
    }

    /// The first mechanism of the login's route is asked.
    pub(super) fn begin_chain(&mut self, id: JobId, now: Instant) {
        match self.next_place(id) {
            Some(place) => {
                self.put_at(id, place, now);
                self.begin(id, now);
            }
            None => self.end(id, Refusal::internal("there is no mechanism to ask"), now),
        }
    }

    fn next_place(&mut self, id: JobId) -> Option<Place> {
        let next = self.jobs.get_mut(&id).and_then(Job::login).and_then(|login| login.chain.next_step());
        next.and_then(|instance| self.place_of(instance))
    }

    /// Whoever was asked about the login has answered.
    pub(super) fn end_step(&mut self, id: JobId, verdict: Verdict, now: Instant) {
        self.withdraw_from_backend(id);
        let Some(job) = self.jobs.get_mut(&id) else { return };
        let is_late = now >= job.deadline;
        let Some(login) = job.login() else { return };
        match login.chain.handle(verdict) {
            Progress::Done(decision) => self.finish(id, decision, now),
            Progress::Next if is_late => {
                self.end(id, Refusal::internal("no time was left for the next mechanism"), now);
            }
            Progress::Next if login.requests.is_empty() => {
                self.end(id, Refusal::internal(NOBODY_WAITS), now);
            }
            Progress::Next => self.go_on(id, now),
        }
    }

    fn go_on(&mut self, id: JobId, now: Instant) {
        let place = self.next_place(id);
        let Some(job) = self.jobs.get_mut(&id) else { return };
        let credentials = job.login().and_then(|login| login.credentials.take());
        let (Some(place), Some(credentials)) = (place, credentials) else {
            return self.end(id, Refusal::internal("the next mechanism cannot be asked"), now);
        };
        job.login().into_iter().for_each(|login| login.errand = None);
        job.purpose = Some(Purpose::CheckLogin(credentials));
        (job.place, job.since) = (place, now);
        self.begin(id, now);
    }

    /// The errand or login ends here, whatever further steps would have said.
    pub(super) fn end(&mut self, id: JobId, refusal: Refusal, now: Instant) {
        let Some(job) = self.jobs.get(&id) else { return };
        match &job.asker {
            Asker::Driver(..) => self.report(id, ErrandResult::Failed(refusal.reason.into_owned())),
            Asker::Requests(login) => {
                let decision = job.cut_short(login, refusal);
                self.finish(id, decision, now);
            }
        }
    }

    /// A request does not wait for its login any more. With the last the job is dropped, unless it is being decided.
    pub(super) fn leave(&mut self, id: JobId, request: RequestId, now: Instant) {
        let Some(job) = self.jobs.get_mut(&id) else { return };
        let place = job.place;
        let Some(login) = job.login() else { return };
        login.requests.remove(&request);
        if !login.requests.is_empty() {
            return;
        }
        login.credentials = None;
        let errand = login.errand;
        match place {
            Place::Pool(pool) => {
                if self.pools.get(pool).is_some_and(|pool| pool.withdraw(id, now)) {
                    self.drop_unheard(id, now);
                }
            }
            Place::Network(instance) => {
                self.actions.push_back(Action::Withdraw(instance, id));
                errand.into_iter().for_each(|errand| self.withdraw_errand(errand, now));
            }
            Place::PolicyServer(_) => {
                self.actions.push_back(Action::AbandonPolicyQuestion(id));
                self.drop_unheard(id, now);
            }
            Place::Held(_) => self.drop_unheard(id, now),
        }
    }

    /// Nobody hears of the login, but what a step has found goes to the log.
    fn drop_unheard(&mut self, id: JobId, now: Instant) {
        if let Some(Job { asker: Asker::Requests(login), origin, .. }) = self.forget(id) {
            self.log_unheard(&login, origin, now);
            self.forget_if_refused(&login, login.chain.refusal().is_some());
        }
    }

    pub(super) fn withdraw_errand(&mut self, errand: JobId, now: Instant) {
        let Some(Place::Pool(pool)) = self.jobs.get(&errand).map(|job| job.place) else { return };
        let pool = self.pools.get(pool);
        if pool.is_some_and(|pool| pool.withdraw(errand, now)) {
            self.report(errand, ErrandResult::Failed(NOBODY_WAITS.to_owned()));
        }
    }

    /// The deadline of a job has come.
    pub(super) fn time_out(&mut self, id: JobId, now: Instant) {
        let is_killed = self.abandon(id, now);
        let Some(job) = self.jobs.get(&id) else { return };
        let (reason, place, was_asked) = (job.why_late(), job.place, job.purpose.is_none());
        let taken = now.saturating_duration_since(job.since);
        if let (Asker::Requests(login), true) = (&job.asker, is_killed) {
            let event = Event::TimedOut(Rc::clone(&login.names), self.request_timeout);
            self.actions.push_back(Action::Log(event));
        }
        if was_asked {
            self.note_late(place, is_killed, taken, now);
            self.note_given_up(id, now);
        }
        self.end(id, Refusal::internal(reason), now);
    }

    /// Whoever was asked is given up: a check that has taken that long at the least, and in a pool the end of a worker.
    fn note_late(&mut self, place: Place, is_killed: bool, taken: Duration, now: Instant) {
        let instance = match place {
            Place::Network(instance) => Some(instance),
            Place::Pool(pool) => {
                if is_killed {
                    self.counters.note_death(WorkerDeath::Timeout);
                }
                self.site.pools.get(pool.0).and_then(|pool| pool.instance)
            }
            Place::PolicyServer(_) | Place::Held(_) => None,
        };
        instance.into_iter().for_each(|instance| self.counters.note_check(instance, taken, now));
    }

    /// The deadline of a request has come before that of its job, which goes on for the others.
    pub(super) fn time_out_request(&mut self, id: JobId, request: RequestId, now: Instant) {
        let Some(job) = self.jobs.get(&id) else { return };
        let Asker::Requests(login) = &job.asker else { return };
        let decision = job.cut_short(login, Refusal::internal(job.why_late()));
        let (names, decision) = (Rc::clone(&login.names), self.or_stale(decision, login, now));
        self.answer(request, &names, &decision, now);
        self.jobs.get_mut(&id).and_then(Job::login).into_iter().for_each(|login| login.has_been_late = true);
        self.leave(id, request, now);
    }

    /// Whoever works on the job need not any more. `true` if a worker is killed for it.
    pub(super) fn abandon(&mut self, id: JobId, now: Instant) -> bool {
        match self.jobs.get(&id).map(|job| job.place) {
            Some(Place::Network(instance)) => self.actions.push_back(Action::Abandon(instance, id)),
            Some(Place::Pool(pool)) => {
                return self.pools.get(pool).is_some_and(|pool| pool.abandon(id, now));
            }
            Some(Place::PolicyServer(_)) => self.actions.push_back(Action::AbandonPolicyQuestion(id)),
            Some(Place::Held(_)) | None => {}
        }
        false
    }

    /// Nobody can tell how the errand, or the step of the login, would have ended.
    pub(super) fn fail(&mut self, id: JobId, reason: &'static str, now: Instant) {
        self.fail_with(id, reason, Outcome::internal_failure, now);
    }

    /// As [`Self::fail`].
    pub(super) fn fail_with(
        &mut self,
        id: JobId,
        reason: &'static str,
        outcome: fn(&'static str) -> Outcome,
        now: Instant,
    ) {
        match self.jobs.get(&id).map(|job| &job.asker) {
            Some(Asker::Driver(..)) => self.report(id, ErrandResult::Failed(reason.to_owned())),
            Some(Asker::Requests(_)) => self.end_step(id, outcome(reason).into(), now),
            None => {}
        }
    }

    pub(super) fn report(&mut self, id: JobId, result: ErrandResult) {
        if let Some(Job { asker: Asker::Driver(instance, errand), .. }) = self.forget(id) {
            self.actions.push_back(Action::Report(instance, errand, result));
        }
    }
}

impl Job {
    /// What becomes of its login when it gets no further. Where the policy server has not let it through yet, that is the policy
    /// server's decision, which no earlier acceptance makes up for.
    fn cut_short(&self, login: &Login, refusal: Refusal) -> Decision {
        match self.place {
            Place::PolicyServer(_) | Place::Held(_) => {
                login.chain.decided_by_policy(Outcome::Unavailable(refusal))
            }
            Place::Pool(_) | Place::Network(_) => login.chain.cut_short(refusal),
        }
    }

    fn why_late(&self) -> &'static str {
        if let Place::PolicyServer(_) | Place::Held(_) = self.place {
            "the policy server held the login up for too long"
        } else if self.purpose.is_some() {
            "no process was free within the request timeout"
        } else {
            "no answer within the request timeout"
        }
    }
}
