//! A seeded simulation of dispatcher, cache and pools on virtual time: random sites and routes, with injected deaths,
//! delays, lost messages, and in some worlds a pool that never answers. After every step the invariants of
//! docs/ARCHITECTURE.md hold.
//!
//! A failing seed is printed; `SASLAUTHD_SIMULATION_SEED=n cargo test simulation` replays it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation
)]

mod backends;
mod checks;
mod effects;
mod events;
mod memory;
mod overload;
mod policy_server;
mod sites;

use super::testing::{SECOND, service};
use super::*;
use crate::config::CacheSettings;
use crate::job::WorkerId;
use crate::metrics::totals::Totals;
use crate::secret;
#[cfg(test)]
use crate::simulation::of_all_seeds;
use crate::simulation::{Random, is_over};
use backends::Realms;
use checks::History;
use memory::{Memory, Refused};
use policy_server::Policy;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

const STEPS: usize = 400;

#[test]
fn the_invariants_hold_whatever_dies_is_delayed_or_is_lost() {
    of_all_seeds(run);
}

/// A world of that seed, to its end.
pub(crate) fn run(seed: u64) {
    World::new(seed).run();
}

/// A worker as the simulated kernel knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Process {
    /// Started at the instant, has not said that it is ready.
    Booting(Instant),
    Idle,
    /// Has these logins.
    Working(Vec<JobId>),
    /// Has an errand.
    Errand(JobId),
    /// Has these jobs and will never answer: its message was lost, or it hangs.
    Stuck(Vec<JobId>),
}

/// A user, and the login asked about.
type Origins = (Option<u32>, String);

/// A request that has no reply yet.
struct Asked {
    question: Question,
    since: Instant,
    deadline: Instant,
    job: Option<JobId>,
    /// What the negative cache could say when it came.
    known: Vec<Refused>,
}

/// What must be the same for two requests to have one answer.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Question {
    /// 0 for the default.
    route: usize,
    service: &'static str,
    login: String,
    password: String,
    client: Option<IpAddr>,
}

