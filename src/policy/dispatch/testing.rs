//! A dispatcher with a clock that the tests turn, and settings and sites for it.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]
#![cfg_attr(not(test), allow(dead_code))] // the simulation wants a part of it

use super::*;
use crate::config::site::{Continuation, Instance, InstanceId, Pool, Privileges, Route, Routes, Step};
use crate::config::{
    CacheSettings, GuessingSettings, Limits, OnUnavailable, ReplyText, WorkerFlag, WorkerSettings,
};
use crate::credentials::Credentials;
use crate::job::{Answer, WorkerId};
use crate::outcome::Outcome;
use crate::policy::policy_server::{self, Question};
use crate::secret::Secret;

pub(super) const SECOND: Duration = Duration::from_secs(1);

pub(super) fn service(workers: usize, cache: bool) -> FrontendSettings {
    FrontendSettings {
        mechanisms: vec!["pam".into()],
        login_format: None,
        cache: cache.then_some(CacheSettings {
            bytes: 1 << 20,
            lifetime: Duration::from_secs(100),
            stale: Duration::ZERO,
        }),
        workers: WorkerSettings {
            most: workers,
            ready: workers,
            requests_each: 1000,
            flag: WorkerFlag::Processes,
        },
        limits: Limits::DEFAULT,
        request_timeout: Duration::from_secs(60),
        failure_delay: Duration::ZERO,
        negative_cache_ttl: Duration::ZERO,
        read_timeout: Duration::from_secs(30),
        max_connections: 100,
        max_auth_connections: 100,
        on_unavailable: OnUnavailable::Close,
        reply_text: ReplyText::Full,
        network: crate::config::NetworkSettings::DEFAULT,
        guessing: GuessingSettings { penalty: true, trusted_networks: "127.0.0.0/8".parse().unwrap() },
    }
}

/// Where a mechanism of a site works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Works {
    InWorkers,
    AtServers,
}

/// One instance for each, called `a`, `b` and so on, with a pool of its own; the default route asks all of them, whatever
/// the answers.
pub(super) fn site(service: &FrontendSettings, instances: &[Works]) -> Site {
    let named = |(letter, works): (u8, &Works)| Instance {
        name: char::from(letter).to_string(),
        mechanism: if *works == Works::InWorkers { "pam" } else { "ldap" },
        option: None,
        line: None,
    };
    let pool = |instance| Pool {
        instance,
        gssapi_for: None,
        workers: service.workers.clone(),
        batch: 1,
        privileges: Privileges::Root,
    };
    let local = (0..instances.len()).filter(|place| instances[*place] == Works::InWorkers);
    let errands = instances.contains(&Works::AtServers).then(|| pool(None));
    let all: Vec<_> = (0..instances.len()).collect();
    Site {
        instances: (b'a'..).zip(instances).map(named).collect(),
        pools: local.map(|place| pool(Some(InstanceId(place)))).chain(errands).collect(),
        routes: Routes { default: route(&all), ..Routes::default() },
        endpoints: Vec::new(),
        has_policy_server: false,
    }
}

/// Asks these instances, whatever the answers.
pub(super) fn route(instances: &[usize]) -> Rc<Route> {
    let next = Continuation::Next;
    let step = |instance: &usize| Step {
        instance: InstanceId(*instance),
        on_reject: next,
        on_unknown: next,
        on_unavailable: next,
    };
    Rc::new(Route { steps: instances.iter().map(step).collect(), login_format: None })
}

pub(super) fn credentials(login: &str, password: &str) -> Credentials {
    Credentials::of_login(login, password)
}

pub(super) fn id(client: u64) -> RequestId {
    RequestId::sole(ClientId(client))
}

/// A dispatcher, its clock, and what it has ordered.
pub(super) struct Scene {
    pub(super) dispatcher: Dispatcher,
    pub(super) now: Instant,
    pub(super) replies: Vec<(u64, Outcome)>,
    pub(super) sent: Vec<(WorkerId, JobId)>,
    /// The passwords that were sent and asked with, in the order in which they were.
    pub(super) passwords: Vec<Secret>,
    pub(super) killed: Vec<WorkerId>,
    pub(super) asked: Vec<(InstanceId, JobId)>,
    pub(super) abandoned: Vec<(InstanceId, JobId)>,
    pub(super) withdrawn: Vec<(InstanceId, JobId)>,
    pub(super) reports: Vec<(ErrandId, ErrandResult)>,
    pub(super) events: Vec<Event>,
    /// What the policy server was asked and told, and what of it was given up.
    pub(super) put_to_policy: Vec<(JobId, Question)>,
    pub(super) abandoned_by_policy: Vec<JobId>,
    workers: u64,
}

