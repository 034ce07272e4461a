//! What happens when servers fail, and when they are back.

use super::*;

/// The first of the servers has just refused a connection; the question went to the second.
fn with_a_dead_first_server(sharing: Sharing) -> Scene {
    let mut scene = Scene::with(2, sharing);
    let question = scene.ask();
    let (_, dead) = scene.opened();
    scene.refuse(dead);
    let (second, alive) = scene.opened();
    assert_eq!(second, 1);
    scene.make_ready(alive);
    assert_eq!(scene.asked(), (alive, question));
    scene.answer(alive, question);
    scene
}

#[test]
fn the_next_server_answers_when_one_refuses() {
    let scene = with_a_dead_first_server(Sharing::Sequential);
    assert_eq!(scene.events, [Event::Failed(numbered(0), failure("refused"))]);
}

#[test]
fn a_question_is_given_up_at_once_while_all_servers_are_known_to_fail() {
    let mut scene = Scene::with(1, Sharing::Sequential);
    let first = scene.ask();
    let (_, connection) = scene.opened();
    scene.refuse(connection);
    let second = scene.ask();
    assert_eq!(scene.given_up, [(first, failure("refused")), (second, failure("refused"))]);
    assert!(scene.opened.is_empty());
}

#[test]
fn a_server_alone_that_refused_is_tried_again_for_the_next_login_and_all_wait_for_the_result() {
    let mut scene = Scene::with(1, Sharing::Sequential);
    scene.ask();
    let (_, connection) = scene.opened();
    scene.refuse(connection);
    scene.pass(100 * MILLISECOND);
    let first = scene.ask();
    let second = scene.ask();
    let (_, fresh) = scene.opened();
    scene.make_ready(fresh);
    assert_eq!(scene.asked(), (fresh, first));
    scene.answer(fresh, first);
    assert_eq!(scene.asked(), (fresh, second));
    assert_eq!(scene.given_up.len(), 1, "the one that found the server away");
    assert_eq!(scene.events.last(), Some(&Event::Recovered(numbered(0))));
}

#[test]
fn all_who_wait_for_a_server_alone_are_given_up_when_it_refuses_again() {
    let mut scene = Scene::with(1, Sharing::Sequential);
    scene.ask();
    let (_, connection) = scene.opened();
    scene.refuse(connection);
    scene.pass(100 * MILLISECOND);
    scene.ask_times(2);
    let (_, fresh) = scene.opened();
    scene.refuse(fresh);
    assert_eq!(scene.given_up.len(), 3);
    assert!(scene.opened.is_empty());
}

#[test]
fn the_time_that_a_failed_server_is_left_alone_doubles_up_to_the_retry_interval() {
    let mut scene = with_a_dead_first_server(Sharing::Sequential);
    let mut waits = Vec::new();
    let mut last = scene.now;
    while waits.len() < 7 {
        let question = scene.ask();
        let (alive, _) = scene.asked();
        if let Some((0, probe)) = scene.opened.pop() {
            waits.push((scene.now - last).as_millis());
            last = scene.now;
            scene.refuse(probe);
        }
        scene.answer(alive, question);
        scene.pass(100 * MILLISECOND);
    }
    assert_eq!(waits, [500, 1000, 2000, 4000, 8000, 10_000, 10_000]);
}

#[test]
fn a_silent_server_alone_is_tried_every_half_second() {
    let mut scene = Scene::with(1, Sharing::Sequential);
    let mut waits = Vec::new();
    let mut last = scene.now;
    while waits.len() < 4 {
        scene.ask();
        if let Some((_, connection)) = scene.opened.pop() {
            waits.push((scene.now - last).as_millis());
            scene.pass(SECOND);
            last = scene.now;
            scene.refuse(connection);
        }
        scene.pass(100 * MILLISECOND);
    }
    assert_eq!(waits, [0, 500, 500, 500]);
}

#[test]
fn no_login_waits_for_the_probe_of_a_failed_server() {
    let mut scene = with_a_dead_first_server(Sharing::Sequential);
    scene.pass(SECOND);
    let question = scene.ask();
    assert_eq!(scene.asked().1, question);
    let (server, probe) = scene.opened();
    assert_eq!(server, 0);
    scene.ask();
    assert_eq!(scene.opened().0, 1, "one probe at a time");
    scene.refuse(probe);
    assert!(scene.given_up.is_empty());
}

