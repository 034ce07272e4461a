//! The scheduler of the workers: decides who works on what, and when to start, retire or kill a worker.
//!
//! Pure: events and `now` go in, [`Command`]s come out of [`Pool::next_command`]. It starts nothing itself.
#![forbid(unsafe_code)]

pub(crate) mod backoff;
mod batches;
#[cfg(test)]
mod batches_tests;
mod bulkhead;
#[cfg(test)]
mod bulkhead_tests;
mod observation;
mod overload;
#[cfg(test)]
mod tests;

use crate::config::WorkerSettings;
use crate::job::{JobId, WorkerId};
use crate::metrics::histogram::Histogram;
use crate::policy::fair_queue::FairQueue;
use crate::policy::origin::Origin;
use backoff::Backoff;
use bulkhead::Bulkheads;
use overload::Pace;
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;
use std::time::{Duration, Instant};

/// How long a worker may take until it is ready: as long as a frontend may.
pub(crate) const START_TIME: Duration = Duration::from_secs(30);

/// What the caller must do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// Have a worker started; answered by [`Pool::handle_started`] or [`Pool::handle_start_failed`].
    Start,
    /// Hand the job to the worker.
    Send(WorkerId, JobId),
    /// Let the worker end: it has done its share.
    Retire(WorkerId),
    /// Kill the worker.
    Kill(WorkerId),
    /// Kill the worker: it has not become ready in time.
    GiveUp(WorkerId),
}

/// The workers, the jobs that wait for one, and the commands not yet carried out.
pub struct Pool {
    settings: WorkerSettings,
    /// How many jobs a worker gets at a time.
    batch: usize,
    workers: HashMap<WorkerId, Worker>,
    /// In turn: one that has gone bad without being noticed must not get every login that comes alone.
    idle: VecDeque<WorkerId>,
    /// In the turn of those they come from, who share the workers. It is bounded by the connections: each waits for
    /// one job at the most.
    queue: FairQueue<JobId>,
    /// Those that are for one of several backends.
    bulkheads: Bulkheads,
    /// Those that wait or that a worker has.
    jobs: HashMap<JobId, Job>,
    /// How long they have waited that were taken since somebody asked.
    waits: Histogram,
    pace: Pace,
    /// Workers asked for that have not come yet.
    awaited: usize,
    has_been_ready: bool,
    backoff: Backoff,
    commands: VecDeque<Command>,
}

struct Job {
    origin: Origin,
    /// When it came or, once a worker has it, was taken.
    since: Instant,
    /// Nobody needs it any more, and a worker has it beside others that somebody needs.
    is_abandoned: bool,
}

struct Worker {
    state: State,
    requests_left: u32,
}

#[derive(PartialEq, Eq)]
enum State {
    /// Started, has not said that it is ready; given up at the instant.
    Starting(Instant),
    Idle,
    /// Has these jobs, at least one, and answers them in this order.
    Busy(Vec<JobId>),
}

impl Pool {
    /// A pool without workers; the first [`Pool::handle_timeout`] asks for them.
    pub fn new(settings: WorkerSettings) -> Self {
        Self {
            settings,
            batch: 1,
            workers: HashMap::new(),
            idle: VecDeque::new(),
            queue: FairQueue::default(),
            bulkheads: Bulkheads::default(),
            jobs: HashMap::new(),
            waits: Histogram::default(),
            pace: Pace::default(),
            awaited: 0,
            has_been_ready: false,
            backoff: Backoff::default(),
            commands: VecDeque::new(),
        }
    }

    /// A job waits for a worker.
    pub fn submit(&mut self, job: JobId, origin: Origin, now: Instant) {
        self.queue.insert(&origin, job.0, job);
        self.jobs.insert(job, Job { origin, since: now, is_abandoned: false });
        self.assign(now);
        self.start_missing(now);
    }

