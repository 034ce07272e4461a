//! The heart: from a request to its one reply.
//!
//! route → `-r`, `--login-format` → cache, negative cache → an identical request in flight → the policy server → its mechanisms,
//! step by step → where none could be asked, an expired acceptance → delay owed for a failure, longer by a penalty → reply →
//! report to the policy server
//!
//! Pure: events and `now` go in through the `handle_…` methods; then [`Dispatcher::next_action`] is called until it
//! returns nothing, and [`Dispatcher::handle_timeout`] when [`Dispatcher::next_timeout`] has come.
#![forbid(unsafe_code)]

mod action;
mod activity;
mod backends;
#[cfg(test)]
mod backends_tests;
#[cfg(test)]
mod chain_tests;
mod counters;
mod delays;
#[cfg(test)]
mod guessing_tests;
mod held_back;
mod job;
mod memory;
mod observation;
mod overload;
#[cfg(test)]
mod overload_tests;
mod penalties;
#[cfg(test)]
mod penalty_tests;
mod policy_server;
#[cfg(test)]
mod policy_server_tests;
mod pools;
mod queue_watch;
mod replies;
mod requests;
#[cfg(any(test, feature = "simulation"))]
pub(crate) mod simulation;
mod steps;
#[cfg(any(test, feature = "simulation"))]
mod testing;
#[cfg(test)]
mod tests;
mod workers;

pub use action::{Action, ClientId, DecidedBy, Event, Names, RequestId};
pub use backends::BackendOf;
pub use overload::Shed;
pub use queue_watch::Waiting;

use crate::config::site::{InstanceId, PoolId, Site};
use crate::config::{FrontendSettings, Limits};
use crate::ipc;
use crate::job::{Errand, ErrandId, ErrandResult, JobId, Purpose};
use crate::outcome::{Refusal, Verdict};
use crate::policy::cache::{Cache, Fingerprint, Fingerprints};
use crate::policy::negative_cache::NegativeCache;
use crate::policy::origin::Origin;
use crate::policy::penalty::Penalties;
use backends::Backends;
use counters::Counters;
use delays::Delays;
use held_back::HeldBack;
use job::{Asker, Job, Place, Timer, Waits};
use penalties::Punishment;
use policy_server::PolicyServer;
use pools::Pools;
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::rc::Rc;
use std::time::{Duration, Instant};

/// All requests that have no reply yet, the cache and the pools of workers.
pub struct Dispatcher {
    site: Rc<Site>,
    limits: Limits,
    /// The longest that a job may take, whatever the deadlines of its requests.
    request_timeout: Duration,
    /// With a cache of either kind.
    fingerprints: Option<Fingerprints>,
    cache: Option<Cache>,
    negative_cache: Option<NegativeCache>,
    pools: Pools,
    /// Where each instance of the site works.
    places: Vec<Place>,
    errand_pool: Option<PoolId>,
    jobs: HashMap<JobId, Job>,
    /// With a cache: the job that decides about each fingerprint.
    in_flight: HashMap<Fingerprint, JobId>,
    /// All that have no reply yet.
    requests: HashMap<RequestId, Waits>,
    timers: BTreeSet<(Instant, Timer)>,
    last_job: u64,
    /// Whether logins are given up that would not be served in time; always, but where tests compare.
    sheds: bool,
    actions: VecDeque<Action>,
    delays: Delays,
    held_back: HeldBack,
    punishment: Punishment,
    policy_server: Option<PolicyServer>,
    backends: Backends,
    counters: Counters,
}

