//! `-c`: what is remembered, for how long, and which logins share one call of the mechanism.

use crate::support::{Answer, PamService, Probed, Program, Request, eventually};
use std::fs;
use std::time::{Duration, Instant};

for_both!(
    without_c_every_login_asks_the_mechanism,
    with_c_an_accepted_login_is_remembered,
    a_refused_login_is_never_remembered,
    a_wrong_password_asks_the_mechanism_although_the_right_one_is_remembered,
    a_new_password_replaces_the_remembered_one,
    login_realm_and_service_are_remembered_together,
    with_r_the_joined_login_is_remembered,
    what_is_remembered_expires,
    long_names_are_remembered,
    the_cache_makes_no_file,
);

fn without_c_every_login_asks_the_mechanism(program: Program) {
    require!(Root, Compiler);
    let site = Probed::start(program, &[]);
    for _ in 0..3 {
        assert_eq!(site.ask("user", "right"), "OK");
    }
    assert_eq!(site.probe.calls().len(), 3);
}

fn with_c_an_accepted_login_is_remembered(program: Program) {
    require!(Root, Compiler);
    let site = Probed::start(program, &["-c"]);
    for _ in 0..20 {
        assert_eq!(site.ask("user", "right"), "OK");
    }
    assert_eq!(site.probe.calls().len(), 1);
    site.daemon.log.wait_for("auth success (cached): [user=user]");
}

fn a_refused_login_is_never_remembered(program: Program) {
    require!(Root, Compiler);
    let site = Probed::start(program, &["-c"]);
    for _ in 0..3 {
        assert_eq!(site.ask("user", "wrong"), "NO PAM auth error");
        assert_eq!(site.ask("expired", "right"), "NO PAM acct error");
    }
    assert_eq!(site.probe.calls().len(), 6);
    site.probe.change_password("wrong");
    assert_eq!(site.ask("user", "wrong"), "OK");
}

fn a_wrong_password_asks_the_mechanism_although_the_right_one_is_remembered(program: Program) {
    require!(Root, Compiler);
    let site = Probed::start(program, &["-c"]);
    assert_eq!(site.ask("user", "right"), "OK");
    for wrong in ["wrong", "righ", "rightt", "RIGHT"] {
        assert_eq!(site.ask("user", wrong), "NO PAM auth error");
    }
    assert_eq!(site.probe.calls().len(), 5);
    assert_eq!(site.ask("user", "right"), "OK");
    assert_eq!(site.probe.calls().len(), 5, "a wrong password forgets nothing");
}

fn a_new_password_replaces_the_remembered_one(program: Program) {
    require!(Root, Compiler);
    let site = Probed::start(program, &["-c"]);
    assert_eq!(site.ask("user", "right"), "OK");
    site.probe.change_password("new");
    assert_eq!(site.ask("user", "right"), "OK", "the old one is remembered until it expires");
    assert_eq!(site.ask("user", "new"), "OK");
    assert_eq!(site.ask("user", "right"), "NO PAM auth error");
    assert_eq!(site.ask("user", "new"), "OK");
    assert_eq!(site.probe.calls().len(), 3);
}

fn login_realm_and_service_are_remembered_together(program: Program) {
    require!(Root, Compiler);
    let site = Probed::start(program, &["-c"]);
    let requests = [
        site.probe.request("ab", "right"),
        site.probe.request("abc", "right"),
        site.probe.request("ab", "right").realm("c"),
        site.probe.request("a", "right").realm("bc"),
    ];
    for _ in 0..2 {
        for request in &requests {
            assert_eq!(site.daemon.ask(request), "OK");
        }
    }
    assert_eq!(site.probe.calls().len(), requests.len());
    let elsewhere = PamService::of("pam_deny.so", "pam_permit.so");
    assert_eq!(site.daemon.ask(&Request::new("ab", "right").service(elsewhere.name())), "NO PAM auth error");
}

fn with_r_the_joined_login_is_remembered(program: Program) {
    require!(Root, Compiler);
    let site = Probed::start(program, &["-cr"]);
    for _ in 0..2 {
        assert_eq!(site.daemon.ask(&site.probe.request("user", "right").realm("example.org")), "OK");
        assert_eq!(site.daemon.ask(&site.probe.request("user", "right").realm("example.com")), "OK");
    }
    assert_eq!(site.probe.calls().len(), 2);
}

fn what_is_remembered_expires(program: Program) {
    require!(Root, Compiler);
    let site = Probed::start(program, &["-c", "-t", "1"]);
    assert_eq!(site.ask("user", "right"), "OK");
    eventually("the entry expires", || {
        assert_eq!(site.ask("user", "right"), "OK");
        (site.probe.calls().len() == 2).then_some(())
    });
}

fn long_names_are_remembered(program: Program) {
    require!(Root, Compiler);
    let site = Probed::start(program, &["-c"]);
    let login = format!("{}@example.org", "x".repeat(80));
    assert_eq!(site.ask(&login, "right"), "OK");
    assert_eq!(site.ask(&login, "right"), "OK");
    let calls = program.better("C says nothing and keeps no name of more than 60 bytes", 2, 1);
    assert_eq!(site.probe.calls().len(), calls);
}

