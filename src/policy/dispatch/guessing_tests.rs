//! What those meet who guess, and what helps in an outage: delays, the negative cache, expired acceptances.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use super::testing::{SECOND, Scene, Works, credentials, route, service, site};
use super::*;
use crate::config::CacheSettings;
use crate::config::site::Selector;
use crate::outcome::Outcome;

const NANOSECOND: Duration = Duration::from_nanos(1);

fn wrong() -> Outcome {
    Outcome::reject("wrong")
}

fn down() -> Outcome {
    Outcome::internal_failure("down")
}

/// Two seconds of delay.
fn delaying() -> FrontendSettings {
    FrontendSettings { failure_delay: 2 * SECOND, ..service(4, false) }
}

fn forgetting_refusals_after(ttl: Duration) -> FrontendSettings {
    FrontendSettings { negative_cache_ttl: ttl, ..service(4, true) }
}

/// An acceptance lives for 100 seconds, and 50 more in an outage.
fn stale() -> FrontendSettings {
    let cache = CacheSettings { bytes: 1 << 20, lifetime: 100 * SECOND, stale: 50 * SECOND };
    FrontendSettings { cache: Some(cache), ..service(4, true) }
}

/// One that has accepted anna, `age` ago.
fn having_accepted(instances: &[Works], age: Duration) -> Scene {
    let mut scene = Scene::with(stale(), instances);
    scene.ask(1, "anna", "secret");
    match instances[0] {
        Works::InWorkers => scene.answer(0, Outcome::ACCEPT),
        Works::AtServers => scene.decide(0, Outcome::ACCEPT),
    }
    scene.pass(age);
    scene.replies.clear();
    scene
}

#[test]
fn a_refusal_by_a_mechanism_without_a_delay_of_its_own_comes_two_seconds_after_the_request() {
    let mut scene = Scene::with(delaying(), &[Works::AtServers]);
    scene.ask(1, "anna", "wrong");
    scene.decide(0, wrong());
    scene.pass(3 * SECOND / 2 - NANOSECOND);
    assert_eq!(scene.replies, []);
    scene.pass(SECOND + NANOSECOND);
    assert_eq!(scene.replies, [(1, wrong())]);
}

#[test]
fn what_the_mechanism_has_taken_is_part_of_the_delay() {
    let mut scene = Scene::with(delaying(), &[Works::AtServers]);
    scene.ask(1, "anna", "wrong");
    scene.pass(5 * SECOND / 2);
    scene.decide(0, wrong());
    assert_eq!(scene.replies, [(1, wrong())]);
}

/// Or the time of an answer tells which logins there are.
#[test]
fn an_unknown_login_is_refused_no_earlier_than_one_with_a_slow_hash() {
    let delay_of = |taken: Duration, outcome: Outcome| {
        let mut scene = Scene::new(delaying());
        let start = scene.now;
        scene.ask(1, "anna", "wrong");
        scene.pass(taken);
        scene.answer(0, outcome);
        while scene.replies.is_empty() {
            let due = scene.dispatcher.next_timeout().unwrap();
            scene.pass(due - scene.now);
        }
        scene.now - start
    };
    let unknown = delay_of(Duration::ZERO, Outcome::unknown_login("", "no such login"));
    assert_eq!(unknown, delay_of(SECOND, wrong()), "the same chance for both");
}

#[test]
fn the_delay_of_pam_is_kept_also_when_it_is_none() {
    let mut scene = Scene::new(delaying());
    scene.ask(1, "anna", "wrong");
    scene.answer(0, Verdict { outcome: wrong(), delay: Some(Duration::ZERO) });
    assert_eq!(scene.replies, [(1, wrong())]);
    scene.ask(2, "anna", "wrong");
    scene.pass(3 * SECOND);
    scene.answer(1, Verdict { outcome: wrong(), delay: Some(SECOND) });
    scene.pass(SECOND - NANOSECOND);
    assert_eq!(scene.replies.len(), 1, "it counts from the decision");
    scene.pass(NANOSECOND);
    assert_eq!(scene.replies.len(), 2);
}

#[test]
fn an_outage_is_not_delayed_unless_a_step_has_refused_the_login() {
    let mut scene = Scene::with(delaying(), &[Works::AtServers, Works::AtServers]);
    scene.ask(1, "anna", "secret");
    scene.decide(0, down());
    scene.decide(1, down());
    assert_eq!(scene.replies, [(1, down())]);
    scene.ask(2, "anna", "guess");
    scene.decide(2, wrong());
    scene.decide(3, down());
    assert_eq!(scene.replies.len(), 1, "or guessing is for free while another mechanism is down");
    scene.pass(5 * SECOND / 2);
    assert_eq!(scene.replies.len(), 2);
}