#[test]
fn a_recovered_server_gets_one_question_and_when_it_has_answered_all() {
    let mut scene = with_a_dead_first_server(Sharing::Sequential);
    scene.pass(SECOND);
    scene.ask();
    let (_, probe) = scene.opened();
    scene.make_ready(probe);
    scene.asked.clear();
    let trial = scene.ask();
    assert_eq!(scene.asked(), (probe, trial));
    let next = scene.ask();
    assert_eq!(scene.opened().0, 1, "the others are spared");
    assert_eq!(scene.recoveries(), 0);
    scene.answer(probe, trial);
    assert_eq!(scene.recoveries(), 1);
    assert_eq!(scene.asked(), (probe, next));
    (0..3).for_each(|_| assert!(scene.ask() > next));
    assert!(scene.opened.len() >= 2 && scene.opened.iter().all(|(server, _)| *server == 0));
}

#[test]
fn a_server_that_can_be_connected_to_but_does_not_answer_costs_one_login_one_second() {
    let mut scene = with_a_dead_first_server(Sharing::Sequential);
    scene.pass(SECOND);
    scene.ask();
    let (_, probe) = scene.opened();
    scene.make_ready(probe);
    let (alive, warm) = scene.asked();
    scene.answer(alive, warm);
    let trial = scene.ask();
    assert_eq!(scene.asked(), (probe, trial));
    scene.pass(SECOND);
    assert_eq!(scene.asked(), (alive, trial));
    assert_eq!(scene.closed, [probe]);
}

/// It may be slow to refuse a wrong password, and is not asked it in vain.
#[test]
fn a_server_that_has_greeted_at_once_is_given_all_the_time_for_its_first_question() {
    let mut scene = with_a_dead_first_server(Sharing::Sequential);
    scene.pass(SECOND);
    scene.ask();
    let (_, probe) = scene.opened();
    scene.manager.handle_stage(probe, Stage::Opening, scene.now);
    scene.manager.handle_ready(probe, true, scene.now);
    scene.carry_out();
    let (alive, warm) = scene.asked();
    scene.answer(alive, warm);
    let trial = scene.ask();
    assert_eq!(scene.asked(), (probe, trial));
    scene.pass(9 * SECOND);
    scene.answer(probe, trial);
    assert_eq!(scene.recoveries(), 1);
}

/// The connection began before the question's time was over, which says nothing of connections.
#[test]
fn a_silent_server_is_down_when_a_connection_fails_that_began_before() {
    let mut scene = Scene::with(1, Sharing::Sequential);
    let question = scene.ask();
    let (_, connection) = scene.opened();
    scene.make_ready(connection);
    scene.pass(9 * SECOND);
    scene.ask();
    let (_, other) = scene.opened();
    scene.pass(SECOND);
    assert_eq!(scene.given_up.remove(0).0, question);
    assert_eq!(scene.failures(), 0, "it may be the question");
    scene.refuse(other);
    assert_eq!(scene.failures(), 1);
}

#[test]
fn a_probe_for_one_question_is_closed_if_nobody_waits() {
    let mut scene = with_a_dead_first_server(Sharing::OneShot);
    scene.pass(SECOND);
    let question = scene.ask();
    scene.closed.clear();
    let probe = scene.opened.iter().find(|(server, _)| *server == 0).unwrap().1;
    let other = scene.opened.iter().find(|(server, _)| *server == 1).unwrap().1;
    scene.make_ready(other);
    assert_eq!(scene.asked(), (other, question));
    scene.make_ready(probe);
    assert_eq!(scene.closed, [probe]);
}

#[test]
fn a_hung_server_is_avoided_after_a_second_and_those_in_the_queue_leave_it() {
    let mut scene = Scene::with(2, Sharing::OneShot);
    let (first, second) = (scene.ask(), scene.ask());
    assert!(scene.opened.drain(..).all(|(server, _)| server == 0));
    scene.pass(SECOND);
    let opened = std::mem::take(&mut scene.opened);
    assert!(opened.iter().all(|(server, _)| *server == 1));
    scene.make_ready(opened[0].1);
    scene.make_ready(opened[1].1);
    assert_eq!(scene.asked, [(opened[0].1, first), (opened[1].1, second)]);
    scene.ask();
    assert_eq!(scene.opened().0, 1);
}

