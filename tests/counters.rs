//! What is counted since the start of the daemon, over reloads and deaths of those who count.

use crate::support::{Probed, Process, Program, eventually, within};
use std::time::Duration;

/// A frontend tells what it has counted every five seconds at the least.
const REPORTED: Duration = Duration::from_secs(30);

#[test]
fn logins_are_counted_over_reloads_and_an_end() {
    require!(Root, Compiler);
    let mut site = start(&["-c"]);
    ask(&site, 3);
    let old = frontend_of(&site);
    reload(&site);
    eventually("the old frontend has nothing left to do", || (!old.is_running()).then_some(()));
    ask(&site, 2);
    reload(&site);
    ask(&site, 1);
    assert_eq!(site.daemon.end_with("TERM"), Some(0));
    assert_eq!(counted(&site), 6);
}

/// It answers its last login after the next one has taken over.
#[test]
fn a_login_that_is_answered_while_its_frontend_leaves_is_counted() {
    require!(Root, Compiler);
    let mut site = start(&["-n", "2"]);
    let mut held = site.begin("gate", "right");
    site.probe.wait_for_calls(1);
    let old = frontend_of(&site);
    reload(&site);
    ask(&site, 2);
    site.probe.open_gate();
    assert_eq!(held.receive(), "OK");
    eventually("the old frontend ends", || (!old.is_running()).then_some(()));
    assert_eq!(site.daemon.end_with("TERM"), Some(0));
    assert_eq!(counted(&site), 3);
}

#[test]
fn a_frontend_that_is_killed_takes_no_more_with_it_than_the_last_seconds() {
    require!(Root, Compiler);
    let mut site = start(&[]);
    ask(&site, 3);
    within(REPORTED, || (counted(&site) == 3).then_some(())).expect("it has told what it has counted");
    frontend_of(&site).signal("KILL");
    ask(&site, 2);
    assert_eq!(site.daemon.end_with("TERM"), Some(0));
    assert_eq!(counted(&site), 5);
}

/// It starts a worker for each login, and so is never silent for so long that it would have to be asked.
#[test]
fn a_frontend_that_is_never_silent_tells_what_it_has_counted() {
    require!(Root, Compiler);
    let site = start(&["-n", "0"]);
    within(REPORTED, || {
        ask(&site, 1);
        (counted(&site) > 0).then_some(())
    })
    .expect("it tells");
}

fn start(flags: &[&str]) -> Probed {
    let site = Probed::start(Program::Ours, flags);
    site.daemon.log.wait_for("listening on socket");
    site
}

fn ask(site: &Probed, times: usize) {
    for _ in 0..times {
        assert_eq!(site.ask("user", "right"), "OK");
    }
}

fn frontend_of(site: &Probed) -> Process {
    eventually("a frontend", || site.daemon.children("frontend").into_iter().next())
}

/// How many logins the supervisor knows of.
fn counted(site: &Probed) -> usize {
    let lines = site.daemon.log.all();
    let mut counts = lines.iter().rev().filter_map(|line| {
        line.split_once("; there were ")?.1.split_once(" since the start")?.0.parse::<usize>().ok()
    });
    counts.next().unwrap_or(0)
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
