//! Several servers, servers that are away, and the ways to name them.

use super::{ACCEPTED, NO_CONTACT, REJECTED, ask, ask_all, launch};
use crate::support::address::own_address;
use crate::support::{Dovecot, FakeImap, Program, Request, System, eventually};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::{Duration, Instant};

for_both!(
    a_server_that_is_down_is_no_wrong_password,
    a_server_that_was_restarted_is_asked_again,
    every_address_of_a_name_is_tried,
    a_server_can_be_reached_by_both_families,
    the_port_is_143_where_none_is_named,
    a_login_that_is_never_answered_costs_nobody_else_the_server,
    a_file_that_cannot_be_read_stops_nothing,
);

/// A server that is down is left alone for the shortest time that can be asked for.
fn patient(program: Program) -> &'static [&'static str] {
    program.better("C asks each time", &[], &["--retry-interval=1", "--connect-timeout=1"])
}

fn a_server_that_is_down_is_no_wrong_password(program: Program) {
    require!(Dovecot);
    let mut server = Dovecot::new(&[("anna", "right")]).start();
    let daemon = launch(program, &server.option()).with(patient(program)).start();
    assert_eq!(ask(&daemon, "anna", "right"), ACCEPTED);
    server.stop();
    for password in ["right", "wrong"] {
        assert_eq!(ask(&daemon, "anna", password), program.unavailable(NO_CONTACT));
    }
    server.start_again();
    eventually("the server is asked again", || ask(&daemon, "anna", "right").is_ok().then_some(()));
    assert_eq!(ask(&daemon, "anna", "wrong"), REJECTED);
}

/// Nobody asks it while it is away, so nobody may notice.
fn a_server_that_was_restarted_is_asked_again(program: Program) {
    require!(Dovecot);
    let mut server = Dovecot::new(&[("anna", "right")]).start();
    let daemon = launch(program, &server.option()).start();
    for _ in 0..3 {
        assert_eq!(ask(&daemon, "anna", "right"), ACCEPTED);
        assert_eq!(ask(&daemon, "anna", "wrong"), REJECTED);
        server.stop();
        server.start_again();
    }
    assert_eq!(ask(&daemon, "anna", "right"), ACCEPTED);
}

fn every_address_of_a_name_is_tried(program: Program) {
    require!(Dovecot, Mounts);
    let server = Dovecot::new(&[("anna", "right")]).start();
    let name = "imap.example.test";
    let system =
        System::new().host(name, own_address()).host(name, server.address()).host(name, own_address());
    let option = server.option().replace(&server.address().to_string(), name);
    let daemon = launch(program, &option).inside(&system).start();
    let logins = [("anna", "right"), ("anna", "wrong"), ("anna", "right"), ("anna", "wrong")];
    assert_eq!(ask_all(&daemon, &logins), [ACCEPTED, REJECTED, ACCEPTED, REJECTED]);
}

fn a_server_can_be_reached_by_both_families(program: Program) {
    require!(Mounts, Ipv6);
    let by_number = FakeImap::new("* OK\r\n", "TAG OK\r\n").start_at(Ipv6Addr::LOCALHOST.into(), 0);
    let daemon = launch(program, &by_number.option()).start();
    assert_eq!(ask(&daemon, "anna", "right"), ACCEPTED, "{}", by_number.option());
    // The name has an address of each family, and only one of them answers.
    let option = format!("imap.example.test/{}", by_number.port());
    let system =
        System::new().host("imap.example.test", own_address()).host("imap.example.test", Ipv6Addr::LOCALHOST);
    let daemon = launch(program, &option).inside(&system).start();
    assert_eq!(ask(&daemon, "anna", "right"), ACCEPTED, "{option}");
    let other = FakeImap::new("* OK\r\n", "TAG OK\r\n").start_at(own_address().into(), 0);
    let address = other.option().split_once('/').unwrap().0.parse::<Ipv4Addr>().unwrap();
    let option = format!("imap.example.test/{}", other.port());
    let system =
        System::new().host("imap.example.test", Ipv6Addr::LOCALHOST).host("imap.example.test", address);
    let daemon = launch(program, &option).inside(&system).start();
    assert_eq!(ask(&daemon, "anna", "right"), ACCEPTED, "{option}");
}

fn the_port_is_143_where_none_is_named(program: Program) {
    require!(Root);
    let address = own_address();
    let _server = FakeImap::new("* OK\r\n", "TAG OK\r\n").start_at(address.into(), 143);
    for option in [address.to_string(), format!("{address}/imap"), format!("{address}/143")] {
        let daemon = launch(program, &option).start();
        assert_eq!(ask(&daemon, "anna", "right"), ACCEPTED, "{option}");
    }
}

/// A phone that tries again each time that it is told, whose login the server cannot decide.
fn a_login_that_is_never_answered_costs_nobody_else_the_server(program: Program) {
    let server = FakeImap::new("* OK\r\n", "TAG OK\r\n").silent_to("phone").start();
    let flags = program.better("C waits for half a minute", &[][..], &["--operation-timeout=1"]);
    let daemon = launch(program, &server.option()).with(flags).start();
    let request = Request::new("phone", "right").service("imap");
    let told = || {
        let lines = daemon.log.all();
        lines.iter().filter(|line| line.contains("auth unavailable: [user=phone]")).count()
    };
    let mut tries = Vec::new();
    for round in 1..=4 {
        let mut phone = daemon.connect();
        phone.send(request.bytes());
        tries.push(phone);
        eventually("the phone is told", || {
            assert_eq!(ask(&daemon, "anna", "right"), ACCEPTED, "{round}");
            program.better("C waits for half a minute", true, told() >= round).then_some(())
        });
    }
}