#[test]
fn a_server_that_answers_others_is_not_suspected() {
    let mut scene = Scene::with(2, Sharing::Sequential);
    let slow = scene.ask();
    let quick = scene.ask();
    let connections: Vec<_> = scene.opened.drain(..).map(|(_, connection)| connection).collect();
    connections.iter().for_each(|connection| scene.make_ready(*connection));
    scene.pass(900 * MILLISECOND);
    scene.answer(connections[1], quick);
    scene.pass(900 * MILLISECOND);
    scene.asked.clear();
    let question = scene.ask();
    assert_eq!(scene.asked(), (connections[1], question));
    assert_ne!(slow, quick);
}

#[test]
fn a_stale_connection_costs_a_second_try_on_a_fresh_one_and_no_blame() {
    let mut scene = Scene::with(1, Sharing::Sequential);
    let stale = scene.warm_up();
    let question = scene.ask();
    assert_eq!(scene.asked(), (stale, question));
    scene.fail(stale, "closed");
    let (server, fresh) = scene.opened();
    assert_eq!(server, 0);
    scene.make_ready(fresh);
    assert_eq!(scene.asked(), (fresh, question));
    scene.answer(fresh, question);
    assert!(scene.events.is_empty() && scene.given_up.is_empty());
}

#[test]
fn the_second_try_takes_no_other_connection_that_may_be_stale() {
    let mut scene = Scene::with(1, Sharing::Sequential);
    let questions = [scene.ask(), scene.ask()];
    let connections: Vec<_> = scene.opened.drain(..).map(|(_, connection)| connection).collect();
    connections.iter().for_each(|connection| scene.make_ready(*connection));
    scene.answer(connections[0], questions[0]);
    scene.answer(connections[1], questions[1]);
    scene.asked.clear();
    let question = scene.ask();
    let (stale, _) = scene.asked();
    scene.fail(stale, "closed");
    assert!(scene.asked.is_empty());
    let (_, fresh) = scene.opened();
    scene.make_ready(fresh);
    assert_eq!(scene.asked(), (fresh, question));
}

#[test]
fn a_question_over_which_a_fresh_connection_breaks_as_well_goes_to_the_next_server() {
    let mut scene = Scene::with(2, Sharing::Sequential);
    let stale = scene.warm_up();
    let question = scene.ask();
    scene.fail(stale, "closed");
    let (_, fresh) = scene.opened();
    scene.make_ready(fresh);
    scene.fail(fresh, "closed again");
    assert_eq!(scene.events, [Event::Unanswered(numbered(0), failure("closed again"))]);
    let (server, other) = scene.opened();
    assert_eq!(server, 1);
    scene.asked.clear();
    scene.make_ready(other);
    assert_eq!(scene.asked(), (other, question));
}

#[test]
fn an_answer_cut_short_leads_to_no_second_try() {
    let mut scene = Scene::with(1, Sharing::Sequential);
    let connection = scene.warm_up();
    let question = scene.ask();
    scene.manager.handle_begun(connection, QuestionId(question), scene.now);
    scene.fail(connection, "cut");
    assert_eq!(scene.given_up, [(question, failure("cut"))]);
    assert!(scene.opened.is_empty());
}

#[test]
fn a_question_that_breaks_every_connection_takes_the_server_from_nobody_else() {
    let mut scene = Scene::with(1, Sharing::OneShot);
    for _ in 0..20 {
        let question = scene.ask();
        let (_, connection) = scene.opened();
        scene.make_ready(connection);
        scene.fail(connection, "reset");
        assert_eq!(scene.given_up.pop(), Some((question, failure("reset"))));
    }
    assert_eq!(scene.events, [Event::Unanswered(numbered(0), failure("reset"))], "said once");
    scene.asked.clear();
    let question = scene.ask();
    let (_, connection) = scene.opened();
    scene.make_ready(connection);
    assert_eq!(scene.asked(), (connection, question));
}

#[test]
fn a_broken_shared_connection_has_its_questions_asked_again_on_one_fresh_one() {
    let mut scene = Scene::with(1, Sharing::Pipelined(5));
    let stale = scene.warm_up();
    let questions = [scene.ask(), scene.ask(), scene.ask()];
    scene.asked.clear();
    scene.fail(stale, "closed");
    let (_, fresh) = scene.opened();
    scene.make_ready(fresh);
    assert_eq!(scene.asked, questions.map(|question| (fresh, question)));
}

