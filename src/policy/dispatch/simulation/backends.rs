//! Realms behind the mechanisms that block: some answer at once, some fall silent for a while, and what must hold of those who
//! ask them.

use super::super::{Action, Asker, BackendOf, Event, Job, Place};
use super::{Process, World};
use crate::config::site::{InstanceId, PoolId, Site};
use crate::credentials::Credentials;
use crate::job::JobId;
use crate::outcome::Outcome;
use crate::policy::circuit_breaker::{Backend, PATIENCE};
use crate::simulation::Random;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// The realm that answers before any time passes.
const PROMPT: &[u8] = b"A.EXAMPLE";

/// What the world knows of backends.
#[derive(Default)]
pub(super) struct Realms {
    /// The mechanisms that tell whom a login is asked of.
    tellers: BTreeSet<InstanceId>,
    /// Those whose workers answer nothing.
    silent: BTreeSet<Backend>,
    /// Those of which the log says so.
    told: BTreeSet<Backend>,
    /// Those that have decided about a login in this step.
    answered: Vec<Backend>,
    /// When each has decided last.
    answered_at: BTreeMap<Backend, Instant>,
    /// What was sent to a worker, and is not over.
    sent: BTreeMap<JobId, Sent>,
    /// What names have waited for in vain since the last answer, and for how long.
    waited: BTreeMap<(Backend, String), Duration>,
    /// Those that have proved to be there, by pool; and since when there are two.
    proved: BTreeMap<PoolId, BTreeSet<Backend>>,
    shared_since: BTreeMap<PoolId, Instant>,
    /// The world has stopped to answer.
    is_over: bool,
}

struct Sent {
    backend: Backend,
    login: String,
    since: Instant,
    /// The log has told of a silent backend before.
    is_probe: bool,
}

/// Every second mechanism tells whom a login is asked of, if its workers get one at a time: the others ask nobody.
pub(super) fn of_instances(site: &Site, random: &mut Random) -> Vec<Option<BackendOf>> {
    let in_batches: BTreeSet<_> =
        site.pools.iter().filter(|pool| pool.batch > 1).filter_map(|pool| pool.instance).collect();
    let instances = (0..site.instances.len()).map(InstanceId);
    let mut has_backends = |instance| random.one_in(2) && !in_batches.contains(&instance);
    instances.map(|instance| has_backends(instance).then(|| Box::new(realm) as BackendOf)).collect()
}

/// One of three realms, or none.
fn realm(credentials: &Credentials) -> Option<Vec<u8>> {
    let realms = [PROMPT, b"B.EXAMPLE", b"C.EXAMPLE"];
    let last = usize::from(*credentials.login.last()?);
    realms.get(last % 4).map(|realm| realm.to_vec())
}

impl Realms {
    /// Nothing is known yet of those of which these mechanisms tell.
    pub(super) fn told_by(of_login: &[Option<BackendOf>]) -> Self {
        let telling = of_login.iter().enumerate().filter(|(_, backend_of)| backend_of.is_some());
        Self { tellers: telling.map(|(place, _)| InstanceId(place)).collect(), ..Self::default() }
    }
}

impl World {
    /// A realm falls silent, or speaks again.
    pub(super) fn change_a_realm(&mut self) {
        let asked: BTreeSet<_> = self.realms.sent.values().map(|sent| sent.backend.clone()).collect();
        let asked: Vec<_> = asked.iter().filter(|backend| *backend.name != *PROMPT).collect();
        let Some(backend) = self.random.pick(&asked) else { return };
        if !self.realms.silent.remove(backend) {
            self.realms.silent.insert(backend.clone());
        }
    }

    /// Whether logins of that pool are asked of several backends.
    pub(super) fn has_backends(&self, pool: PoolId) -> bool {
        let instance = self.site.pools[pool.0].instance;
        instance.is_some_and(|instance| self.realms.tellers.contains(&instance))
    }

    /// Whether no worker of it has kept anybody waiting.
    fn is_prompt(&self, backend: &Backend) -> bool {
        *backend.name == *PROMPT && self.hanging != self.site.pool_of(backend.instance)
    }

    /// Whether the worker that has these logins is to answer at once.
    pub(super) fn are_asked_of_a_prompt_realm(&self, jobs: &[JobId]) -> bool {
        let sent = |job| self.realms.sent.get(job);
        jobs.iter().filter_map(sent).any(|sent| self.is_prompt(&sent.backend))
    }