impl Dispatcher {
    /// A dispatcher that serves nobody yet. `key` is the random key of the cache.
    pub fn new(settings: &FrontendSettings, site: Rc<Site>, key: &[u8; 32], now: Instant) -> Self {
        let place = |place| {
            let instance = InstanceId(place);
            site.pool_of(instance).map_or(Place::Network(instance), Place::Pool)
        };
        let has_negative = !settings.negative_cache_ttl.is_zero();
        let is_remembering = settings.cache.is_some() || has_negative;
        let mut dispatcher = Self {
            limits: settings.limits,
            request_timeout: settings.request_timeout,
            fingerprints: is_remembering.then(|| Fingerprints::new(key)),
            cache: settings.cache.as_ref().map(Cache::new),
            negative_cache: has_negative.then(|| NegativeCache::new(settings.negative_cache_ttl)),
            pools: Pools::new(&site, settings.request_timeout / 2),
            places: (0..site.instances.len()).map(place).collect(),
            errand_pool: site.errand_pool(),
            jobs: HashMap::new(),
            in_flight: HashMap::new(),
            requests: HashMap::new(),
            timers: BTreeSet::new(),
            last_job: 0,
            sheds: true,
            actions: VecDeque::new(),
            delays: Delays::new(settings.failure_delay, key),
            held_back: HeldBack::default(),
            punishment: Punishment::new(Penalties::new(&settings.guessing, key), settings.max_connections),
            policy_server: None,
            backends: Backends::new(settings.request_timeout),
            counters: Counters::new(&site, now),
            site,
        };
        dispatcher.pools.handle_timeout(now);
        dispatcher
    }

    /// The same, whose jobs are numbered from behind that one.
    pub fn numbering_after(mut self, last: JobId) -> Self {
        self.last_job = last.0;
        self
    }

    /// A worker is to do this for the mechanism of that instance, for one login or for all; answered by
    /// [`Action::Report`].
    pub fn handle_errand(
        &mut self,
        instance: InstanceId,
        id: ErrandId,
        errand: Errand,
        login: Option<JobId>,
        now: Instant,
    ) {
        let failed = |reason: &str| Action::Report(instance, id, ErrandResult::Failed(reason.to_owned()));
        if !ipc::has_room_for(&errand, self.limits) {
            return self.actions.push_back(failed("it is too long for a worker"));
        }
        let pool = match &errand {
            Errand::Gssapi(_) => self.site.gssapi_pool(instance),
            _ => self.errand_pool,
        };
        let Some(pool) = pool else {
            return self.actions.push_back(failed("there is no worker for it"));
        };
        let origin = login.and_then(|login| self.jobs.get(&login)).map(|login| login.origin.clone());
        let origin = origin.unwrap_or_else(Origin::event_loop);
        let asker = Asker::Driver(instance, id);
        let job = self.add(Purpose::Errand(errand), asker, origin.clone(), Place::Pool(pool), now);
        if let Some(login) = login.and_then(|login| self.jobs.get_mut(&login)).and_then(Job::login) {
            login.errand = Some(job);
        }
        if let Some(pool) = self.pools.get(pool) {
            pool.submit(job, origin, now);
        }
    }

    /// The mechanism of that instance does not wait for its errand any more.
    pub fn handle_withdrawal(&mut self, instance: InstanceId, id: ErrandId, now: Instant) {
        let is_it =
            |job: &Job| matches!(job.asker, Asker::Driver(of, errand) if (of, errand) == (instance, id));
        let found = self.jobs.iter().find(|(_, job)| is_it(job)).map(|(job, _)| *job);
        found.into_iter().for_each(|job| self.withdraw_errand(job, now));
    }

    /// The servers of that instance have answered.
    pub fn handle_decision(&mut self, instance: InstanceId, job: JobId, verdict: Verdict, now: Instant) {
        let asked = self.jobs.get(&job).filter(|job| job.place == Place::Network(instance));
        if let Some(since) = asked.map(|job| job.since) {
            self.counters.note_check(instance, now.saturating_duration_since(since), now);
            self.end_step(job, verdict, now);
        }
    }

