#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use super::*;
use crate::config::login_format::LoginFormat;
use crate::config::{CacheSettings, Limits, OnUnavailable, ReplyText, WorkerFlag, WorkerSettings};
use crate::secret::Secret;
use std::time::Duration;

pub(super) fn service(workers: usize, cache: bool) -> FrontendSettings {
    FrontendSettings {
        mechanisms: vec!["pam".into()],
        login_format: None,
        cache: cache.then_some(CacheSettings { bytes: 1 << 20, lifetime: Duration::from_secs(100) }),
        workers: WorkerSettings {
            most: workers,
            ready: workers,
            requests_each: 1000,
            flag: WorkerFlag::Processes,
        },
        limits: Limits::DEFAULT,
        request_timeout: Duration::from_secs(60),
        read_timeout: Duration::from_secs(30),
        max_connections: 100,
        on_unavailable: OnUnavailable::Close,
        reply_text: ReplyText::Full,
        network: crate::config::NetworkSettings::DEFAULT,
    }
}

pub(super) fn credentials(login: &str, password: &str) -> Credentials {
    Credentials {
        login: login.into(),
        sent_login: None,
        password: Secret::copy_of(password.as_bytes()),
        service: b"smtp".to_vec(),
        realm: Vec::new(),
        client: None,
    }
}

/// A dispatcher, its clock, and what it has ordered.
struct Scene {
    dispatcher: Dispatcher,
    now: Instant,
    replies: Vec<(u64, Outcome)>,
    sent: Vec<(WorkerId, JobId)>,
    killed: Vec<WorkerId>,
    asked: Vec<JobId>,
    abandoned: Vec<JobId>,
    withdrawn: Vec<JobId>,
    reports: Vec<(ErrandId, ErrandResult)>,
    events: Vec<Event>,
    workers: u64,
}

impl Scene {
    /// With all workers ready.
    fn new(service: FrontendSettings) -> Self {
        Self::with_route(service, Route::Workers)
    }

    fn with_route(service: FrontendSettings, route: Route) -> Self {
        let now = Instant::now();
        let mut scene = Self {
            dispatcher: Dispatcher::new(service, route, &[7; 32], now),
            now,
            replies: Vec::new(),
            sent: Vec::new(),
            killed: Vec::new(),
            asked: Vec::new(),
            abandoned: Vec::new(),
            withdrawn: Vec::new(),
            reports: Vec::new(),
            events: Vec::new(),
            workers: 0,
        };
        scene.settle();
        scene
    }

    fn settle(&mut self) {
        while let Some(action) = self.dispatcher.next_action() {
            match action {
                Action::Reply(client, outcome) => self.replies.push((client.0, outcome)),
                Action::StartWorker => {
                    self.workers += 1;
                    self.dispatcher.handle_worker(WorkerId(self.workers), self.now);
                    self.dispatcher.handle_ready(WorkerId(self.workers), self.now);
                }
                Action::Send(worker, job, _) => self.sent.push((worker, job)),
                Action::Kill(worker) => self.killed.push(worker),
                Action::Retire(_) => {}
                Action::Ask(job, ..) => self.asked.push(job),
                Action::Withdraw(job) => self.withdrawn.push(job),
                Action::Abandon(job) => self.abandoned.push(job),
                Action::Report(id, result) => self.reports.push((id, result)),
                Action::Log(event) => self.events.push(event),
            }
        }
    }

    fn ask(&mut self, client: u64, login: &str, password: &str) {
        self.ask_as(1000, client, login, password);
    }

    fn ask_as(&mut self, uid: u32, client: u64, login: &str, password: &str) {
        let credentials = credentials(login, password);
        self.dispatcher.handle_request(ClientId(client), credentials, || Some(uid), self.now);
        self.settle();
    }

    fn hang_up(&mut self, client: u64) {
        self.dispatcher.handle_hang_up(ClientId(client), self.now);
        self.settle();
    }

