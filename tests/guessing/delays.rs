//! `--failure-delay`: how early an answer may come at the earliest. How late it comes depends on the machine.

use super::{ask, ldap, searching, timed};
use crate::support::{
    AuthClient, Daemon, FakeImap, FakeLdap, Launch, PamService, Program, Request, System, eventually,
};
use openssl::base64::encode_block;
use std::time::Duration;

/// Of one second, less the quarter by which it is spread.
const AT_LEAST: Duration = Duration::from_millis(750);
const DELAY: &str = "--failure-delay=1";

/// With a file in which only anna is, whose password is `right`.
fn passwdfile(flags: &[&str]) -> Launch {
    Launch::new(Program::Ours, &["-a", "passwdfile"]).with_file("-O", "anna:{PLAIN}right\n").with(flags)
}

fn expect_delays(daemon: &Daemon, logins: &[&str]) {
    for login in logins {
        let (answer, time) = timed(|| ask(daemon, login, "wrong"));
        assert!(answer.is_no(), "{login}: {answer:?}");
        assert!(time >= AT_LEAST, "{login}: refused after {time:?}");
    }
    let (answer, time) = timed(|| ask(daemon, "anna", "right"));
    assert!(answer.is_ok(), "{answer:?}");
    // Had it been held back, then by that much. It takes milliseconds.
    assert!(time < AT_LEAST, "accepted after {time:?}");
}

#[test]
fn passwdfile_refuses_a_wrong_password_and_an_unknown_login_after_the_delay() {
    require!(Root);
    expect_delays(&passwdfile(&[DELAY]).start(), &["anna", "nobody-of-that-name"]);
}

#[test]
fn a_directory_refuses_after_the_delay() {
    let server = FakeLdap::new().start();
    expect_delays(&ldap(&searching(&server.uri()), &[DELAY]), &["anna"]);
}

#[test]
fn an_imap_server_refuses_after_the_delay() {
    let server = FakeImap::new("* OK\r\n", "TAG NO [AUTHENTICATIONFAILED] no\r\n").start();
    let daemon = Launch::new(Program::Ours, &["-a", "rimap", "-O", &server.option(), DELAY]).start();
    let (answer, time) = timed(|| ask(&daemon, "anna", "wrong"));
    assert!(answer.is_no() && time >= AT_LEAST, "{answer:?} after {time:?}");
}

#[test]
fn shadow_refuses_a_wrong_password_and_an_unknown_login_after_the_delay() {
    require!(Root, Mounts);
    let line = "$1$6IhhkS.2$UkOBxkF9pR21C6pHItme2.:19000:0:99999:7:::";
    let system = System::new().account("anna", "x", Some(line));
    let daemon = Launch::new(Program::Ours, &["-a", "shadow", DELAY]).inside(&system).start();
    expect_delays(&daemon, &["anna", "nobody-of-that-name"]);
}

/// PAM decides, whose modules may want none.
#[test]
fn pam_has_its_own_delay_and_none_of_ours() {
    require!(Root);
    let service = PamService::of("pam_deny.so", "pam_permit.so");
    let daemon = Launch::new(Program::Ours, &["-a", "pam", "--failure-delay=30"]).start();
    let (answer, time) = timed(|| daemon.ask(&Request::new("anna", "wrong").service(service.name())));
    assert!(answer.is_no() && time < Duration::from_secs(20), "{answer:?} after {time:?}");
}

#[test]
fn an_outage_is_told_without_a_delay() {
    let settings = searching("ldap://127.0.0.1:1");
    let daemon = ldap(&settings, &["--failure-delay=30"]);
    let (answer, time) = timed(|| ask(&daemon, "anna", "right"));
    assert!(answer.is_none() && time < Duration::from_secs(20), "{answer:?} after {time:?}");
}

