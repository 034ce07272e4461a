//! What a queue that grows costs those who wait in it, with and without telling early who will not be served.
#![allow(clippy::unwrap_used, clippy::cast_precision_loss)]

use super::testing::{SECOND, Scene, credentials, id, service, site};
use super::*;
use crate::job::{Answer, WorkerId};
use crate::outcome::Outcome;
use crate::policy::dispatch::testing::Works;
use crate::simulation::Random;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

const WORKERS: u32 = 4;
const TIMEOUT: Duration = Duration::from_secs(20);

/// What has become of the requests.
#[derive(Debug, Default)]
struct Result {
    asked: usize,
    served: usize,
    /// How long those have waited who were not.
    waits: Vec<Duration>,
    killed: usize,
    warnings: usize,
}

impl Result {
    fn mean_wait(&self) -> Duration {
        self.waits.iter().sum::<Duration>() / u32::try_from(self.waits.len().max(1)).unwrap()
    }

    /// The part of those who waited for nothing until almost the end.
    fn waited_in_vain(&self) -> f64 {
        let in_vain = self.waits.iter().filter(|wait| **wait > TIMEOUT * 9 / 10).count();
        in_vain as f64 / self.asked.max(1) as f64
    }
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Happening {
    Ask(u64),
    Answer(WorkerId, JobId),
    Ready(WorkerId),
}

/// How long a worker takes over a login.
type Work = fn(&mut Random) -> Duration;

/// Half a second to one and a half.
fn even(random: &mut Random) -> Duration {
    SECOND / 2 + random.milliseconds(1000)
}

/// Next to nothing, but for one in eight. A second in the mean, too.
fn uneven(random: &mut Random) -> Duration {
    if random.one_in(8) { 4 * SECOND + random.milliseconds(8000) } else { random.milliseconds(10) }
}

/// Logins of many users of one mail server.
struct Crowd {
    random: Random,
    now: Instant,
    dispatcher: Dispatcher,
    coming: BinaryHeap<Reverse<(Instant, Happening)>>,
    asked: HashMap<u64, Instant>,
    busy: HashMap<WorkerId, JobId>,
    last_worker: u64,
    work: Work,
    result: Result,
}

impl Crowd {
    fn new(seed: u64, work: Work, sheds: bool) -> Self {
        let settings = FrontendSettings { request_timeout: TIMEOUT, ..service(WORKERS as usize, false) };
        let site = Rc::new(site(&settings, &[Works::InWorkers]));
        let now = Instant::now();
        let mut dispatcher = Dispatcher::new(&settings, site, &[7; 32], now);
        dispatcher.sheds = sheds;
        Self {
            random: Random(seed),
            now,
            dispatcher,
            coming: BinaryHeap::new(),
            asked: HashMap::new(),
            busy: HashMap::new(),
            last_worker: 0,
            work,
            result: Result::default(),
        }
    }

    /// So many come, evenly spread over a time that begins then.
    fn come(mut self, count: u32, after: Duration, over: Duration) -> Self {
        for number in 0..count {
            self.result.asked += 1;
            let client = self.result.asked as u64;
            let when = self.now + after + over * number / count;
            self.coming.push(Reverse((when, Happening::Ask(client))));
        }
        self
    }

    fn run(mut self) -> Result {
        self.carry_out();
        loop {
            let happening = self.coming.peek().map(|Reverse((when, _))| *when);
            let timeout = self.dispatcher.next_timeout();
            let Some(next) = happening.into_iter().chain(timeout).min() else { return self.result };
            if happening.is_none() && self.asked.is_empty() {
                return self.result;
            }
            self.now = next.max(self.now);
            while self.coming.peek().is_some_and(|Reverse((when, _))| *when <= self.now) {
                let Some(Reverse((_, happening))) = self.coming.pop() else { break };
                self.happen(happening);
                self.carry_out();
            }
            self.dispatcher.handle_timeout(self.now);
            self.carry_out();
        }
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Ask(client) => {
                self.asked.insert(client, self.now);
                let login = format!("user{}", self.random.below(1000));
                let deadline = self.now + TIMEOUT;
                let credentials = credentials(&login, "secret");
                let uid = || Some(1000);
                self.dispatcher.handle_request(id(client), "mux", credentials, uid, deadline, self.now);
            }
            Happening::Answer(worker, job) if self.busy.get(&worker) == Some(&job) => {
                self.busy.remove(&worker);
                let answer = Answer::Verdict(Outcome::ACCEPT.into());
                self.dispatcher.handle_answer(worker, job, answer, self.now);
            }
            Happening::Answer(..) => {}
            Happening::Ready(worker) => self.dispatcher.handle_ready(worker, self.now),
        }
    }