#[test]
fn an_idle_connection_that_the_server_closes_is_nobodys_failure() {
    let mut scene = Scene::with(1, Sharing::Sequential);
    let connection = scene.warm_up();
    scene.fail(connection, "closed");
    assert!(scene.events.is_empty() && scene.opened.is_empty());
    scene.ask();
    assert_eq!(scene.opened().0, 0);
}

#[test]
fn a_server_that_cannot_answer_leaves_it_to_the_next_and_is_not_blamed() {
    let mut scene = Scene::with(2, Sharing::Sequential);
    let question = scene.ask();
    let (_, first) = scene.opened();
    scene.make_ready(first);
    scene.asked();
    let busy = Err(failure("busy"));
    assert!(!scene.manager.handle_answer(first, QuestionId(question), busy.clone(), scene.now));
    scene.carry_out();
    let (server, second) = scene.opened();
    assert_eq!(server, 1);
    scene.make_ready(second);
    assert_eq!(scene.asked(), (second, question));
    assert!(!scene.manager.handle_answer(second, QuestionId(question), busy, scene.now));
    scene.carry_out();
    assert_eq!(scene.given_up, [(question, failure("busy"))]);
    assert!(scene.events.is_empty() && scene.closed.is_empty());
}

#[test]
fn a_server_that_closes_at_once_is_not_asked_for_ever() {
    let mut scene = Scene::with(1, Sharing::Sequential);
    let question = scene.ask();
    let (_, connection) = scene.opened();
    // The driver sees the end before it takes the order to ask.
    scene.manager.handle_stage(connection, Stage::Opening, scene.now);
    scene.manager.handle_ready(connection, false, scene.now);
    scene.fail(connection, "closed");
    assert_eq!(scene.given_up, [(question, failure("closed"))]);
    assert!(scene.opened.is_empty() && scene.asked.is_empty());
}

#[test]
fn a_failed_server_loses_its_idle_connections() {
    let mut scene = Scene::with(1, Sharing::Sequential);
    let questions = [scene.ask(), scene.ask()];
    let connections: Vec<_> = scene.opened.drain(..).map(|(_, connection)| connection).collect();
    connections.iter().for_each(|connection| scene.make_ready(*connection));
    let third = scene.ask();
    let (_, opening) = scene.opened();
    scene.answer(connections[0], questions[0]);
    scene.answer(connections[0], third);
    scene.pass(MILLISECOND);
    scene.refuse(opening);
    assert_eq!(scene.failures(), 1);
    assert_eq!(scene.closed, [connections[0]], "the other one is busy");
}

#[test]
fn health_is_shared_by_the_pools_that_name_the_server() {
    let mut scene = Scene::with(1, Sharing::Sequential);
    scene.ask();
    let (_, connection) = scene.opened();
    scene.refuse(connection);
    let deadline = scene.now + SECOND;
    scene.manager.ask(QuestionId(9), &anna(), PoolId(1), &scene.pool, deadline, scene.now);
    scene.carry_out();
    assert_eq!(scene.given_up.last(), Some(&(9, failure("refused"))));
}

#[test]
fn the_log_hears_of_a_failing_server_at_once_and_then_once_a_minute() {
    let mut scene = Scene::with(1, Sharing::Sequential);
    for _ in 0..180 {
        scene.ask();
        if let Some((_, connection)) = scene.opened.pop() {
            scene.refuse(connection);
        }
        scene.pass(SECOND);
    }
    assert!((3..=4).contains(&scene.failures()), "{}", scene.failures());
}

#[test]
fn a_question_that_was_not_yet_handed_to_a_broken_connection_keeps_its_second_try() {
    let mut scene = Scene::new(PoolSettings { most_connections: 1, ..pool(vec![numbered(0)]) });
    let connection = scene.warm_up();
    let first = scene.ask();
    let second = scene.ask();
    scene.asked.clear();
    // The server closes after its answer: the driver hears both before it takes an order.
    assert!(scene.manager.handle_answer(connection, QuestionId(first), Ok(()), scene.now));
    scene.fail(connection, "closed");
    let (_, fresh) = scene.opened();
    scene.make_ready(fresh);
    assert_eq!(scene.asked(), (fresh, second));
    scene.answer(fresh, second);
    let third = scene.ask();
    assert_eq!(scene.asked(), (fresh, third));
    scene.fail(fresh, "closed");
    assert_eq!(scene.opened.len(), 1);
    assert!(scene.events.iter().all(|event| matches!(event, Event::Waiting(..))));
}