    /// As [`Self::submit`], for a job whose worker will ask that backend. `false` if it has to wait outside the queue first.
    pub fn submit_for(&mut self, backend: &Rc<[u8]>, job: JobId, origin: Origin, now: Instant) -> bool {
        let is_inside = self.bulkheads.enter(backend, job, &origin, self.settings.most);
        if is_inside {
            self.submit(job, origin, now);
        } else {
            self.jobs.insert(job, Job { origin, since: now, is_abandoned: false });
        }
        is_inside
    }

    /// That backend is no client's invention: a worker is to be left to it from now on.
    pub fn prove(&mut self, backend: &Rc<[u8]>) {
        self.bulkheads.prove(backend);
    }

    /// Nobody needs the job any more: a waiting one is forgotten, a worker on it is killed, unless it has others that
    /// somebody needs. `true` if it is killed.
    pub fn abandon(&mut self, job: JobId, now: Instant) -> bool {
        let busy = if self.withdraw(job, now) { None } else { self.worker_without_need(job) };
        busy.iter().for_each(|worker| drop(self.kill(*worker, now)));
        self.start_missing(now);
        busy.is_some()
    }

    /// The worker that has the job, when nobody needs anything that it has.
    fn worker_without_need(&mut self, abandoned: JobId) -> Option<WorkerId> {
        self.jobs.get_mut(&abandoned)?.is_abandoned = true;
        let (id, worker) = self.workers.iter().find(|(_, worker)| worker.jobs().contains(&abandoned))?;
        let is_needed = |job: &JobId| self.jobs.get(job).is_some_and(|job| !job.is_abandoned);
        (!worker.jobs().iter().any(is_needed)).then_some(*id)
    }

    /// Nobody wants the job any more: it is forgotten unless a worker has it already. `true` if it is.
    pub fn withdraw(&mut self, job: JobId, now: Instant) -> bool {
        let Some(Job { origin, .. }) = self.jobs.get(&job) else { return false };
        let origin = origin.clone();
        if self.bulkheads.remove(job, &origin) {
            self.jobs.remove(&job);
            return true;
        }
        let is_queued = self.queue.contains(&origin, job.0);
        if is_queued {
            // First, so that a user who has another one outside keeps the turn.
            self.let_next_in(job);
            self.queue.remove(&origin, job.0);
            self.jobs.remove(&job);
            self.assign(now);
        }
        is_queued
    }

    /// A worker that was asked for exists and gets itself ready.
    pub fn handle_started(&mut self, worker: WorkerId, now: Instant) {
        self.awaited = self.awaited.saturating_sub(1);
        let requests_left = self.settings.requests_each.max(1);
        self.workers.insert(worker, Worker { state: State::Starting(now + START_TIME), requests_left });
    }

    /// A worker that was asked for could not be started.
    pub fn handle_start_failed(&mut self, now: Instant) {
        self.awaited = self.awaited.saturating_sub(1);
        self.backoff.handle_death(now);
        self.start_missing(now);
    }

    /// The worker can take its first job. One that has said so before is killed; returns the jobs that it had.
    #[must_use]
    pub fn handle_ready(&mut self, id: WorkerId, now: Instant) -> Vec<JobId> {
        let starting = |worker: &&mut Worker| matches!(worker.state, State::Starting(_));
        let Some(worker) = self.workers.get_mut(&id).filter(starting) else {
            let lost = self.kill(id, now);
            self.start_missing(now);
            return lost;
        };
        worker.state = State::Idle;
        self.has_been_ready = true;
        self.idle.push_back(id);
        self.assign(now);
        Vec::new()
    }

    /// The worker ends with the answers that it is about to give, whatever its share. One that was not asked is killed.
    pub fn handle_retiring(&mut self, id: WorkerId, now: Instant) {
        let busy = |worker: &&mut Worker| matches!(worker.state, State::Busy(_));
        if let Some(worker) = self.workers.get_mut(&id).filter(busy) {
            worker.requests_left = u32::try_from(worker.jobs().len()).unwrap_or(u32::MAX);
        } else {
            self.kill(id, now);
            self.start_missing(now);
        }
    }

