//! `--negative-cache-ttl` and `--stale-if-unavailable`.

use super::{ask, ldap, searching, timed};
use crate::support::slapd::{Entries, SERVICE, SERVICE_PASSWORD};
use crate::support::{Asked, FakeLdap, Slapd, eventually};
use std::time::Duration;

#[test]
fn the_same_wrong_password_asks_a_server_once_in_its_time() {
    let server = FakeLdap::new().start();
    let daemon = ldap(&searching(&server.uri()), &["--negative-cache-ttl=300"]);
    for _ in 0..5 {
        assert!(ask(&daemon, "anna", "wrong").is_no());
    }
    assert_eq!(server.count(Asked::Search, "anna"), 1);
    daemon.log.wait_for("auth failure: [user=anna] [service=smtp] [realm=] [mech=ldap] [reason=");
    daemon.log.wait_for(" (cached)]");
    assert!(ask(&daemon, "anna", "right").is_ok());
    assert_eq!(server.count(Asked::Search, "anna"), 2, "another password is asked about");
}

#[test]
fn without_the_flag_every_wrong_password_asks() {
    let server = FakeLdap::new().start();
    let daemon = ldap(&searching(&server.uri()), &["-c"]);
    for _ in 0..3 {
        assert!(ask(&daemon, "anna", "wrong").is_no());
    }
    assert_eq!(server.count(Asked::Search, "anna"), 3);
}

#[test]
fn a_refusal_is_forgotten_after_its_time_by_a_flush_and_by_a_reload() {
    let server = FakeLdap::new().start();
    let daemon = ldap(&searching(&server.uri()), &["--negative-cache-ttl=1"]);
    let searches = || server.count(Asked::Search, "anna");
    eventually("it is asked again", || {
        assert!(ask(&daemon, "anna", "wrong").is_no());
        (searches() >= 2).then_some(())
    });
    let daemon = ldap(&searching(&server.uri()), &["--negative-cache-ttl=300"]);
    daemon.log.wait_for("listening on socket");
    assert!(ask(&daemon, "anna", "wrong").is_no());
    let asked = searches();
    let control = |words: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_saslauthdctl"));
        let output = command.arg("-m").arg(daemon.run_directory()).args(words).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(control(&["status"]).contains("NEGATIVE CACHE       1 refusal kept, each for 5 min 0 s"));
    assert_eq!(control(&["cache", "flush", "anna"]), "1 entry flushed\n");
    assert!(ask(&daemon, "anna", "wrong").is_no());
    assert_eq!(searches(), asked + 1);
    daemon.process.signal("HUP");
    daemon.log.wait_for("The configuration was read again");
    eventually("the new frontend asks", || {
        assert!(ask(&daemon, "anna", "wrong").is_no());
        (searches() > asked + 1).then_some(())
    });
}

#[test]
fn a_repeated_wrong_password_owes_the_delay_again() {
    let server = FakeLdap::new().start();
    let daemon = ldap(&searching(&server.uri()), &["--negative-cache-ttl=300", "--failure-delay=1"]);
    for _ in 0..2 {
        let (answer, time) = timed(|| ask(&daemon, "anna", "wrong"));
        assert!(answer.is_no() && time >= Duration::from_millis(750), "{answer:?} after {time:?}");
    }
    assert_eq!(server.count(Asked::Search, "anna"), 1);
}

/// A directory, and a daemon whose acceptances live for a second and a day more.
#[test]
fn while_the_directory_is_down_whoever_was_accepted_before_logs_in_and_nobody_else() {
    require!(Slapd);
    let mut server = Slapd::new(Entries::new().user("anna", "right").user("berta", "also")).start();
    let settings =
        searching(&server.uri()) + &format!("ldap_bind_dn: {SERVICE}\nldap_bind_pw: {SERVICE_PASSWORD}\n");
    let flags = ["-c", "-t", "1", "--stale-if-unavailable=86400", "--retry-interval=1"];
    let daemon = ldap(&settings, &flags);
    assert_eq!(ask(&daemon, "anna", "right"), "OK");
    assert_eq!(ask(&daemon, "berta", "also"), "OK");
    server.stop();
    eventually("the acceptance has expired and counts again", || {
        assert_eq!(ask(&daemon, "anna", "right"), "OK");
        daemon.log.all().iter().any(|line| line.contains("auth success (cached, stale)")).then_some(())
    });
    assert!(ask(&daemon, "anna", "wrong").is_none() && ask(&daemon, "carla", "right").is_none());
    server.start_again();
    eventually("the directory is asked again", || ask(&daemon, "anna", "wrong").is_no().then_some(()));
    assert_eq!(ask(&daemon, "berta", "also"), "OK", "asked anew");
}

#[test]
fn a_reload_leaves_no_expired_acceptance() {
    require!(Slapd);
    let mut server = Slapd::new(Entries::new().user("anna", "right")).start();
    let settings =
        searching(&server.uri()) + &format!("ldap_bind_dn: {SERVICE}\nldap_bind_pw: {SERVICE_PASSWORD}\n");
    let daemon = ldap(&settings, &["-c", "-t", "1", "--stale-if-unavailable=86400"]);
    assert_eq!(ask(&daemon, "anna", "right"), "OK");
    server.stop();
    daemon.process.signal("HUP");
    daemon.log.wait_for("The configuration was read again");
    eventually("nobody is let in", || ask(&daemon, "anna", "right").is_none().then_some(()));
}