    fn answer(&mut self, index: usize, verdict: impl Into<Verdict>) {
        let (worker, job) = self.sent[index];
        self.dispatcher.handle_answer(worker, job, Answer::Verdict(verdict.into()), self.now);
        self.settle();
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
        self.dispatcher.handle_timeout(self.now);
        self.settle();
    }
}

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_request_is_sent_to_a_worker_and_its_verdict_to_the_client() {
    let mut scene = Scene::new(service(2, false));
    scene.ask(1, "anna", "secret");
    scene.answer(0, Outcome::ACCEPT);
    assert_eq!(scene.replies, [(1, Outcome::ACCEPT)]);
    assert!(scene.dispatcher.is_idle());
}

#[test]
fn a_failure_is_held_back_as_long_as_pam_wants_without_holding_a_worker() {
    let mut scene = Scene::new(service(1, false));
    let reject = Outcome::reject("PAM auth error");
    scene.ask(1, "anna", "wrong");
    scene.answer(0, Verdict { outcome: reject.clone(), delay: 2 * SECOND });
    assert_eq!(scene.replies, []);
    scene.ask(2, "bert", "right");
    scene.answer(1, Outcome::ACCEPT);
    assert_eq!(scene.replies, [(2, Outcome::ACCEPT)]);
    scene.pass(2 * SECOND - Duration::from_nanos(1));
    assert_eq!(scene.replies.len(), 1);
    scene.pass(Duration::from_nanos(1));
    assert_eq!(scene.replies[1], (1, reject));
}

/// By a login of which its modules cannot tell nobody guesses faster than by others.
#[test]
fn an_outage_that_pam_wants_to_be_delayed_is_held_back_too() {
    let mut scene = Scene::new(service(1, false));
    let unavailable = Outcome::unavailable("PAM auth error", "pam_authenticate: x");
    scene.ask(1, "anna@nowhere.test", "guess");
    scene.answer(0, Verdict { outcome: unavailable.clone(), delay: 2 * SECOND });
    scene.pass(2 * SECOND - Duration::from_nanos(1));
    assert_eq!(scene.replies, []);
    scene.pass(Duration::from_nanos(1));
    assert_eq!(scene.replies, [(1, unavailable)]);
}

#[test]
fn an_acceptance_is_never_held_back() {
    let mut scene = Scene::new(service(1, false));
    scene.ask(1, "anna", "right");
    scene.answer(0, Verdict { outcome: Outcome::ACCEPT, delay: SECOND });
    assert_eq!(scene.replies, [(1, Outcome::ACCEPT)]);
}

#[test]
fn a_delay_never_outlasts_the_request_timeout() {
    let mut scene = Scene::new(service(1, false));
    scene.ask(1, "anna", "wrong");
    scene.answer(0, Verdict { outcome: Outcome::reject("PAM auth error"), delay: Duration::MAX });
    scene.pass(60 * SECOND);
    assert_eq!(scene.replies.len(), 1);
}

#[test]
fn a_dead_worker_means_unavailable_at_once() {
    let mut scene = Scene::new(service(1, false));
    scene.ask(1, "anna", "secret");
    scene.dispatcher.handle_worker_gone(scene.sent[0].0, scene.now);
    scene.settle();
    assert!(matches!(scene.replies[..], [(1, Outcome::Unavailable(_))]));
}

#[test]
fn a_request_that_takes_too_long_is_unavailable_and_its_worker_killed() {
    let mut scene = Scene::new(service(1, false));
    scene.ask(1, "anna", "secret");
    scene.ask(2, "bert", "secret");
    scene.pass(60 * SECOND);
    assert_eq!(scene.killed, [scene.sent[0].0]);
    assert!(scene.replies.iter().all(|(_, outcome)| matches!(outcome, Outcome::Unavailable(_))));
    assert_eq!(scene.replies.len(), 2);
}

#[test]
fn a_late_verdict_of_a_killed_worker_counts_for_nothing() {
    let mut scene = Scene::new(service(1, true));
    scene.ask(1, "anna", "secret");
    scene.pass(60 * SECOND);
    scene.answer(0, Outcome::ACCEPT);
    assert_eq!(scene.replies.len(), 1);
    scene.ask(2, "anna", "secret");
    assert_eq!(scene.replies.len(), 1, "it was not cached");
}