    /// What a silent realm's worker says at last, if it does.
    pub(super) fn is_silent_about(&self, job: JobId) -> bool {
        self.realms.sent.get(&job).is_some_and(|sent| self.realms.silent.contains(&sent.backend))
    }

    /// For so long a worker has had the login.
    pub(super) fn has_had(&self, job: JobId) -> Duration {
        self.realms.sent.get(&job).map_or(Duration::ZERO, |sent| self.now - sent.since)
    }

    fn backend_of(&self, job: JobId) -> Option<Backend> {
        backend_of(self.dispatcher.jobs.get(&job)?)
    }

    /// A worker gets a login.
    pub(super) fn note_sent(&mut self, job: JobId, pool: PoolId) {
        self.forget_ended();
        let Some(backend) = self.backend_of(job) else { return };
        let is_probe = self.realms.told.contains(&backend);
        let others = || self.realms.sent.values().filter(|sent| sent.backend == backend);
        assert!(!is_probe || others().all(|sent| !sent.is_probe), "two logins try a silent realm");
        let most = self.site.pools[pool.0].workers.most;
        let came = self.dispatcher.jobs[&job].since;
        if self.realms.shared_since.get(&pool).is_some_and(|since| *since < came) {
            assert!(others().count() < most.saturating_sub(1).max(1), "a realm gets the last worker");
        }
        let login = self.histories[&job].question.login.clone();
        self.realms.sent.insert(job, Sent { backend, login, since: self.now, is_probe });
    }

    /// What no worker has any more is over.
    fn forget_ended(&mut self) {
        let jobs_of = |process| match process {
            &Process::Working(ref jobs) | &Process::Stuck(ref jobs) => jobs.as_slice(),
            _ => &[],
        };
        let held: BTreeSet<_> = self.processes.values().flat_map(|(_, process)| jobs_of(process)).collect();
        let ended: Vec<_> = self.realms.sent.keys().filter(|job| !held.contains(job)).copied().collect();
        ended.into_iter().for_each(|job| self.note_end(job));
    }

    fn note_end(&mut self, job: JobId) {
        if let Some(Sent { backend, login, since, .. }) = self.realms.sent.remove(&job) {
            let since = self.realms.answered_at.get(&backend).map_or(since, |answered| since.max(*answered));
            let waited = self.realms.waited.entry((backend, login)).or_default();
            *waited += self.now.saturating_duration_since(since);
        }
    }

    /// A worker is about to say what has become of the login.
    pub(super) fn note_heard(&mut self, job: JobId, outcome: &Outcome) {
        let Some(Sent { backend, .. }) = self.realms.sent.get(&job) else { return };
        let (backend, pool) = (backend.clone(), self.site.pool_of(backend.instance).unwrap());
        if !matches!(outcome, Outcome::Reject(refusal) if refusal.is_unknown_login) {
            let proved = self.realms.proved.entry(pool).or_default();
            proved.insert(backend.clone());
            if proved.len() > 1 {
                self.realms.shared_since.entry(pool).or_insert(self.now);
            }
        }
        self.note_end(job);
        if !matches!(outcome, Outcome::Unavailable(_)) {
            self.realms.waited.retain(|(other, _), _| *other != backend);
            self.realms.answered_at.insert(backend.clone(), self.now);
            self.realms.answered.push(backend);
        }
    }

    /// What the log says of backends, and that a login is not asked of one.
    pub(super) fn note_backend(&mut self, event: &Event) {
        match event {
            Event::BackendSilent(backend) => {
                self.check_silence(backend);
                assert!(self.realms.told.insert(backend.clone()), "told twice");
            }
            Event::BackendRecovered(backend) => {
                assert!(self.realms.told.remove(backend), "it was not silent")
            }
            Event::LeftAlone(names, backend) => {
                let job = names.id.unwrap();
                let question = &self.histories[&job].question;
                let of_login = realm(&Credentials::of_login(&question.login, ""));
                assert_eq!(of_login.as_deref(), Some(&*backend.name), "refused for another realm");
                assert!(self.realms.told.contains(backend), "refused although it answers");
                self.note_answer(job, Outcome::internal_failure("left alone"));
                self.left_alone += 1;
            }
            _ => {}
        }
    }

