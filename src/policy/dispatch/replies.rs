//! The one reply: now, or when the delay that PAM wants is over; and the warning when logins wait.
#![forbid(unsafe_code)]

use super::job::{Asker, Job, Login, Place, Timer, Waits};
use super::{Action, DecidedBy, Dispatcher, Event, Names, RequestId, Waiting};
use crate::config::site::PoolId;
use crate::job::JobId;
use crate::outcome::Outcome;
use crate::policy::origin::Origin;
use crate::policy::route::chain::{Asked, Decision, Source};
use std::rc::Rc;
use std::time::{Duration, Instant};

impl Dispatcher {
    /// The login is decided: everybody who waits for it is answered.
    pub(super) fn finish(&mut self, id: JobId, decision: Decision, now: Instant) {
        let Some(Job { asker: Asker::Requests(mut login), origin, .. }) = self.forget(id) else { return };
        self.note_end(&login, &decision.outcome, now);
        match &decision.outcome {
            Outcome::Unavailable(_) if login.requests.is_empty() => {
                self.log_unheard(&login, origin.clone(), now);
            }
            _ if login.requests.is_empty() => self.log_decision(&login.names, &decision),
            _ => {}
        }
        let decision = self.or_stale(decision, &login, now);
        if decision.source == Source::Mechanisms {
            self.remember(&mut login, &decision, now);
        }
        for request in login.requests {
            self.answer(request, &login.names, &decision, now);
        }
        self.report_decision(login.policy_attempt, origin, &decision);
    }

    /// Answers one request. A failure is held back as long as is owed, also one of which nobody could tell in the end where
    /// its login brings that about: guessing by such logins must not be for free.
    pub(super) fn answer(
        &mut self,
        request: RequestId,
        names: &Rc<Names>,
        decision: &Decision,
        now: Instant,
    ) {
        let Some(Waits::Job(_, deadline, since)) = self.requests.remove(&request) else { return };
        self.timers.remove(&(deadline, Timer::Request(request)));
        self.reply_when_due(request, names, decision, (since, deadline), now);
    }

    /// Answers a request that is decided; it came at the first instant and has to be answered by the second.
    pub(super) fn reply_when_due(
        &mut self,
        request: RequestId,
        names: &Rc<Names>,
        decision: &Decision,
        (since, deadline): (Instant, Instant),
        now: Instant,
    ) {
        self.counters.note_duration(now.saturating_duration_since(since), now);
        let held_until = self.held_until(request, names, decision, (since, deadline), now);
        if held_until > now {
            self.counters.note_delayed();
            self.held_back.add(request, held_until);
            self.log_decision(names, decision);
            self.requests
                .insert(request, Waits::Delay(Rc::clone(names), decision.outcome.clone(), held_until));
            self.timers.insert((held_until, Timer::Request(request)));
        } else {
            self.actions.push_back(Action::Reply(request, Rc::clone(names), decision.outcome.clone()));
            self.log_decision(names, decision);
        }
    }

    /// Until when its answer is held back; not at all where it is none that is.
    fn held_until(
        &mut self,
        request: RequestId,
        names: &Rc<Names>,
        decision: &Decision,
        (since, deadline): (Instant, Instant),
        now: Instant,
    ) -> Instant {
        let owed = self.delay_owed(names, decision, since, now);
        if !self.held_back.has_room(request) {
            self.counters.note_told_early(u64::from(!owed.is_zero()));
            return now;
        }
        let owed = self.delay_with_penalty(request, names, &decision.outcome, owed, deadline, now);
        now.checked_add(owed).unwrap_or(deadline).min(deadline)
    }

    /// A client finds no room: the answer that would be out next is told now, and its connection ends. Nobody is turned away
    /// for a failure that only waits. `false` if there is none.
    pub fn make_room(&mut self) -> bool {
        let Some(request) = self.held_back.first_sole() else { return false };
        self.counters.note_told_early(1);
        self.release(request);
        true
    }

    /// Sends what was held back.
    pub(super) fn release(&mut self, request: RequestId) {
        if let Some(Waits::Delay(names, outcome, until)) = self.requests.remove(&request) {
            self.punishment.release(request);
            self.held_back.remove(request, until);
            self.timers.remove(&(until, Timer::Request(request)));
            self.actions.push_back(Action::Reply(request, names, outcome));
        }
    }

    /// Answers a request of which no mechanism is asked.
    pub(super) fn reply_at_once(
        &mut self,
        request: RequestId,
        names: Names,
        outcome: Outcome,
        by: DecidedBy,
        now: Instant,
    ) {
        self.counters.note_duration(Duration::ZERO, now);
        let names = Rc::new(names);
        self.actions.push_back(Action::Reply(request, Rc::clone(&names), outcome.clone()));
        self.actions.push_back(Action::Log(Event::Decided(names, outcome, by)));
    }

    /// Log readers, penalties and the policy server count failures: hanging up early must not hide one. Where the daemon itself did not wait for the
    /// mechanism that was next, it is none: that one might have accepted.
    pub(super) fn log_unheard(&mut self, login: &Login, origin: Origin, now: Instant) {
        if let Some(refusal) = login.chain.refusal().filter(|_| !login.has_been_late) {
            self.note_failure(login, now);
            self.log_decision(&login.names, &refusal);
            self.report_decision(login.policy_attempt.clone(), origin, &refusal);
        }
    }

    fn log_decision(&mut self, names: &Rc<Names>, decision: &Decision) {
        let Decision { outcome, asked, source, .. } = decision;
        self.counters.note_decision(*source, asked.last(), outcome);
        let asked = Asked::clone(asked);
        let by = match source {
            Source::Mechanisms => DecidedBy::Mechanisms(asked),
            Source::NegativeCache => DecidedBy::NegativeCache(asked),
            Source::StaleCache => DecidedBy::StaleCache(asked),
        };
        self.actions.push_back(Action::Log(Event::Decided(Rc::clone(names), outcome.clone(), by)));
    }

    pub(super) fn watch_queue(&mut self, pool: PoolId, now: Instant) {
        self.observe_overload(pool, now);
        let oldest = || {
            let waits = |job: &&Job| job.purpose.is_some() && job.place == Place::Pool(pool);
            self.jobs.values().filter(waits).map(|job| job.since).min()
        };
        if let Some((logins, longest)) = self.pools.observe_queue(pool, oldest, now) {
            if let Some(flag) = self.pools.get(pool).map(|pool| pool.settings().flag) {
                let waiting = Waiting { pool, logins, longest, flag };
                self.actions.push_back(Action::Log(Event::Waiting(waiting)));
            }
        }
    }
}
