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

pub use action::{Action, ClientId, DecidedBy, Event, Names, Route};
pub use queue_watch::Waiting;

use crate::config::FrontendSettings;
use crate::credentials::Credentials;
use crate::ipc;
use crate::job::{Answer, Errand, ErrandId, ErrandResult, Purpose};
use crate::job::{JobId, WorkerId};
use crate::outcome::{Outcome, Verdict};
use crate::policy::cache::{Cache, Fingerprint};
use crate::policy::origin::Origin;
use crate::policy::pool::{Command, Pool};
use queue_watch::QueueWatch;
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::rc::Rc;
use std::time::Instant;

/// Something that a worker or the servers are to do.
struct Job {
    /// Until a worker or the driver of the servers has it.
    purpose: Option<Purpose>,
    asker: Asker,
    origin: Origin,
    submitted: Instant,
    deadline: Instant,
}

/// Why a job has no answer whose worker said something else than that.
const OUT_OF_TURN: &str = "the worker answered something else";

/// Who gets the answer.
enum Asker {
    /// Clients, to a login.
    Clients(Login),
    /// The driver of the servers, to an errand.
    Driver(ErrandId),
}

/// A login that is being decided, for one client or several that asked the same.
struct Login {
    names: Rc<Names>,
    /// With a cache only.
    fingerprint: Option<Fingerprint>,
    /// When all have hung up the job is dropped, unless it is being decided.
    clients: BTreeSet<ClientId>,
    /// What a worker does for it, with [`Route::Network`].
    errand: Option<JobId>,
}

impl Job {
    fn login(&mut self) -> Option<&mut Login> {
        match &mut self.asker {
            Asker::Clients(login) => Some(login),
            Asker::Driver(_) => None,
        }
    }
}

/// What a client waits for.
enum Waits {
    /// The end of a job.
    Job(JobId),
    /// The end of the delay of its reply.
    Delay(Outcome, Instant),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    Deadline(JobId),
    HeldReply(ClientId),
}

/// All requests that have no reply yet, the cache and the pool of workers.
pub struct Dispatcher {
    settings: FrontendSettings,
    route: Route,
    cache: Option<Cache>,
    pool: Pool,
    jobs: HashMap<JobId, Job>,
    /// With a cache: the call that decides about each fingerprint.
    in_flight: HashMap<Fingerprint, JobId>,
    /// All who have no reply yet.
    clients: HashMap<ClientId, Waits>,
    timers: BTreeSet<(Instant, Timer)>,
    last_job: u64,
    queue_watch: QueueWatch,
    actions: VecDeque<Action>,
}

impl Dispatcher {
    /// A dispatcher that serves nobody yet. `key` is the random key of the cache.
    pub fn new(settings: FrontendSettings, route: Route, key: &[u8; 32], now: Instant) -> Self {
        let queue_watch = QueueWatch::new(settings.request_timeout / 2);
        let mut dispatcher = Self {
            cache: settings.cache.as_ref().map(|settings| Cache::new(settings, key)),
            pool: Pool::new(settings.workers.clone()),
            settings,
            route,
            jobs: HashMap::new(),
            in_flight: HashMap::new(),
            clients: HashMap::new(),
            timers: BTreeSet::new(),
            last_job: 0,
            queue_watch,
            actions: VecDeque::new(),
        };
        dispatcher.pool.handle_timeout(now);
        dispatcher
    }