#[test]
fn with_a_cache_the_second_request_asks_nobody() {
    let mut scene = Scene::new(service(1, true));
    scene.ask(1, "anna", "secret");
    scene.answer(0, Outcome::ACCEPT);
    scene.ask(2, "anna", "secret");
    assert_eq!(scene.replies, [(1, Outcome::ACCEPT), (2, Outcome::ACCEPT)]);
    assert_eq!(scene.sent.len(), 1);
    scene.pass(100 * SECOND);
    scene.ask(3, "anna", "secret");
    assert_eq!(scene.sent.len(), 2, "the entry has expired");
}

#[test]
fn neither_rejections_nor_outages_are_cached() {
    for outcome in [Outcome::reject("PAM auth error"), Outcome::internal_failure("down")] {
        let mut scene = Scene::new(service(1, true));
        scene.ask(1, "anna", "secret");
        scene.answer(0, outcome);
        scene.ask(2, "anna", "secret");
        assert_eq!(scene.sent.len(), 2);
    }
}

#[test]
fn with_a_cache_identical_requests_in_flight_share_one_call_of_the_mechanism() {
    let mut scene = Scene::new(service(5, true));
    for client in 1..=3 {
        scene.ask(client, "anna", "secret");
    }
    scene.ask(4, "anna", "other");
    assert_eq!(scene.sent.len(), 2);
    scene.answer(0, Outcome::ACCEPT);
    assert_eq!(scene.replies, [(1, Outcome::ACCEPT), (2, Outcome::ACCEPT), (3, Outcome::ACCEPT)]);
}

#[test]
fn without_a_cache_every_request_is_checked_by_itself() {
    let mut scene = Scene::new(service(5, false));
    for client in 1..=3 {
        scene.ask(client, "anna", "secret");
    }
    assert_eq!(scene.sent.len(), 3);
}

#[test]
fn the_realm_is_joined_before_the_cache_is_asked() {
    let login_format = LoginFormat::parse(LoginFormat::WITH_REALM).ok();
    let mut scene = Scene::new(FrontendSettings { login_format, ..service(1, true) });
    let mut with_realm = credentials("anna", "secret");
    with_realm.realm = b"example.org".to_vec();
    scene.dispatcher.handle_request(ClientId(1), with_realm, || Some(0), scene.now);
    scene.settle();
    scene.answer(0, Outcome::ACCEPT);
    let Event::Decided(names, ..) = &scene.events[0] else { panic!() };
    assert_eq!(names.login, b"anna@example.org");
}

#[test]
fn a_login_of_which_the_format_leaves_nothing_is_refused_and_logged_as_it_came() {
    let login_format = LoginFormat::parse("%U").ok();
    let mut scene = Scene::new(FrontendSettings { login_format, ..service(1, true) });
    scene.ask(1, "@example.org", "secret");
    assert_eq!(scene.replies[0].1.reply(), "NO NULL login received");
    let Event::Decided(names, ..) = &scene.events[0] else { panic!() };
    assert_eq!(names.login, b"@example.org");
    assert!(scene.sent.is_empty() && scene.dispatcher.is_idle());
}

#[test]
fn a_request_that_could_not_be_handed_over_goes_to_another_worker() {
    let mut scene = Scene::new(service(2, false));
    scene.ask(1, "anna", "secret");
    let (worker, job) = scene.sent[0];
    let purpose = Purpose::CheckLogin(credentials("anna", "secret"));
    scene.dispatcher.handle_undelivered(worker, job, purpose, scene.now);
    scene.settle();
    assert_eq!(scene.sent.len(), 2);
    assert_ne!(scene.sent[1].0, worker);
    scene.answer(1, Outcome::ACCEPT);
    assert_eq!(scene.replies, [(1, Outcome::ACCEPT)]);
}

#[test]
fn every_client_of_a_shared_call_has_its_own_line_in_the_log() {
    let mut scene = Scene::new(service(1, true));
    scene.ask(1, "anna", "secret");
    scene.ask(2, "anna", "secret");
    scene.answer(0, Verdict { outcome: Outcome::reject("PAM auth error"), delay: SECOND });
    assert_eq!(scene.events.len(), 2);
}

