#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use super::policy_server::GRACE;
use super::testing::*;
use super::*;
use crate::config::CacheSettings;
use crate::credentials::Credentials;
use crate::outcome::Outcome;
use crate::policy::policy_server::{
    Answer, LONGEST_DELAY, MOST_REPORTS, OnUnavailable, PolicySettings, Question, Report,
};
use crate::secret::Secret;

const ALLOW: Answer = Answer::Allow(Duration::ZERO);

fn settings() -> PolicySettings {
    PolicySettings {
        nonce: Secret::copy_of(b"localnonce"),
        timeout: 2 * SECOND,
        on_unavailable: OnUnavailable::Allow,
        reports: true,
        log_only: false,
    }
}

/// The same, whose logins are put to a policy server.
fn asking(mut scene: Scene, settings: PolicySettings) -> Scene {
    let other = Dispatcher::new(&service(1, true), Rc::default(), &[0; 32], scene.now);
    let dispatcher = std::mem::replace(&mut scene.dispatcher, other);
    scene.dispatcher = dispatcher.asking(settings);
    scene
}

fn scene_with(settings: PolicySettings) -> Scene {
    asking(Scene::new(service(1, true)), settings)
}

fn scene() -> Scene {
    scene_with(settings())
}

fn failed() -> Answer {
    Answer::Failed("connection refused".to_owned())
}

impl Scene {
    fn ask_from(&mut self, client: u64, address: &str, password: &str) {
        let credentials =
            Credentials { client: Some(address.parse().unwrap()), ..credentials("anna", password) };
        self.ask_with(client, "mux", credentials, 1000, 8 * SECOND);
    }

    /// What came of logins, as the policy server was told.
    fn reports(&self) -> Vec<(bool, bool)> {
        let report = |(_, question): &(JobId, Question)| match question {
            Question::Allow(_) => None,
            Question::Report(_, Report { success, policy_reject }) => Some((*success, *policy_reject)),
        };
        self.put_to_policy.iter().filter_map(report).collect()
    }

    fn is_asked(&self, index: usize) -> bool {
        matches!(self.put_to_policy.get(index), Some((_, Question::Allow(_))))
    }
}

#[test]
fn a_login_is_put_to_the_policy_server_before_anybody_checks_it_and_the_end_is_told() {
    let mut scene = scene();
    scene.ask_from(1, "10.1.1.1", "secret");
    assert!(scene.is_asked(0) && scene.sent.is_empty());
    scene.say(0, ALLOW);
    assert_eq!(scene.sent.len(), 1);
    assert_eq!(scene.reports(), []);
    scene.answer(0, Outcome::ACCEPT);
    assert_eq!(scene.replies, [(1, Outcome::ACCEPT)]);
    assert_eq!(scene.reports(), [(true, false)]);
    scene.ask_from(2, "10.1.1.2", "wrong");
    scene.say(2, ALLOW);
    scene.answer(1, Outcome::reject("no"));
    assert_eq!(scene.reports(), [(true, false), (false, false)]);
}

#[test]
fn a_refusal_reaches_no_mechanism_and_not_the_cache_and_the_client_learns_no_reason() {
    let mut scene = scene();
    scene.ask_from(1, "10.1.1.1", "secret");
    scene.say(0, Answer::Refuse("too many".to_owned()));
    let [(1, Outcome::Reject(refusal))] = scene.replies.as_slice() else { panic!("{:?}", scene.replies) };
    assert_eq!(
        (refusal.text.as_ref(), refusal.reason.as_ref()),
        ("authentication failed", "policy: too many")
    );
    assert!(scene.sent.is_empty());
    assert_eq!(scene.reports(), [(false, true)]);
    scene.ask_from(2, "10.1.1.1", "secret");
    assert!(scene.is_asked(2), "asked again, and not remembered");
}

