//! What is behind the mechanisms that block, where a mechanism can tell: none may take the workers of the others by its
//! silence.
#![forbid(unsafe_code)]

use super::job::{Job, Place};
use super::{Action, Dispatcher, Event};
use crate::config::site::{InstanceId, PoolId};
use crate::credentials::Credentials;
use crate::job::{JobId, Purpose, WorkerId};
use crate::metrics::ledger::label;
use crate::metrics::snapshot::OpenCircuitsNow;
use crate::outcome::{Outcome, Verdict};
use crate::policy::circuit_breaker::{Backend, Change, CircuitBreakers, End};
use std::collections::HashMap;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// What such a login is told, and the log.
const SILENT: &str = "the servers that decide about it have answered nobody for a while";

/// How many open circuits are told of by name.
const MOST_TOLD: usize = 16;

/// Who decides about a login behind a mechanism; `None` if it asks nobody. An empty name stands for one that
/// only workers know: [`Dispatcher::handle_default_backend`].
pub type BackendOf = Box<dyn Fn(&Credentials) -> Option<Vec<u8>>>;

pub(super) struct Backends {
    /// By instance, as far as mechanisms can tell.
    of_login: Vec<Option<BackendOf>>,
    /// What an empty name stands for, as a worker has told last.
    defaults: HashMap<InstanceId, Rc<[u8]>>,
    breakers: CircuitBreakers,
}

impl Backends {
    /// Of mechanisms that tell nothing. A login is given up after `longest`.
    pub(super) fn new(longest: Duration) -> Self {
        Self { of_login: Vec::new(), defaults: HashMap::new(), breakers: CircuitBreakers::new(longest) }
    }

    fn find(&self, instance: InstanceId, credentials: &Credentials) -> Option<Backend> {
        let name = self.of_login.get(instance.0)?.as_ref()?(credentials)?;
        Some(self.known(instance, name.into()))
    }

    /// By its name, if that is empty and a worker has told what stands for it.
    fn known(&self, instance: InstanceId, name: Rc<[u8]>) -> Backend {
        let default = self.defaults.get(&instance).filter(|_| name.is_empty());
        Backend { instance, name: default.map_or(name, Rc::clone) }
    }

    /// The job may have come before any worker had told what an empty name stands for.
    fn rename(&mut self, backend: &mut Backend, job: JobId) {
        let known = self.known(backend.instance, Rc::clone(&backend.name));
        if known != *backend {
            self.breakers.withdraw(backend, job);
            *backend = known;
        }
    }

    pub(super) fn next_timeout(&self) -> Option<Instant> {
        self.breakers.next_timeout()
    }
}

impl Dispatcher {
    /// The same, with what is known of each instance.
    pub fn with_backends(mut self, of_login: Vec<Option<BackendOf>>) -> Self {
        self.backends.of_login = of_login;
        self
    }

    /// A worker that becomes ready names whom logins are asked of that do not say so. Those that wait are told apart when
    /// they have a worker.
    pub fn handle_default_backend(&mut self, worker: WorkerId, name: &[u8]) {
        let pool = self.pool_of(worker).and_then(|pool| self.site.pools.get(pool.0));
        if let Some(instance) = pool.and_then(|pool| pool.instance) {
            self.backends.defaults.insert(instance, name.into());
        }
    }

    /// Those that answer nobody, and are left alone.
    pub fn open_circuits(&self) -> impl Iterator<Item = &Backend> {
        self.backends.breakers.open()
    }

    /// The same for whoever watches the daemon: 16 at the most by name, since no list that clients could make longer
    /// belongs there, and how many others. Of those that read the same one has the name, since no metric may come twice.
    pub fn open_circuits_now(&self) -> OpenCircuitsNow {
        let mut now = OpenCircuitsNow::default();
        for Backend { instance, name } in self.open_circuits() {
            let instance = self.site.instances.get(instance.0).map(|instance| label(&instance.name));
            let told = (instance.unwrap_or_default(), label(&String::from_utf8_lossy(name)));
            if now.named.len() < MOST_TOLD && !now.named.contains(&told) {
                now.named.push(told);
            } else {
                now.others += 1;
            }
        }
        now
    }

    /// Those that a worker has for a backend.
    #[cfg(any(test, feature = "simulation"))]
    pub(super) fn jobs_at_backends(&self) -> impl Iterator<Item = JobId> {
        self.backends.breakers.jobs()
    }

    /// The login waits for a worker of that pool, unless it would wait in vain.
    pub(super) fn submit(&mut self, id: JobId, place: PoolId, now: Instant) {
        let Some(job) = self.jobs.get_mut(&id) else { return };
        let Some(pool) = self.pools.get(place) else { return };
        let Some(backend) = find(&self.backends, &self.site, place, job) else {
            return pool.submit(id, job.origin.clone(), now);
        };
        let is_admitted = self.backends.breakers.admit(&backend, id);
        if is_admitted && !pool.submit_for(&backend.name, id, job.origin.clone(), now) {
            self.counters.note_held_outside();
        }
        if let Some(login) = job.login() {
            login.backend = Some(backend);
        }
        if !is_admitted {
            self.refuse_silent(id, now);
        }
    }