    /// Two logins of different names have waited since the last answer for as long as they could.
    fn check_silence(&mut self, backend: &Backend) {
        assert!(
            self.realms.is_over || !self.is_prompt(backend),
            "a realm that answers at once is left alone"
        );
        let jobs: Vec<_> = self.realms.sent.keys().copied().collect();
        let least = PATIENCE.min(self.service.request_timeout.mul_f64(0.75));
        let answered = self.realms.answered_at.get(backend).copied();
        let out = jobs.iter().map(|job| &self.realms.sent[job]).filter(|sent| sent.backend == *backend);
        let out =
            out.map(|sent| (&sent.login, self.now - answered.map_or(sent.since, |at| at.max(sent.since))));
        let over = self.realms.waited.iter().filter(|((of, _), _)| of == backend);
        let over = over.map(|((_, login), waited)| (login, *waited));
        let waited: Vec<_> = out.chain(over).collect();
        let names: BTreeSet<_> = waited.iter().map(|(login, _)| *login).collect();
        assert!(names.len() > 1, "left alone by the word of {names:?}");
        let waited: Duration = waited.iter().map(|(_, waited)| *waited).sum();
        assert!(waited >= least, "left alone after {waited:?}");
    }

    /// Before time passes: whoever is prompt has answered.
    pub(super) fn let_prompt_realms_answer(&mut self) {
        let prompt = |world: &Self| {
            world.processes.iter().find_map(|(worker, (_, process))| match process {
                Process::Working(jobs) if world.are_asked_of_a_prompt_realm(jobs) => Some(*worker),
                _ => None,
            })
        };
        while let Some(worker) = prompt(self) {
            self.answer_by(worker);
            self.carry_out();
        }
    }

    /// From now on nobody answers.
    pub(super) fn stop_answering(&mut self) {
        self.realms.is_over = true;
    }

    /// Logins that were refused for a silent backend by what has not been carried out yet.
    pub(super) fn about_to_be_told(&self) -> BTreeSet<JobId> {
        let told = self.dispatcher.actions.iter().filter_map(|action| match action {
            Action::Log(Event::LeftAlone(names, _)) => names.id,
            _ => None,
        });
        told.collect()
    }

    /// Whether the login waits until its realm has left a worker.
    pub(super) fn is_outside(&self, job: JobId, pool: PoolId) -> bool {
        self.dispatcher.pools.iter().nth(pool.0).is_some_and(|pool| pool.is_outside(job))
    }

    pub(super) fn check_backends(&mut self) {
        self.forget_ended();
        for backend in std::mem::take(&mut self.realms.answered) {
            assert!(!self.realms.told.contains(&backend), "left alone although it has answered");
        }
        let open: BTreeSet<_> = self.dispatcher.open_circuits().cloned().collect();
        assert_eq!(open, self.realms.told, "the log says something else");
        for backend in &self.realms.told {
            let jobs = self.dispatcher.jobs.iter();
            let trying = jobs.filter(|(id, job)| {
                let has_worker = self.realms.sent.get(id);
                has_worker.is_none_or(|sent| sent.is_probe) && backend_of(job).as_ref() == Some(backend)
            });
            assert!(trying.count() <= 1, "more than one login tries a silent realm");
        }
        self.check_tables();
        self.check_outside();
    }

    /// Nothing is kept of a login that is over.
    fn check_tables(&self) {
        let asked: BTreeSet<_> = self.dispatcher.jobs_at_backends().collect();
        assert!(asked.iter().all(|job| self.dispatcher.jobs.contains_key(job)), "kept although it is over");
        for (id, pool) in self.dispatcher.pools.ids().zip(self.dispatcher.pools.iter()) {
            let is_there =
                |job: &JobId| self.dispatcher.jobs.get(job).is_some_and(|job| job.place == Place::Pool(id));
            assert!(pool.jobs_behind_bulkheads().all(|job| is_there(&job)), "a bulkhead keeps what is over");
        }
    }

    /// Who waits outside does so for as many of the same realm as may be inside.
    fn check_outside(&self) {
        for (id, job) in &self.dispatcher.jobs {
            let Place::Pool(pool) = job.place else { continue };
            if self.is_outside(*id, pool) {
                let backend = backend_of(job);
                let of_it = self.dispatcher.jobs.iter().filter(|(_, other)| backend_of(other) == backend);
                let inside = of_it.filter(|(id, _)| !self.is_outside(**id, pool)).count();
                let most = self.site.pools[pool.0].workers.most;
                assert!(inside >= most.saturating_sub(1).max(1), "it waits for nothing");
            }
        }
    }
}

/// Who decides about the login where it is.
fn backend_of(job: &Job) -> Option<Backend> {
    let Asker::Requests(login) = &job.asker else { return None };
    login.backend.clone()
}
