//! Signs of life, and the three numbers that come with them.

use super::{Manager, launch, subjects};
use crate::support::lines::Lines;
use crate::support::{Daemon, Request, eventually, within};
use std::time::Duration;

/// A third of a second for each sign.
const WATCHDOG: &str = "export WATCHDOG_USEC=1000000 WATCHDOG_PID=$$";

fn signs(lines: &Lines) -> usize {
    subjects(lines).iter().filter(|subject| *subject == "WATCHDOG").count()
}

fn expect_more_signs(lines: &Lines) {
    let before = signs(lines);
    eventually("there is a further sign of life", || (signs(lines) > before + 2).then_some(()));
}

fn frontends(daemon: &Daemon) -> Vec<crate::support::Process> {
    daemon.children("frontend")
}

#[test]
fn a_watchdog_is_fed_while_the_frontend_answers_and_not_while_it_is_stopped() {
    let manager = Manager::new();
    let lines = manager.listen();
    let daemon = launch(&manager).after(WATCHDOG).start();
    expect_more_signs(&lines);
    let stopped = frontends(&daemon);
    stopped[0].signal("STOP");
    // One answer may be on its way.
    let rest = signs(&lines) + 1;
    let fed = within(Duration::from_secs(3), || (signs(&lines) > rest).then_some(()));
    assert!(fed.is_none(), "{:?}", lines.all());
    // The supervisor kills it in time, and serves by the next one.
    eventually("another frontend is there", || (frontends(&daemon) != stopped).then_some(()));
    expect_more_signs(&lines);
}

#[test]
fn a_watchdog_is_fed_over_a_reload_and_by_a_daemon_that_detaches() {
    let manager = Manager::new();
    let lines = manager.listen();
    let daemon = launch(&manager).after(WATCHDOG).start_detached();
    expect_more_signs(&lines);
    daemon.process.signal("HUP");
    lines.wait_for("RELOADING=1");
    expect_more_signs(&lines);
}

#[test]
fn a_watchdog_of_another_process_is_none() {
    let manager = Manager::new();
    let lines = manager.listen();
    let _daemon = launch(&manager).after("export WATCHDOG_USEC=300000 WATCHDOG_PID=1").start();
    lines.wait_for("STATUS=0.0 logins/s");
    assert_eq!(signs(&lines), 0);
}

#[test]
fn while_a_frontend_is_replaced_the_status_has_no_old_numbers() {
    let manager = Manager::new();
    let lines = manager.listen();
    let daemon = launch(&manager).after(WATCHDOG).start();
    lines.wait_for("STATUS=0.0 logins/s");
    frontends(&daemon)[0].signal("KILL");
    lines.wait_for("STATUS=Logins wait for a new frontend");
    eventually("its numbers are told", || {
        let all = lines.all();
        let mut texts = all.iter().filter_map(|line| line.split("STATUS=").nth(1));
        texts.next_back().is_some_and(|text| text.starts_with("0.0 logins/s")).then_some(())
    });
}

/// Nobody answers at that port, so they are unavailable at once.
#[test]
fn the_status_counts_logins() {
    let manager = Manager::new();
    let lines = manager.listen();
    let daemon = launch(&manager).after(WATCHDOG).start();
    lines.wait_for("STATUS=0.0 logins/s, 0 busy workers, 0 logins waiting");
    eventually("logins are counted", || {
        daemon.ask(&Request::new("anna", "x"));
        let counts = |line: &String| line.contains(" logins/s") && !line.contains("=0.0 logins/s");
        lines.all().iter().any(counts).then_some(())
    });
}