#[test]
fn the_steps_of_a_chain_are_delayed_once() {
    let mut scene = Scene::with(delaying(), &[Works::AtServers, Works::AtServers]);
    scene.ask(1, "anna", "wrong");
    scene.decide(0, wrong());
    assert_eq!(scene.asked.len(), 2, "the next step is asked at once");
    scene.decide(1, wrong());
    scene.pass(5 * SECOND / 2);
    assert_eq!(scene.replies.len(), 1);
}

#[test]
fn neither_an_acceptance_nor_the_second_step_that_accepts_is_delayed() {
    let mut scene = Scene::with(delaying(), &[Works::AtServers, Works::AtServers]);
    scene.ask(1, "anna", "right");
    scene.decide(0, wrong());
    scene.decide(1, Outcome::ACCEPT);
    assert_eq!(scene.replies, [(1, Outcome::ACCEPT)]);
}

#[test]
fn the_delay_ends_with_the_deadline_of_the_request() {
    let mut scene = Scene::with(delaying(), &[Works::AtServers]);
    scene.ask_with(1, "mux", credentials("anna", "wrong"), 1000, SECOND);
    scene.decide(0, wrong());
    scene.pass(SECOND);
    assert_eq!(scene.replies, [(1, wrong())]);
}

#[test]
fn whoever_hangs_up_during_the_delay_leaves_nothing_behind() {
    let mut scene = Scene::with(delaying(), &[Works::AtServers]);
    scene.ask(1, "anna", "wrong");
    scene.decide(0, wrong());
    scene.hang_up(1);
    assert!(scene.dispatcher.is_idle() && scene.dispatcher.timers.is_empty());
    assert_eq!(scene.dispatcher.take_totals().failures_delayed, 1);
}

#[test]
fn the_same_wrong_password_is_refused_again_without_asking_and_owes_the_delay_again() {
    let settings = FrontendSettings { failure_delay: 2 * SECOND, ..forgetting_refusals_after(10 * SECOND) };
    let mut scene = Scene::new(settings);
    scene.ask(1, "anna", "old");
    scene.answer(0, wrong());
    scene.pass(3 * SECOND);
    scene.ask(2, "anna", "old");
    assert_eq!((scene.sent.len(), scene.replies.len()), (1, 1), "held back");
    scene.pass(5 * SECOND / 2);
    assert_eq!(scene.replies, [(1, wrong()), (2, wrong())]);
    let told = scene
        .events
        .iter()
        .filter(|event| matches!(event, Event::Decided(_, Outcome::Reject(_), DecidedBy::NegativeCache(_))));
    assert_eq!(told.count(), 1);
    let totals = scene.dispatcher.take_totals();
    assert_eq!((totals.negative_hits, totals.logins()), (1, 2));
}

#[test]
fn another_password_another_route_and_a_later_time_ask_again() {
    let settings = forgetting_refusals_after(10 * SECOND);
    let mut site = site(&settings, &[Works::InWorkers]);
    let selector = Selector { endpoint: Some("other".into()), ..Selector::default() };
    site.routes.special.push((selector, route(&[0])));
    let mut scene = Scene::at(settings, site);
    scene.ask(1, "anna", "old");
    scene.answer(0, wrong());
    scene.ask(2, "anna", "new");
    scene.ask_with(3, "other", credentials("anna", "old"), 1000, SECOND);
    assert_eq!(scene.sent.len(), 3);
    scene.pass(10 * SECOND);
    scene.ask(4, "anna", "old");
    assert_eq!(scene.sent.len(), 4);
}

#[test]
fn an_outage_and_a_refusal_beside_an_outage_are_asked_again() {
    let mut scene =
        Scene::with(forgetting_refusals_after(10 * SECOND), &[Works::AtServers, Works::AtServers]);
    for (first, second) in [(down(), down()), (wrong(), down())] {
        let before = scene.asked.len();
        scene.ask(1, "anna", "secret");
        scene.decide(before, first);
        scene.decide(before + 1, second);
        assert_eq!(scene.asked.len(), before + 2);
    }
}

#[test]
fn the_negative_cache_works_without_a_cache_and_joins_nobody() {
    let settings = FrontendSettings { cache: None, ..forgetting_refusals_after(10 * SECOND) };
    let mut scene = Scene::new(settings);
    scene.ask(1, "anna", "old");
    scene.ask(2, "anna", "old");
    assert_eq!(scene.sent.len(), 2, "each is asked by itself, as without it");
    scene.answer(0, wrong());
    scene.answer(1, wrong());
    scene.ask(3, "anna", "old");
    assert_eq!(scene.replies.len(), 3);
}