#[test]
fn a_chain_owes_the_delay_once_and_also_if_a_later_mechanism_is_down() {
    require!(Root);
    let text = "mechanisms: one two\n[mechanism one]\ntype: passwdfile\npasswdfile_path: USERS\n\
        on_reject: next\n[mechanism two]\ntype: ldap\nldap_servers: ldap://127.0.0.1:1\nldap_search_base: dc=example\n";
    let users = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(users.path(), "anna:{PLAIN}right\n").unwrap();
    let text = text.replace("USERS", users.path().to_str().unwrap());
    let daemon = Launch::new(Program::Ours, &[DELAY]).with_file("--config", &text).start();
    let (answer, time) = timed(|| ask(&daemon, "anna", "wrong"));
    assert!(answer.is_none() && time >= AT_LEAST, "{answer:?} after {time:?}");
    let (answer, time) = timed(|| ask(&daemon, "anna", "right"));
    assert!(answer.is_ok() && time < AT_LEAST, "{answer:?} after {time:?}");
}

#[test]
fn requests_that_share_a_login_are_each_held_back_from_when_they_came() {
    let server = FakeLdap::new().start();
    let daemon = ldap(&searching(&server.uri()), &["-c", DELAY]);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let (answer, time) = timed(|| ask(&daemon, "anna", "wrong"));
                assert!(answer.is_no() && time >= AT_LEAST, "{answer:?} after {time:?}");
            });
        }
    });
}

#[test]
fn no_worker_waits_for_the_delay_and_whoever_hangs_up_is_gone_at_once() {
    require!(Root);
    let daemon = passwdfile(&["-n", "1", "--failure-delay=30"]).start();
    let mut guessers: Vec<_> = (0..20).map(|_| daemon.connect()).collect();
    let request = Request::new("anna", "wrong").service("smtp");
    for guesser in &mut guessers {
        guesser.send(request.bytes());
    }
    for _ in 0..20 {
        daemon.log.wait_for("auth failure: [user=anna]");
    }
    assert_eq!(ask(&daemon, "anna", "right"), "OK", "the one worker is free");
    let open = || {
        let status = std::process::Command::new(env!("CARGO_BIN_EXE_saslauthdctl"))
            .arg("-m")
            .arg(daemon.run_directory())
            .arg("metrics")
            .output()
            .unwrap();
        let text = String::from_utf8(status.stdout).unwrap();
        text.lines().find_map(|line| line.strip_prefix("saslauthd_requests_open ")?.parse::<u32>().ok())
    };
    assert!(open() >= Some(1), "held back");
    drop(guessers);
    eventually("they are forgotten", || (open() == Some(0)).then_some(()));
}

#[test]
fn the_delay_at_a_dovecot_socket_ends_with_its_time_and_the_request_is_answered() {
    require!(Root);
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("auth");
    let flag = format!("--socket={},protocol=dovecot,timeout=2", socket.display());
    let daemon = passwdfile(&[&flag, "--failure-delay=30"]).start();
    daemon.log.wait_for("/auth");
    let mut client = AuthClient::new(&socket).introduced(1);
    let response = encode_block(b"\0anna\0wrong");
    let (line, time) = timed(|| {
        client.send(format!("AUTH\t1\tPLAIN\tservice=smtp\tresp={response}\n"));
        client.line()
    });
    assert!(line.starts_with(r"FAIL\t1\tuser=anna"), "{line}");
    assert!(time >= AT_LEAST && time < Duration::from_secs(20), "{time:?}");
}

/// Nobody was asked, so there is nothing to learn.
#[test]
fn what_no_mechanism_is_asked_about_is_refused_at_once() {
    require!(Root);
    let daemon = passwdfile(&["--failure-delay=30"]).start();
    for (login, password) in [("", "wrong"), ("anna", ""), ("a\0b", "wrong")] {
        let (answer, time) = timed(|| ask(&daemon, login, password));
        assert!(answer.is_no() && time < Duration::from_secs(20), "{login}: {answer:?} after {time:?}");
    }
}
