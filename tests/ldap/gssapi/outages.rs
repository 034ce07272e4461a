//! The Kerberos server, the worker and the keytab are taken away while logins wait for them.

use super::super::{ask, unavailable};
use super::{Site, binds, expect_judgement};
use crate::support::waiting::eventually;
use crate::support::{Answer, Daemon, Process, Program, Request};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

/// How many ask at the same time.
const CROWD: usize = 50;

/// What a crowd is answered while the Kerberos server is silent, the worker that asks it has `shock` done to it, and the server goes
/// on.
fn answers_of_a_crowd(site: &Site, daemon: &Daemon, shock: impl FnOnce(&Process)) -> Vec<Answer> {
    site.kerberos.signal("STOP");
    thread::scope(|scope| {
        let crowd: Vec<_> = (0..CROWD).map(|_| scope.spawn(|| ask(daemon, "anna", "right"))).collect();
        let worker =
            eventually("a worker has the keytab", || daemon.children("worker").into_iter().find(has_keytab));
        shock(&worker);
        site.kerberos.signal("CONT");
        crowd.into_iter().map(|waiting| waiting.join().unwrap()).collect()
    })
}

/// Whether it has the copy, which lies in memory, and so waits for the Kerberos server.
fn has_keytab(worker: &Process) -> bool {
    let descriptors = fs::read_dir(format!("/proc/{}/fd", worker.id)).into_iter().flatten().flatten();
    let mut files = descriptors.filter_map(|entry| fs::read_link(entry.path()).ok());
    files.any(|file| file.to_string_lossy().starts_with("/memfd:saslauthd"))
}

#[test]
fn a_crowd_outlives_the_death_of_the_worker_that_logs_in() {
    require!(Slapd, Kerberos, GssapiOfSasl);
    let site = Site::start();
    let daemon = site.ours(&site.keytab(), "ldap_timeout: 10\n");
    let answers = answers_of_a_crowd(&site, &daemon, |worker| worker.signal("KILL"));
    let is_fair = |answer: &Answer| *answer == "OK" || *answer == unavailable(Program::Ours);
    assert!(answers.iter().all(is_fair), "{answers:?}");
    eventually("it serves again", || (ask(&daemon, "anna", "right") == "OK").then_some(()));
    expect_judgement(&daemon);
}

#[test]
fn a_crowd_outlives_a_worker_that_stands_still() {
    require!(Slapd, Kerberos, GssapiOfSasl);
    let site = Site::start();
    let daemon = site.ours(&site.keytab(), "ldap_timeout: 3\n");
    let answers = answers_of_a_crowd(&site, &daemon, |worker| worker.signal("STOP"));
    assert!(answers.iter().all(|answer| *answer == unavailable(Program::Ours)), "{answers:?}");
    daemon.log.wait_for("its login by GSSAPI waits for Kerberos");
    daemon.children("worker").iter().for_each(|worker| worker.signal("CONT"));
    eventually("it serves again", || (ask(&daemon, "anna", "right") == "OK").then_some(()));
}

#[test]
fn a_reload_while_a_crowd_waits_for_tickets_loses_no_login() {
    require!(Slapd, Kerberos, GssapiOfSasl);
    let site = Site::start();
    let daemon = site.ours(&site.keytab(), "ldap_timeout: 30\n");
    let answers = answers_of_a_crowd(&site, &daemon, |_| daemon.process.signal("HUP"));
    assert!(answers.iter().all(|answer| *answer == "OK"), "{answers:?}");
    expect_judgement(&daemon);
}

#[test]
fn where_nobody_listens_in_the_place_of_the_kerberos_server_it_is_named_at_once() {
    require!(Slapd, Kerberos, GssapiOfSasl);
    let mut site = Site::start();
    let daemon = site.ours(&site.keytab(), "");
    site.kerberos.kill();
    let began = Instant::now();
    assert_eq!(ask(&daemon, "anna", "right"), unavailable(Program::Ours));
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    daemon.log.wait_for("Cannot contact any KDC");
    site.kerberos.resume();
    eventually("it serves again", || (ask(&daemon, "anna", "right") == "OK").then_some(()));
}

#[test]
fn a_keytab_that_goes_away_and_comes_back_by_a_link_counts_without_a_reload() {
    require!(Slapd, Kerberos, GssapiOfSasl);
    let site = Site::start();
    let keytab = site.keytab();
    let hidden = keytab.with_extension("hidden");
    fs::rename(&keytab, &hidden).unwrap();
    let daemon = site.ours(&keytab, "");
    assert_eq!(ask(&daemon, "anna", "right"), unavailable(Program::Ours));
    daemon.log.wait_for(&format!("{} cannot be opened: No such file or directory", keytab.display()));
    symlink(&hidden, &keytab).unwrap();
    eventually("the link serves", || (ask(&daemon, "anna", "right") == "OK").then_some(()));
    fs::remove_file(&keytab).unwrap();
    expect_judgement(&daemon);
}

#[test]
fn each_mechanism_logs_in_with_its_own_keytab() {
    require!(Slapd, Kerberos, GssapiOfSasl);
    let site = Site::start();
    let own = site.keytab();
    site.kerberos.add_service("other");
    let other = site.kerberos.keytab("other", "other.keytab");
    let section = |name: &str, keytab: &Path| {
        format!(
            "[mechanism {name}]\ntype: ldap\nldap_krb5_keytab: {}\n[realm {name}.test]\nmechanisms: {name}\n",
            keytab.display()
        )
    };
    let settings = site.settings("bind", &[section("one", &own), section("two", &other)].concat());
    let daemon = site.launch(Program::Ours, &settings, &[]).start();
    let ask_at = |realm: &str| daemon.ask(&Request::new("anna", "right").realm(realm));
    for _ in 0..2 {
        assert_eq!(ask_at("one.test"), "OK");
        // Who may search nothing finds not even where to search.
        assert_eq!(ask_at("two.test"), unavailable(Program::Ours));
    }
    assert!(binds(&site) > 0);
    assert!(site.slapd.logged("BIND dn=\"uid=other,") > 0);
}
