//! Realms behind one pool, some of which are silent.
#![allow(clippy::indexing_slicing, clippy::expect_used)]

use super::testing::*;
use super::*;
use crate::credentials::Credentials;
use crate::job::WorkerId;
use crate::outcome::Outcome;
use crate::policy::circuit_breaker::PATIENCE;

const SILENT: &str = "the servers that decide about it have answered nobody for a while";

/// Mechanisms that ask the servers of a login's realm, and nobody about one without.
fn scene(workers: usize, instances: usize) -> Scene {
    let mut scene = Scene::with(service(workers, false), &vec![Works::InWorkers; instances]);
    let realm = |credentials: &Credentials| {
        let at = credentials.login.iter().position(|byte| *byte == b'@')?;
        credentials.login.get(at + 1..).map(<[u8]>::to_vec)
    };
    let all = (0..instances).map(|_| Some(Box::new(realm) as BackendOf));
    scene.dispatcher = scene.dispatcher.with_backends(all.collect());
    scene
}

fn is_silent(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Unavailable(refusal) if refusal.reason == SILENT)
}

fn told(scene: &Scene) -> (usize, usize) {
    let count = |is: fn(&Event) -> bool| scene.events.iter().filter(|event| is(event)).count();
    (
        count(|event| matches!(event, Event::BackendSilent(_))),
        count(|event| matches!(event, Event::BackendRecovered(_))),
    )
}

#[test]
fn the_logins_of_a_silent_realm_are_told_at_once_but_for_one_at_a_time() {
    let mut scene = scene(3, 1);
    scene.ask(1, "anna@A", "right");
    scene.answer(0, Outcome::ACCEPT);
    (2..8).for_each(|client| scene.ask(client, &format!("user{client}@B"), "right"));
    assert_eq!(scene.sent.len(), 3, "one worker is left for others");
    scene.pass(PATIENCE);
    let refused = scene.replies.iter().filter(|(_, outcome)| is_silent(outcome)).count();
    assert_eq!((refused, told(&scene)), (4, (1, 0)), "all that had no worker yet");
    scene.ask(10, "otto@A", "right");
    assert_eq!(scene.sent.len(), 4, "another realm is not concerned");
    scene.answer(3, Outcome::ACCEPT);
    // Both workers of B are held. When they are free, one login tries.
    scene.answer(1, Outcome::internal_failure("no server answers"));
    scene.answer(2, Outcome::internal_failure("no server answers"));
    scene.ask(11, "eva@B", "right");
    assert_eq!(scene.sent.len(), 5);
    scene.ask(12, "emil@B", "right");
    assert_eq!(scene.sent.len(), 5);
    assert!(is_silent(&scene.replies.last().expect("it has its answer").1));
    scene.pass(SECOND);
    scene.answer(4, Outcome::reject("wrong"));
    assert_eq!(told(&scene), (1, 1));
    scene.ask(13, "emil@B", "right");
    scene.ask(14, "eva@B", "right");
    assert_eq!(scene.sent.len(), 7);
}

#[test]
fn a_silent_realm_is_an_outage_after_which_a_chain_goes_on() {
    let mut scene = scene(2, 2);
    (1..=2).for_each(|client| scene.ask(client, &format!("user{client}@B"), "right"));
    assert_eq!(scene.dispatcher.next_timeout(), Some(scene.now + PATIENCE));
    scene.pass(PATIENCE);
    assert_eq!(told(&scene), (1, 0));
    scene.ask(3, "anna@B", "right");
    let sent = scene.sent.len();
    scene.ask(4, "otto@B", "right");
    assert_eq!(scene.sent.len(), sent + 1, "the second mechanism is asked, whose servers are others");
    assert!(scene.passwords.iter().all(|password| password.as_bytes() == b"right"));
    scene.answer(sent, Outcome::ACCEPT);
    assert_eq!(scene.replies, [(4, Outcome::ACCEPT)]);
}

#[test]
fn logins_that_nobody_waits_for_and_dead_workers_say_nothing_of_a_realm() {
    let mut scene = scene(2, 1);
    for client in 1..20 {
        scene.ask(client, &format!("user{client}@B"), "right");
        let worker = scene.sent.last().expect("it was sent").0;
        scene.dispatcher.handle_worker_gone(worker, scene.now);
        scene.settle();
        scene.pass(PATIENCE);
    }
    assert_eq!((told(&scene), scene.sent.len()), ((0, 0), 19));
}

#[test]
fn a_login_whose_deadline_has_come_counts() {
    let mut scene = scene(2, 1);
    for client in 1..=3 {
        scene.ask(client, &format!("user{client}@B"), "right");
    }
    scene.pass(60 * SECOND);
    assert_eq!((told(&scene), scene.killed.len()), ((1, 0), 2));
    scene.ask(4, "anna@B", "right");
    scene.ask(5, "otto@B", "right");
    assert!(is_silent(&scene.replies.last().expect("it has its answer").1));
    scene.hang_up(4);
    assert_eq!(told(&scene), (1, 0));
}