/// He has changed his password while the first of two was being checked.
#[test]
fn an_acceptance_takes_the_refusal_of_a_moment_ago_away() {
    let settings = FrontendSettings { cache: None, ..forgetting_refusals_after(10 * SECOND) };
    let mut scene = Scene::new(settings);
    scene.ask(1, "anna", "new");
    scene.ask(2, "anna", "new");
    scene.answer(0, wrong());
    scene.answer(1, Outcome::ACCEPT);
    scene.ask(3, "anna", "new");
    assert_eq!(scene.sent.len(), 3, "it is asked about again");
}

#[test]
fn a_flush_forgets_refusals_and_those_that_are_being_decided() {
    let mut scene = Scene::new(forgetting_refusals_after(10 * SECOND));
    scene.ask(1, "anna", "one");
    scene.answer(0, wrong());
    scene.ask(2, "anna", "two");
    assert_eq!(scene.dispatcher.flush_cache(Some(b"anna")), 1);
    scene.answer(1, wrong());
    scene.ask(3, "anna", "one");
    scene.ask(4, "anna", "two");
    assert_eq!(scene.sent.len(), 4);
    let totals = scene.dispatcher.take_totals();
    assert_eq!((totals.cache_flushed, totals.negative_flushed), (0, 1));
}

#[test]
fn while_every_mechanism_is_down_an_acceptance_that_has_expired_a_moment_ago_counts() {
    let mut scene = having_accepted(&[Works::AtServers, Works::InWorkers], 120 * SECOND);
    scene.ask(2, "anna", "secret");
    scene.decide(1, down());
    scene.answer(0, down());
    assert_eq!(scene.replies, [(2, Outcome::ACCEPT)]);
    assert!(matches!(
        scene.events.last(),
        Some(Event::Decided(_, Outcome::Accept(_), DecidedBy::StaleCache(_)))
    ));
    let totals = scene.dispatcher.take_totals();
    assert_eq!((totals.stale_hits, totals.cache_hits), (1, 0));
}

#[test]
fn an_expired_acceptance_is_not_renewed_and_has_its_limit() {
    let mut scene = having_accepted(&[Works::AtServers], 140 * SECOND);
    scene.ask(2, "anna", "secret");
    scene.decide(1, down());
    scene.pass(10 * SECOND);
    scene.ask(3, "anna", "secret");
    scene.decide(2, down());
    assert_eq!(scene.replies, [(2, Outcome::ACCEPT), (3, down())]);
}

#[test]
fn an_expired_acceptance_is_for_exactly_that_password() {
    let mut scene = having_accepted(&[Works::AtServers], 120 * SECOND);
    scene.ask(2, "anna", "guess");
    scene.decide(1, down());
    assert_eq!(scene.replies, [(2, down())]);
}

#[test]
fn whom_any_step_refuses_no_expired_acceptance_helps_then_or_later() {
    let mut scene = having_accepted(&[Works::AtServers, Works::AtServers], 120 * SECOND);
    scene.ask(2, "anna", "secret");
    scene.decide(1, wrong());
    scene.decide(2, down());
    scene.ask(3, "anna", "secret");
    scene.decide(3, down());
    scene.decide(4, down());
    assert_eq!(scene.replies, [(2, down()), (3, down())]);
}

#[test]
fn a_refusal_that_nobody_waits_for_takes_the_acceptance_away_too() {
    let mut scene = having_accepted(&[Works::AtServers], 120 * SECOND);
    scene.ask(2, "anna", "secret");
    scene.hang_up(2);
    scene.decide(1, wrong());
    scene.ask(3, "anna", "secret");
    scene.decide(2, down());
    assert_eq!(scene.replies, [(3, down())]);
}

#[test]
fn an_expired_acceptance_comes_in_time_when_nobody_answers() {
    let mut scene = having_accepted(&[Works::InWorkers], 120 * SECOND);
    scene.ask_with(2, "mux", credentials("anna", "secret"), 1000, SECOND);
    scene.ask(3, "anna", "secret");
    scene.pass(SECOND);
    assert_eq!(scene.replies, [(2, Outcome::ACCEPT)]);
    scene.pass(25 * SECOND);
    scene.dispatcher.handle_worker_gone(scene.sent[1].0, scene.now);
    scene.settle();
    assert_eq!(scene.replies[1], (3, Outcome::ACCEPT));
}

#[test]
fn a_flush_a_newer_frontend_and_the_end_of_the_daemon_leave_no_expired_acceptance() {
    for way in 0..3 {
        let mut scene = having_accepted(&[Works::AtServers], 120 * SECOND);
        scene.ask(2, "anna", "secret");
        match way {
            0 => drop(scene.dispatcher.flush_cache(None)),
            1 => scene.dispatcher.forget_all(),
            _ => scene.dispatcher.give_up("the daemon is stopping", scene.now),
        }
        scene.settle();
        scene.decide(1, down());
        assert!(matches!(scene.replies[..], [(2, Outcome::Unavailable(_))]), "{way}");
    }
}