fn the_cache_makes_no_file(program: Program) {
    require!(Root, Compiler);
    let site = Probed::start(program, &["-c"]);
    assert_eq!(site.ask("user", "right"), "OK");
    let mut files = fs::read_dir(site.daemon.run_directory()).unwrap().map_while(Result::ok);
    let has_file = files.any(|entry| entry.file_name().to_string_lossy().starts_with("cache"));
    assert_eq!(has_file, program.better("unsalted hashes of passwords belong on no disk", true, false));
}

#[test]
fn an_entry_lives_as_long_as_t_says() {
    require!(Root, Compiler);
    let site = Probed::start(Program::Ours, &["-c", "-t", "2"]);
    let start = Instant::now();
    assert_eq!(site.ask("user", "right"), "OK");
    eventually("the entry expires", || {
        assert_eq!(site.ask("user", "right"), "OK");
        (site.probe.calls().len() == 2).then_some(())
    });
    let lived = start.elapsed();
    assert!(lived >= Duration::from_secs(2), "a hit must not prolong or shorten it: {lived:?}");
    assert!(lived < Duration::from_secs(10), "{lived:?}");
}

#[test]
fn hup_forgets_everything() {
    require!(Root, Compiler);
    let site = Probed::start(Program::Ours, &["-c"]);
    assert_eq!(site.ask("user", "right"), "OK");
    assert_eq!(site.ask("user", "right"), "OK");
    assert_eq!(site.probe.calls().len(), 1);
    site.daemon.process.signal("HUP");
    eventually("the cache is empty", || {
        assert_eq!(site.ask("user", "right"), "OK");
        (site.probe.calls().len() == 2).then_some(())
    });
}

/// A module may accept a login from one place only.
#[test]
fn the_client_address_is_part_of_what_is_remembered() {
    require!(Root, Compiler);
    let site = Probed::start(Program::Ours, &["-c"]);
    let from = |address: &str| site.daemon.ask(&site.probe.request("user", "right").address(address));
    for _ in 0..2 {
        assert_eq!(from("192.0.2.7;1000"), "OK");
        assert_eq!(from("192.0.2.8;1000"), "OK");
        assert_eq!(site.ask("user", "right"), "OK");
    }
    assert_eq!(from("192.0.2.7;2000"), "OK", "the port of the client changes with each connection");
    let clients: Vec<_> = site.probe.calls().into_iter().map(|call| call.client).collect();
    assert_eq!(clients, ["192.0.2.7", "192.0.2.8", ""]);
}

#[test]
fn an_unavailable_mechanism_is_never_remembered() {
    require!(Root, Compiler);
    let site = Probed::start(Program::Ours, &["-c"]);
    for count in 1..=2 {
        assert_eq!(site.ask("segv", "right"), Answer::Nothing);
        assert_eq!(site.probe.calls().len(), count);
    }
}

#[test]
fn identical_logins_share_one_call_with_c() {
    require!(Root, Compiler);
    let site = Probed::start(Program::Ours, &["-c", "-n", "8"]);
    let mut right: Vec<_> = (0..8).map(|_| site.begin("gate", "right")).collect();
    let mut wrong: Vec<_> = (0..8).map(|_| site.begin("gate", "wrong")).collect();
    site.probe.wait_for_calls(2);
    // Whoever comes through is behind all of them.
    assert_eq!(site.ask("user", "right"), "OK");
    site.probe.open_gate();
    assert!(right.iter_mut().all(|connection| connection.receive() == "OK"));
    assert!(wrong.iter_mut().all(|connection| connection.receive() == "NO PAM auth error"));
    assert_eq!(site.probe.calls().len(), 3);
}

/// A one-time password or a counter of failures must see each login.
#[test]
fn identical_logins_share_nothing_without_c() {
    require!(Root, Compiler);
    let site = Probed::start(Program::Ours, &["-n", "8"]);
    let mut logins: Vec<_> = (0..8).map(|_| site.begin("gate", "right")).collect();
    site.probe.wait_for_calls(8);
    site.probe.open_gate();
    assert!(logins.iter_mut().all(|connection| connection.receive() == "OK"));
    assert_eq!(site.probe.calls().len(), 8);
}

#[test]
fn logins_that_share_a_call_share_its_failure_too() {
    require!(Root, Compiler);
    let site = Probed::start(Program::Ours, &["-c", "--request-timeout=1"]);
    let mut logins: Vec<_> = (0..4).map(|_| site.begin("hang", "right")).collect();
    assert!(logins.iter_mut().all(|connection| connection.receive() == Answer::Nothing));
    assert_eq!(site.probe.calls().len(), 1);
    assert_eq!(site.ask("user", "right"), "OK");
}

#[test]
fn a_small_cache_forgets_and_answers_all_the_same() {
    require!(Root, Compiler);
    let site = Probed::start(Program::Ours, &["-c", "-s", "1"]);
    let logins: Vec<_> = (0..200).map(|number| format!("user{number}")).collect();
    for login in &logins {
        assert_eq!(site.ask(login, "right"), "OK");
    }
    assert_eq!(site.ask(logins.last().unwrap(), "right"), "OK");
    assert_eq!(site.probe.calls().len(), 200, "the newest is remembered");
    assert_eq!(site.ask(&logins[0], "right"), "OK");
    assert_eq!(site.probe.calls().len(), 201, "the oldest had to go");
}
