//! The heart: from a request to its one reply.
//!
//! checks → `-r`, `--login-format` → cache → an identical request in flight → mechanism → verdict → delay owed for a failure → reply
//!
//! Pure: events and `now` go in through the `handle_…` methods; then [`Dispatcher::next_action`] is called until it
//! returns nothing, and [`Dispatcher::handle_timeout`] when [`Dispatcher::next_timeout`] has come.
#![forbid(unsafe_code)]

mod action;
mod queue_watch;
mod replies;
#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;

pub use action::{Action, ClientId, Event, Names, Route, Source};
pub use queue_watch::Waiting;

use crate::cache::{Cache, Fingerprint};
use crate::config::Service;
use crate::credentials::Credentials;
use crate::errand::{Answer, Errand, ErrandId, ErrandResult, Task};
use crate::ipc;
use crate::outcome::{Outcome, Verdict};
use crate::pool::{JobId, Order, Pool, WorkerId};
use queue_watch::QueueWatch;
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::rc::Rc;
use std::time::Instant;

/// A call of the mechanism, for one client or several that asked the same.
struct Job {
    names: Rc<Names>,
    /// Until a worker or the driver of the servers has them.
    credentials: Option<Credentials>,
    /// With a cache only.
    fingerprint: Option<Fingerprint>,
    clients: Vec<ClientId>,
    submitted: Instant,
    deadline: Instant,
}

/// An errand that a worker is to run.
struct Commission {
    id: ErrandId,
    /// Until a worker has it.
    errand: Option<Errand>,
    deadline: Instant,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    Deadline(JobId),
    HeldReply(ClientId),
}

/// All requests that have no reply yet, the cache and the pool of workers.
pub struct Dispatcher {
    service: Service,
    route: Route,
    cache: Option<Cache>,
    pool: Pool,
    jobs: HashMap<JobId, Job>,
    commissions: HashMap<JobId, Commission>,
    /// With a cache: the call that decides about each fingerprint.
    in_flight: HashMap<Fingerprint, JobId>,
    held_replies: HashMap<ClientId, Outcome>,
    timers: BTreeSet<(Instant, Timer)>,
    last_job: u64,
    queue_watch: QueueWatch,
    actions: VecDeque<Action>,
}

impl Dispatcher {
    /// A dispatcher that serves nobody yet. `key` is the random key of the cache.
    pub fn new(service: Service, route: Route, key: &[u8; 32], now: Instant) -> Self {
        let queue_watch = QueueWatch::new(service.request_timeout / 2);
        let mut dispatcher = Self {
            cache: service.cache.as_ref().map(|settings| Cache::new(settings, key)),
            pool: Pool::new(service.workers.clone()),
            service,
            route,
            jobs: HashMap::new(),
            commissions: HashMap::new(),
            in_flight: HashMap::new(),
            held_replies: HashMap::new(),
            timers: BTreeSet::new(),
            last_job: 0,
            queue_watch,
            actions: VecDeque::new(),
        };
        dispatcher.pool.handle_timeout(now);
        dispatcher
    }

    /// A client has sent a whole request.
    pub fn handle_request(&mut self, client: ClientId, mut credentials: Credentials, now: Instant) {
        if let Some(format) = &self.service.login_format {
            if let Err(refusal) = format.apply(&mut credentials, self.service.limits) {
                let names = Rc::new(Names::of(&mut credentials));
                return self.decide(&names, &[client], Outcome::Reject(refusal), Source::Mechanism);
            }
        }
        let fingerprint = self.cache.as_ref().map(|cache| cache.fingerprint(&credentials));
        if let (Some(cache), Some(fingerprint)) = (&mut self.cache, &fingerprint) {
            if cache.lookup(fingerprint, now) {
                let names = Rc::new(Names::of(&mut credentials));
                return self.decide(&names, &[client], Outcome::ACCEPT, Source::Cache);
            }
            if let Some(job) = self.in_flight.get(fingerprint).and_then(|job| self.jobs.get_mut(job)) {
                return job.clients.push(client);
            }
        }
        self.submit(client, credentials, fingerprint, now);
    }

    /// A worker that was asked for exists.
    pub fn handle_worker(&mut self, worker: WorkerId) {
        self.pool.handle_started(worker);
    }

    /// A worker that was asked for could not be started.
    pub fn handle_start_failed(&mut self, now: Instant) {
        self.pool.handle_start_failed(now);
    }

