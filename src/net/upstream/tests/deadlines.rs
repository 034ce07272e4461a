//! What happens when something takes too long.

use super::super::connection::Seconds;
use super::*;

fn given_up_after(steps: &[Stage]) -> (Duration, Failure) {
    let mut scene = Scene::with(1, Sharing::Sequential);
    scene.ask();
    let (_, connection) = scene.opened();
    for stage in steps {
        match stage {
            Stage::Ready => scene.manager.handle_ready(connection, true, scene.now),
            _ => scene.manager.handle_stage(connection, *stage, scene.now),
        }
    }
    scene.carry_out();
    let start = scene.now;
    while scene.given_up.is_empty() {
        scene.now = scene.manager.next_timeout().unwrap();
        scene.manager.handle_timeout(scene.now);
        scene.carry_out();
    }
    assert_eq!(scene.closed, [connection]);
    (scene.now - start, scene.given_up.remove(0).1)
}

#[test]
fn each_step_has_its_own_time_and_says_which_it_was() {
    let cases: [(&[Stage], u32, FailureKind, &str); 5] = [
        (&[], 5, FailureKind::Contact, "no connection to 127.0.0.1:1000 within 5 s"),
        (&[Stage::Securing], 5, FailureKind::Contact, "no TLS with 127.0.0.1:1000 within 5 s"),
        (
            &[Stage::Opening],
            10,
            FailureKind::Synchronize,
            "127.0.0.1:1000 was not ready for questions within 10 s; if it expects TLS from the first byte, use imaps:// or \
             ldaps://",
        ),
        (
            &[Stage::Opening, Stage::Securing, Stage::Opening],
            10,
            FailureKind::Unexpected,
            "127.0.0.1:1000 was not ready for questions within 10 s; if it expects TLS from the first byte, use imaps:// or \
             ldaps://",
        ),
        (
            &[Stage::Opening, Stage::Ready],
            10,
            FailureKind::Unexpected,
            "no answer from test://127.0.0.1:1000 within 10 s",
        ),
    ];
    for (steps, seconds, kind, reason) in cases {
        assert_eq!(given_up_after(steps), (seconds * SECOND, Failure::new(kind, reason)));
    }
}

#[test]
fn a_server_that_waits_for_a_worker_is_not_taken_for_one_that_expects_tls() {
    let mut scene = Scene::with(1, Sharing::Sequential);
    scene.ask();
    let (_, connection) = scene.opened();
    scene.manager.handle_stage(connection, Stage::Opening, scene.now);
    scene.manager.handle_wait(connection, Some("Kerberos is slow"));
    scene.pass(10 * SECOND);
    let reason = "127.0.0.1:1000 was not ready for questions within 10 s: Kerberos is slow";
    assert_eq!(scene.given_up.remove(0).1, Failure::new(FailureKind::Synchronize, reason));
}

#[test]
fn a_question_that_nobody_answers_goes_to_the_next_server() {
    let mut scene = Scene::with(2, Sharing::Sequential);
    let question = scene.ask();
    let (_, hung) = scene.opened();
    scene.make_ready(hung);
    scene.asked();
    scene.pass(10 * SECOND);
    assert_eq!(scene.closed, [hung]);
    let (server, other) = scene.opened();
    assert_eq!(server, 1);
    scene.make_ready(other);
    assert_eq!(scene.asked(), (other, question));
    let reason = "no answer from test://127.0.0.1:1000 within 10 s";
    assert_eq!(scene.events, [Event::Unanswered(numbered(0), failure(reason))]);
}

#[test]
fn where_what_is_asked_waits_for_something_else_the_failure_says_so() {
    let mut scene = Scene::with(1, Sharing::Sequential);
    scene.ask();
    let (_, connection) = scene.opened();
    scene.make_ready(connection);
    scene.asked();
    scene.manager.handle_wait(connection, Some("the worker is slow"));
    scene.pass(10 * SECOND);
    let reason = "no answer from test://127.0.0.1:1000 within 10 s: the worker is slow";
    assert_eq!(scene.events, [Event::Unanswered(numbered(0), failure(reason))]);
}

#[test]
fn a_slow_question_does_not_fail_a_server_that_answers_others() {
    let mut scene = Scene::with(1, Sharing::Sequential);
    let slow = scene.ask();
    let (_, connection) = scene.opened();
    scene.make_ready(connection);
    scene.asked.clear();
    scene.pass(5 * SECOND);
    scene.warm_up();
    scene.pass(5 * SECOND);
    assert_eq!(scene.given_up.len(), 1);
    assert_eq!(scene.given_up[0].0, slow);
    assert_eq!(scene.failures(), 0);
}