#[test]
fn no_connection_is_opened_for_a_second_try_that_nobody_waits_for() {
    let mut scene = Scene::new(PoolSettings { ..pool(vec![named(0)]) });
    let question = scene.ask();
    let addresses = [1, 2].map(|last| ([127, 0, 0, last], 1000).into()).to_vec();
    scene.found("host0", "1000", Ok(addresses));
    let (_, stale) = scene.opened();
    scene.make_ready(stale);
    scene.answer(stale, question);
    let question = scene.ask();
    scene.fail(stale, "closed");
    let (_, fresh) = scene.opened();
    scene.manager.abandon(QuestionId(question), scene.now);
    scene.refuse(fresh);
    assert!(scene.opened.is_empty());
}

#[test]
fn an_answer_that_comes_after_its_question_went_elsewhere_counts_for_nothing() {
    let mut scene = Scene::with(2, Sharing::Pipelined(5));
    let connection = scene.warm_up();
    let slow = scene.ask();
    for _ in 0..20 {
        scene.pass(SECOND / 2);
        scene.warm(connection);
    }
    let (_, second) = scene.opened();
    assert!(!scene.manager.handle_answer(connection, QuestionId(slow), Ok(()), scene.now));
    scene.asked.clear();
    scene.make_ready(second);
    assert_eq!(scene.asked(), (second, slow));
    scene.answer(second, slow);
}

#[test]
fn an_order_that_is_out_of_date_is_not_given() {
    let mut scene = Scene::with(1, Sharing::Sequential);
    let connection = scene.warm_up();
    let deadline = scene.now + SECOND;
    scene.manager.ask(QuestionId(9), &anna(), POOL, &scene.pool, deadline, scene.now);
    scene.manager.abandon(QuestionId(9), scene.now);
    scene.manager.handle_broken(connection, failure("closed"), scene.now);
    assert_eq!(scene.manager.next_command(), None, "neither the question nor the end of its connection");
}

#[test]
fn a_shortage_of_this_machine_fails_no_server_and_one_question_for_each_connection() {
    let mut scene = Scene::with(2, Sharing::Sequential);
    let (first, second) = (scene.ask(), scene.ask());
    let (_, connection) = scene.opened.remove(0);
    scene.manager.handle_shortage(connection, failure("no descriptors"), scene.now);
    scene.carry_out();
    assert_eq!(scene.given_up, [(first, failure("no descriptors"))]);
    assert!(scene.events.is_empty());
    let (_, connection) = scene.opened();
    scene.make_ready(connection);
    assert_eq!(scene.asked(), (connection, second));
}

/// A realm with a wrong password for its account, or that does not trust a server, has that server to itself.
#[test]
fn what_fails_within_one_credential_scope_does_not_fail_within_another() {
    let mut scene = Scene::with(1, Sharing::Sequential);
    scene.ask();
    let (_, connection) = scene.opened();
    scene.refuse(connection);
    assert_eq!(scene.given_up.len(), 1);
    let deadline = scene.now + 30 * SECOND;
    for credential_scope in [0, 1] {
        let pool = Rc::new(PoolSettings { credential_scope, ..pool(vec![numbered(0)]) });
        let question = QuestionId(100 + credential_scope as u64);
        scene.manager.ask(question, &anna(), PoolId(1 + credential_scope), &pool, deadline, scene.now);
        scene.carry_out();
        assert_eq!(scene.opened.len(), credential_scope, "scope {credential_scope}");
        assert_eq!(scene.given_up.len(), 2, "scope {credential_scope}");
    }
}

/// Connections that were all opened at once fail at once: that is one failure in a row, not as many.
#[test]
fn what_began_before_the_last_failure_does_not_count_again() {
    let mut scene = Scene::with(2, Sharing::Sequential);
    scene.ask_times(4);
    let opened = std::mem::take(&mut scene.opened);
    assert_eq!(opened.iter().filter(|(server, _)| *server == 0).count(), 4);
    opened.iter().for_each(|(_, connection)| scene.refuse(*connection));
    scene.pass(500 * MILLISECOND);
    scene.opened.clear();
    scene.ask();
    assert!(scene.opened.iter().any(|(server, _)| *server == 0), "it is tried again after the first wait");
}
