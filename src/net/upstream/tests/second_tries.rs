//! Second tries: connections that have gone silent, and what they cost.

use super::*;

/// What a connection is given before it is suspect, where answers come at once.
const PATIENCE: Duration = SECOND;

#[test]
fn a_question_on_a_connection_that_has_died_is_answered_over_a_fresh_one() {
    for sharing in [Sharing::Sequential, Sharing::Pipelined(5)] {
        let mut scene = Scene::with(1, sharing);
        let dead = scene.warm_up();
        let question = scene.ask();
        scene.asked.clear();
        scene.pass(PATIENCE);
        let (_, fresh) = scene.opened();
        assert!(scene.closed.is_empty(), "it may speak yet");
        scene.make_ready(fresh);
        assert_eq!(scene.asked(), (fresh, question));
        assert_eq!(scene.closed, [dead]);
        scene.answer(fresh, question);
        assert!(scene.events.is_empty() && scene.given_up.is_empty());
    }
}

#[test]
fn a_connection_that_speaks_while_the_other_is_opened_keeps_its_question() {
    let mut scene = Scene::with(1, Sharing::Sequential);
    let slow = scene.warm_up();
    let question = scene.ask();
    scene.asked.clear();
    scene.pass(PATIENCE);
    let (_, fresh) = scene.opened();
    scene.answer(slow, question);
    scene.make_ready(fresh);
    assert!(scene.asked.is_empty() && scene.closed.is_empty());
}

#[test]
fn a_suspect_connection_gets_no_further_question() {
    let mut scene = Scene::with(1, Sharing::Pipelined(5));
    let silent = scene.warm_up();
    let first = scene.ask();
    scene.asked.clear();
    scene.pass(PATIENCE);
    let (_, replacement) = scene.opened();
    let second = scene.ask();
    assert!(scene.asked.is_empty());
    scene.make_ready(replacement);
    assert_eq!(scene.asked, [(replacement, first), (replacement, second)]);
    assert_eq!(scene.closed, [silent]);
}

#[test]
fn a_suspect_connection_gets_no_further_question_in_the_place_of_one_that_is_abandoned() {
    let mut scene = Scene::with(1, Sharing::Pipelined(5));
    scene.warm_up();
    let first = scene.ask();
    scene.asked.clear();
    scene.pass(PATIENCE);
    let (_, replacement) = scene.opened();
    let second = scene.ask();
    scene.manager.abandon(QuestionId(first), scene.now);
    scene.carry_out();
    assert_eq!(scene.asked, []);
    scene.make_ready(replacement);
    assert_eq!(scene.asked, [(replacement, second)]);
}

/// A wrong password that is asked twice may count twice.
#[test]
fn a_question_whose_answer_has_begun_stays_where_it_is() {
    let mut scene = Scene::with(1, Sharing::Sequential);
    let connection = scene.warm_up();
    let question = scene.ask();
    scene.asked.clear();
    scene.manager.handle_begun(connection, QuestionId(question), scene.now);
    scene.pass(5 * SECOND);
    assert!(scene.opened.is_empty());
    scene.answer(connection, question);
}

#[test]
fn a_fresh_connection_is_given_all_the_time_there_is() {
    let mut scene = Scene::with(1, Sharing::Sequential);
    let question = scene.ask();
    let (_, connection) = scene.opened();
    scene.make_ready(connection);
    scene.pass(9 * SECOND);
    assert!(scene.opened.is_empty());
    scene.answer(connection, question);
}

#[test]
fn a_server_that_takes_its_time_is_not_asked_twice() {
    let mut scene = Scene::with(1, Sharing::Sequential);
    let question = scene.ask();
    let (_, connection) = scene.opened();
    scene.make_ready(connection);
    scene.asked.clear();
    scene.pass(3 * SECOND);
    scene.answer(connection, question);
    let question = scene.ask();
    scene.asked.clear();
    scene.pass(5 * SECOND);
    assert!(scene.opened.is_empty());
    scene.answer(connection, question);
}

