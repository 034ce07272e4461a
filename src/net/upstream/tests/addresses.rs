//! Names and the addresses behind them.

use super::*;

fn addresses(last: &[u8]) -> Result<Vec<SocketAddr>, String> {
    Ok(last.iter().map(|last| ([127, 0, 0, *last], 1000).into()).collect())
}

fn named_scene(servers: Vec<Server>) -> Scene {
    Scene::new(pool(servers))
}

#[test]
fn an_address_and_a_path_need_no_lookup() {
    let path = Server {
        address: Address::Path("/run/ldapi".into()),
        tls: TlsMode::Off,
        name: "ldapi://%2frun%2fldapi".into(),
    };
    for server in [numbered(0), server("::1", 0), path] {
        let mut scene = named_scene(vec![server]);
        scene.ask();
        assert_eq!((scene.lookups, scene.opened.len()), (0, 1));
    }
}

#[test]
fn a_name_is_looked_up_once_for_all_who_wait() {
    let mut scene = named_scene(vec![named(0)]);
    let questions = [scene.ask(), scene.ask()];
    assert_eq!((scene.lookups, scene.opened.len()), (1, 0));
    scene.found("host0", "1000", addresses(&[1]));
    assert_eq!(scene.opened.len(), 2);
    assert_eq!(questions.len(), 2);
}

#[test]
fn addresses_are_looked_up_again_after_a_minute_while_the_old_ones_are_used() {
    let mut scene = named_scene(vec![named(0)]);
    let question = scene.ask();
    scene.found("host0", "1000", addresses(&[1]));
    let (_, connection) = scene.opened();
    scene.make_ready(connection);
    scene.answer(connection, question);
    scene.pass(59 * SECOND);
    scene.warm(connection);
    assert_eq!(scene.lookups, 1);
    scene.pass(SECOND);
    scene.warm(connection);
    assert_eq!(scene.lookups, 2);
    scene.warm(connection);
    assert_eq!(scene.lookups, 2, "one lookup at a time");
    scene.found("host0", "1000", Err("no name server".to_owned()));
    scene.warm(connection);
    scene.pass(5 * SECOND);
    scene.warm(connection);
    assert_eq!(scene.lookups, 3);
    scene.found("host0", "1000", addresses(&[2]));
    assert!(scene.events.is_empty());
}

#[test]
fn a_name_that_is_not_found_fails_the_server_and_is_looked_up_again_after_five_seconds() {
    let mut scene = named_scene(vec![named(0)]);
    let question = scene.ask();
    scene.found("host0", "1000", Err("Name or service not known".to_owned()));
    let reason = "no address of host0: Name or service not known";
    assert_eq!(scene.given_up, [(question, Failure::new(FailureKind::Contact, reason))]);
    scene.pass(4 * SECOND);
    scene.ask();
    assert_eq!((scene.lookups, scene.given_up.len()), (1, 2));
    scene.pass(SECOND);
    let question = scene.ask();
    assert_eq!(scene.lookups, 2);
    scene.found("host0", "1000", addresses(&[1]));
    let (_, connection) = scene.opened();
    scene.make_ready(connection);
    assert_eq!(scene.asked(), (connection, question));
    scene.answer(connection, question);
    assert_eq!(scene.recoveries(), 1);
}

#[test]
fn the_second_server_is_used_while_the_name_of_the_first_is_not_found_in_a_second() {
    let mut scene = named_scene(vec![named(0), numbered(1)]);
    scene.ask();
    assert!(scene.opened.is_empty());
    scene.pass(SECOND);
    assert_eq!(scene.opened().0, 1);
}

#[test]
fn a_lookup_that_takes_too_long_is_told_from_a_connection_that_does() {
    let mut scene = named_scene(vec![named(0)]);
    let question = scene.ask();
    scene.pass(30 * SECOND);
    let name = named(0).name;
    let reason = format!("no address of {name} in time");
    assert_eq!(scene.given_up, [(question, Failure::new(FailureKind::Contact, reason))]);
}

