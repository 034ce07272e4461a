//! The pool of workers, by any sequence of jobs, answers, deaths and lost messages.

use crate::operations::Operations;
use saslauthd::config::{WorkerFlag, WorkerSettings};
use saslauthd::job::{JobId, WorkerId};
use saslauthd::policy::origin::Origin;
use saslauthd::policy::pool::{Command, Pool};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// More turns than any end takes.
const MOST_TURNS: usize = 10_000;

/// Whatever happens: there are never more workers than are allowed; a job goes to a worker that is ready and has none; no
/// job is with two; what a dead worker had comes back; and left alone, all jobs are done.
pub fn check(bytes: &[u8]) {
    let mut operations = Operations::new(bytes);
    let most = 1 + operations.below(5);
    let ready = operations.below(most + 1);
    let requests_each = 1 + operations.below(4) as u32;
    let mut world = World::new(WorkerSettings { most, ready, requests_each, flag: WorkerFlag::Processes });
    while let Some(byte) = operations.next_byte() {
        world.step(byte, &mut operations);
        world.carry_out();
        world.check();
    }
    world.finish();
}

/// A worker as the operating system knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Worker {
    Starting,
    Idle,
    Busy(JobId),
    /// Says farewell with its next answer.
    Leaving(JobId),
}

struct World {
    pool: Pool,
    most: usize,
    now: Instant,
    workers: BTreeMap<WorkerId, Worker>,
    /// Started, and the pool not told yet.
    ordered: usize,
    last: u64,
    /// Those that nobody has done.
    jobs: BTreeSet<JobId>,
}

impl World {
    fn new(settings: WorkerSettings) -> Self {
        let (most, now) = (settings.most, Instant::now());
        let mut pool = Pool::new(settings);
        pool.handle_timeout(now);
        let mut world =
            Self { pool, most, now, workers: BTreeMap::new(), ordered: 0, last: 0, jobs: BTreeSet::new() };
        world.carry_out();
        world
    }

    fn step(&mut self, byte: u8, operations: &mut Operations<'_>) {
        let all: Vec<_> = self.workers.keys().copied().collect();
        let worker = operations.pick(&all);
        match (byte % 16, worker) {
            (0..=2, _) => self.submit(operations),
            (3, _) => self.start(byte >= 128),
            (4..=5, Some(worker)) => self.make_ready(worker),
            (6..=8, Some(worker)) => self.answer(worker),
            (9, Some(worker)) => self.kill(worker),
            (10, Some(worker)) => self.farewell(worker),
            (11, Some(worker)) => self.answer_wrongly(worker, JobId(u64::from(byte))),
            (12, Some(worker)) => self.lose(worker),
            (13, _) => self.give_up_a_job(operations, byte >= 128),
            _ => self.pass(Duration::from_millis(u64::from(byte) * 97)),
        }
    }

    fn submit(&mut self, operations: &mut Operations<'_>) {
        self.last += 1;
        let job = JobId(1000 + self.last);
        let origin = Origin::client(operations.below(3) as u32, &[operations.below(3) as u8], None);
        self.jobs.insert(job);
        self.pool.submit(job, origin, self.now);
    }

    fn start(&mut self, fails: bool) {
        if self.ordered == 0 {
            return;
        }
        self.ordered -= 1;
        if fails {
            return self.pool.handle_start_failed(self.now);
        }
        self.last += 1;
        self.workers.insert(WorkerId(self.last), Worker::Starting);
        self.pool.handle_started(WorkerId(self.last), self.now);
    }

    /// Says that it is ready; one that has said so before costs its job.
    fn make_ready(&mut self, worker: WorkerId) {
        let lost = self.pool.handle_ready(worker, self.now);
        match self.workers.get(&worker) {
            Some(Worker::Starting) => {
                assert_eq!(lost, []);
                self.workers.insert(worker, Worker::Idle);
            }
            Some(Worker::Busy(job) | Worker::Leaving(job)) => {
                assert_eq!(lost, [*job]);
                self.jobs.remove(&{ *job });
            }
            _ => assert_eq!(lost, []),
        }
    }

    fn answer(&mut self, worker: WorkerId) {
        let Some(Worker::Busy(job) | Worker::Leaving(job)) = self.workers.get(&worker).copied() else {
            return;
        };
        self.workers.insert(worker, Worker::Idle);
        assert!(self.pool.handle_answer(worker, job, self.now).is_ok());
        assert!(self.jobs.remove(&job), "done twice");
    }