    /// A worker can take its first job.
    pub fn handle_ready(&mut self, worker: WorkerId) {
        self.pool.handle_ready(worker);
    }

    /// A worker is to do this; answered by [`Action::Report`].
    pub fn handle_errand(&mut self, id: ErrandId, errand: Errand, now: Instant) {
        if !ipc::has_room_for(&errand, self.service.limits) {
            let failed = ErrandResult::Failed("it is too long for a worker".to_owned());
            return self.actions.push_back(Action::Report(id, failed));
        }
        let job = self.next_job();
        let deadline = now + self.service.request_timeout;
        self.commissions.insert(job, Commission { id, errand: Some(errand), deadline });
        self.timers.insert((deadline, Timer::Deadline(job)));
        self.pool.submit(job, now);
    }

    /// A worker has answered.
    pub fn handle_answer(&mut self, worker: WorkerId, job: JobId, answer: Answer, now: Instant) {
        if !self.pool.handle_answer(worker, job, now) {
            return self.actions.push_back(Action::Log(Event::WorkerOutOfTurn(worker)));
        }
        match answer {
            Answer::Verdict(verdict) if self.jobs.contains_key(&job) => self.finish(job, verdict, now),
            Answer::Errand(result) if self.commissions.contains_key(&job) => self.report(job, result),
            Answer::Verdict(_) | Answer::Errand(_) => {
                self.fail(job, "the worker answered something else", now);
            }
        }
    }

    /// The servers have answered.
    pub fn handle_decision(&mut self, job: JobId, verdict: Verdict, now: Instant) {
        self.finish(job, verdict, now);
    }

    /// A worker is dead, or said something that makes no sense: whatever it held cannot be decided.
    pub fn handle_worker_gone(&mut self, worker: WorkerId, now: Instant) {
        if let Some(job) = self.pool.handle_gone(worker, now) {
            self.fail_with(job, "the worker process died", Outcome::broken_off, now);
        }
    }

    /// A worker was gone before it could be handed the task, which comes back.
    pub fn handle_undelivered(&mut self, worker: WorkerId, id: JobId, task: Task, now: Instant) {
        match task {
            Task::Verify(credentials) => {
                if let Some(job) = self.jobs.get_mut(&id) {
                    job.credentials = Some(credentials);
                }
            }
            Task::Errand(errand) => {
                if let Some(commission) = self.commissions.get_mut(&id) {
                    commission.errand = Some(errand);
                }
            }
        }
        self.pool.handle_undelivered(worker, id, now);
    }

