//! What is told and counted of the servers.

use super::*;
use crate::metrics::snapshot::ServerState;
use crate::metrics::totals::ServerTotals;

const FIRST: &str = "test://127.0.0.1:1000";
const SECOND_ONE: &str = "test://127.0.0.1:1001";

fn counts(scene: &mut Scene, server: &str) -> (u64, u64) {
    let ServerTotals { answered, failed } = scene.manager.take_counts().remove(server).unwrap_or_default();
    (answered, failed)
}

#[test]
fn answers_and_failures_of_each_server_are_counted_once() {
    let mut scene = Scene::with(2, Sharing::Sequential);
    let question = scene.ask();
    let (_, dead) = scene.opened();
    scene.refuse(dead);
    let (_, alive) = scene.opened();
    scene.make_ready(alive);
    scene.answer(alive, question);
    let mut all = scene.manager.take_counts();
    assert_eq!(all.remove(FIRST), Some(ServerTotals { answered: 0, failed: 1 }));
    assert_eq!(all.remove(SECOND_ONE), Some(ServerTotals { answered: 1, failed: 0 }));
    assert!(all.is_empty() && scene.manager.take_counts().is_empty());
}

#[test]
fn a_question_that_is_not_answered_in_time_or_refused_has_failed() {
    for sharing in [Sharing::Sequential, Sharing::Pipelined(10)] {
        let mut scene = Scene::with(1, sharing);
        scene.ask();
        let (_, connection) = scene.opened();
        scene.make_ready(connection);
        scene.pass(11 * SECOND);
        assert_eq!(counts(&mut scene, FIRST), (0, 1), "{sharing:?}");
    }
    let mut scene = Scene::with(1, Sharing::Sequential);
    scene.ask();
    let (_, connection) = scene.opened();
    scene.make_ready(connection);
    let (connection, question) = scene.asked();
    let cannot = Err(failure("cannot"));
    assert!(!scene.manager.handle_answer(connection, QuestionId(question), cannot, scene.now));
    assert_eq!(counts(&mut scene, FIRST), (0, 1));
}

#[test]
fn a_connection_that_breaks_over_questions_has_failed_with_each() {
    let mut scene = Scene::with(1, Sharing::OneShot);
    scene.ask();
    let (_, connection) = scene.opened();
    scene.make_ready(connection);
    scene.fail(connection, "broken");
    assert_eq!(counts(&mut scene, FIRST), (0, 1));
}

#[test]
fn a_name_without_an_address_has_failed() {
    let mut scene = Scene::new(pool(vec![named(0)]));
    scene.ask();
    scene.found("host0", "1000", Err("unknown".to_owned()));
    assert_eq!(counts(&mut scene, "test://host0:1000"), (0, 1));
    let known = scene.manager.look(scene.now);
    let known = &known["test://host0:1000"];
    assert_eq!((known.state, known.reason.as_str()), (ServerState::Down, "no address of host0: unknown"));
}

#[test]
fn a_server_is_told_with_its_state_the_reason_connections_and_open_questions() {
    let mut scene = Scene::with(1, Sharing::Sequential);
    let connection = scene.warm_up();
    let up = &scene.manager.look(scene.now)[FIRST];
    assert_eq!((up.state, up.reason.as_str()), (ServerState::Up, ""));
    assert_eq!((up.connections, up.in_flight), (1, 0));
    scene.ask();
    let asked = &scene.manager.look(scene.now)[FIRST];
    assert_eq!((asked.connections, asked.in_flight), (1, 1));
    scene.now += 1500 * MILLISECOND;
    let silent = &scene.manager.look(scene.now)[FIRST];
    assert_eq!(silent.state, ServerState::Silent);
    assert!(silent.reason.contains("for more than a second"), "{}", silent.reason);
    scene.fail(connection, "broken");
    let (_, again) = scene.opened();
    scene.refuse(again);
    let down = &scene.manager.look(scene.now)[FIRST];
    assert_eq!((down.state, down.reason.as_str()), (ServerState::Down, "refused"));
    assert_eq!((down.connections, down.in_flight), (0, 0));
}

#[test]
fn what_a_server_has_answered_is_not_lost_when_it_is_forgotten() {
    let mut scene = Scene::with(1, Sharing::Sequential);
    scene.warm_up();
    scene.pass(2 * FORGOTTEN_AFTER);
    assert!(scene.manager.look(scene.now).is_empty());
    assert_eq!(counts(&mut scene, FIRST), (1, 0));
}
