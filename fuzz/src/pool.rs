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

/// What has room in a batch, where each job takes as much as its number says.
const ROOM: usize = 2000;

/// Whatever happens: there are never more workers than are allowed; jobs go to a worker that is ready and has none, and no more
/// than it may have at a time; no job is with two; what a dead worker had comes back; and left alone, all jobs are done.
pub fn check(bytes: &[u8]) {
    let mut operations = Operations::new(bytes);
    let most = 1 + operations.below(5);
    let ready = operations.below(most + 1);
    let requests_each = 1 + operations.below(4) as u32;
    let batch = 1 + operations.below(4);
    let settings = WorkerSettings { most, ready, requests_each, flag: WorkerFlag::Processes };
    let mut world = World::new(settings, batch);
    while let Some(byte) = operations.next_byte() {
        world.step(byte, &mut operations);
        world.carry_out();
        world.check();
    }
    world.finish();
}

/// A worker as the operating system knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Worker {
    Starting,
    Idle,
    /// Has these, and answers them in this order.
    Busy(Vec<JobId>),
    /// Says farewell with its next answers.
    Leaving(Vec<JobId>),
}

impl Worker {
    fn jobs(&self) -> &[JobId] {
        match self {
            Self::Busy(jobs) | Self::Leaving(jobs) => jobs,
            Self::Starting | Self::Idle => &[],
        }
    }
}

struct World {
    pool: Pool,
    most: usize,
    /// How many jobs a worker gets at a time, at the most.
    batch: usize,
    now: Instant,
    workers: BTreeMap<WorkerId, Worker>,
    /// Started, and the pool not told yet.
    ordered: usize,
    last: u64,
    /// Those that nobody has done, also what nobody needs and a worker has beside others.
    jobs: BTreeSet<JobId>,
}

impl World {
    fn new(settings: WorkerSettings, batch: usize) -> Self {
        let (most, now) = (settings.most, Instant::now());
        let batch_of_each = batch.min(settings.requests_each as usize);
        let mut pool = Pool::new(settings).in_batches(batch);
        pool.handle_timeout(now);
        let mut world = Self {
            pool,
            most,
            batch: batch_of_each,
            now,
            workers: BTreeMap::new(),
            ordered: 0,
            last: 0,
            jobs: BTreeSet::new(),
        };
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
            (6..=8, Some(worker)) => self.answer(worker, operations.below(self.batch)),
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

    /// Says that it is ready; one that has said so before costs its jobs.
    fn make_ready(&mut self, worker: WorkerId) {
        let lost = self.pool.handle_ready(worker, self.now);
        if self.workers.get(&worker) == Some(&Worker::Starting) {
            assert_eq!(lost, []);
            self.workers.insert(worker, Worker::Idle);
        } else {
            self.lose_jobs_of(worker, &lost);
        }
    }

    /// Answers what it has, but so many.
    fn answer(&mut self, worker: WorkerId, but: usize) {
        let has = self.workers.get(&worker).map(|worker| worker.jobs().to_vec()).unwrap_or_default();
        for job in has.iter().take(has.len().saturating_sub(but)) {
            assert!(self.pool.handle_answer(worker, *job, self.now).is_ok());
            assert!(self.jobs.remove(job), "done twice");
            if let Some(Worker::Busy(jobs) | Worker::Leaving(jobs)) = self.workers.get_mut(&worker) {
                jobs.remove(0);
            }
        }
        if but == 0 && !has.is_empty() {
            self.workers.insert(worker, Worker::Idle);
        }
    }

    fn answer_wrongly(&mut self, worker: WorkerId, job: JobId) {
        match self.pool.handle_answer(worker, job, self.now) {
            Ok(_) => panic!("a job that nobody has"),
            Err(lost) => self.lose_jobs_of(worker, &lost),
        }
    }

    /// These are lost with it, and they must be what it had.
    fn lose_jobs_of(&mut self, worker: WorkerId, lost: &[JobId]) {
        let had = self.workers.get(&worker).map(Worker::jobs).unwrap_or_default();
        assert_eq!(lost, had, "a death loses a job");
        lost.iter().for_each(|job| assert!(self.jobs.remove(job)));
    }

    fn farewell(&mut self, worker: WorkerId) {
        self.pool.handle_retiring(worker, self.now);
        // Said twice, or without a job: it is killed for that, or nothing happens.
        if let Some(Worker::Busy(jobs)) = self.workers.get(&worker) {
            self.workers.insert(worker, Worker::Leaving(jobs.clone()));
        }
    }

    fn kill(&mut self, worker: WorkerId) {
        let lost = self.pool.handle_gone(worker, self.now);
        self.lose_jobs_of(worker, &lost);
        self.workers.remove(&worker);
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
        let is_with_worker = self.workers.values().any(|worker| worker.jobs().contains(&job));
        if !for_good {
            assert_eq!(self.pool.withdraw(job, self.now), !is_with_worker);
        } else if self.pool.abandon(job, self.now) {
            assert!(is_with_worker, "killed for a job that waits");
            let has = |worker: &&Worker| worker.jobs().contains(&job);
            let lost = self.workers.values().find(has).map(|worker| worker.jobs().to_vec());
            lost.iter().flatten().for_each(|job| assert!(self.jobs.remove(job)));
        }
        if !is_with_worker {
            self.jobs.remove(&job);
        }
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
        self.pool.handle_timeout(self.now);
    }

    /// As the event loop does it: what is sent, and then what goes in batches.
    fn carry_out(&mut self) {
        loop {
            while let Some(command) = self.pool.next_command() {
                self.obey(command);
            }
            if !self.pool.hand_out(ROOM, |job| job.0 as usize % 1000, self.now) {
                return;
            }
        }
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Start => self.ordered += 1,
            Command::Send(worker, job) => self.send(worker, job),
            Command::Retire(worker) => {
                assert_eq!(self.workers.remove(&worker), Some(Worker::Idle), "it has a job");
            }
            Command::Kill(worker) => _ = self.workers.remove(&worker),
            Command::GiveUp(worker) => {
                assert_eq!(self.workers.remove(&worker), Some(Worker::Starting), "it was ready");
            }
        }
    }

    fn send(&mut self, worker: WorkerId, job: JobId) {
        assert!(self.jobs.contains(&job), "a job that nobody wants");
        let is_taken = self.workers.values().any(|worker| worker.jobs().contains(&job));
        assert!(!is_taken, "with two");
        let mut jobs = match self.workers.remove(&worker) {
            Some(Worker::Idle) => Vec::new(),
            // Of the same batch.
            Some(Worker::Busy(jobs)) => jobs,
            other => panic!("to {other:?}"),
        };
        jobs.push(job);
        assert!(jobs.len() <= self.batch, "more than it may have");
        self.workers.insert(worker, Worker::Busy(jobs));
    }

    fn check(&self) {
        assert!(self.pool.size() <= self.most, "{} workers", self.pool.size());
        assert_eq!(self.pool.size(), self.workers.len() + self.ordered);
        let busy = self.workers.values().filter(|worker| !worker.jobs().is_empty());
        assert_eq!(self.pool.busy(), busy.clone().count());
        let taken: usize = busy.map(|worker| worker.jobs().len()).sum();
        assert_eq!(self.pool.queued() + taken, self.jobs.len(), "a job is lost");
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
                    Some(Worker::Busy(_) | Worker::Leaving(_)) => self.answer(worker, 0),
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