#[test]
fn without_a_realm_nothing_is_remembered() {
    let mut scene = scene(2, 1);
    (1..=2).for_each(|client| scene.ask(client, &format!("user{client}"), "right"));
    scene.pass(60 * SECOND);
    (3..=4).for_each(|client| scene.ask(client, &format!("user{client}"), "right"));
    assert_eq!((told(&scene), scene.sent.len()), ((0, 0), 4));
}

/// As soon as a worker has said what stands for none.
#[test]
fn the_default_realm_is_the_same_whether_or_not_a_login_names_it() {
    let mut scene = Scene::with(service(3, false), &[Works::InWorkers]);
    let realm = |credentials: &Credentials| {
        let mut parts = credentials.login.splitn(2, |byte| *byte == b'@');
        Some(parts.nth(1).unwrap_or_default().to_vec())
    };
    scene.dispatcher = scene.dispatcher.with_backends(vec![Some(Box::new(realm) as BackendOf)]);
    let worker = WorkerId(1);
    assert!(scene.dispatcher.pool_of(worker).is_some());
    scene.dispatcher.handle_default_backend(worker, b"B");
    scene.ask(1, "anna", "right");
    scene.ask(2, "otto@B", "right");
    scene.pass(PATIENCE);
    assert_eq!(told(&scene), (1, 0), "two names wait for one realm");
    scene.ask(3, "eva", "right");
    scene.ask(4, "emil@B", "right");
    assert_eq!((scene.sent.len(), is_silent(&scene.replies.last().expect("a reply").1)), (3, true));
    let now = scene.dispatcher.open_circuits_now();
    assert_eq!(now.named.iter().map(|(_, realm)| realm.as_str()).collect::<Vec<_>>(), ["B"]);
    assert_eq!(scene.dispatcher.take_totals().circuit_refusals, 1);
}

/// At the start of the daemon clients are there before workers.
#[test]
fn a_login_that_came_before_any_worker_shows_no_second_realm() {
    let mut scene = scene(2, 1);
    let realm = |credentials: &Credentials| {
        let mut parts = credentials.login.splitn(2, |byte| *byte == b'@');
        Some(parts.nth(1).unwrap_or_default().to_vec())
    };
    scene.dispatcher = scene.dispatcher.with_backends(vec![Some(Box::new(realm) as BackendOf)]);
    // Both workers have a login, and a third one waits.
    (1..=2).for_each(|client| scene.ask(client, &format!("user{client}@B"), "right"));
    scene.ask(3, "user3", "right");
    assert_eq!(scene.sent.len(), 2);
    scene.dispatcher.handle_default_backend(WorkerId(1), b"B");
    (0..3).for_each(|sent| scene.answer(sent, Outcome::ACCEPT));
    (4..=5).for_each(|client| scene.ask(client, &format!("user{client}@B"), "right"));
    assert_eq!(scene.sent.len(), 5, "the only realm has all workers");
}

#[test]
fn a_login_that_came_before_any_worker_does_not_wait_for_a_silent_default_realm() {
    let mut scene = scene(3, 1);
    let realm = |_: &Credentials| Some(Vec::new());
    scene.dispatcher = scene.dispatcher.with_backends(vec![Some(Box::new(realm) as BackendOf)]);
    (1..=20).for_each(|client| scene.ask(client, &format!("user{client}"), "right"));
    scene.dispatcher.handle_default_backend(WorkerId(1), b"B");
    // The first of them have come to workers before, and say nothing of B.
    let early = scene.sent.len();
    (0..early).for_each(|sent| scene.answer(sent, Outcome::ACCEPT));
    let had_workers = scene.sent.len();
    assert!(had_workers > early + 1);
    scene.pass(PATIENCE);
    let refused = scene.replies.iter().filter(|(_, outcome)| is_silent(outcome)).count();
    assert_eq!((told(&scene), refused), ((1, 0), 20 - had_workers));
}

/// Realms are bytes, and labels are text with a bound.
#[test]
fn realms_that_read_the_same_are_told_of_once_by_name() {
    let mut scene = scene(60, 1);
    let long = |end: &str| "L".repeat(220) + end;
    let realms = ["A\x01B", "A\x02B", &long("1"), &long("2"), "C"];
    for (number, realm) in (0..).zip(realms) {
        (0..2).for_each(|name| scene.ask(2 * number + name, &format!("user{name}@{realm}"), "right"));
    }
    scene.pass(PATIENCE);
    let now = scene.dispatcher.open_circuits_now();
    let named: Vec<_> = now.named.iter().map(|(_, realm)| realm.as_str()).collect();
    assert_eq!((named, now.others), (vec!["A?B", "C", &"L".repeat(200)], 2));
}