#[test]
fn a_slow_question_leaves_a_shared_connection_open_that_has_been_heard() {
    let mut scene = Scene::with(1, Sharing::Pipelined(5));
    let connection = scene.warm_up();
    let slow = scene.ask();
    for _ in 0..20 {
        scene.pass(500 * MILLISECOND);
        scene.warm(connection);
    }
    assert_eq!(scene.given_up.len(), 1);
    assert_eq!(scene.given_up[0].0, slow);
    assert_eq!(scene.abandoned, [(connection, slow)]);
    assert!(scene.closed.is_empty());
    assert!(
        !scene.manager.handle_answer(connection, QuestionId(slow), Ok(()), scene.now),
        "it comes too late"
    );
}

#[test]
fn a_silent_shared_connection_is_closed_and_all_on_it_go_to_the_next_server_if_no_other_can_be_opened() {
    let mut scene = Scene::with(2, Sharing::Pipelined(5));
    let connection = scene.warm_up();
    let questions = [scene.ask(), scene.ask()];
    scene.asked.clear();
    scene.pass(SECOND);
    let (server, replacement) = scene.opened();
    assert_eq!(server, 0);
    scene.pass(5 * SECOND);
    assert_eq!(scene.closed, [replacement, connection]);
    let (server, other) = scene.opened();
    assert_eq!(server, 1);
    scene.make_ready(other);
    assert_eq!(scene.asked, questions.map(|question| (other, question)));
}

/// One that has been asked twice has had its time; one that came later has not.
#[test]
fn whoever_came_late_to_a_silent_connection_is_asked_again() {
    let mut scene = Scene::with(1, Sharing::Pipelined(5));
    let early = scene.ask();
    let (_, connection) = scene.opened();
    scene.make_ready(connection);
    scene.pass(9 * SECOND);
    let late = scene.ask();
    scene.asked.clear();
    scene.pass(SECOND);
    assert_eq!(scene.given_up.len(), 1);
    assert_eq!(scene.given_up[0].0, early);
    let (_, fresh) = scene.opened();
    scene.make_ready(fresh);
    assert_eq!(scene.asked(), (fresh, late));
}

#[test]
fn nobody_waits_in_the_queue_beyond_the_deadline() {
    let mut scene = Scene::new(PoolSettings { most_connections: 1, ..pool(vec![numbered(0)]) });
    scene.warm_up();
    scene.ask();
    let deadline = scene.now + SECOND;
    scene.manager.ask(QuestionId(9), &anna(), POOL, &scene.pool, deadline, scene.now);
    scene.pass(SECOND);
    let (question, failure) = scene.given_up.remove(0);
    assert_eq!((question, failure.kind), (9, FailureKind::Contact));
    assert_eq!(failure.reason, "no connection to test://127.0.0.1:1000 in time");
}

#[test]
fn a_question_on_its_way_is_given_up_at_its_deadline() {
    let mut scene = Scene::with(2, Sharing::Sequential);
    let connection = scene.warm_up();
    scene.manager.ask(QuestionId(9), &anna(), POOL, &scene.pool, scene.now + 3 * SECOND, scene.now);
    scene.pass(3 * SECOND);
    assert_eq!(scene.given_up.len(), 1);
    assert_eq!(scene.given_up[0].1.reason, "no answer from test://127.0.0.1:1000 within 3 s");
    assert_eq!(scene.closed, [connection]);
}

#[test]
fn a_question_without_time_is_given_up_at_once() {
    let mut scene = Scene::with(1, Sharing::Sequential);
    scene.manager.ask(QuestionId(9), &anna(), POOL, &scene.pool, scene.now, scene.now);
    scene.carry_out();
    assert_eq!(scene.given_up.len(), 1);
    assert!(scene.opened.is_empty());
}

/// A question that was asked late has an odd time left.
#[test]
fn times_in_the_log_are_told_in_tenths_of_a_second() {
    for (milliseconds, expected) in
        [(5000, "5 s"), (976, "1 s"), (1449, "1.4 s"), (100, "0.1 s"), (3, "0.1 s")]
    {
        assert_eq!(Seconds(Duration::from_millis(milliseconds)).to_string(), expected);
    }
}
