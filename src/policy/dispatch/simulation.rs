//! A seeded simulation of dispatcher, cache and pool on virtual time, with injected deaths, delays and lost
//! messages. After every step the invariants of docs/ARCHITECTURE.md hold.
//!
//! A failing seed is printed; `SASLAUTHD_SIMULATION_SEED=n cargo test simulation` replays it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation
)]

use super::tests::{credentials, service};
use super::*;
use crate::config::{CacheSettings, WorkerSettings};
use crate::policy::pool::START_TIME;
use crate::secret;
use crate::simulation::{Random, of_all_seeds};
use std::collections::BTreeMap;
use std::time::Duration;

const STEPS: usize = 400;
const SECOND: Duration = Duration::from_secs(1);

#[test]
fn the_invariants_hold_whatever_dies_is_delayed_or_is_lost() {
    of_all_seeds(|seed| World::new(seed).run());
}

fn login_of(job: &Job) -> Option<&Login> {
    match &job.asker {
        Asker::Clients(login) => Some(login),
        Asker::Driver(_) => None,
    }
}

fn place(origin: &Origin) -> Place {
    (origin.uid, text(&origin.login.name))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// A worker as the simulated kernel knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Process {
    /// Started at the instant, has not said that it is ready.
    Booting(Instant),
    Idle,
    /// Has a job and its credentials.
    Working(JobId, String, String),
    /// Has an errand.
    Errand(JobId),
    /// Will never answer: its message was lost, or it hangs.
    Stuck,
}

/// A user, and the login asked about.
type Place = (Option<u32>, String);

struct Asked {
    login: String,
    password: String,
    deadline: Instant,
}