    /// The time that [`Self::next_timeout`] named has come.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(&(due, timer)) = self.timers.first().filter(|(due, _)| *due <= now) {
            self.timers.remove(&(due, timer));
            match timer {
                Timer::Deadline(job) => self.time_out(job, now),
                Timer::HeldReply(client) => self.release(client),
            }
        }
        self.pool.handle_timeout(now);
        self.watch_queue(now);
    }

    /// Answers everybody who waits for a mechanism as unavailable, and those held back at once.
    pub fn give_up(&mut self, reason: &'static str, now: Instant) {
        for job in self.jobs.keys().copied().collect::<Vec<_>>() {
            self.abandon(job, now);
            self.finish(job, Outcome::broken_off(reason).into(), now);
        }
        self.commissions.clear();
        for client in self.held_replies.keys().copied().collect::<Vec<_>>() {
            self.release(client);
        }
        self.timers.clear();
    }

    /// When [`Self::handle_timeout`] must be called at the latest.
    pub fn next_timeout(&self) -> Option<Instant> {
        let timer = self.timers.first().map(|(due, _)| *due);
        [timer, self.pool.next_timeout(), self.queue_watch.next_timeout()].into_iter().flatten().min()
    }

    /// The next thing to do.
    pub fn next_action(&mut self) -> Option<Action> {
        while let Some(order) = self.pool.next_order() {
            if let Some(action) = self.action_for(order) {
                self.actions.push_back(action);
            }
        }
        self.actions.pop_front()
    }

    /// Whether every request has had its reply.
    pub fn is_idle(&self) -> bool {
        self.jobs.is_empty() && self.held_replies.is_empty()
    }

    fn action_for(&mut self, order: Order) -> Option<Action> {
        Some(match order {
            Order::Start => Action::StartWorker,
            Order::Retire(worker) => Action::Retire(worker),
            Order::Kill(worker) => Action::Kill(worker),
            Order::Send(worker, id) => Action::Send(worker, id, self.take_task(id)?),
        })
    }

    fn take_task(&mut self, id: JobId) -> Option<Task> {
        if let Some(job) = self.jobs.get_mut(&id) {
            return job.credentials.take().map(Task::Verify);
        }
        self.commissions.get_mut(&id)?.errand.take().map(Task::Errand)
    }

    fn next_job(&mut self) -> JobId {
        self.last_job += 1;
        JobId(self.last_job)
    }

    fn submit(
        &mut self,
        client: ClientId,
        credentials: Credentials,
        fingerprint: Option<Fingerprint>,
        now: Instant,
    ) {
        let id = self.next_job();
        let deadline = now + self.service.request_timeout;
        if let Some(fingerprint) = &fingerprint {
            self.in_flight.insert(fingerprint.clone(), id);
        }
        let names = Rc::new(Names::copy_of(&credentials));
        let job = Job {
            names,
            credentials: Some(credentials),
            fingerprint,
            clients: vec![client],
            submitted: now,
            deadline,
        };
        self.jobs.insert(id, job);
        self.timers.insert((deadline, Timer::Deadline(id)));
        self.route(id, now);
    }

    fn route(&mut self, id: JobId, now: Instant) {
        match self.route {
            Route::Workers => {
                self.pool.submit(id, now);
                self.watch_queue(now);
            }
            Route::Network => {
                let credentials = self.jobs.get_mut(&id).and_then(|job| job.credentials.take());
                self.actions.extend(credentials.map(|credentials| Action::Ask(id, credentials)));
            }
        }
    }

    fn time_out(&mut self, id: JobId, now: Instant) {
        self.abandon(id, now);
        let waited = match (self.jobs.get(&id), self.commissions.get(&id)) {
            (Some(job), _) => job.credentials.is_some(),
            (None, Some(commission)) => commission.errand.is_some(),
            (None, None) => return,
        };
        if waited {
            return self.fail(id, "no process was free within the request timeout", now);
        }
        if let Some(job) = self.jobs.get(&id).filter(|_| self.route == Route::Workers) {
            let event = Event::TimedOut(Rc::clone(&job.names), self.service.request_timeout);
            self.actions.push_back(Action::Log(event));
        }
        self.fail(id, "no answer within the request timeout", now);
    }

    /// Whoever works on the job need not any more.
    fn abandon(&mut self, id: JobId, now: Instant) {
        if self.route == Route::Network && self.jobs.contains_key(&id) {
            self.actions.push_back(Action::Abandon(id));
        } else {
            self.pool.abandon(id, now);
        }
    }

    /// Nobody can tell how the job would have ended.
    fn fail(&mut self, id: JobId, reason: &'static str, now: Instant) {
        self.fail_with(id, reason, Outcome::internal_failure, now);
    }

    fn fail_with(
        &mut self,
        id: JobId,
        reason: &'static str,
        outcome: fn(&'static str) -> Outcome,
        now: Instant,
    ) {
        if self.commissions.contains_key(&id) {
            self.report(id, ErrandResult::Failed(reason.to_owned()));
        } else {
            self.finish(id, outcome(reason).into(), now);
        }
    }

    fn report(&mut self, id: JobId, result: ErrandResult) {
        if let Some(commission) = self.commissions.remove(&id) {
            self.timers.remove(&(commission.deadline, Timer::Deadline(id)));
            self.actions.push_back(Action::Report(commission.id, result));
        }
    }

    fn finish(&mut self, id: JobId, verdict: Verdict, now: Instant) {
        let Some(job) = self.jobs.remove(&id) else { return };
        self.timers.remove(&(job.deadline, Timer::Deadline(id)));
        if let Some(fingerprint) = job.fingerprint {
            self.in_flight.remove(&fingerprint);
            if let (Some(cache), Outcome::Accept(_)) = (&mut self.cache, &verdict.outcome) {
                cache.remember(fingerprint, now);
            }
        }
        let held_until = match &verdict.outcome {
            // Unavailable too: some logins bring that about, and guessing by them must not be for free.
            Outcome::Reject(_) | Outcome::Unavailable(_) => {
                now.checked_add(verdict.delay).unwrap_or(job.deadline).min(job.deadline)
            }
            Outcome::Accept(_) => now,
        };
        if held_until > now {
            self.hold(&job.names, job.clients, verdict.outcome, held_until);
        } else {
            self.decide(&job.names, &job.clients, verdict.outcome, Source::Mechanism);
        }
    }
}