    /// A worker of that pool gets the job.
    pub(super) fn note_begin(&mut self, id: JobId, pool: PoolId) {
        let Some(now) = self.pools.get(pool).and_then(|pool| pool.since(id)) else { return };
        let Some(job) = self.jobs.get_mut(&id) else { return };
        let origin = Rc::clone(&job.origin.login);
        if let Some(backend) = job.login().and_then(|login| login.backend.as_mut()) {
            self.backends.rename(backend, id);
            self.backends.breakers.begin(backend, id, origin, now);
        }
    }

    /// The worker did not get it.
    pub(super) fn note_undelivered(&mut self, id: JobId) {
        let login = self.jobs.get_mut(&id).and_then(Job::login);
        if let Some(backend) = login.and_then(|login| login.backend.as_ref()) {
            self.backends.breakers.take_back(backend, id);
        }
    }

    /// A worker has answered.
    pub(super) fn note_verdict(&mut self, id: JobId, verdict: &Verdict, now: Instant) {
        let end = match verdict.outcome {
            Outcome::Accept(_) | Outcome::Reject(_) => End::Decided,
            Outcome::Unavailable(_) => End::Undecided,
        };
        // An unknown login may be of a backend that its client has made up.
        if !matches!(&verdict.outcome, Outcome::Reject(refusal) if refusal.is_unknown_login) {
            self.prove_backend(id);
        }
        self.end_at_backend(id, end, now);
    }

    /// A worker has no time left for the job.
    pub(super) fn note_given_up(&mut self, id: JobId, now: Instant) {
        self.prove_backend(id);
        self.end_at_backend(id, End::GivenUp, now);
    }

    fn prove_backend(&mut self, id: JobId) {
        let Some(job) = self.jobs.get_mut(&id) else { return };
        let Place::Pool(place) = job.place else { return };
        let Some(backend) = job.login().and_then(|login| login.backend.as_ref()) else { return };
        self.pools.get(place).into_iter().for_each(|pool| pool.prove(&backend.name));
    }

    fn end_at_backend(&mut self, id: JobId, end: End, now: Instant) {
        let Some(backend) =
            self.jobs.get_mut(&id).and_then(Job::login).and_then(|login| login.backend.take())
        else {
            return;
        };
        match self.backends.breakers.end(&backend, id, end, now) {
            Some(Change::Opened) => self.leave_alone(backend, now),
            Some(Change::Closed) => self.actions.push_back(Action::Log(Event::BackendRecovered(backend))),
            None => {}
        }
    }

    /// The job is over or goes elsewhere, and no worker has said anything of it.
    pub(super) fn withdraw_from_backend(&mut self, id: JobId) {
        let login = self.jobs.get_mut(&id).and_then(Job::login);
        if let Some(backend) = login.and_then(|login| login.backend.take()) {
            self.backends.breakers.withdraw(&backend, id);
        }
    }

    /// Logins may have waited for too long.
    pub(super) fn watch_backends(&mut self, now: Instant) {
        for backend in self.backends.breakers.handle_timeout(now) {
            self.leave_alone(backend, now);
        }
    }

    /// It is silent: those who wait for a worker would wait in vain.
    fn leave_alone(&mut self, backend: Backend, now: Instant) {
        let waits = |job: &&mut Job| job.purpose.is_some();
        let jobs = self.jobs.iter_mut().filter_map(|(id, job)| {
            let login = Some(job).filter(waits).and_then(|job| Job::login(job))?;
            let waited_for = login.backend.as_mut()?;
            self.backends.rename(waited_for, *id);
            (*waited_for == backend).then_some(*id)
        });
        let jobs: Vec<_> = jobs.collect();
        self.actions.push_back(Action::Log(Event::BackendSilent(backend)));
        for id in jobs {
            let Some(Place::Pool(pool)) = self.jobs.get(&id).map(|job| job.place) else { continue };
            if self.pools.get(pool).is_some_and(|pool| pool.withdraw(id, now)) {
                self.refuse_silent(id, now);
            }
        }
    }

    /// As if the mechanism had said that it cannot tell; another may follow.
    fn refuse_silent(&mut self, id: JobId, now: Instant) {
        if let Some(login) = self.jobs.get_mut(&id).and_then(Job::login) {
            let told =
                login.backend.clone().map(|backend| Event::LeftAlone(Rc::clone(&login.names), backend));
            self.actions.extend(told.map(Action::Log));
        }
        self.counters.note_left_alone();
        // What a further step needs is kept, as when a worker takes it.
        drop(self.jobs.get_mut(&id).and_then(Job::hand_out));
        self.fail(id, SILENT, now);
    }
}

fn find(backends: &Backends, site: &crate::config::site::Site, place: PoolId, job: &Job) -> Option<Backend> {
    let Some(Purpose::CheckLogin(credentials)) = &job.purpose else { return None };
    backends.find(site.pools.get(place.0)?.instance?, credentials)
}