#[test]
fn logins_that_wait_long_are_told_of() {
    let mut scene = Scene::new(service(1, false));
    for client in 1..=4 {
        scene.ask(client, &format!("user{client}"), "secret");
    }
    scene.pass(4 * SECOND);
    let waiting: Vec<_> = scene.events.iter().filter(|event| matches!(event, Event::Waiting(_))).collect();
    assert_eq!(waiting.len(), 1);
    assert!(matches!(waiting[0], Event::Waiting(Waiting { logins: 3, flag: WorkerFlag::Processes, .. })));
}

#[test]
fn a_login_that_nobody_waits_for_any_more_is_never_sent() {
    let mut scene = Scene::new(service(1, false));
    scene.ask(1, "anna", "secret");
    scene.ask(2, "bert", "secret");
    scene.ask(3, "carl", "secret");
    scene.hang_up(2);
    scene.answer(0, Outcome::ACCEPT);
    scene.answer(1, Outcome::ACCEPT);
    assert_eq!(scene.sent.len(), 2);
    assert_eq!(scene.replies, [(1, Outcome::ACCEPT), (3, Outcome::ACCEPT)]);
    assert!(scene.dispatcher.is_idle());
}

#[test]
fn nothing_is_begun_for_a_client_that_has_hung_up_already() {
    let mut scene = Scene::new(service(1, true));
    scene.dispatcher.handle_request(ClientId(1), credentials("anna", "secret"), || None, scene.now);
    scene.settle();
    assert!(scene.sent.is_empty() && scene.dispatcher.is_idle() && scene.dispatcher.in_flight.is_empty());
}

#[test]
fn a_check_that_runs_goes_on_without_its_client_is_logged_and_may_be_remembered() {
    let mut scene = Scene::new(service(1, true));
    scene.ask(1, "anna", "secret");
    scene.hang_up(1);
    assert_eq!(scene.killed, []);
    scene.answer(0, Outcome::ACCEPT);
    assert_eq!((scene.replies.len(), scene.events.len()), (0, 1));
    scene.ask(2, "anna", "secret");
    assert_eq!(scene.replies, [(2, Outcome::ACCEPT)]);
    assert_eq!(scene.sent.len(), 1);
}

#[test]
fn a_joined_login_goes_on_while_anyone_waits_for_it() {
    let mut scene = Scene::new(service(1, true));
    scene.ask(1, "anna", "secret");
    scene.ask(2, "bert", "secret");
    scene.ask(3, "bert", "secret");
    scene.hang_up(2);
    scene.answer(0, Outcome::ACCEPT);
    scene.answer(1, Outcome::ACCEPT);
    assert_eq!(scene.replies, [(1, Outcome::ACCEPT), (3, Outcome::ACCEPT)]);
}

#[test]
fn a_client_that_hangs_up_during_its_delay_holds_nothing() {
    let mut scene = Scene::new(service(1, false));
    scene.ask(1, "anna", "wrong");
    scene.answer(0, Verdict { outcome: Outcome::reject("PAM auth error"), delay: 2 * SECOND });
    scene.hang_up(1);
    assert!(scene.dispatcher.is_idle() && scene.dispatcher.timers.is_empty());
    scene.pass(2 * SECOND);
    assert_eq!(scene.replies, []);
}

#[test]
fn an_errand_for_a_login_that_nobody_waits_for_any_more_is_not_run() {
    let mut scene = Scene::with_route(service(1, false), Route::Network);
    scene.dispatcher.handle_errand(ErrandId(1), resolve(), None, scene.now);
    scene.ask(1, "anna", "secret");
    let login = scene.asked[0];
    scene.dispatcher.handle_errand(ErrandId(2), resolve(), Some(login), scene.now);
    scene.settle();
    scene.hang_up(1);
    assert_eq!(scene.withdrawn, [login]);
    assert!(matches!(scene.reports[..], [(ErrandId(2), ErrandResult::Failed(_))]));
    assert_eq!(scene.sent.len(), 1, "the first goes on");
}