    /// The worker has answered. Returns how long it took over it.
    ///
    /// # Errors
    /// It answered a job that it was not given, or whose turn it is not: it is killed for that, and its answer counts for
    /// nothing. Names the jobs that it had.
    pub fn handle_answer(&mut self, id: WorkerId, job: JobId, now: Instant) -> Result<Duration, Vec<JobId>> {
        let Some(worker) = self.workers.get_mut(&id).filter(|worker| worker.jobs().first() == Some(&job))
        else {
            let lost = self.kill(id, now);
            self.start_missing(now);
            return Err(lost);
        };
        self.backoff.handle_success();
        worker.requests_left = worker.requests_left.saturating_sub(1);
        if worker.has_done(job) {
            if worker.requests_left == 0 {
                self.workers.remove(&id);
                self.commands.push_back(Command::Retire(id));
            } else {
                worker.state = State::Idle;
                self.idle.push_back(id);
            }
        }
        let taken = self.jobs.get(&job).map_or(now, |job| job.since);
        let taken = now.saturating_duration_since(taken);
        self.pace.record(taken);
        self.release(job, now);
        self.start_missing(now);
        Ok(taken)
    }

    /// The worker is dead. Returns the jobs that died with it.
    pub fn handle_gone(&mut self, id: WorkerId, now: Instant) -> Vec<JobId> {
        // It may have answered before, and what it was to get then is still here.
        let sends = |command: &Command| matches!(command, Command::Send(worker, _) if *worker == id);
        if self.commands.iter().any(sends) {
            self.commands.retain(|command| !sends(command));
            self.handle_undelivered(id, now);
            return Vec::new();
        }
        let Some(worker) = self.forget_worker(id) else { return Vec::new() };
        let jobs = worker.into_jobs();
        jobs.iter().for_each(|job| self.release(*job, now));
        // A death at work has cost a request, and whoever sends those that kill must not hold up the others.
        if jobs.is_empty() {
            self.backoff.handle_death(now);
        }
        self.start_missing(now);
        jobs
    }

    /// What was to be handed to the worker could not be, which is gone: all of it goes to the next one, since nobody has
    /// seen it.
    pub fn handle_undelivered(&mut self, worker: WorkerId, now: Instant) {
        self.backoff.handle_death(now);
        let jobs = self.forget_worker(worker).map(Worker::into_jobs).unwrap_or_default();
        for job in jobs.into_iter().rev() {
            if let Some(Job { origin, .. }) = self.jobs.get(&job) {
                self.queue.insert_again(origin, job.0, job);
            }
        }
        self.start_missing(now);
        self.assign(now);
    }

