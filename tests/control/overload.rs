//! The daemon is looked at most when nothing else works, and over reloads.

use super::{Connection, ask, frontend, metric, probed, shown};
use crate::support::eventually;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

#[test]
fn a_daemon_whose_places_and_workers_are_all_taken_tells_so() {
    require!(Root, Compiler);
    let site = probed(&["-n", "1", "--max-connections=4"]);
    let waiting: Vec<_> = (0..4).map(|_| site.begin("gate", "right")).collect();
    site.probe.wait_for_calls(1);
    let status = shown(&site.daemon, &["status"]);
    let row: Vec<_> = status
        .lines()
        .find(|line| line.starts_with("pam ") && line.ends_with('s'))
        .map(|line| line.split_whitespace().collect())
        .unwrap_or_default();
    // busy, starting, most, waiting
    assert_eq!(row.get(1..6), Some(["0", "1", "0", "1", "3"].as_slice()), "{status}");
    assert!(status.contains("4 connections, 4 requests without an answer"), "{status}");
    assert_eq!(metric(&site.daemon, "saslauthd_queue_length{mech=\"pam\"}"), 3.0);
    assert_eq!(shown(&site.daemon, &["ping"]), "pong\n", "busy is not dead");
    site.probe.open_gate();
    for mut connection in waiting {
        assert_eq!(connection.receive(), "OK");
    }
}

#[test]
fn a_frontend_without_descriptors_can_be_looked_at() {
    require!(Root, Compiler, Tool("prlimit"));
    // To limit a process of another account takes a right that root may lack here.
    let site = probed(&["--user=root"]);
    assert!(site.ask_roughly("user", "right").is_ok());
    let frontend = frontend(&site.daemon);
    let limit = Command::new("prlimit").args(["--nofile=26", "--pid", &frontend.id.to_string()]).status();
    assert!(limit.unwrap().success());
    let clients: Vec<_> = (0..80).map(|_| site.daemon.connect()).collect();
    for _ in 0..5 {
        assert!(shown(&site.daemon, &["status"]).starts_with("saslauthd "));
    }
    drop(clients);
    eventually("logins are answered again", || site.ask_roughly("user", "right").is_ok().then_some(()));
}

/// What was asked before, during and after is answered by whichever frontend there is.
#[test]
fn over_reloads_no_connection_is_refused_and_counters_go_on() {
    require!(Root, Compiler);
    let site = probed(&["-n", "2"]);
    for _ in 0..5 {
        assert_eq!(site.ask("anna", "right"), "OK");
    }
    let mut silent = Connection::new(&site.daemon);
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let asked = scope.spawn(|| {
            let mut asked = 0;
            while !is_over.load(Ordering::Relaxed) {
                let finished = ask(&site.daemon, &["ping"]);
                assert_eq!(finished.code, Some(0), "{finished:?}");
                asked += 1;
            }
            asked
        });
        for reload in 1..=4 {
            let old = frontend(&site.daemon);
            site.daemon.process.signal("HUP");
            eventually("the next frontend is alone", || {
                (!old.is_running() && frontend(&site.daemon) != old).then_some(())
            });
            let reloads = "saslauthd_reloads_total{result=\"success\"}";
            eventually("it is counted", || {
                (metric(&site.daemon, reloads) == f64::from(reload)).then_some(())
            });
        }
        is_over.store(true, Ordering::Relaxed);
        assert!(asked.join().unwrap() > 0);
    });
    let logins = "saslauthd_logins_total{mech=\"pam\",outcome=\"accept\"}";
    assert_eq!(metric(&site.daemon, logins), 5.0);
    assert_eq!(site.ask("anna", "right"), "OK");
    assert_eq!(metric(&site.daemon, logins), 6.0);
    silent.send("ping\n");
    let answer = silent.receive();
    assert!(
        answer == "ok 5\npong\n" || answer.starts_with("error the request has not come in time"),
        "{answer}"
    );
}

#[test]
fn a_silent_connection_is_answered_by_the_next_frontend() {
    require!(Root, Compiler);
    let site = probed(&["-c"]);
    assert_eq!(site.ask("anna", "right"), "OK");
    let mut silent = Connection::new(&site.daemon);
    let old = frontend(&site.daemon);
    site.daemon.process.signal("HUP");
    eventually("the old frontend ends at once", || (!old.is_running()).then_some(()));
    silent.send("cache list\n");
    assert!(silent.receive().ends_with("\n0 logins\n"), "the new one remembers nobody");
}

/// Whoever does not read on waits alone.
#[test]
fn a_long_list_that_nobody_reads_holds_up_no_login() {
    require!(Root, Compiler);
    let site = probed(&["-c", "-n", "2"]);
    let name = "x".repeat(900);
    for number in 0..1500 {
        assert_eq!(site.ask(format!("{name}{number}"), "right"), "OK");
    }
    let mut list = Connection::new(&site.daemon);
    list.send("cache list\n");
    let start = Instant::now();
    for _ in 0..20 {
        assert_eq!(site.ask("anna", "right"), "OK");
        assert_eq!(shown(&site.daemon, &["ping"]), "pong\n");
    }
    assert!(start.elapsed() < Duration::from_secs(4), "the list has its own time");
    let text = list.receive();
    let (head, rest) = text.split_once('\n').unwrap();
    assert_eq!(head, format!("ok {}", rest.len()));
    assert!(
        rest.ends_with("\n1500 logins\n".replace("1500", "1,500").as_str()) && rest.len() > 1_000_000,
        "{}",
        rest.len()
    );
}