#[test]
fn a_refusal_owes_the_delay_of_any_failure() {
    let mut service = service(1, false);
    service.failure_delay = 2 * SECOND;
    let mut scene = scene();
    scene.dispatcher =
        Dispatcher::new(&service, Rc::new(site(&service, &[Works::InWorkers])), &[7; 32], scene.now)
            .asking(settings());
    scene.ask_from(1, "10.1.1.1", "secret");
    scene.say(0, Answer::Refuse(String::new()));
    assert_eq!(scene.replies, []);
    scene.pass(3 * SECOND);
    assert_eq!(scene.replies.len(), 1);
}

#[test]
fn a_positive_status_delays_the_check_and_holds_no_worker() {
    let mut scene = scene();
    scene.ask_from(1, "10.1.1.1", "secret");
    scene.say(0, Answer::Allow(3 * SECOND));
    scene.pass(3 * SECOND - Duration::from_nanos(1));
    assert!(scene.sent.is_empty());
    scene.pass(Duration::from_nanos(1));
    assert_eq!(scene.sent.len(), 1);
}

#[test]
fn a_delay_is_bounded_and_leaves_half_of_the_time_to_the_check() {
    for (time, longest) in [(8 * SECOND, 4 * SECOND), (60 * SECOND, LONGEST_DELAY)] {
        let mut scene = scene();
        let client = Some("10.1.1.1".parse().unwrap());
        scene.ask_with(1, "x", Credentials { client, ..credentials("anna", "x") }, 1000, time);
        scene.say(0, Answer::Allow(Duration::MAX));
        scene.pass(longest - Duration::from_nanos(1));
        assert!(scene.sent.is_empty());
        scene.pass(Duration::from_nanos(1));
        assert_eq!(scene.sent.len(), 1);
    }
}

#[test]
fn nobody_is_asked_or_told_about_a_login_without_an_address_or_from_the_cache() {
    let mut scene = scene();
    scene.ask(1, "anna", "secret");
    scene.answer(0, Outcome::ACCEPT);
    assert!(scene.put_to_policy.is_empty());
    scene.ask_from(2, "10.1.1.1", "secret");
    scene.say(0, ALLOW);
    scene.answer(1, Outcome::ACCEPT);
    let before = scene.put_to_policy.len();
    scene.ask_from(3, "10.1.1.1", "secret");
    assert_eq!(scene.replies.last(), Some(&(3, Outcome::ACCEPT)));
    assert_eq!(scene.put_to_policy.len(), before);
}

#[test]
fn an_outage_is_told_to_nobody_as_a_wrong_password() {
    let mut scene = scene();
    scene.ask_from(1, "10.1.1.1", "secret");
    scene.say(0, ALLOW);
    scene.answer(0, Outcome::unavailable("", "down"));
    assert_eq!(scene.reports(), []);
}

#[test]
fn without_an_answer_a_login_is_checked_or_cannot_be_decided_as_the_settings_say() {
    let mut open = scene();
    open.ask_from(1, "10.1.1.1", "secret");
    open.say(0, failed());
    assert_eq!(open.sent.len(), 1);
    let mut closed = scene_with(PolicySettings { on_unavailable: OnUnavailable::Unavailable, ..settings() });
    closed.ask_from(1, "10.1.1.1", "secret");
    closed.say(0, failed());
    assert!(closed.sent.is_empty() && closed.reports().is_empty());
    let [(1, Outcome::Unavailable(refusal))] = closed.replies.as_slice() else { panic!() };
    assert_eq!(refusal.reason, "policy: connection refused");
}

#[test]
fn an_outage_is_one_line_and_its_end_another() {
    let mut scene = scene();
    for client in 0..10 {
        scene.ask_from(client, "10.1.1.1", &format!("secret{client}"));
        scene.say(scene.put_to_policy.len() - 1, failed());
        scene.pass(SECOND);
    }
    let count =
        |scene: &Scene, wanted: fn(&Event) -> bool| scene.events.iter().filter(|event| wanted(event)).count();
    assert_eq!(count(&scene, |event| matches!(event, Event::PolicyServerFailed(..))), 1);
    scene.ask_from(10, "10.1.1.1", "x");
    scene.say(scene.put_to_policy.len() - 1, ALLOW);
    assert_eq!(count(&scene, |event| matches!(event, Event::PolicyServerRecovered)), 1);
}

