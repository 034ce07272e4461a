//! Several mechanisms: pools, chains, routes, and requests with deadlines of their own.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use super::testing::{SECOND, Scene, Works, credentials, id, route, service, site};
use super::*;
use crate::config::site::{Continuation, Route, Selector, Step};
use crate::credentials::Credentials;
use crate::job::Answer;
use crate::outcome::Outcome;
use crate::secret;
use Works::{AtServers, InWorkers};

fn unknown() -> Outcome {
    Outcome::unknown_login("", "no such login")
}

/// The instances that the lines of the log name, by their place.
fn told(scene: &Scene) -> Vec<(Vec<usize>, Outcome)> {
    let decided = scene.events.iter().filter_map(|event| match event {
        Event::Decided(_, outcome, DecidedBy::Mechanisms(asked)) => {
            Some((asked.instances().map(|instance| instance.0).collect(), outcome.clone()))
        }
        _ => None,
    });
    decided.collect()
}

#[test]
fn the_next_mechanism_is_asked_with_the_same_password_and_the_one_that_accepts_is_named() {
    let mut scene = Scene::with(service(1, false), &[InWorkers, AtServers, InWorkers]);
    scene.ask(1, "anna", "secret");
    scene.answer(0, unknown());
    assert_eq!(scene.asked, [(InstanceId(1), scene.sent[0].1)]);
    scene.decide(0, Outcome::reject("no"));
    assert_eq!(scene.replies, []);
    scene.answer(1, Outcome::ACCEPT);
    assert_eq!(scene.replies, [(1, Outcome::ACCEPT)]);
    assert_eq!(told(&scene), [(vec![2], Outcome::ACCEPT)]);
    assert!(scene.passwords.iter().all(|password| password.as_bytes() == b"secret"));
    assert_eq!(scene.passwords.len(), 3);
    assert!(scene.dispatcher.is_idle());
}

#[test]
fn a_login_that_nobody_accepts_has_one_line_that_names_all_and_the_longest_delay() {
    let mut scene = Scene::with(service(1, false), &[InWorkers, AtServers]);
    let knows = Outcome::reject("PAM auth error");
    scene.ask(1, "anna", "wrong");
    scene.answer(0, Verdict { outcome: knows.clone(), delay: Some(3 * SECOND) });
    scene.pass(SECOND);
    scene.decide(0, Verdict { outcome: unknown(), delay: Some(SECOND) });
    assert_eq!(told(&scene), [(vec![0, 1], knows.clone())]);
    scene.pass(3 * SECOND - Duration::from_nanos(1));
    assert_eq!(scene.replies, []);
    scene.pass(Duration::from_nanos(1));
    assert_eq!(scene.replies, [(1, knows)]);
}

#[test]
fn an_outage_of_any_step_is_an_outage_unless_another_accepts() {
    for (last, expected) in [
        (Outcome::reject("no"), Outcome::broken_off("the worker process died")),
        (Outcome::ACCEPT, Outcome::ACCEPT),
    ] {
        let mut scene = Scene::with(service(1, true), &[InWorkers, AtServers]);
        scene.ask(1, "anna", "secret");
        scene.dispatcher.handle_worker_gone(scene.sent[0].0, scene.now);
        scene.settle();
        scene.decide(0, last);
        assert_eq!(scene.replies, [(1, expected)]);
    }
}

#[test]
fn a_step_that_stops_has_the_last_word() {
    let service = service(1, false);
    let mut site = site(&service, &[InWorkers, InWorkers]);
    let mut steps = site.routes.default.steps.clone();
    steps[0] = Step { on_reject: Continuation::Stop, ..steps[0] };
    site.routes.default = Rc::new(Route { steps, login_format: None });
    let mut scene = Scene::at(service, site);
    scene.ask(1, "anna", "wrong");
    scene.answer(0, Outcome::reject("no"));
    assert_eq!(scene.replies, [(1, Outcome::reject("no"))]);
    scene.ask(2, "bert", "right");
    scene.answer(1, unknown());
    assert_eq!(scene.sent.len(), 3, "the login that it does not know goes on");
}