    fn carry_out(&mut self) {
        while let Some(action) = self.dispatcher.next_action() {
            match action {
                Action::StartWorker(pool) => {
                    self.last_worker += 1;
                    let worker = WorkerId(self.last_worker);
                    self.dispatcher.handle_worker(worker, pool, self.now);
                    self.coming.push(Reverse((self.now + SECOND / 10, Happening::Ready(worker))));
                }
                Action::Send(worker, job, _) => {
                    self.busy.insert(worker, job);
                    let taken = (self.work)(&mut self.random);
                    self.coming.push(Reverse((self.now + taken, Happening::Answer(worker, job))));
                }
                Action::Kill(worker) => {
                    self.result.killed += 1;
                    self.busy.remove(&worker);
                }
                Action::Reply(request, _, outcome) => {
                    let asked = self.asked.remove(&request.client.0).unwrap();
                    match outcome {
                        Outcome::Accept(_) => self.result.served += 1,
                        _ => self.result.waits.push(self.now - asked),
                    }
                }
                Action::Log(Event::Shed(_)) => self.result.warnings += 1,
                _ => {}
            }
        }
    }
}

/// Three times as many as can be served, for five minutes: with and without telling early.
fn flooded(seed: u64, work: Work) -> (Result, Result) {
    let run = |sheds| {
        let crowd = Crowd::new(seed, work, sheds);
        crowd.come(3 * WORKERS * 300, Duration::ZERO, 300 * SECOND).run()
    };
    let (with, without) = (run(true), run(false));
    println!(
        "seed {seed}: served {} of {} instead of {}, others waited {:?} instead of {:?}, in vain {:.3} instead of {:.3}, killed {} instead of {}",
        with.served,
        with.asked,
        without.served,
        with.mean_wait(),
        without.mean_wait(),
        with.waited_in_vain(),
        without.waited_in_vain(),
        with.killed,
        without.killed
    );
    (with, without)
}

/// Without it most logins come to a worker when there is no time left to serve them.
#[test]
fn of_three_times_too_many_a_third_is_served_and_the_others_are_told_early() {
    for seed in 0..2 {
        let (with, without) = flooded(seed, even);
        assert!(with.served >= with.asked / 3 && with.served > 2 * without.served);
        assert!(with.mean_wait() < 2 * SECOND && without.mean_wait() > 19 * SECOND);
        assert!(with.waited_in_vain() < 0.01 && without.waited_in_vain() > 0.5);
        assert!(with.killed < 10 && without.killed > 1000);
        assert_eq!(with.warnings, 6, "once a minute");
    }
}

/// Slow logins are killed late in the time of a request, for the sake of all others; no foresight is better at that.
#[test]
fn where_few_take_most_of_the_time_as_many_are_served_and_the_others_wait_no_longer() {
    for seed in 0..2 {
        let (with, without) = flooded(seed, uneven);
        assert!(with.served * 100 > without.served * 95);
        assert!(with.mean_wait() <= without.mean_wait());
    }
}

#[test]
fn a_burst_that_the_workers_can_serve_in_time_is_served_to_the_last_one() {
    for seed in 0..10 {
        // 16 that are served at once and show the pace, then 60 of the 76 that 4 workers can do in 19 seconds.
        let crowd = Crowd::new(seed, even, true).come(16, Duration::ZERO, 8 * SECOND);
        let result = crowd.come(60, 10 * SECOND, SECOND).run();
        assert_eq!(result.served, 76, "{result:?}");
    }
}

#[test]
fn a_load_just_below_what_can_be_served_loses_nobody() {
    for seed in 0..5 {
        let result = Crowd::new(seed, even, true).come(95 * 3 * WORKERS, Duration::ZERO, 300 * SECOND).run();
        assert_eq!(result.served, result.asked);
    }
}

#[test]
fn those_who_come_after_a_flood_are_all_served() {
    for seed in 0..5 {
        let crowd = Crowd::new(seed, even, true).come(600, Duration::ZERO, 10 * SECOND);
        let result = crowd.come(100, 40 * SECOND, 30 * SECOND).run();
        assert!(result.served >= 100 + 15 * WORKERS as usize, "{result:?}");
    }
}

/// Two ask the same; the one with little time takes nothing from the other.
#[test]
fn a_login_is_given_up_by_the_time_of_the_last_who_waits_for_it() {
    let mut scene = Scene::new(service(1, true));
    for number in 0..16 {
        scene.ask(number, &format!("user{number}"), "secret");
        scene.pass(SECOND);
        scene.answer(scene.sent.len() - 1, Outcome::ACCEPT);
    }
    scene.replies.clear();
    (20..24).for_each(|number| scene.ask(number, &format!("user{number}"), "secret"));
    for (number, deadline) in [(30, 3 * SECOND), (31, 50 * SECOND)] {
        scene.ask_with(number, "mux", credentials("anna", "secret"), 1000, deadline);
    }
    (0..4).for_each(|_| scene.pass(SECOND / 2));
    assert_eq!(scene.replies, [], "it has time enough");
    assert_eq!(scene.dispatcher.take_totals().logins_shed, 0);
}