#[test]
fn a_silent_server_costs_each_login_its_time_and_soon_nothing() {
    let mut scene = scene();
    for client in 0..3 {
        scene.ask_from(client, "10.1.1.1", &format!("secret{client}"));
        scene.pass(2 * SECOND + GRACE - Duration::from_nanos(1));
        assert_eq!(scene.abandoned_by_policy.len() as u64, client);
        scene.pass(Duration::from_nanos(1));
        assert_eq!(scene.abandoned_by_policy.len() as u64, client + 1);
    }
    let asked = scene.put_to_policy.len();
    scene.ask_from(4, "10.1.1.1", "secret4");
    assert_eq!(scene.put_to_policy.len(), asked, "nobody asks");
    scene.pass(SECOND);
    scene.ask_from(5, "10.1.1.1", "secret5");
    assert_eq!(scene.put_to_policy.len(), asked + 1, "one asks on the side");
    assert_eq!(scene.dispatcher.take_totals().policy.skipped, 2);
    scene.say(asked, ALLOW);
    scene.ask_from(6, "10.1.1.1", "secret6");
    assert!(
        scene.is_asked(asked + 1)
            && scene.dispatcher.jobs.values().any(|job| matches!(job.place, Place::PolicyServer(_)))
    );
}

/// Otherwise whoever makes the server silent gets around it.
#[test]
fn a_silent_server_that_must_be_heard_is_asked_about_every_login() {
    let mut scene = scene_with(PolicySettings { on_unavailable: OnUnavailable::Unavailable, ..settings() });
    for client in 0..6 {
        scene.ask_from(client, "10.1.1.1", &format!("secret{client}"));
        assert_eq!(scene.put_to_policy.len() as u64, client + 1);
        scene.pass(2 * SECOND + GRACE);
    }
    assert!(scene.sent.is_empty());
    assert_eq!(scene.replies.len(), 6);
}

#[test]
fn a_silent_server_takes_at_most_half_of_the_time_that_a_login_has() {
    let mut scene = scene_with(PolicySettings { timeout: 60 * SECOND, ..settings() });
    scene.ask_from(1, "10.1.1.1", "secret");
    scene.pass(4 * SECOND);
    assert_eq!((scene.abandoned_by_policy.len(), scene.sent.len()), (1, 1));
}

#[test]
fn whoever_hangs_up_is_not_asked_about_any_more() {
    let mut scene = scene();
    scene.ask_from(1, "10.1.1.1", "secret");
    scene.hang_up(1);
    assert_eq!(scene.abandoned_by_policy.len(), 1);
    scene.say(0, ALLOW);
    assert!(scene.sent.is_empty() && scene.dispatcher.is_idle() && scene.dispatcher.timers.is_empty());
    scene.ask_from(2, "10.1.1.1", "secret");
    scene.say(1, Answer::Allow(3 * SECOND));
    scene.hang_up(2);
    assert!(scene.dispatcher.is_idle() && scene.dispatcher.timers.is_empty());
}

#[test]
fn those_who_ask_the_same_are_asked_about_once() {
    let mut scene = scene();
    scene.ask_from(1, "10.1.1.1", "secret");
    scene.ask_from(2, "10.1.1.1", "secret");
    scene.say(0, ALLOW);
    scene.answer(0, Outcome::ACCEPT);
    assert_eq!((scene.replies.len(), scene.put_to_policy.len()), (2, 2));
}