    fn answer_wrongly(&mut self, worker: WorkerId, job: JobId) {
        let had = match self.workers.get(&worker) {
            Some(Worker::Busy(job) | Worker::Leaving(job)) => vec![*job],
            _ => Vec::new(),
        };
        assert_eq!(self.pool.handle_answer(worker, job, self.now), Err(had.clone()));
        had.iter().for_each(|job| assert!(self.jobs.remove(job)));
    }

    fn farewell(&mut self, worker: WorkerId) {
        self.pool.handle_retiring(worker, self.now);
        // Said twice, or without a job: it is killed for that, or nothing happens.
        if let Some(Worker::Busy(job)) = self.workers.get(&worker) {
            self.workers.insert(worker, Worker::Leaving(*job));
        }
    }

    fn kill(&mut self, worker: WorkerId) {
        let lost = self.pool.handle_gone(worker, self.now);
        match self.workers.remove(&worker) {
            Some(Worker::Busy(job) | Worker::Leaving(job)) => {
                assert_eq!(lost, [job], "a death loses a job");
                assert!(self.jobs.remove(&job));
            }
            _ => assert_eq!(lost, []),
        }
    }

    /// What was sent to it has not arrived: it is gone.
    fn lose(&mut self, worker: WorkerId) {
        if let Some(Worker::Busy(_)) = self.workers.get(&worker) {
            self.workers.remove(&worker);
            self.pool.handle_undelivered(worker, self.now);
        }
    }

    fn give_up_a_job(&mut self, operations: &mut Operations<'_>, for_good: bool) {
        let all: Vec<_> = self.jobs.iter().copied().collect();
        let Some(job) = operations.pick(&all) else { return };
        if for_good {
            self.pool.abandon(job, self.now);
            self.jobs.remove(&job);
        } else if self.pool.withdraw(job, self.now) {
            self.jobs.remove(&job);
        }
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
        self.pool.handle_timeout(self.now);
    }

    fn carry_out(&mut self) {
        while let Some(command) = self.pool.next_command() {
            match command {
                Command::Start => self.ordered += 1,
                Command::Send(worker, job) => {
                    assert_eq!(
                        self.workers.insert(worker, Worker::Busy(job)),
                        Some(Worker::Idle),
                        "to {worker:?}"
                    );
                    assert!(self.jobs.contains(&job), "a job that nobody wants");
                    let same = Worker::Busy(job);
                    assert_eq!(self.workers.values().filter(|other| **other == same).count(), 1, "with two");
                }
                Command::Retire(worker) => {
                    assert_eq!(self.workers.remove(&worker), Some(Worker::Idle), "it has a job");
                }
                Command::Kill(worker) => _ = self.workers.remove(&worker),
                Command::GiveUp(worker) => {
                    assert_eq!(self.workers.remove(&worker), Some(Worker::Starting), "it was ready");
                }
            }
        }
    }

    fn check(&self) {
        assert!(self.pool.size() <= self.most, "{} workers", self.pool.size());
        assert_eq!(self.pool.size(), self.workers.len() + self.ordered);
        let is_busy = |worker: &&Worker| matches!(worker, Worker::Busy(_) | Worker::Leaving(_));
        let busy = self.workers.values().filter(is_busy).count();
        assert_eq!(self.pool.busy(), busy);
        assert_eq!(self.pool.queued() + busy, self.jobs.len(), "a job is lost");
    }

    /// From now on nothing goes wrong.
    fn finish(mut self) {
        for _ in 0..MOST_TURNS {
            if self.jobs.is_empty() {
                return;
            }
            // Before time passes: who is ordered comes, and is ready.
            self.start(false);
            for worker in self.workers.keys().copied().collect::<Vec<_>>() {
                match self.workers.get(&worker) {
                    Some(Worker::Starting) => self.make_ready(worker),
                    Some(Worker::Busy(_) | Worker::Leaving(_)) => self.answer(worker),
                    _ => {}
                }
                self.carry_out();
            }
            // As the event loop does it: woken only when the pool wants to be.
            if let Some(due) = self.pool.next_timeout() {
                self.pass(due.saturating_duration_since(self.now));
                self.carry_out();
            }
            self.check();
        }
        let (idle, due) = (self.pool.idle(), self.pool.next_timeout().map(|due| due - self.now));
        panic!(
            "jobs are never done: {:?} by {:?}, {} ordered, {idle} idle, due in {due:?}",
            self.jobs, self.workers, self.ordered
        );
    }
}
