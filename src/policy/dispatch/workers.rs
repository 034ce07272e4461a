//! What is heard of the workers.
#![forbid(unsafe_code)]

use super::job::{Asker, Place};
use super::{Action, Dispatcher, Event};
use crate::config::site::PoolId;
use crate::ipc;
use crate::job::{Answer, JobId, Purpose, WorkerId};
use crate::metrics::reasons::WorkerDeath;
use crate::outcome::Outcome;
use crate::policy::pool::Command;
use std::time::{Duration, Instant};

/// Why a job has no answer whose worker said something else than that.
const OUT_OF_TURN: &str = "the worker answered something else";

impl Dispatcher {
    /// A worker that was asked for exists.
    pub fn handle_worker(&mut self, worker: WorkerId, pool: PoolId, now: Instant) {
        if let Some(pool) = self.pools.get(pool) {
            pool.handle_started(worker, now);
        }
    }

    /// A worker that was asked for could not be started.
    pub fn handle_start_failed(&mut self, pool: PoolId, now: Instant) {
        if let Some(pool) = self.pools.get(pool) {
            pool.handle_start_failed(now);
        }
    }

    /// A worker can take its first job.
    pub fn handle_ready(&mut self, worker: WorkerId, now: Instant) {
        let lost = self.pools.of(worker).map(|pool| pool.handle_ready(worker, now)).unwrap_or_default();
        if !lost.is_empty() {
            self.note_out_of_turn(worker);
            self.fail_all(lost, OUT_OF_TURN, Outcome::internal_failure, now);
        }
    }

    /// Whether every pool that keeps workers ready has had one that was.
    pub fn is_ready(&self) -> bool {
        self.pools.have_been_ready()
    }

    /// The pool that a worker belongs to; `None` when it is gone.
    pub fn pool_of(&self, worker: WorkerId) -> Option<PoolId> {
        self.pools.id_of(worker)
    }

    /// A worker ends with the answers that it is about to give.
    pub fn handle_retiring(&mut self, worker: WorkerId, now: Instant) {
        if let Some(pool) = self.pools.of(worker) {
            pool.handle_retiring(worker, now);
        }
    }

    /// A worker has answered.
    pub fn handle_answer(&mut self, worker: WorkerId, job: JobId, answer: Answer, now: Instant) {
        let pool = self.pools.of(worker);
        let taken = match pool.map_or(Err(Vec::new()), |pool| pool.handle_answer(worker, job, now)) {
            Ok(taken) => taken,
            Err(lost) => {
                self.note_out_of_turn(worker);
                return lost.into_iter().for_each(|lost| self.fail(lost, OUT_OF_TURN, now));
            }
        };
        self.note_check(job, taken, now);
        match (answer, self.jobs.get(&job).map(|job| &job.asker)) {
            (Answer::Verdict(verdict), Some(Asker::Requests(_))) => {
                self.note_verdict(job, &verdict, now);
                self.end_step(job, verdict, now);
            }
            (Answer::Errand(result), Some(Asker::Driver(..))) => self.report(job, result),
            _ => self.fail(job, OUT_OF_TURN, now),
        }
    }

    fn note_out_of_turn(&mut self, worker: WorkerId) {
        self.counters.note_death(WorkerDeath::Protocol);
        self.actions.push_back(Action::Log(Event::WorkerOutOfTurn(worker)));
    }

    fn note_check(&mut self, job: JobId, taken: Duration, now: Instant) {
        let Some(Place::Pool(pool)) = self.jobs.get(&job).map(|job| job.place) else { return };
        if let Some(instance) = self.site.pools.get(pool.0).and_then(|pool| pool.instance) {
            self.counters.note_check(instance, taken, now);
        }
    }

    /// A worker is dead, or said something that makes no sense: whatever it held cannot be decided.
    pub fn handle_worker_gone(&mut self, worker: WorkerId, now: Instant) {
        let lost = self.pools.of(worker).map(|pool| pool.handle_gone(worker, now)).unwrap_or_default();
        self.fail_all(lost, "the worker process died", Outcome::broken_off, now);
    }

    fn fail_all(
        &mut self,
        lost: Vec<JobId>,
        reason: &'static str,
        outcome: fn(&'static str) -> Outcome,
        now: Instant,
    ) {
        lost.into_iter().for_each(|job| self.fail_with(job, reason, outcome, now));
    }

    /// A worker was gone before it could be handed these jobs, which come back: all that it had.
    pub fn handle_undelivered(&mut self, worker: WorkerId, jobs: Vec<(JobId, Purpose)>, now: Instant) {
        for (id, purpose) in jobs {
            if let Some(job) = self.jobs.get_mut(&id) {
                job.take_back(purpose);
            }
            self.note_undelivered(id);
        }
        if let Some(pool) = self.pools.of(worker) {
            pool.handle_undelivered(worker, now);
        }
    }

    /// All that has come at once has been looked at: workers that get several logins at a time have them now. `true` if there
    /// were any; then [`Self::next_action`] has more.
    pub fn hand_out(&mut self, now: Instant) -> bool {
        let room = ipc::room_for_logins(self.limits);
        let size = |job: JobId| {
            let purpose = self.jobs.get(&job).and_then(|job| job.purpose.as_ref());
            purpose.map_or(0, ipc::size_of_job)
        };
        self.pools.iter_mut().fold(false, |any, pool| pool.hand_out(room, size, now) | any)
    }

    pub(super) fn action_for(&mut self, pool: PoolId, command: Command) -> Option<Action> {
        Some(match command {
            Command::Start => Action::StartWorker(pool),
            Command::Retire(worker) => Action::Retire(worker),
            Command::Kill(worker) => Action::Kill(worker),
            Command::GiveUp(worker) => {
                self.counters.note_death(WorkerDeath::Timeout);
                self.actions.push_back(Action::Log(Event::NeverReady(worker)));
                Action::Kill(worker)
            }
            Command::Send(worker, id) => {
                self.note_begin(id, pool);
                Action::Send(worker, id, self.jobs.get_mut(&id)?.hand_out()?)
            }
        })
    }
}