#[test]
fn reports_that_nobody_takes_are_dropped_and_counted() {
    let mut scene = scene();
    for client in 0..MOST_REPORTS as u64 + 3 {
        scene.ask_from(client, "10.1.1.1", &format!("wrong{client}"));
        let index =
            scene.put_to_policy.iter().rposition(|(_, question)| matches!(question, Question::Allow(_)));
        scene.say(index.unwrap(), ALLOW);
        scene.answer(scene.sent.len() - 1, Outcome::reject("no"));
    }
    assert_eq!(scene.reports().len(), MOST_REPORTS);
    let totals = scene.dispatcher.take_totals().policy;
    assert_eq!((totals.allowed, totals.dropped), (MOST_REPORTS as u64 + 3, 3));
    let first = scene.put_to_policy.iter().position(|(_, question)| matches!(question, Question::Report(..)));
    scene.say(first.unwrap(), ALLOW);
    assert_eq!(scene.dispatcher.take_totals().policy.reported, 1);
    // Until the penalties are over.
    scene.pass(20 * SECOND);
    assert!(scene.dispatcher.is_idle() && scene.dispatcher.has_reports(), "nobody waits for them");
}

#[test]
fn what_is_only_logged_changes_nothing() {
    let mut scene = scene_with(PolicySettings { log_only: true, ..settings() });
    scene.ask_from(1, "10.1.1.1", "secret");
    scene.say(0, Answer::Refuse("too many".to_owned()));
    scene.answer(0, Outcome::ACCEPT);
    assert_eq!(scene.replies, [(1, Outcome::ACCEPT)]);
    assert_eq!(scene.reports(), [(true, false)]);
    assert!(
        scene
            .events
            .iter()
            .any(|event| matches!(event, Event::PolicyWouldRefuse(_, message) if message == "too many"))
    );
    scene.ask_from(2, "10.1.1.1", "other");
    scene.say(2, Answer::Allow(3 * SECOND));
    assert_eq!(scene.sent.len(), 2);
}

#[test]
fn without_reports_nothing_is_told() {
    let mut scene = scene_with(PolicySettings { reports: false, ..settings() });
    scene.ask_from(1, "10.1.1.1", "secret");
    scene.say(0, ALLOW);
    scene.answer(0, Outcome::ACCEPT);
    assert_eq!(scene.reports(), []);
}

/// With an acceptance of anna from 10.1.1.1 that has expired and would make up for an outage.
fn scene_with_expired_acceptance(settings: PolicySettings) -> Scene {
    let cache = CacheSettings { bytes: 1 << 20, lifetime: 100 * SECOND, stale: 50 * SECOND };
    let service = FrontendSettings { cache: Some(cache), ..service(1, true) };
    let mut scene = asking(Scene::new(service), settings);
    scene.ask_from(1, "10.1.1.1", "secret");
    scene.say(0, ALLOW);
    scene.answer(0, Outcome::ACCEPT);
    scene.pass(120 * SECOND);
    scene.replies.clear();
    scene
}

/// Somebody with less time has joined the login: his time is over, and not that of the login.
#[test]
fn no_expired_acceptance_goes_around_a_policy_server_that_holds_a_login_up() {
    let closed =
        || PolicySettings { on_unavailable: OnUnavailable::Unavailable, timeout: 60 * SECOND, ..settings() };
    for answer in [None, Some(Answer::Allow(15 * SECOND))] {
        let mut scene = scene_with_expired_acceptance(closed());
        let client = Some("10.1.1.1".parse().unwrap());
        let anna = || Credentials { client, ..credentials("anna", "secret") };
        scene.ask_with(2, "mux", anna(), 1000, 60 * SECOND);
        assert!(scene.is_asked(2));
        answer.iter().for_each(|answer| scene.say(2, answer.clone()));
        scene.ask_with(3, "mux", anna(), 1000, 8 * SECOND);
        scene.pass(8 * SECOND);
        let [(3, Outcome::Unavailable(refusal))] = scene.replies.as_slice() else {
            panic!("{:?}", scene.replies)
        };
        assert_eq!(refusal.reason, "the policy server held the login up for too long");
        let Some(Event::Decided(.., DecidedBy::Mechanisms(asked))) = scene.events.last() else { panic!() };
        assert!(asked.is_policy_server(), "nobody else was asked");
    }
    let mut scene = scene_with_expired_acceptance(closed());
    scene.ask_from(2, "10.1.1.1", "secret");
    scene.pass(8 * SECOND);
    assert!(matches!(scene.replies.as_slice(), [(2, Outcome::Unavailable(_))]), "nor when it is silent");
    let mut scene = scene_with_expired_acceptance(closed());
    scene.ask_from(2, "10.1.1.1", "secret");
    scene.say(2, ALLOW);
    scene.answer(1, Outcome::internal_failure("down"));
    assert_eq!(
        scene.replies,
        [(2, Outcome::ACCEPT)],
        "once it has let the login through that counts as ever"
    );
}