    /// The time that [`Self::next_timeout`] named has come.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(&(due, timer)) = self.timers.first().filter(|(due, _)| *due <= now) {
            self.timers.remove(&(due, timer));
            match timer {
                Timer::Job(job) => self.time_out(job, now),
                Timer::Policy(job) => self.handle_policy_timer(job, now),
                Timer::Request(request) => self.handle_request_timer(request, now),
            }
        }
        self.watch_backends(now);
        self.pools.handle_timeout(now);
        for pool in self.pools.ids() {
            self.shed(pool, now);
            self.watch_queue(pool, now);
        }
    }

    fn handle_request_timer(&mut self, request: RequestId, now: Instant) {
        match self.requests.get(&request) {
            Some(Waits::Job(id, ..)) => self.time_out_request(*id, request, now),
            Some(Waits::Delay(..)) => self.release(request),
            None => {}
        }
    }

    /// From now on mechanisms are asked about every request: others serve by newer settings already, and what was
    /// found by the old ones, or is being found, answers no request that comes after that.
    pub fn forget_all(&mut self) {
        (self.fingerprints, self.cache, self.negative_cache) = (None, None, None);
        self.in_flight.clear();
        self.jobs.values_mut().filter_map(Job::login).for_each(|login| login.fingerprint = None);
    }

    /// Answers everybody who waits for a mechanism as unavailable, and those held back at once. The cache makes up for
    /// mechanisms that are down, and not for a daemon that is.
    pub fn give_up(&mut self, reason: &'static str, now: Instant) {
        self.forget_all();
        for job in self.jobs.keys().copied().collect::<Vec<_>>() {
            self.abandon(job, now);
            self.end(job, Refusal::broken_off(reason), now);
        }
        for request in self.requests.keys().copied().collect::<Vec<_>>() {
            self.release(request);
        }
        self.timers.clear();
        self.policy_server.iter_mut().for_each(PolicyServer::give_up);
    }

    /// When [`Self::handle_timeout`] must be called at the latest.
    pub fn next_timeout(&self) -> Option<Instant> {
        let timer = self.timers.first().map(|(due, _)| *due);
        timer.into_iter().chain(self.pools.next_timeout()).chain(self.backends.next_timeout()).min()
    }

    /// The next thing to do.
    pub fn next_action(&mut self) -> Option<Action> {
        while let Some((pool, command)) = self.pools.next_command() {
            if let Some(action) = self.action_for(pool, command) {
                self.actions.push_back(action);
            }
        }
        self.actions.pop_front()
    }

    /// Whether every request has had its reply and no login is being decided.
    pub fn is_idle(&self) -> bool {
        let mut jobs = self.jobs.values();
        self.requests.is_empty() && jobs.all(|job| matches!(job.asker, Asker::Driver(..)))
    }

    /// What the next job will be called.
    fn next_job(&self) -> JobId {
        JobId(self.last_job + 1)
    }

    /// A number that no job has.
    fn take_number(&mut self) -> JobId {
        let id = self.next_job();
        self.last_job = id.0;
        id
    }

    /// The job goes to another place, whose time begins.
    fn put_at(&mut self, id: JobId, place: Place, now: Instant) {
        let Some(job) = self.jobs.get_mut(&id) else { return };
        let before = std::mem::replace(&mut job.place, place);
        job.since = now;
        if let Some(timer) = before.timer(id) {
            self.timers.remove(&timer);
        }
        self.timers.extend(place.timer(id));
    }

    fn add(&mut self, purpose: Purpose, asker: Asker, origin: Origin, place: Place, now: Instant) -> JobId {
        let id = self.take_number();
        let deadline = now + self.request_timeout;
        let job = Job { purpose: Some(purpose), asker, origin, place, since: now, deadline };
        self.jobs.insert(id, job);
        self.timers.insert((deadline, Timer::Job(id)));
        id
    }

    fn forget(&mut self, id: JobId) -> Option<Job> {
        self.withdraw_from_backend(id);
        let mut job = self.jobs.remove(&id)?;
        self.timers.remove(&(job.deadline, Timer::Job(id)));
        if let Some(timer) = job.place.timer(id) {
            self.timers.remove(&timer);
        }
        if let Some(fingerprint) = job.login().and_then(|login| login.fingerprint.as_ref()) {
            self.in_flight.remove(fingerprint);
        }
        Some(job)
    }
}