#[test]
fn a_password_is_kept_while_another_step_may_need_it_and_no_longer() {
    let before = secret::alive();
    let kept = |scene: &mut Scene| {
        scene.passwords.clear();
        secret::alive() - before
    };
    let mut scene = Scene::with(service(1, false), &[AtServers]);
    scene.ask(1, "anna", "secret");
    assert_eq!(kept(&mut scene), 0, "with one mechanism nothing is copied");
    let mut scene = Scene::with(service(1, false), &[InWorkers, AtServers]);
    scene.ask(1, "anna", "secret");
    assert_eq!(kept(&mut scene), 1);
    scene.answer(0, unknown());
    assert_eq!(kept(&mut scene), 0, "it is with the last");
    scene.ask(2, "bert", "secret");
    scene.hang_up(2);
    assert_eq!(kept(&mut scene), 0, "nobody waits");
}

#[test]
fn all_steps_together_have_one_deadline() {
    let mut scene = Scene::with(service(1, false), &[InWorkers, AtServers]);
    scene.ask(1, "anna", "secret");
    scene.pass(59 * SECOND);
    scene.answer(0, Outcome::reject("no"));
    scene.pass(SECOND);
    assert_eq!(scene.replies, [(1, Outcome::internal_failure("no answer within the request timeout"))]);
    assert_eq!(scene.abandoned, scene.asked);
    assert_eq!(told(&scene)[0].0, [0, 1]);
}

#[test]
fn a_step_for_which_no_time_is_left_could_not_be_asked() {
    let mut scene = Scene::with(service(1, false), &[InWorkers, AtServers]);
    scene.ask(1, "anna", "secret");
    scene.now += 60 * SECOND;
    scene.answer(0, Outcome::reject("no"));
    assert_eq!(scene.asked, []);
    let late = Outcome::internal_failure("no time was left for the next mechanism");
    assert_eq!(told(&scene), [(vec![0], late)]);
}

#[test]
fn a_login_that_nobody_waits_for_goes_no_step_further_but_its_failure_is_logged() {
    for hangs_up_while_queued in [false, true] {
        let mut scene = Scene::with(service(1, false), &[InWorkers, InWorkers]);
        if hangs_up_while_queued {
            scene.ask(1, "bert", "secret");
            scene.answer(0, unknown());
        }
        let first = scene.sent.len();
        scene.ask(2, "anna", "wrong");
        if hangs_up_while_queued {
            scene.answer(first, Outcome::reject("no"));
            assert_eq!(scene.sent.len(), first + 1, "the second pool's only worker has another login");
            scene.hang_up(2);
        } else {
            scene.hang_up(2);
            scene.answer(first, Outcome::reject("no"));
            assert_eq!(scene.sent.len(), first + 1);
        }
        assert_eq!(scene.replies, []);
        let lines = told(&scene);
        assert_eq!((lines.len(), &lines[0].1), (1, &Outcome::reject("no")), "{hangs_up_while_queued}");
    }
}

#[test]
fn a_login_that_somebody_waits_for_again_goes_all_its_steps() {
    let mut scene = Scene::with(service(1, true), &[InWorkers, AtServers]);
    scene.ask(1, "anna", "secret");
    scene.hang_up(1);
    scene.ask(2, "anna", "secret");
    scene.answer(0, unknown());
    scene.decide(0, Outcome::ACCEPT);
    assert_eq!(scene.replies, [(2, Outcome::ACCEPT)]);
    assert_eq!(scene.passwords[1].as_bytes(), b"secret");
}

/// A pool that hangs takes nothing from the others.
#[test]
fn a_hundred_logins_in_a_pool_that_hangs_delay_nobody_in_another() {
    let service = service(2, false);
    let mut site = site(&service, &[InWorkers, InWorkers]);
    let selector = Selector { service: Some("imap".into()), ..Selector::default() };
    site.routes.default = route(&[0]);
    site.routes.special = vec![(selector, route(&[1]))];
    let mut scene = Scene::at(service, site);
    for client in 1..=100 {
        scene.ask(client, "anna", "secret");
    }
    assert_eq!(scene.sent.len(), 2);
    for client in 101..=200 {
        let imap = Credentials { service: b"imap".to_vec(), ..credentials("anna", "secret") };
        scene.ask_with(client, "mux", imap, 1000, 60 * SECOND);
        scene.answer(scene.sent.len() - 1, Outcome::ACCEPT);
        assert_eq!(scene.replies.last(), Some(&(client, Outcome::ACCEPT)), "at once");
    }
}

