//! What is counted since the start of the daemon, over reloads and deaths of those who count.

use super::{frontend, probed};
use crate::support::{Probed, eventually, within};
use std::time::{Duration, Instant};

/// A frontend tells the supervisor what it has counted every five seconds at the least.
const REPORTED: Duration = Duration::from_secs(12);

#[test]
fn logins_are_counted_over_reloads() {
    require!(Root, Compiler);
    let site = probed(&["-c"]);
    ask(&site, 3);
    let old = frontend(&site.daemon);
    reload(&site);
    eventually("the old frontend has nothing left to do", || (!old.is_running()).then_some(()));
    ask(&site, 2);
    reload(&site);
    ask(&site, 1);
    eventually("all are counted", || (counted(&site) == 6.0).then_some(()));
}

/// It answers its last login after the next one has taken over.
#[test]
fn a_login_that_is_answered_while_its_frontend_leaves_is_counted() {
    require!(Root, Compiler);
    let site = probed(&["-n", "2"]);
    let mut held = site.begin("gate", "right");
    site.probe.wait_for_calls(1);
    let old = frontend(&site.daemon);
    reload(&site);
    ask(&site, 2);
    site.probe.open_gate();
    assert_eq!(held.receive(), "OK");
    eventually("the old frontend ends", || (!old.is_running()).then_some(()));
    eventually("all are counted", || (counted(&site) == 3.0).then_some(()));
}

#[test]
fn a_frontend_that_is_killed_takes_no_more_with_it_than_the_last_seconds() {
    require!(Root, Compiler);
    let site = probed(&[]);
    ask(&site, 3);
    // The time is the promise.
    let _ = within(REPORTED, || None::<()>);
    frontend(&site.daemon).signal("KILL");
    ask(&site, 2);
    eventually("all are counted", || (counted(&site) == 5.0).then_some(()));
}

/// It starts a worker for each login, and so is never silent for so long that it would have to be asked.
#[test]
fn a_frontend_that_is_never_silent_tells_what_it_has_counted() {
    require!(Root, Compiler);
    let site = probed(&["-n", "0"]);
    let end = Instant::now() + REPORTED;
    while Instant::now() < end {
        ask(&site, 1);
    }
    frontend(&site.daemon).signal("KILL");
    eventually("the next one knows of them", || (counted(&site) > 0.0).then_some(()));
}

fn ask(site: &Probed, times: usize) {
    for _ in 0..times {
        assert_eq!(site.ask("user", "right"), "OK");
    }
}

/// How many logins the daemon tells of; none while nobody can be asked.
fn counted(site: &Probed) -> f64 {
    let metrics = super::ask(&site.daemon, &["metrics"]).output;
    let counts = metrics.lines().filter(|line| line.starts_with("saslauthd_logins_total{"));
    counts.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok()).sum()
}

fn reload(site: &Probed) {
    let complete = || {
        let lines = site.daemon.log.all();
        lines.iter().filter(|line| line.contains("has taken over")).count()
    };
    let before = complete();
    site.daemon.process.signal("HUP");
    eventually("the reload is complete", || (complete() > before).then_some(()));
}