impl Scene {
    /// With one mechanism and all workers ready.
    pub(super) fn new(service: FrontendSettings) -> Self {
        Self::with(service, &[Works::InWorkers])
    }

    /// With these mechanisms, asked one after the other.
    pub(super) fn with(service: FrontendSettings, instances: &[Works]) -> Self {
        let site = site(&service, instances);
        Self::at(service, site)
    }

    pub(super) fn at(service: FrontendSettings, site: Site) -> Self {
        let now = Instant::now();
        let mut scene = Self {
            dispatcher: Dispatcher::new(&service, Rc::new(site), &[7; 32], now),
            now,
            replies: Vec::new(),
            sent: Vec::new(),
            passwords: Vec::new(),
            killed: Vec::new(),
            asked: Vec::new(),
            abandoned: Vec::new(),
            withdrawn: Vec::new(),
            reports: Vec::new(),
            events: Vec::new(),
            put_to_policy: Vec::new(),
            abandoned_by_policy: Vec::new(),
            workers: 0,
        };
        scene.settle();
        scene
    }

    pub(super) fn settle(&mut self) {
        while let Some(action) = self.dispatcher.next_action() {
            match action {
                Action::Reply(request, _, outcome) => self.replies.push((request.client.0, outcome)),
                Action::StartWorker(pool) => {
                    self.workers += 1;
                    self.dispatcher.handle_worker(WorkerId(self.workers), pool, self.now);
                    self.dispatcher.handle_ready(WorkerId(self.workers), self.now);
                }
                Action::Send(worker, job, purpose) => {
                    self.sent.push((worker, job));
                    if let Purpose::CheckLogin(credentials) = purpose {
                        self.passwords.push(credentials.password);
                    }
                }
                Action::Kill(worker) => self.killed.push(worker),
                Action::Retire(_) => {}
                Action::Ask(instance, job, _, credentials) => {
                    self.asked.push((instance, job));
                    self.passwords.push(credentials.password);
                }
                Action::Withdraw(instance, job) => self.withdrawn.push((instance, job)),
                Action::Abandon(instance, job) => self.abandoned.push((instance, job)),
                Action::AskPolicyServer(id, _, question) => self.put_to_policy.push((id, question)),
                Action::AbandonPolicyQuestion(id) => self.abandoned_by_policy.push(id),
                Action::Report(_, id, result) => self.reports.push((id, result)),
                Action::Log(event) => self.events.push(event),
            }
        }
    }

    pub(super) fn ask(&mut self, client: u64, login: &str, password: &str) {
        self.ask_as(1000, client, login, password);
    }

    pub(super) fn ask_as(&mut self, uid: u32, client: u64, login: &str, password: &str) {
        self.ask_with(client, "mux", credentials(login, password), uid, 60 * SECOND);
    }

    pub(super) fn ask_with(
        &mut self,
        client: u64,
        endpoint: &str,
        credentials: Credentials,
        uid: u32,
        time: Duration,
    ) {
        let deadline = self.now + time;
        self.dispatcher.handle_request(id(client), endpoint, credentials, || Some(uid), deadline, self.now);
        self.settle();
    }

    pub(super) fn hang_up(&mut self, client: u64) {
        self.dispatcher.handle_hang_up(id(client), self.now);
        self.settle();
    }

    /// The answer of the worker to which the job of that index was sent.
    pub(super) fn answer(&mut self, index: usize, verdict: impl Into<Verdict>) {
        let (worker, job) = self.sent[index];
        self.dispatcher.handle_answer(worker, job, Answer::Verdict(verdict.into()), self.now);
        self.settle();
    }

    /// The answer of the servers that were asked as the one of that index.
    pub(super) fn decide(&mut self, index: usize, verdict: impl Into<Verdict>) {
        let (instance, job) = self.asked[index];
        self.dispatcher.handle_decision(instance, job, verdict.into(), self.now);
        self.settle();
    }

    /// The answer to what the policy server was asked or told as the one of that index.
    pub(super) fn say(&mut self, index: usize, answer: policy_server::Answer) {
        let id = self.put_to_policy[index].0;
        self.dispatcher.handle_policy_answer(id, answer, self.now);
        self.settle();
    }

    pub(super) fn send_errand(&mut self, id: u64, login: Option<JobId>) {
        let errand = Errand::Resolve { host: "localhost".into(), service: "389".into() };
        self.dispatcher.handle_errand(InstanceId(0), ErrandId(id), errand, login, self.now);
        self.settle();
    }

    pub(super) fn pass(&mut self, time: Duration) {
        self.now += time;
        self.dispatcher.handle_timeout(self.now);
        self.settle();
    }
}