#[test]
fn an_acceptance_on_one_route_is_none_on_another() {
    let service = service(4, true);
    let mut site = site(&service, &[InWorkers, InWorkers]);
    let selector = Selector { endpoint: Some("/run/other".into()), ..Selector::default() };
    site.routes.default = route(&[0]);
    site.routes.special = vec![(selector, route(&[1]))];
    let mut scene = Scene::at(service, site);
    let by = |scene: &mut Scene, client, endpoint| {
        scene.ask_with(client, endpoint, credentials("anna", "secret"), 1000, 60 * SECOND);
    };
    by(&mut scene, 1, "mux");
    by(&mut scene, 2, "/run/other");
    assert_eq!(scene.sent.len(), 2, "the second is another question while the first is in flight");
    scene.answer(0, Outcome::ACCEPT);
    assert_eq!(scene.replies, [(1, Outcome::ACCEPT)]);
    scene.answer(1, Outcome::reject("no"));
    by(&mut scene, 3, "/run/other");
    assert_eq!(scene.sent.len(), 3);
    by(&mut scene, 4, "mux");
    assert_eq!(scene.sent.len(), 3);
    assert_eq!(scene.replies.last(), Some(&(4, Outcome::ACCEPT)));
}

#[test]
fn a_request_with_an_earlier_deadline_is_answered_then_and_the_others_when_it_is_decided() {
    let mut scene = Scene::new(service(1, true));
    scene.ask(1, "anna", "secret");
    scene.ask_with(2, "dovecot", credentials("anna", "secret"), 1000, 8 * SECOND);
    scene.pass(8 * SECOND);
    let late = Outcome::internal_failure("no answer within the request timeout");
    assert_eq!(scene.replies, [(2, late)]);
    assert_eq!(scene.killed, []);
    scene.answer(0, Outcome::ACCEPT);
    assert_eq!(scene.replies[1..], [(1, Outcome::ACCEPT)]);
    assert!(scene.dispatcher.is_idle() && scene.dispatcher.timers.is_empty());
}

#[test]
fn a_login_that_nobody_waits_for_after_its_deadline_is_taken_off_the_queue_or_goes_on_where_it_is() {
    let mut scene = Scene::new(service(1, true));
    for (client, login) in [(1, "anna"), (2, "bert")] {
        scene.ask_with(client, "dovecot", credentials(login, "secret"), 1000, 8 * SECOND);
    }
    scene.pass(8 * SECOND);
    let reasons = ["no answer within the request timeout", "no process was free within the request timeout"];
    let late = reasons.map(Outcome::internal_failure);
    assert_eq!(scene.replies, [(1, late[0].clone()), (2, late[1].clone())]);
    scene.answer(0, Outcome::ACCEPT);
    assert_eq!(scene.sent.len(), 1);
    scene.ask(3, "anna", "secret");
    assert_eq!(scene.replies[2..], [(3, Outcome::ACCEPT)], "what was found is remembered");
}

#[test]
fn a_delay_never_outlasts_the_deadline_of_the_request() {
    let mut scene = Scene::new(service(1, true));
    scene.ask(1, "anna", "wrong");
    scene.ask_with(2, "dovecot", credentials("anna", "wrong"), 1000, 2 * SECOND);
    scene.answer(0, Verdict { outcome: Outcome::reject("no"), delay: Some(10 * SECOND) });
    scene.pass(2 * SECOND);
    assert_eq!(scene.replies, [(2, Outcome::reject("no"))]);
    scene.pass(8 * SECOND);
    assert_eq!(scene.replies[1..], [(1, Outcome::reject("no"))]);
}