#[test]
fn all_addresses_are_tried_before_the_server_has_failed() {
    let mut scene = named_scene(vec![named(0)]);
    let question = scene.ask();
    scene.found("host0", "1000", addresses(&[1, 2, 3]));
    for _ in 0..3 {
        assert_eq!(scene.failures(), 0);
        let (_, connection) = scene.opened();
        scene.refuse(connection);
    }
    assert_eq!((scene.failures(), scene.given_up.len()), (1, 1));
    assert_eq!(scene.given_up[0].0, question);
}

#[test]
fn the_name_of_a_server_that_has_failed_is_looked_up_again_after_five_seconds_since_it_may_have_moved() {
    let mut scene = named_scene(vec![named(0)]);
    scene.ask();
    scene.found("host0", "1000", addresses(&[1]));
    let (_, connection) = scene.opened();
    scene.pass(SECOND);
    scene.refuse(connection);
    scene.pass(3 * SECOND);
    scene.ask();
    let (_, connection) = scene.opened();
    scene.refuse(connection);
    assert_eq!(scene.lookups, 1);
    scene.pass(SECOND);
    let question = scene.ask();
    let (_, connection) = scene.opened();
    assert_eq!(scene.lookups, 2);
    scene.found("host0", "1000", addresses(&[2]));
    scene.refuse(connection);
    let (_, connection) = scene.opened();
    let moved: SocketAddr = ([127, 0, 0, 2], 1000).into();
    assert_eq!(scene.manager.connections[&connection].target, Target::Socket(moved));
    scene.make_ready(connection);
    assert_eq!(scene.asked(), (connection, question));
}

#[test]
fn an_address_that_has_failed_comes_last() {
    let mut scene = named_scene(vec![named(0)]);
    scene.ask();
    scene.found("host0", "1000", addresses(&[1, 2]));
    let (_, connection) = scene.opened();
    scene.refuse(connection);
    let (_, connection) = scene.opened();
    scene.make_ready(connection);
    scene.found("host0", "1000", addresses(&[1, 2]));
    scene.ask();
    let (_, connection) = scene.opened();
    let second: SocketAddr = ([127, 0, 0, 2], 1000).into();
    assert_eq!(scene.manager.connections[&connection].target, Target::Socket(second));
}

#[test]
fn the_second_try_on_a_fresh_connection_goes_through_all_addresses() {
    let mut scene = named_scene(vec![named(0)]);
    let question = scene.ask();
    scene.found("host0", "1000", addresses(&[1, 2]));
    let (_, stale) = scene.opened();
    scene.make_ready(stale);
    scene.answer(stale, question);
    scene.pass(SECOND);
    let question = scene.ask();
    scene.asked.clear();
    scene.fail(stale, "closed");
    let (_, fresh) = scene.opened();
    scene.refuse(fresh);
    let (_, fresh) = scene.opened();
    scene.make_ready(fresh);
    assert_eq!(scene.asked(), (fresh, question));
    assert_eq!(scene.failures(), 0);
}

#[test]
fn an_address_that_failed_long_ago_is_tried_before_the_server_has_failed() {
    let mut scene = named_scene(vec![named(0)]);
    let question = scene.ask();
    scene.found("host0", "1000", addresses(&[1, 2]));
    let (_, first) = scene.opened();
    scene.refuse(first);
    let (_, second) = scene.opened();
    scene.make_ready(second);
    scene.pass(SECOND);
    scene.answer(second, question);
    scene.fail(second, "closed");
    scene.pass(SECOND);
    scene.asked.clear();
    let question = scene.ask();
    let (_, second) = scene.opened();
    scene.refuse(second);
    let (_, first) = scene.opened();
    scene.make_ready(first);
    assert_eq!(scene.asked(), (first, question));
    assert_eq!(scene.failures(), 0);
}