/// The world around a dispatcher, and what it remembers to judge it by.
struct World {
    random: Random,
    now: Instant,
    service: FrontendSettings,
    site: Rc<Site>,
    dispatcher: Dispatcher,
    /// Secrets alive when the world began: other tests run in other threads with counters of their own.
    secrets_before: usize,
    /// Mechanisms are often down, and few logins are asked about again and again.
    outages: bool,
    /// Its workers never answer.
    hanging: Option<PoolId>,
    processes: BTreeMap<WorkerId, (PoolId, Process)>,
    /// Those that have given their last answer.
    retiring: BTreeSet<WorkerId>,
    /// What servers have been asked and have not decided.
    network: BTreeMap<JobId, InstanceId>,
    /// Errands that have no result yet.
    errands: BTreeMap<ErrandId, InstanceId>,
    /// Of whom each job is that a worker has.
    held: HashMap<JobId, (PoolId, Origins)>,
    /// What is on its way to workers.
    unsent: Vec<(WorkerId, Vec<(JobId, Purpose)>)>,
    /// How often a user who waits in a pool and holds no worker of it has seen another one get one.
    overtaken: BTreeMap<(PoolId, Option<u32>, Option<u32>), usize>,
    /// Who was waiting in which queue at the last look, with what.
    waiting: BTreeMap<(PoolId, Option<u32>), BTreeSet<JobId>>,
    last_errand: u64,
    /// Orders to start a worker that the supervisor has not carried out yet.
    ordered: Vec<PoolId>,
    last_worker: u64,
    asked: BTreeMap<RequestId, Asked>,
    last_client: u64,
    /// What has become of every login.
    histories: HashMap<JobId, History>,
    /// When a question was last accepted, and with which password.
    accepted: HashMap<Question, Instant>,
    /// Logins that are not to be remembered: the cache was emptied while they were being decided.
    unremembered: BTreeSet<JobId>,
    memory: Memory,
    /// What the log was told.
    told: Totals,
    /// What the dispatcher has counted.
    counted: Totals,
    /// How many requests were decided, and hits and misses of the cache expected.
    answered: u64,
    looked_up: u64,
    /// Questions that were accepted, not yet replied to.
    verdicts: Vec<Question>,
    /// How many logins were given up that waited for a worker.
    shed: u64,
    /// How many were not asked of a silent backend.
    left_alone: u64,
    realms: Realms,
    is_stopping: bool,
    policy: Policy,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut random = Random(seed);
        let mut service = service(1, random.one_in(2));
        service.cache = service.cache.map(|_| CacheSettings {
            bytes: 160 * (1 + random.below(6) as usize),
            lifetime: SECOND * (1 + random.below(90) as u32),
            stale: SECOND * random.below(60) as u32,
        });
        let outages = random.one_in(3);
        if let (Some(cache), true) = (&mut service.cache, outages) {
            // Much is asked about what has expired.
            *cache = CacheSettings { bytes: 1 << 16, lifetime: SECOND / 10, stale: SECOND * 300 };
        }
        service.failure_delay = SECOND * random.below(4) as u32;
        service.negative_cache_ttl = SECOND * (random.below(3) * random.below(20)) as u32;
        service.request_timeout = SECOND * (1 + random.below(60) as u32);
        let site = Rc::new(sites::random(&mut random));
        let hanging = PoolId(random.below(2 * site.pools.len() as u64) as usize);
        let now = Instant::now();
        let dispatcher = Dispatcher::new(&service, Rc::clone(&site), &[seed as u8; 32], now);
        let (policy, dispatcher) = Policy::of(&site, &mut random, dispatcher);
        let of_login = backends::of_instances(&site, &mut random);
        let realms = Realms::told_by(&of_login);
        let dispatcher = dispatcher.with_backends(of_login);
        let secrets_before = secret::alive();
        Self {
            dispatcher,
            policy,
            hanging: (site.pools.len() > 1 && hanging.0 < site.pools.len()).then_some(hanging),
            outages,
            random,
            now,
            service,
            site,
            secrets_before,
            processes: BTreeMap::new(),
            retiring: BTreeSet::new(),
            network: BTreeMap::new(),
            errands: BTreeMap::new(),
            held: HashMap::new(),
            unsent: Vec::new(),
            overtaken: BTreeMap::new(),
            waiting: BTreeMap::new(),
            last_errand: 0,
            ordered: Vec::new(),
            last_worker: 0,
            asked: BTreeMap::new(),
            last_client: 0,
            histories: HashMap::new(),
            accepted: HashMap::new(),
            unremembered: BTreeSet::new(),
            memory: Memory::default(),
            told: Totals::default(),
            counted: Totals::default(),
            answered: 0,
            looked_up: 0,
            verdicts: Vec::new(),
            shed: 0,
            left_alone: 0,
            realms,
            is_stopping: false,
        }
    }

    fn run(mut self) {
        self.carry_out();
        for _ in (0..STEPS).take_while(|_| !is_over()) {
            self.step();
            self.carry_out();
            self.check();
        }
        self.finish();
    }

    fn step(&mut self) {
        match self.random.below(20) {
            0..=4 => self.ask(),
            5..=6 if !self.network.is_empty() => self.decide(),
            5..=8 => self.answer(),
            9 => self.kill_a_worker(),
            10 if self.random.one_in(2) => self.speak_out_of_turn(),
            12 => self.start_a_worker(),
            13 => self.make_a_worker_ready(),
            14 if self.random.one_in(40) => self.forget_all(),
            15 if self.random.one_in(2) => self.flush(),
            15 if self.random.one_in(4) => self.change_a_realm(),
            10..=11 if self.site.has_policy_server => self.answer_for_policy(),
            16 => self.send_an_errand(),
            17 => self.run_an_errand(),
            18..=19 => self.hang_up(),
            _ => self.pass_time(),
        }
    }

    /// Left alone, or given up, every client is answered: with nothing but time.
    fn finish(&mut self) {
        self.stop_answering();
        if self.random.one_in(4) {
            self.is_stopping = true;
            self.dispatcher.give_up("the daemon is stopping", self.now);
            self.carry_out();
            assert!(self.dispatcher.is_idle() && self.errands.is_empty(), "given up at once");
        }
        let mut turns = 0;
        while !self.dispatcher.is_idle() || !self.errands.is_empty() {
            turns += 1;
            assert!(turns < 10_000, "it wants to be woken again and again for nothing");
            let due = self.dispatcher.next_timeout().expect("clients wait, so there is a deadline");
            self.now = self.now.max(due);
            self.wake();
            self.carry_out();
            self.check();
        }
        self.check_counts();
        assert_eq!(self.dispatcher.jobs_at_backends().count(), 0);
        assert_eq!(secret::alive(), self.secrets_before);
        assert!(self.dispatcher.in_flight.is_empty() && self.dispatcher.timers.is_empty());
        assert_eq!(self.dispatcher.penalties(self.now).held, 0, "nothing is held back for nobody");
    }

    fn workers_that(&self, wanted: impl Fn(&Process) -> bool) -> Vec<WorkerId> {
        let wanted = self.processes.iter().filter(|(_, (_, process))| wanted(process));
        wanted.map(|(worker, _)| *worker).collect()
    }
}