#[test]
fn what_others_are_answered_does_not_keep_a_lost_question_from_its_second_try() {
    let mut scene = Scene::with(1, Sharing::Pipelined(5));
    let connection = scene.warm_up();
    let (lost, answered) = (scene.ask(), scene.ask());
    scene.answer(connection, answered);
    scene.asked.clear();
    scene.fail(connection, "closed");
    let (_, fresh) = scene.opened();
    scene.make_ready(fresh);
    assert_eq!(scene.asked(), (fresh, lost));
}

#[test]
fn when_one_has_died_those_that_rest_are_closed() {
    let mut scene = Scene::with(1, Sharing::Sequential);
    let questions = [scene.ask(), scene.ask()];
    let connections: Vec<_> = scene.opened.drain(..).map(|(_, connection)| connection).collect();
    connections.iter().for_each(|connection| scene.make_ready(*connection));
    scene.answer(connections[0], questions[0]);
    scene.answer(connections[1], questions[1]);
    scene.pass(SECOND);
    scene.ask();
    scene.pass(PATIENCE);
    let (_, fresh) = scene.opened();
    scene.make_ready(fresh);
    scene.closed.sort();
    assert_eq!(scene.closed, connections);
}

#[test]
fn a_question_that_nobody_answers_is_asked_twice_and_no_more() {
    let mut scene = Scene::with(1, Sharing::Pipelined(5));
    let connection = scene.warm_up();
    let hung = scene.ask();
    scene.pass(PATIENCE);
    let (_, fresh) = scene.opened();
    scene.make_ready(fresh);
    assert_eq!(scene.asked, [(connection, hung), (fresh, hung)]);
    for _ in 0..5 {
        scene.warm(fresh);
        scene.pass(1500 * MILLISECOND);
    }
    assert!(scene.opened.is_empty());
}

#[test]
fn at_the_bound_a_silent_connection_makes_room_for_another() {
    let mut scene = Scene::new(PoolSettings { most_connections: 1, ..pool(vec![numbered(0)]) });
    let dead = scene.warm_up();
    let question = scene.ask();
    scene.asked.clear();
    scene.pass(PATIENCE);
    assert_eq!(scene.closed, [dead]);
    let (_, fresh) = scene.opened();
    scene.make_ready(fresh);
    assert_eq!(scene.asked(), (fresh, question));
}

#[test]
fn a_question_that_is_given_up_on_a_shared_connection_is_abandoned() {
    let mut scene = Scene::with(1, Sharing::Pipelined(5));
    let connection = scene.warm_up();
    let question = scene.ask();
    scene.manager.abandon(QuestionId(question), scene.now);
    scene.carry_out();
    assert_eq!(scene.abandoned, [(connection, question)]);
    assert!(scene.closed.is_empty());
}

/// The phone that tries again as soon as it is told.
#[test]
fn a_login_that_is_never_answered_costs_nobody_else_the_only_server() {
    for sharing in [Sharing::OneShot, Sharing::Sequential, Sharing::Pipelined(5)] {
        let mut scene = Scene::with(1, sharing);
        let mut hung = Vec::new();
        for _ in 0..40 {
            hung.push(scene.ask());
            let opened: Vec<_> = scene.opened.drain(..).collect();
            opened.iter().for_each(|(_, connection)| scene.make_ready(*connection));
            scene.asked.clear();
            scene.pass(500 * MILLISECOND);
            let opened: Vec<_> = scene.opened.drain(..).collect();
            opened.iter().for_each(|(_, connection)| scene.make_ready(*connection));
            scene.asked.clear();
            let question = scene.ask();
            let opened: Vec<_> = scene.opened.drain(..).collect();
            opened.iter().for_each(|(_, connection)| scene.make_ready(*connection));
            let asked = scene.asked.iter().find(|(_, asked)| *asked == question).copied();
            let (connection, _) = asked.unwrap_or_else(|| panic!("{sharing:?}: {:?}", scene.given_up));
            scene.answer(connection, question);
            scene.pass(500 * MILLISECOND);
        }
        assert!(scene.given_up.iter().all(|(question, _)| hung.contains(question)));
        assert_eq!(scene.failures(), 0);
    }
}