#[test]
fn requests_of_one_connection_are_told_apart_by_their_numbers() {
    let mut scene = Scene::new(service(2, false));
    let deadline = scene.now + 60 * SECOND;
    for (number, login) in [(1, "anna"), (2, "bert")] {
        let request = RequestId { client: ClientId(7), number };
        let credentials = credentials(login, "secret");
        scene.dispatcher.handle_request(request, "mux", credentials, || Some(0), deadline, scene.now);
    }
    scene.settle();
    scene.dispatcher.handle_hang_up(RequestId { client: ClientId(7), number: 1 }, scene.now);
    scene.answer(0, Outcome::ACCEPT);
    scene.answer(1, Outcome::ACCEPT);
    assert_eq!(scene.replies, [(7, Outcome::ACCEPT)]);
}

#[test]
fn it_is_ready_when_every_pool_that_keeps_workers_has_had_one_that_was() {
    let service = service(2, false);
    let mut site = site(&service, &[InWorkers, InWorkers, InWorkers]);
    site.pools[2].workers.ready = 0;
    let now = Instant::now();
    let mut dispatcher = Dispatcher::new(&service, Rc::new(site), &[7; 32], now);
    for (worker, pool) in [(1, 0), (2, 1)] {
        dispatcher.handle_worker(crate::job::WorkerId(worker), PoolId(pool), now);
    }
    dispatcher.handle_ready(crate::job::WorkerId(1), now);
    dispatcher.handle_worker_gone(crate::job::WorkerId(1), now);
    assert!(!dispatcher.is_ready());
    dispatcher.handle_ready(crate::job::WorkerId(2), now);
    assert!(dispatcher.is_ready());
}

#[test]
fn a_verdict_of_servers_that_are_not_asked_any_more_counts_for_nothing() {
    let mut scene = Scene::with(service(1, false), &[AtServers, AtServers]);
    scene.ask(1, "anna", "secret");
    scene.decide(0, unknown());
    scene.decide(0, Outcome::ACCEPT);
    assert_eq!(scene.replies, []);
    scene.decide(1, Outcome::reject("no"));
    assert_eq!(scene.replies, [(1, Outcome::reject("no"))]);
}

#[test]
fn when_the_daemon_stops_no_further_step_is_asked() {
    let mut scene = Scene::with(service(1, false), &[InWorkers, AtServers]);
    scene.ask(1, "anna", "secret");
    scene.dispatcher.give_up("the daemon is stopping", scene.now);
    scene.settle();
    assert_eq!(scene.replies, [(1, Outcome::broken_off("the daemon is stopping"))]);
    assert!(scene.asked.is_empty() && scene.dispatcher.is_idle());
}

#[test]
fn an_answer_to_an_errand_is_none_to_a_step() {
    let mut scene = Scene::with(service(1, false), &[InWorkers, InWorkers]);
    scene.ask(1, "anna", "secret");
    let (worker, job) = scene.sent[0];
    let answer = Answer::Errand(ErrandResult::PasswordChecked(true));
    scene.dispatcher.handle_answer(worker, job, answer, scene.now);
    scene.settle();
    scene.answer(1, Outcome::reject("no"));
    assert!(matches!(&scene.replies[..], [(1, Outcome::Unavailable(_))]));
    assert_eq!(id(1), RequestId { client: ClientId(1), number: 0 });
}

#[test]
fn what_a_step_refuses_after_the_deadline_of_its_request_is_no_failure_since_the_next_might_have_accepted() {
    let failures = |scene: &Scene| {
        let decided = scene.events.iter().filter_map(|event| match event {
            Event::Decided(_, outcome, _) => Some(outcome),
            _ => None,
        });
        decided.filter(|outcome| matches!(outcome, Outcome::Reject(_))).count()
    };
    for (hangs_up, expected) in [(false, 0), (true, 1)] {
        let mut scene = Scene::with(service(1, false), &[InWorkers, InWorkers]);
        scene.ask_with(1, "mux", credentials("anna", "secret"), 1000, 8 * SECOND);
        if hangs_up {
            scene.hang_up(1);
        } else {
            scene.pass(8 * SECOND);
        }
        scene.answer(0, Outcome::reject("no"));
        assert_eq!(failures(&scene), expected, "{hangs_up}");
    }
}