#[test]
fn a_user_who_asks_a_hundred_times_delays_another_by_a_turn() {
    let mut scene = Scene::new(service(1, false));
    for client in 1..=100 {
        scene.ask_as(65534, client, "anna", "secret");
    }
    scene.ask_as(1000, 101, "bert", "secret");
    scene.answer(0, Outcome::ACCEPT);
    (1..3).for_each(|index| scene.answer(index, Outcome::ACCEPT));
    let answered: Vec<_> = scene.replies.iter().map(|(client, _)| *client).collect();
    assert_eq!(answered, [1, 2, 101]);
}

fn resolve() -> Errand {
    Errand::Resolve { host: "localhost".into(), service: "389".into() }
}

#[test]
fn a_login_for_servers_needs_no_worker_and_ends_with_their_decision() {
    let mut scene = Scene::with_route(service(1, true), Route::Network);
    scene.ask(1, "anna", "secret");
    scene.ask(2, "anna", "secret");
    assert_eq!((scene.asked.len(), scene.sent.len()), (1, 0));
    scene.dispatcher.handle_decision(scene.asked[0], Outcome::ACCEPT.into(), scene.now);
    scene.settle();
    assert_eq!(scene.replies, [(1, Outcome::ACCEPT), (2, Outcome::ACCEPT)]);
}

#[test]
fn servers_that_never_decide_are_let_go_at_the_request_timeout() {
    let mut scene = Scene::with_route(service(1, false), Route::Network);
    scene.ask(1, "anna", "secret");
    scene.pass(60 * SECOND);
    assert!(matches!(scene.replies[..], [(1, Outcome::Unavailable(_))]));
    assert_eq!(scene.abandoned, scene.asked);
    scene.dispatcher.handle_decision(scene.asked[0], Outcome::ACCEPT.into(), scene.now);
    scene.settle();
    assert_eq!(scene.replies.len(), 1, "a decision that comes late");
}

#[test]
fn an_errand_goes_to_a_worker_and_its_result_to_whoever_sent_it() {
    let mut scene = Scene::with_route(service(1, false), Route::Network);
    scene.dispatcher.handle_errand(ErrandId(7), resolve(), None, scene.now);
    scene.settle();
    let (worker, job) = scene.sent[0];
    let answer = Answer::Errand(ErrandResult::PasswordChecked(true));
    scene.dispatcher.handle_answer(worker, job, answer, scene.now);
    scene.settle();
    assert!(matches!(scene.reports[..], [(ErrandId(7), ErrandResult::PasswordChecked(true))]));
}

#[test]
fn an_errand_whose_worker_dies_or_hangs_has_failed() {
    let mut scene = Scene::with_route(service(1, false), Route::Network);
    scene.dispatcher.handle_errand(ErrandId(1), resolve(), None, scene.now);
    scene.settle();
    scene.dispatcher.handle_worker_gone(scene.sent[0].0, scene.now);
    scene.dispatcher.handle_errand(ErrandId(2), resolve(), None, scene.now);
    scene.settle();
    scene.pass(60 * SECOND);
    let failed = |report: &(ErrandId, ErrandResult)| matches!(report.1, ErrandResult::Failed(_));
    assert_eq!((scene.reports.len(), scene.reports.iter().all(failed)), (2, true));
    assert_eq!(scene.killed.len(), 1, "the one that hung");
}

#[test]
fn an_errand_that_no_worker_has_room_for_fails_at_once_and_costs_no_worker() {
    let mut scene = Scene::with_route(service(1, false), Route::Network);
    let mut stored = Secret::default();
    stored.resize(1 << 20);
    let errand = Errand::CheckPassword { password: Secret::copy_of(b"secret"), stored };
    scene.dispatcher.handle_errand(ErrandId(1), errand, None, scene.now);
    scene.settle();
    assert!(matches!(scene.reports[..], [(ErrandId(1), ErrandResult::Failed(_))]));
    assert!(scene.sent.is_empty());
}

#[test]
fn a_verdict_is_no_answer_to_an_errand() {
    let mut scene = Scene::with_route(service(1, false), Route::Network);
    scene.dispatcher.handle_errand(ErrandId(1), resolve(), None, scene.now);
    scene.settle();
    scene.answer(0, Outcome::ACCEPT);
    assert!(matches!(scene.reports[..], [(ErrandId(1), ErrandResult::Failed(_))]));
    assert_eq!(scene.replies, []);
}