/// The world around a dispatcher, and what it remembers to judge it by.
struct World {
    random: Random,
    now: Instant,
    service: FrontendSettings,
    dispatcher: Dispatcher,
    /// Secrets alive when the world began: other tests run in other threads with counters of their own.
    secrets_before: usize,
    processes: HashMap<WorkerId, Process>,
    /// Those that have given their last answer.
    retiring: BTreeSet<WorkerId>,
    route: Route,
    /// What the servers have been asked and have not decided: login and password.
    network: BTreeMap<JobId, (String, String)>,
    /// Errands that have no result yet.
    errands: BTreeSet<ErrandId>,
    /// Who holds each worker that has something to do.
    held: HashMap<WorkerId, Place>,
    /// How often a user who waits and holds no worker has seen another one get one.
    overtaken: BTreeMap<(Option<u32>, Option<u32>), usize>,
    last_errand: u64,
    /// Orders to start a worker that the supervisor has not carried out yet.
    ordered: usize,
    last_worker: u64,
    asked: HashMap<ClientId, Asked>,
    last_client: u64,
    /// When a mechanism last accepted a login, and with which password.
    accepted: HashMap<String, (String, Instant)>,
    /// Outcomes of jobs that were accepted, not yet replied.
    verdicts: Vec<(String, String)>,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut random = Random(seed);
        let workers = 1 + random.below(6) as usize;
        let mut service = service(workers, random.one_in(2));
        service.cache = service.cache.map(|_| CacheSettings {
            bytes: 128 * (1 + random.below(6) as usize),
            lifetime: SECOND * (1 + random.below(90) as u32),
        });
        service.request_timeout = SECOND * (1 + random.below(60) as u32);
        let one_each = random.one_in(4);
        service.workers = WorkerSettings {
            ready: if one_each { 1 } else { workers },
            requests_each: if one_each { 1 } else { 1 + random.below(20) as u32 },
            ..service.workers
        };
        let route = if random.one_in(3) { Route::Network } else { Route::Workers };
        let now = Instant::now();
        let secrets_before = secret::alive();
        Self {
            dispatcher: Dispatcher::new(service.clone(), route, &[seed as u8; 32], now),
            random,
            now,
            service,
            secrets_before,
            processes: HashMap::new(),
            retiring: BTreeSet::new(),
            route,
            network: BTreeMap::new(),
            errands: BTreeSet::new(),
            held: HashMap::new(),
            overtaken: BTreeMap::new(),
            last_errand: 0,
            ordered: 0,
            last_worker: 0,
            asked: HashMap::new(),
            last_client: 0,
            accepted: HashMap::new(),
            verdicts: Vec::new(),
        }
    }

    fn run(mut self) {
        self.carry_out();
        for _ in 0..STEPS {
            self.step();
            self.carry_out();
            self.check();
        }
        self.finish();
    }

    fn step(&mut self) {
        match self.random.below(20) {
            0..=4 => self.ask(),
            5..=6 if self.route == Route::Network => self.decide(),
            5..=8 => self.answer(),
            18..=19 => self.hang_up(),
            16 => self.send_an_errand(),
            17 => self.run_an_errand(),
            9 => self.kill_a_worker(),
            10 => self.speak_out_of_turn(),
            11..=12 => self.start_a_worker(),
            13 => self.make_a_worker_ready(),
            _ => self.pass_time(),
        }
    }

    fn ask(&mut self) {
        if self.asked.len() >= self.service.max_connections {
            return;
        }
        self.last_client += 1;
        let client = ClientId(self.last_client);
        let login = format!("user{}", self.random.below(8));
        let password = format!("password{}", self.random.below(3));
        let deadline = self.now + self.service.request_timeout;
        let credentials = credentials(&login, &password);
        let uid = self.random.below(3) as u32;
        self.asked.insert(client, Asked { login, password, deadline });
        self.dispatcher.handle_request(client, credentials, || Some(uid), self.now);
    }

    fn hang_up(&mut self) {
        let mut clients: Vec<_> = self.asked.keys().copied().collect();
        clients.sort();
        if let Some(client) = self.random.pick(&clients) {
            self.asked.remove(&client);
            self.dispatcher.handle_hang_up(client, self.now);
        }
    }

    fn answer(&mut self) {
        let working: Vec<_> = self.workers_that(|process| matches!(process, Process::Working(..)));
        let Some(worker) = self.random.pick(&working) else { return };
        if self.random.one_in(12) {
            self.processes.insert(worker, Process::Stuck);
            return;
        }
        let Some(Process::Working(job, login, password)) = self.processes.insert(worker, Process::Idle)
        else {
            return;
        };
        self.held.remove(&worker);
        let verdict = self.verdict(login, password);
        if self.random.one_in(8) {
            self.retiring.insert(worker);
            self.dispatcher.handle_retiring(worker, self.now);
        }
        self.dispatcher.handle_answer(worker, job, Answer::Verdict(verdict), self.now);
    }

    /// What a mechanism makes of a login, remembered if it is an acceptance.
    fn verdict(&mut self, login: String, password: String) -> Verdict {
        let outcome = match self.random.below(4) {
            0 => Outcome::reject("PAM auth error"),
            1 => Outcome::unavailable("PAM start error", "simulated"),
            _ => Outcome::ACCEPT,
        };
        if outcome == Outcome::ACCEPT {
            self.verdicts.push((login.clone(), password.clone()));
            self.accepted.insert(login, (password, self.now));
        }
        Verdict { outcome, delay: SECOND * self.random.below(4) as u32 }
    }

    /// The servers decide; now and then about a login that nobody waits for any more.
    fn decide(&mut self) {
        if self.random.one_in(10) {
            let unknown = JobId(u64::MAX - self.random.below(3));
            return self.dispatcher.handle_decision(unknown, Outcome::ACCEPT.into(), self.now);
        }
        let asked: Vec<_> = self.network.keys().copied().collect();
        let Some(job) = self.random.pick(&asked) else { return };
        let (login, password) = self.network.remove(&job).unwrap();
        let verdict = self.verdict(login, password);
        self.dispatcher.handle_decision(job, verdict, self.now);
    }

    fn send_an_errand(&mut self) {
        if self.errands.len() >= 20 {
            return;
        }
        self.last_errand += 1;
        let id = ErrandId(self.last_errand);
        let mut logins: Vec<_> = self.network.keys().copied().collect();
        logins.retain(|login| login_of(&self.dispatcher.jobs[login]).is_some_and(|one| one.errand.is_none()));
        let login = self.random.pick(&logins).filter(|_| self.route == Route::Network);
        self.errands.insert(id);
        let errand = Errand::Resolve { host: "localhost".into(), service: "389".into() };
        self.dispatcher.handle_errand(id, errand, login, self.now);
    }

    fn run_an_errand(&mut self) {
        let running: Vec<_> = self.workers_that(|process| matches!(process, Process::Errand(_)));
        let Some(worker) = self.random.pick(&running) else { return };
        let Some(Process::Errand(job)) = self.processes.insert(worker, Process::Idle) else { return };
        self.held.remove(&worker);
        let answer = if self.random.one_in(10) {
            Answer::Verdict(Outcome::ACCEPT.into())
        } else {
            Answer::Errand(ErrandResult::PasswordChecked(true))
        };
        self.dispatcher.handle_answer(worker, job, answer, self.now);
    }

    fn kill_a_worker(&mut self) {
        let all: Vec<_> = self.workers_that(|_| true);
        if let Some(worker) = self.random.pick(&all) {
            self.processes.remove(&worker);
            self.held.remove(&worker);
            self.dispatcher.handle_worker_gone(worker, self.now);
        }
    }

    /// A worker gone mad, or one that was killed and whose message comes late: a verdict nobody asked it for.
    fn speak_out_of_turn(&mut self) {
        let worker = WorkerId(1 + self.random.below(self.last_worker.max(1)));
        if matches!(self.processes.get(&worker), Some(Process::Working(..) | Process::Errand(_))) {
            return;
        }
        let job = JobId(1 + self.random.below(self.last_client.max(1)));
        if self.random.one_in(6) {
            self.dispatcher.handle_retiring(worker, self.now);
        } else if self.random.one_in(2) && !matches!(self.processes.get(&worker), Some(Process::Booting(_))) {
            self.dispatcher.handle_ready(worker, self.now);
        } else if self.processes.get(&worker) != Some(&Process::Stuck) {
            let verdict = Answer::Verdict(Outcome::ACCEPT.into());
            self.dispatcher.handle_answer(worker, job, verdict, self.now);
        }
    }

    fn start_a_worker(&mut self) {
        if self.ordered == 0 {
            return;
        }
        self.ordered -= 1;
        if self.random.one_in(6) {
            return self.dispatcher.handle_start_failed(self.now);
        }
        self.last_worker += 1;
        let worker = WorkerId(self.last_worker);
        self.processes.insert(worker, Process::Booting(self.now));
        self.dispatcher.handle_worker(worker, self.now);
    }

    fn make_a_worker_ready(&mut self) {
        let booting: Vec<_> = self.workers_that(|process| matches!(process, Process::Booting(_)));
        if let Some(worker) = self.random.pick(&booting) {
            self.processes.insert(worker, Process::Idle);
            self.dispatcher.handle_ready(worker, self.now);
        }
    }

    fn pass_time(&mut self) {
        let jump = Duration::from_millis(self.random.below(5000));
        // Like the event loop: never later than the dispatcher wants to be woken.
        let due = self.dispatcher.next_timeout().unwrap_or(self.now + jump);
        self.now = due.min(self.now + jump).max(self.now);
        self.dispatcher.handle_timeout(self.now);
    }

    fn workers_that(&self, wanted: impl Fn(&Process) -> bool) -> Vec<WorkerId> {
        let mut workers: Vec<_> =
            self.processes.iter().filter(|(_, process)| wanted(process)).map(|(worker, _)| *worker).collect();
        workers.sort();
        workers
    }

    fn carry_out(&mut self) {
        while let Some(action) = self.dispatcher.next_action() {
            match action {
                Action::Reply(client, outcome) => self.judge(client, &outcome),
                Action::StartWorker => self.ordered += 1,
                Action::Send(worker, job, purpose) => self.deliver(worker, job, purpose),
                Action::Retire(worker) => {
                    assert_eq!(self.processes.remove(&worker), Some(Process::Idle), "retired at work");
                }
                Action::Kill(worker) => {
                    self.processes.remove(&worker);
                    self.held.remove(&worker);
                }
                Action::Withdraw(job) => self.withdraw(job),
                Action::Ask(job, _, credentials) => {
                    let asked = (text(&credentials.login), text(credentials.password.as_bytes()));
                    assert_eq!(self.network.insert(job, asked), None, "asked twice");
                }
                Action::Abandon(job) => {
                    self.network.remove(&job);
                }
                Action::Report(id, _) => assert!(self.errands.remove(&id), "exactly one result"),
                Action::Log(_) => {}
            }
        }
    }

    /// The driver gives up a login that nobody waits for if nothing is being asked for it.
    fn withdraw(&mut self, job: JobId) {
        let login = login_of(&self.dispatcher.jobs[&job]).unwrap();
        assert!(login.clients.is_empty(), "somebody waits for it");
        if self.random.one_in(2) && self.network.remove(&job).is_some() {
            let verdict = Outcome::internal_failure("nobody waits").into();
            self.dispatcher.handle_decision(job, verdict, self.now);
        }
    }

    fn deliver(&mut self, worker: WorkerId, job: JobId, purpose: Purpose) {
        if self.random.one_in(20) || !self.processes.contains_key(&worker) {
            self.processes.remove(&worker);
            return self.dispatcher.handle_undelivered(worker, job, purpose, self.now);
        }
        assert_eq!(self.processes.get(&worker), Some(&Process::Idle), "one request at a time");
        assert!(!self.retiring.contains(&worker), "a job for one that has given its last answer");
        self.note_turn(worker, job);
        let process = match purpose {
            _ if self.random.one_in(20) => Process::Stuck,
            Purpose::CheckLogin(credentials) => {
                assert_eq!(self.route, Route::Workers);
                let password = text(credentials.password.as_bytes());
                Process::Working(job, text(&credentials.login), password)
            }
            Purpose::Errand(_) => Process::Errand(job),
        };
        self.processes.insert(worker, process);
    }

    /// Nobody who waits and holds no worker sees another user get two, and nothing is done that nobody waits for.
    fn note_turn(&mut self, worker: WorkerId, id: JobId) {
        let job = &self.dispatcher.jobs[&id];
        let nobody_waits = login_of(job).is_some_and(|login| login.clients.is_empty());
        assert!(!nobody_waits, "a login that nobody waits for");
        let served = place(&job.origin);
        self.held.insert(worker, served.clone());
        let starving = self.starving();
        self.overtaken.retain(|(user, _), _| starving.contains(user));
        for user in starving {
            let count = self.overtaken.entry((user, served.0)).or_default();
            *count += 1;
            assert!(*count <= 1, "overtaken twice by the same user");
        }
    }

    /// The users who wait for a worker and hold none.
    fn starving(&self) -> BTreeSet<Option<u32>> {
        let waiting = self.dispatcher.jobs.values().filter(|job| job.purpose.is_some());
        let waiting = waiting.map(|job| job.origin.uid);
        waiting.filter(|user| !self.held.values().any(|(holder, _)| holder == user)).collect()
    }

    /// Invariants 1, 2 and 3, for one reply.
    fn judge(&mut self, client: ClientId, outcome: &Outcome) {
        let asked = self.asked.remove(&client).expect("exactly one reply");
        assert!(self.now <= asked.deadline, "a reply after its deadline");
        if !matches!(outcome, Outcome::Accept(_)) {
            return;
        }
        let decided_now = self.verdicts.contains(&(asked.login.clone(), asked.password.clone()));
        let cached = self.service.cache.as_ref().is_some_and(|cache| {
            let accepted = self.accepted.get(&asked.login);
            accepted.is_some_and(|(password, when)| {
                *password == asked.password && self.now < *when + cache.lifetime
            })
        });
        assert!(decided_now || cached, "OK for credentials that nothing accepted");
    }

    fn check(&mut self) {
        self.verdicts.clear();
        let starving = self.starving();
        self.overtaken.retain(|(user, _), _| starving.contains(user));
        // Invariant 1: nobody waits beyond the deadline.
        let due = self.dispatcher.next_timeout();
        for asked in self.asked.values() {
            assert!(due.is_some_and(|due| due <= asked.deadline), "a client would be forgotten");
        }
        assert!(self.errands.is_empty() || due.is_some(), "an errand would be forgotten");
        let in_time = |process: &Process| !matches!(process, Process::Booting(since) if *since + START_TIME <= self.now);
        assert!(self.processes.values().all(in_time), "a worker that never becomes ready is kept");
        // Invariant 4: no user waits without a worker while one could serve.
        assert!(self.dispatcher.pool.idle() == 0 || self.starving().is_empty(), "idle beside a queue");
        // Invariant 5: the only passwords are those of requests that wait for a worker.
        let held = secret::alive() - self.secrets_before;
        let waiting = self.dispatcher.pool.waiting();
        let is_waiting_errand = |job: &&Job| matches!(job.purpose, Some(Purpose::Errand(_)));
        let errands = self.dispatcher.jobs.values().filter(is_waiting_errand).count();
        assert_eq!(held, waiting - errands, "a password outlives its use");
        // Invariant 6: everything is bounded.
        assert!(self.dispatcher.pool.size() <= self.service.workers.most);
        assert_eq!(self.dispatcher.clients.len(), self.asked.len());
        let jobs = || self.dispatcher.jobs.values();
        let nobody_waits = |job: &&Job| login_of(job).is_some_and(|login| login.clients.is_empty());
        let abandoned = jobs().filter(nobody_waits).count();
        assert!(jobs().filter(nobody_waits).all(|job| job.purpose.is_none()), "kept although nobody waits");
        assert!(self.dispatcher.jobs.len() <= self.asked.len() + abandoned + self.errands.len());
        assert_eq!(jobs().filter(|job| login_of(job).is_none()).count(), self.errands.len());
        assert!(self.dispatcher.timers.len() <= self.asked.len() + abandoned + self.errands.len());
        assert!(self.dispatcher.in_flight.len() <= self.dispatcher.jobs.len());
        if let Some(cache) = &self.dispatcher.cache {
            assert!(cache.len() <= cache.most());
        }
    }

    /// Left alone, every client is answered: with nothing but time.
    fn finish(&mut self) {
        while !self.dispatcher.is_idle() || !self.errands.is_empty() {
            let due = self.dispatcher.next_timeout().expect("clients wait, so there is a deadline");
            self.now = self.now.max(due);
            self.dispatcher.handle_timeout(self.now);
            self.carry_out();
            self.check();
        }
        assert!(self.dispatcher.is_idle());
        assert_eq!(secret::alive(), self.secrets_before);
    }
}