#[test]
fn the_second_server_answers_when_the_first_is_dead() {
    require!(Dovecot);
    let server = Dovecot::new(&[("anna", "right")]).start();
    for order in ["listed", "round-robin"] {
        let option = format!("{}/143 {}", own_address(), server.option());
        let daemon = launch(Program::Ours, &option).with(&["--server-order", order]).start();
        let logins = [("anna", "right"), ("anna", "wrong"), ("anna", "right"), ("anna", "wrong")];
        assert_eq!(ask_all(&daemon, &logins), [ACCEPTED, REJECTED, ACCEPTED, REJECTED], "{order}");
        assert_eq!(ask(&daemon, "anna", "right"), ACCEPTED, "{order}");
    }
}

#[test]
fn servers_take_turns_where_that_is_asked_for() {
    let servers = [(); 3].map(|()| FakeImap::new("* OK\r\n", "TAG OK\r\n").start());
    let option = servers.iter().map(|server| server.option()).collect::<Vec<_>>().join(" ");
    let logins = |server: &crate::support::fake::RunningFakeImap| {
        server.heard().iter().filter(|command| command.contains("LOGIN")).count()
    };
    for (order, expected) in [("round-robin", [3, 3, 3]), ("listed", [12, 3, 3])] {
        let daemon = launch(Program::Ours, &option).with(&["--server-order", order]).start();
        for _ in 0..9 {
            assert_eq!(ask(&daemon, "anna", "right"), ACCEPTED);
        }
        assert_eq!([0, 1, 2].map(|number| logins(&servers[number])), expected, "{order}");
    }
}

/// The wait of one connect time-out comes once, not with each login.
#[test]
fn a_server_that_does_not_answer_is_left_alone() {
    require!(Dovecot);
    let (hung, server) =
        (Dovecot::new(&[("anna", "right")]).start(), Dovecot::new(&[("anna", "right")]).start());
    hung.freeze();
    let option = format!("{} {}", hung.option(), server.option());
    let flags = ["--operation-timeout=1", "--retry-interval=600"];
    let daemon = launch(Program::Ours, &option).with(&flags).start();
    assert_eq!(ask(&daemon, "anna", "right"), ACCEPTED);
    let start = Instant::now();
    for _ in 0..20 {
        assert_eq!(ask(&daemon, "anna", "right"), ACCEPTED);
    }
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    hung.thaw();
}

#[test]
fn with_all_servers_down_logins_are_unavailable_and_the_log_names_them() {
    let (first, second) = (format!("{}/1143", own_address()), format!("{}/1143", own_address()));
    let daemon = launch(Program::Ours, &format!("{first} {second}")).start();
    assert!(ask(&daemon, "anna", "right").is_none());
    for server in [&first, &second] {
        daemon.log.wait_for(server);
    }
    let line = daemon.log.wait_for("auth unavailable: [user=anna]");
    assert!(!line.contains("right"), "{line}");
}

/// Neither of the two needs it: without TLS it has nothing to say to ours.
fn a_file_that_cannot_be_read_stops_nothing(program: Program) {
    require!(Mounts);
    let system = System::new().saslauthd_conf(&vec![b'#'; 200_000]);
    let server = FakeImap::new("* OK\r\n", "TAG OK\r\n").start();
    let daemon = launch(program, &server.option()).inside(&system).start();
    assert_eq!(ask(&daemon, "anna", "right"), ACCEPTED);
    if program == Program::Ours {
        daemon.log.wait_for("/etc/saslauthd.conf: is larger than");
        let check = |option: &str| launch(program, option).inside(&system).with(&["--check"]).run();
        let finished = check(&server.option());
        assert!(finished.code == Some(1) && finished.output.contains("larger than"), "{finished:?}");
        // It may say what TLS must prove.
        let finished = launch(program, "imaps://localhost").inside(&system).run();
        assert!(finished.code == Some(1) && finished.errors.contains("larger than"), "{finished:?}");
    }
}

/// As one that was once ldap's. C does not look at it.
#[test]
fn a_file_that_is_of_no_use_stops_nothing() {
    let server = FakeImap::new("* OK\r\n", "TAG OK\r\n").start();
    let left_over = "ldap_bind_dn:\nldap_servers: nonsense\nno line at all\n";
    let daemon = launch(Program::Ours, &server.option()).with_file("--config", left_over).start();
    assert_eq!(ask(&daemon, "anna", "right"), ACCEPTED);
    let finished =
        launch(Program::Ours, &server.option()).with_file("--config", left_over).with(&["--check"]).run();
    assert_eq!(finished.code, Some(1), "{finished:?}");
}

/// Nobody speaks first there, so that both would wait for ever.
#[test]
fn the_port_of_imaps_without_tls_is_warned_of_at_the_start() {
    let server = format!("{}/993", own_address());
    let daemon = launch(Program::Ours, &server).start();
    let line = daemon.log.wait_for("imaps://");
    assert!(line.contains(&server), "{line}");
}