#[test]
fn a_refusal_is_no_wrong_password_for_penalties_and_the_negative_cache() {
    let service = FrontendSettings { negative_cache_ttl: 60 * SECOND, ..service(1, true) };
    let mut scene = asking(Scene::new(service), settings());
    for client in 1..6 {
        scene.ask_from(client, "10.1.1.1", &format!("wrong{client}"));
        scene.say(scene.put_to_policy.len() - 1, Answer::Refuse(String::new()));
        assert_eq!(scene.replies.len() as u64, client, "answered at once");
    }
    assert_eq!(scene.dispatcher.penalties(scene.now).addresses, 0);
    let asked = scene.put_to_policy.len();
    scene.ask_from(6, "10.1.1.1", "wrong1");
    assert!(scene.is_asked(asked), "another day it may be right");
    scene.say(asked, ALLOW);
    scene.answer(0, Outcome::reject("no"));
    assert_eq!(scene.dispatcher.penalties(scene.now).addresses, 1, "while this is one");
}

#[test]
fn a_server_that_is_still_silent_when_it_is_tried_on_the_side_is_left_alone_for_longer() {
    let mut scene = scene();
    for client in 0..3 {
        scene.ask_from(client, "10.1.1.1", &format!("secret{client}"));
        scene.pass(2 * SECOND + GRACE);
    }
    for rest in [1, 2, 4, 8, 10] {
        scene.pass(rest * SECOND);
        let asked = scene.put_to_policy.len();
        scene.ask_from(10, "10.1.1.1", "on the side");
        assert_eq!(scene.put_to_policy.len(), asked + 1);
        scene.pass(2 * SECOND);
        scene.say(asked, Answer::Failed("timed out".to_owned()));
        scene.ask_from(11, "10.1.1.1", "x");
        assert_eq!(scene.put_to_policy.len(), asked + 1, "nobody asks after {rest} seconds of rest");
        scene.hang_up(10);
        scene.hang_up(11);
    }
}

#[test]
fn hanging_up_hides_no_wrong_password_from_the_policy_server() {
    let wrong = || Outcome::reject("no");
    let mut scene = asking(Scene::with(service(1, true), &[Works::AtServers, Works::AtServers]), settings());
    scene.ask_from(1, "10.1.1.1", "wrong");
    scene.say(0, ALLOW);
    scene.decide(0, wrong());
    scene.hang_up(1);
    scene.decide(1, Outcome::internal_failure("nobody waits"));
    assert_eq!(scene.reports(), [(false, false)], "refused by the first, and the second is not asked");
    let mut scene = asking(Scene::with(service(1, true), &[Works::InWorkers, Works::InWorkers]), settings());
    scene.ask(1, "bob", "x");
    scene.answer(0, wrong());
    scene.ask_from(2, "10.1.1.1", "wrong");
    scene.say(0, ALLOW);
    scene.answer(2, wrong());
    scene.hang_up(2);
    assert_eq!(scene.reports(), [(false, false)], "while it waits for a worker of the second");
}
