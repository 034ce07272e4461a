//! How questions share connections.

use super::*;

#[test]
fn a_connection_for_one_question_is_closed_after_the_answer() {
    let mut scene = Scene::with(1, Sharing::OneShot);
    let connection = scene.warm_up();
    assert_eq!(scene.closed, [connection]);
}

#[test]
fn one_connection_serves_question_after_question() {
    let mut scene = Scene::with(1, Sharing::Sequential);
    let connection = scene.warm_up();
    let question = scene.ask();
    assert_eq!(scene.asked(), (connection, question));
    assert!(scene.opened.is_empty() && scene.closed.is_empty());
}

#[test]
fn the_connection_used_last_is_used_first() {
    let mut scene = Scene::with(1, Sharing::Sequential);
    let questions = [scene.ask(), scene.ask()];
    let connections: Vec<_> = scene.opened.drain(..).map(|(_, connection)| connection).collect();
    connections.iter().for_each(|connection| scene.make_ready(*connection));
    let asked = std::mem::take(&mut scene.asked);
    scene.answer(connections[1], questions[1]);
    scene.answer(connections[0], questions[0]);
    assert_eq!(asked, [(connections[0], questions[0]), (connections[1], questions[1])]);
    let question = scene.ask();
    assert_eq!(scene.asked(), (connections[0], question));
}

#[test]
fn questions_travel_together_until_the_connection_is_full() {
    let mut scene = Scene::with(1, Sharing::Pipelined(3));
    let connection = scene.warm_up();
    let questions = [scene.ask(), scene.ask(), scene.ask()];
    assert_eq!(scene.asked, questions.map(|question| (connection, question)));
    scene.ask();
    assert_ne!(scene.opened().1, connection);
}

#[test]
fn no_more_connections_are_opened_than_those_who_wait_can_use() {
    let mut scene = Scene::with(1, Sharing::Pipelined(3));
    scene.ask_times(7);
    assert_eq!(scene.opened.len(), 3);
}

#[test]
fn whoever_waits_takes_the_connection_that_is_free_first() {
    let mut scene = Scene::with(1, Sharing::Sequential);
    let first = scene.ask();
    let (_, slow) = scene.opened();
    scene.make_ready(slow);
    scene.asked();
    let second = scene.ask();
    let (_, opening) = scene.opened();
    scene.answer(slow, first);
    assert_eq!(scene.asked(), (slow, second));
    // Kept for the next one.
    scene.make_ready(opening);
    let third = scene.ask();
    assert_eq!(scene.asked(), (opening, third));
}

#[test]
fn beyond_the_bound_questions_wait_in_their_order_and_the_log_tells_it_seldom() {
    let mut scene = Scene::new(PoolSettings { most_connections: 1, ..pool(vec![numbered(0)]) });
    let questions: Vec<_> = (0..4).map(|_| scene.ask()).collect();
    let (_, connection) = scene.opened();
    scene.make_ready(connection);
    for question in questions {
        assert_eq!(scene.asked(), (connection, question));
        scene.answer(connection, question);
    }
    assert_eq!(scene.events, [Event::Waiting(numbered(0), 2)]);
}

#[test]
fn servers_take_turns() {
    let servers = (0..3).map(numbered).collect();
    let mut scene = Scene::new(PoolSettings { order: ServerOrder::RoundRobin, ..pool(servers) });
    scene.ask_times(6);
    let servers: Vec<_> = scene.opened.iter().map(|(server, _)| *server).collect();
    assert_eq!(servers, [0, 1, 2, 0, 1, 2]);
}

#[test]
fn the_first_in_the_list_is_used_while_it_is_well() {
    let mut scene = Scene::with(3, Sharing::Sequential);
    scene.ask_times(6);
    assert!(scene.opened.iter().all(|(server, _)| *server == 0));
}

#[test]
fn an_idle_connection_is_closed_after_the_idle_time_and_no_sooner() {
    let mut scene = Scene::with(1, Sharing::Sequential);
    let connection = scene.warm_up();
    scene.pass(40 * SECOND);
    let question = scene.ask();
    scene.answer(connection, question);
    scene.pass(59 * SECOND);
    assert!(scene.closed.is_empty());
    scene.pass(SECOND);
    assert_eq!(scene.closed, [connection]);
}

#[test]
fn a_finished_connection_is_closed_when_its_last_answer_has_come() {
    let mut scene = Scene::with(1, Sharing::Pipelined(5));
    let connection = scene.warm_up();
    let question = scene.ask();
    scene.manager.handle_finished(connection, scene.now);
    scene.ask();
    assert_eq!(scene.opened.len(), 1, "it takes no further question");
    assert!(scene.closed.is_empty());
    scene.answer(connection, question);
    assert_eq!(scene.closed, [connection]);
}

#[test]
fn a_question_that_was_not_yet_handed_to_a_finished_connection_goes_to_another() {
    let mut scene = Scene::new(PoolSettings { most_connections: 1, ..pool(vec![numbered(0)]) });
    let connection = scene.warm_up();
    let first = scene.ask();
    let second = scene.ask();
    scene.asked.clear();
    // The last answer says that the connection ends: the driver hears both before it takes an order.
    assert!(scene.manager.handle_answer(connection, QuestionId(first), Ok(()), scene.now));
    scene.manager.handle_finished(connection, scene.now);
    scene.carry_out();
    let (_, fresh) = scene.opened();
    scene.make_ready(fresh);
    assert_eq!(scene.asked(), (fresh, second));
    assert_eq!(scene.failures(), 0);
}

#[test]
fn an_abandoned_question_takes_its_connection_along() {
    let mut scene = Scene::with(1, Sharing::Sequential);
    let connection = scene.warm_up();
    let question = scene.ask();
    scene.manager.abandon(QuestionId(question), scene.now);
    scene.carry_out();
    assert_eq!(scene.closed, [connection]);
    assert!(!scene.manager.handle_answer(connection, QuestionId(question), Ok(()), scene.now));
}

#[test]
fn an_abandoned_question_leaves_a_shared_connection_to_the_others() {
    let mut scene = Scene::with(1, Sharing::Pipelined(2));
    let connection = scene.warm_up();
    let (abandoned, other) = (scene.ask(), scene.ask());
    scene.manager.abandon(QuestionId(abandoned), scene.now);
    scene.carry_out();
    assert!(!scene.manager.handle_answer(connection, QuestionId(abandoned), Ok(()), scene.now));
    scene.answer(connection, other);
    assert!(scene.closed.is_empty());
}

#[test]
fn an_abandoned_question_in_the_queue_is_not_asked() {
    let mut scene = Scene::with(1, Sharing::Sequential);
    let (abandoned, other) = (scene.ask(), scene.ask());
    scene.manager.abandon(QuestionId(abandoned), scene.now);
    let connection = scene.opened[0].1;
    scene.make_ready(connection);
    assert_eq!(scene.asked(), (connection, other));
}

#[test]
fn a_lane_that_nobody_uses_is_forgotten() {
    let mut scene = Scene::with(2, Sharing::Sequential);
    scene.warm_up();
    scene.pass(2 * FORGOTTEN_AFTER);
    assert!(scene.manager.pools.is_empty() && scene.manager.connections.is_empty());
    assert_eq!(scene.manager.servers.sizes_for_test(), (0, 0, 0));
    assert_eq!(scene.manager.next_timeout(), None);
}