    /// A client has sent a whole request. `uid`, asked only when it matters, is the user it runs as, and `None` when it
    /// has hung up already: then nothing more is done for it.
    pub fn handle_request(
        &mut self,
        client: ClientId,
        mut credentials: Credentials,
        uid: impl FnOnce() -> Option<u32>,
        now: Instant,
    ) {
        if let Some(format) = &self.settings.login_format {
            if let Err(refusal) = format.apply(&mut credentials, self.settings.limits) {
                let names = Rc::new(Names::of(&mut credentials));
                return self.decide(&names, [client], Outcome::Reject(refusal), DecidedBy::Mechanism);
            }
        }
        let fingerprint = self.cache.as_ref().map(|cache| cache.fingerprint(&credentials));
        if let (Some(cache), Some(fingerprint)) = (&mut self.cache, &fingerprint) {
            if cache.lookup(fingerprint, now) {
                let names = Rc::new(Names::of(&mut credentials));
                return self.decide(&names, [client], Outcome::ACCEPT, DecidedBy::Cache);
            }
            if let Some(&id) = self.in_flight.get(fingerprint) {
                return self.join(id, client);
            }
        }
        let Some(uid) = uid() else { return };
        let origin = Origin::client(uid, &credentials.login, credentials.client);
        self.submit(client, credentials, origin, fingerprint, now);
    }

    /// A client has closed its connection, and waits for nothing any more. Its job is dropped with the last who waits
    /// for it, unless it is being decided: that goes on, and an acceptance is remembered.
    pub fn handle_hang_up(&mut self, client: ClientId, now: Instant) {
        match self.clients.remove(&client) {
            Some(Waits::Job(id)) => self.leave(id, client, now),
            Some(Waits::Delay(_, until)) => drop(self.timers.remove(&(until, Timer::HeldReply(client)))),
            None => {}
        }
    }

    /// A worker that was asked for exists.
    pub fn handle_worker(&mut self, worker: WorkerId, now: Instant) {
        self.pool.handle_started(worker, now);
    }

    /// A worker that was asked for could not be started.
    pub fn handle_start_failed(&mut self, now: Instant) {
        self.pool.handle_start_failed(now);
    }

    /// A worker can take its first job.
    pub fn handle_ready(&mut self, worker: WorkerId, now: Instant) {
        if let Some(lost) = self.pool.handle_ready(worker, now) {
            self.actions.push_back(Action::Log(Event::WorkerOutOfTurn(worker)));
            self.fail(lost, OUT_OF_TURN, now);
        }
    }

    /// A worker ends with the answer that it is about to give.
    pub fn handle_retiring(&mut self, worker: WorkerId, now: Instant) {
        self.pool.handle_retiring(worker, now);
    }

    /// A worker is to do this, for one login or for all; answered by [`Action::Report`].
    pub fn handle_errand(&mut self, id: ErrandId, errand: Errand, login: Option<JobId>, now: Instant) {
        if !ipc::has_room_for(&errand, self.settings.limits) {
            let failed = ErrandResult::Failed("it is too long for a worker".to_owned());
            return self.actions.push_back(Action::Report(id, failed));
        }
        let origin = login.and_then(|login| self.jobs.get(&login)).map(|login| login.origin.clone());
        let origin = origin.unwrap_or_else(Origin::event_loop);
        let job = self.add(Purpose::Errand(errand), Asker::Driver(id), origin.clone(), now);
        if let Some(login) = login.and_then(|login| self.jobs.get_mut(&login)).and_then(Job::login) {
            login.errand = Some(job);
        }
        self.pool.submit(job, origin, now);
    }

