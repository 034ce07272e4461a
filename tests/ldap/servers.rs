//! Several servers, servers that are away, and the ways to name them.

use super::{ask, launch, searching, unavailable};
use crate::support::address::own_address;
use crate::support::{Answer, Entries, Program, Proxy, RunningSlapd, Slapd, System, eventually};
use std::time::{Duration, Instant};

for_both!(
    a_server_can_be_reached_in_every_way,
    a_server_that_is_down_is_no_wrong_password,
    a_server_that_was_restarted_is_asked_again,
    the_second_server_answers_when_the_first_is_dead,
    every_address_of_a_name_is_tried,
    connections_that_die_without_a_word_cost_no_login,
);

/// For a server that is to be asked again soon.
const IMPATIENT: [&str; 1] = ["--retry-interval=1"];

fn flags(program: Program) -> &'static [&'static str] {
    program.better("C asks each time", &[], &IMPATIENT)
}

fn server() -> RunningSlapd {
    Slapd::new(Entries::new().user("anna", "right")).start()
}

fn a_server_can_be_reached_in_every_way(program: Program) {
    require!(Slapd);
    let server = server();
    let bare = server.uri().trim_end_matches('/').to_owned();
    for uri in [server.uri(), bare, server.socket_uri()] {
        let daemon = launch(program, &searching(&uri)).start();
        for _ in 0..2 {
            assert_eq!(ask(&daemon, "anna", "right"), "OK", "{uri}");
            assert_eq!(ask(&daemon, "anna", "wrong"), "NO", "{uri}");
        }
    }
}

fn a_server_that_is_down_is_no_wrong_password(program: Program) {
    require!(Slapd);
    let mut server = server();
    let daemon = launch(program, &searching(&server.uri())).with(flags(program)).start();
    assert_eq!(ask(&daemon, "anna", "right"), "OK");
    server.stop();
    for password in ["right", "wrong"] {
        assert_eq!(ask(&daemon, "anna", password), unavailable(program));
    }
    server.start_again();
    eventually("the server is asked again", || ask(&daemon, "anna", "right").is_ok().then_some(()));
    assert_eq!(ask(&daemon, "anna", "wrong"), "NO");
}

/// Nobody asks it while it is away, so nobody may notice, though all kept connections are dead.
fn a_server_that_was_restarted_is_asked_again(program: Program) {
    require!(Slapd);
    let mut server = server();
    let daemon = launch(program, &searching(&server.uri())).with(&["-n", "1"]).start();
    for _ in 0..3 {
        assert_eq!(ask(&daemon, "anna", "right"), "OK");
        assert_eq!(ask(&daemon, "anna", "wrong"), "NO");
        server.stop();
        server.start_again();
    }
    assert_eq!(ask(&daemon, "anna", "wrong"), "NO");
    assert_eq!(ask(&daemon, "anna", "right"), "OK");
}

fn the_second_server_answers_when_the_first_is_dead(program: Program) {
    require!(Slapd);
    let (mut first, second) = (server(), server());
    let daemon = launch(program, &searching(&format!("{} {}", first.uri(), second.uri()))).start();
    assert_eq!(ask(&daemon, "anna", "right"), "OK");
    first.stop();
    for _ in 0..3 {
        assert_eq!(ask(&daemon, "anna", "right"), "OK");
        assert_eq!(ask(&daemon, "anna", "wrong"), "NO");
    }
}

fn every_address_of_a_name_is_tried(program: Program) {
    require!(Slapd, Mounts);
    let (server, name) = (server(), "ldap.example.test");
    let system =
        System::new().host(name, own_address()).host(name, server.address()).host(name, own_address());
    let uri = server.uri().replace(&server.address().to_string(), name);
    let daemon = launch(program, &searching(&uri)).inside(&system).start();
    assert_eq!(ask(&daemon, "anna", "right"), "OK");
    assert_eq!(ask(&daemon, "anna", "wrong"), "NO");
}

/// A firewall forgets the connections that there are, and serves new ones.
fn connections_that_die_without_a_word_cost_no_login(program: Program) {
    require!(Slapd);
    let server = server();
    let place = server.uri().trim_start_matches("ldap://").trim_end_matches('/').parse().unwrap();
    let proxy = Proxy::before(place);
    let daemon =
        launch(program, &searching(&format!("ldap://{}", proxy.address()))).with(&["-n", "1"]).start();
    assert_eq!(ask(&daemon, "anna", "right"), "OK");
    proxy.forget();
    let start = Instant::now();
    assert_eq!(ask(&daemon, "anna", "right"), "OK");
    let bound = program.better("C notices after 5 seconds", 25, 8);
    assert!(start.elapsed() < Duration::from_secs(bound), "{:?}", start.elapsed());
    assert_eq!(ask(&daemon, "anna", "wrong"), "NO");
}

#[test]
fn a_server_that_does_not_answer_is_left_alone() {
    require!(Slapd);
    let (hung, server) = (server(), server());
    hung.freeze();
    let settings = searching(&format!("{} {}", hung.uri(), server.uri()));
    let daemon =
        launch(Program::Ours, &settings).with(&["--operation-timeout=1", "--retry-interval=600"]).start();
    assert_eq!(ask(&daemon, "anna", "right"), "OK");
    let start = Instant::now();
    for _ in 0..20 {
        assert_eq!(ask(&daemon, "anna", "right"), "OK");
    }
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    hung.thaw();
}

#[test]
fn with_all_servers_down_logins_are_unavailable_and_the_log_names_them() {
    let uris = [(); 2].map(|()| format!("ldap://{}:3389", own_address()));
    let daemon = launch(Program::Ours, &searching(&uris.join(" "))).start();
    assert_eq!(ask(&daemon, "anna", "right"), Answer::Nothing);
    for uri in &uris {
        daemon.log.wait_for(uri);
    }
    daemon.log.wait_for("auth unavailable: [user=anna]");
}

#[test]
fn no_password_is_in_the_log() {
    require!(Slapd);
    let mut server = server();
    let daemon = launch(Program::Ours, &searching(&server.uri())).with(&["-V"]).start();
    for password in ["right", "Falsch-4711"] {
        ask(&daemon, "anna", password);
    }
    server.stop();
    ask(&daemon, "anna", "Falsch-4711");
    daemon.log.wait_for("auth unavailable");
    for secret in ["Falsch-4711", "secret"] {
        let lines = daemon.log.all();
        assert!(!lines.iter().any(|line| line.contains(secret)), "{lines:#?}");
    }
}