    /// The time that [`Pool::next_timeout`] named has come.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.give_up_late(now);
        self.assign(now);
        self.start_missing(now);
    }

    /// When workers that had to be held back may be started, one that starts must be ready, or an idle one may do what
    /// was beyond a share.
    pub fn next_timeout(&self) -> Option<Instant> {
        let start = if self.missing() > 0 { self.backoff.held_until() } else { None };
        let are_kept_free = !self.idle.is_empty() && !self.queue.is_empty();
        let assign = if are_kept_free { self.queue.next_to_forget() } else { None };
        let ready = self.starting().map(|(_, deadline)| deadline).min();
        [start, assign, ready].into_iter().flatten().min()
    }

    /// The next thing to do.
    pub fn next_command(&mut self) -> Option<Command> {
        self.commands.pop_front()
    }

    /// When the job came or, if a worker has it, was taken.
    pub fn since(&self, job: JobId) -> Option<Instant> {
        self.jobs.get(&job).map(|job| job.since)
    }

    /// How many jobs wait for a worker.
    pub fn waiting(&self) -> usize {
        self.queue.len() + self.bulkheads.len()
    }

    /// How many workers there are, those that are asked for included.
    pub fn size(&self) -> usize {
        self.workers.len() + self.awaited
    }

    /// Whether the worker is one of these.
    pub fn has(&self, worker: WorkerId) -> bool {
        self.workers.contains_key(&worker)
    }

    /// Whether there has been a worker that was ready.
    pub fn has_been_ready(&self) -> bool {
        self.has_been_ready
    }

    /// How many workers wait for a job.
    pub fn idle(&self) -> usize {
        self.idle.len()
    }

    /// How many workers have a job.
    pub fn busy(&self) -> usize {
        self.workers.values().filter(|worker| matches!(worker.state, State::Busy(_))).count()
    }

    /// How many jobs wait for a worker.
    pub fn queued(&self) -> usize {
        self.waiting()
    }

    /// The settings the pool was made with.
    pub fn settings(&self) -> &WorkerSettings {
        &self.settings
    }

    /// Whether the job waits outside the queue for others of its backend.
    #[cfg(any(test, feature = "simulation"))]
    pub(crate) fn is_outside(&self, job: JobId) -> bool {
        self.bulkheads.holds(job)
    }

    /// All that are for one of several backends.
    #[cfg(any(test, feature = "simulation"))]
    pub(crate) fn jobs_behind_bulkheads(&self) -> impl Iterator<Item = JobId> {
        self.bulkheads.jobs()
    }

    /// A worker has done with the job, in whatever way.
    fn release(&mut self, job: JobId, now: Instant) {
        if let Some(Job { origin, .. }) = self.jobs.remove(&job) {
            self.queue.release(&origin, now);
        }
        self.let_next_in(job);
        self.assign(now);
    }

    /// That job is over: another one of its backend may go into the queue.
    fn let_next_in(&mut self, job: JobId) {
        let Some(next) = self.bulkheads.leave(job, self.settings.most) else { return };
        if let Some(Job { origin, .. }) = self.jobs.get(&next) {
            self.queue.insert(origin, next.0, next);
        }
    }

    /// Returns the jobs that it had.
    fn kill(&mut self, id: WorkerId, now: Instant) -> Vec<JobId> {
        let Some(worker) = self.forget_worker(id) else { return Vec::new() };
        self.commands.push_back(Command::Kill(id));
        let jobs = worker.into_jobs();
        jobs.iter().for_each(|job| self.release(*job, now));
        jobs
    }

    fn forget_worker(&mut self, id: WorkerId) -> Option<Worker> {
        let worker = self.workers.remove(&id)?;
        self.idle.retain(|idle| *idle != id);
        Some(worker)
    }

    /// The workers that are not ready yet, and until when they must be.
    fn starting(&self) -> impl Iterator<Item = (WorkerId, Instant)> + '_ {
        self.workers.iter().filter_map(|(id, worker)| match worker.state {
            State::Starting(deadline) => Some((*id, deadline)),
            State::Idle | State::Busy(_) => None,
        })
    }

    /// One that hangs before it is ready is as good as dead.
    fn give_up_late(&mut self, now: Instant) {
        let late: Vec<_> = self.starting().filter(|(_, deadline)| *deadline <= now).collect();
        for (id, _) in late {
            self.workers.remove(&id);
            self.backoff.handle_death(now);
            self.commands.push_back(Command::GiveUp(id));
        }
    }

    fn start_missing(&mut self, now: Instant) {
        if self.backoff.holds_at(now) {
            return;
        }
        for _ in 0..self.missing() {
            self.awaited += 1;
            self.commands.push_back(Command::Start);
        }
    }

    /// Workers to be started: enough for those at work, those waiting, and a few ready; within the bound.
    fn missing(&self) -> usize {
        let wanted = (self.busy() + self.queue.len()).saturating_add(self.settings.ready);
        wanted.min(self.settings.most).saturating_sub(self.size())
    }
}

impl Worker {
    /// What it has and has not answered, in the order in which it will.
    fn jobs(&self) -> &[JobId] {
        match &self.state {
            State::Busy(jobs) => jobs,
            State::Starting(_) | State::Idle => &[],
        }
    }

    fn into_jobs(self) -> Vec<JobId> {
        match self.state {
            State::Busy(jobs) => jobs,
            State::Starting(_) | State::Idle => Vec::new(),
        }
    }

    /// It has answered that job. `true` if it has no other.
    fn has_done(&mut self, job: JobId) -> bool {
        let State::Busy(jobs) = &mut self.state else { return true };
        jobs.retain(|other| *other != job);
        jobs.is_empty()
    }
}