    /// A worker has answered.
    pub fn handle_answer(&mut self, worker: WorkerId, job: JobId, answer: Answer, now: Instant) {
        if let Err(lost) = self.pool.handle_answer(worker, job, now) {
            self.actions.push_back(Action::Log(Event::WorkerOutOfTurn(worker)));
            return lost.into_iter().for_each(|lost| self.fail(lost, OUT_OF_TURN, now));
        }
        match (answer, self.jobs.get(&job).map(|job| &job.asker)) {
            (Answer::Verdict(verdict), Some(Asker::Clients(_))) => self.finish(job, verdict, now),
            (Answer::Errand(result), Some(Asker::Driver(_))) => self.report(job, result),
            _ => self.fail(job, OUT_OF_TURN, now),
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

    /// A worker was gone before it could be handed the job, which comes back.
    pub fn handle_undelivered(&mut self, worker: WorkerId, id: JobId, purpose: Purpose, now: Instant) {
        if let Some(job) = self.jobs.get_mut(&id) {
            job.purpose = Some(purpose);
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

    /// From now on the mechanism is asked about every request: others serve by newer settings already, and what was
    /// found by the old ones, or is being found, answers no request that comes after that.
    pub fn forget_all(&mut self) {
        self.cache = None;
        self.in_flight.clear();
        self.jobs.values_mut().filter_map(Job::login).for_each(|login| login.fingerprint = None);
    }

    /// Answers everybody who waits for a mechanism as unavailable, and those held back at once.
    pub fn give_up(&mut self, reason: &'static str, now: Instant) {
        for job in self.jobs.keys().copied().collect::<Vec<_>>() {
            self.abandon(job, now);
            self.fail_with(job, reason, Outcome::broken_off, now);
        }
        for client in self.clients.keys().copied().collect::<Vec<_>>() {
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
        while let Some(command) = self.pool.next_command() {
            if let Some(action) = self.action_for(command) {
                self.actions.push_back(action);
            }
        }
        self.actions.pop_front()
    }

    /// Whether every request has had its reply and no login is being decided.
    pub fn is_idle(&self) -> bool {
        let mut jobs = self.jobs.values();
        self.clients.is_empty() && jobs.all(|job| matches!(job.asker, Asker::Driver(_)))
    }

    fn action_for(&mut self, command: Command) -> Option<Action> {
        Some(match command {
            Command::Start => Action::StartWorker,
            Command::Retire(worker) => Action::Retire(worker),
            Command::Kill(worker) => Action::Kill(worker),
            Command::GiveUp(worker) => {
                self.actions.push_back(Action::Log(Event::NeverReady(worker)));
                Action::Kill(worker)
            }
            Command::Send(worker, id) => Action::Send(worker, id, self.jobs.get_mut(&id)?.purpose.take()?),
        })
    }

    fn submit(
        &mut self,
        client: ClientId,
        credentials: Credentials,
        origin: Origin,
        fingerprint: Option<Fingerprint>,
        now: Instant,
    ) {
        let names = Rc::new(Names::copy_of(&credentials));
        let login = Login { names, fingerprint: fingerprint.clone(), clients: BTreeSet::new(), errand: None };
        let id = self.add(Purpose::CheckLogin(credentials), Asker::Clients(login), origin, now);
        self.in_flight.extend(fingerprint.map(|fingerprint| (fingerprint, id)));
        self.join(id, client);
        self.route(id, now);
    }

    fn add(&mut self, purpose: Purpose, asker: Asker, origin: Origin, now: Instant) -> JobId {
        self.last_job += 1;
        let id = JobId(self.last_job);
        let deadline = now + self.settings.request_timeout;
        let job = Job { purpose: Some(purpose), asker, origin, submitted: now, deadline };
        self.jobs.insert(id, job);
        self.timers.insert((deadline, Timer::Deadline(id)));
        id
    }

    fn join(&mut self, id: JobId, client: ClientId) {
        if let Some(login) = self.jobs.get_mut(&id).and_then(Job::login) {
            login.clients.insert(client);
            self.clients.insert(client, Waits::Job(id));
        }
    }

    fn leave(&mut self, id: JobId, client: ClientId, now: Instant) {
        let Some(login) = self.jobs.get_mut(&id).and_then(Job::login) else { return };
        login.clients.remove(&client);
        if !login.clients.is_empty() {
            return;
        }
        let errand = login.errand;
        match self.route {
            Route::Workers if self.pool.withdraw(id, now) => drop(self.forget(id)),
            Route::Workers => {}
            Route::Network => {
                self.actions.push_back(Action::Withdraw(id));
                if let Some(errand) = errand.filter(|errand| self.pool.withdraw(*errand, now)) {
                    self.report(
                        errand,
                        ErrandResult::Failed("nobody waits for the login any more".to_owned()),
                    );
                }
            }
        }
    }

    fn forget(&mut self, id: JobId) -> Option<Job> {
        let mut job = self.jobs.remove(&id)?;
        self.timers.remove(&(job.deadline, Timer::Deadline(id)));
        if let Some(fingerprint) = job.login().and_then(|login| login.fingerprint.as_ref()) {
            self.in_flight.remove(fingerprint);
        }
        Some(job)
    }

    fn route(&mut self, id: JobId, now: Instant) {
        match self.route {
            Route::Workers => {
                let origin = self.jobs.get(&id).map(|job| job.origin.clone());
                origin.into_iter().for_each(|origin| self.pool.submit(id, origin, now));
                self.watch_queue(now);
            }
            Route::Network => {
                let Some(job) = self.jobs.get_mut(&id) else { return };
                if let Some(Purpose::CheckLogin(credentials)) = job.purpose.take() {
                    self.actions.push_back(Action::Ask(id, job.origin.clone(), credentials));
                }
            }
        }
    }

    fn time_out(&mut self, id: JobId, now: Instant) {
        self.abandon(id, now);
        let Some(job) = self.jobs.get(&id) else { return };
        if job.purpose.is_some() {
            return self.fail(id, "no process was free within the request timeout", now);
        }
        if let (Asker::Clients(login), Route::Workers) = (&job.asker, self.route) {
            let event = Event::TimedOut(Rc::clone(&login.names), self.settings.request_timeout);
            self.actions.push_back(Action::Log(event));
        }
        self.fail(id, "no answer within the request timeout", now);
    }

    /// Whoever works on the job need not any more.
    fn abandon(&mut self, id: JobId, now: Instant) {
        let is_login = self.jobs.get_mut(&id).and_then(Job::login).is_some();
        match self.route {
            Route::Network if is_login => self.actions.push_back(Action::Abandon(id)),
            Route::Network | Route::Workers => self.pool.abandon(id, now),
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
        match self.jobs.get(&id).map(|job| &job.asker) {
            Some(Asker::Driver(_)) => self.report(id, ErrandResult::Failed(reason.to_owned())),
            Some(Asker::Clients(_)) => self.finish(id, outcome(reason).into(), now),
            None => {}
        }
    }

    fn report(&mut self, id: JobId, result: ErrandResult) {
        if let Some(Job { asker: Asker::Driver(errand), .. }) = self.forget(id) {
            self.actions.push_back(Action::Report(errand, result));
        }
    }

    fn finish(&mut self, id: JobId, verdict: Verdict, now: Instant) {
        let Some(Job { asker: Asker::Clients(login), deadline, .. }) = self.forget(id) else { return };
        if let (Some(cache), Outcome::Accept(_)) = (&mut self.cache, &verdict.outcome) {
            login.fingerprint.into_iter().for_each(|fingerprint| cache.remember(fingerprint, now));
        }
        let held_until = match &verdict.outcome {
            // Unavailable too: some logins bring that about, and guessing by them must not be for free.
            Outcome::Reject(_) | Outcome::Unavailable(_) => {
                now.checked_add(verdict.delay).unwrap_or(deadline).min(deadline)
            }
            Outcome::Accept(_) => now,
        };
        if login.clients.is_empty() && !matches!(verdict.outcome, Outcome::Unavailable(_)) {
            // Log readers count failures: hanging up early must not hide one.
            self.log_decision(&login.names, &verdict.outcome, DecidedBy::Mechanism);
        } else if held_until > now {
            self.hold(&login.names, login.clients, verdict.outcome, held_until);
        } else {
            self.decide(&login.names, login.clients, verdict.outcome, DecidedBy::Mechanism);
        }
    }
}
