#![allow(clippy::unwrap_used)]

use super::*;
use std::time::Duration;

fn ready(watchdog: bool) -> Report {
    let mut report = Report::new(watchdog);
    assert_eq!(report.handle_ready(None, 1), ["READY=1\nSTATUS=Serving logins"]);
    report
}

fn activity(decided: u64) -> Activity {
    Activity { decided, busy_workers: 2, waiting_logins: 3, at_servers: 0 }
}

#[test]
fn a_detached_daemon_names_itself_before_it_is_ready() {
    let messages = Report::new(false).handle_ready(Some(77), 1);
    assert_eq!(messages, ["MAINPID=77\nREADY=1\nSTATUS=Serving logins"]);
}

#[test]
fn a_reload_is_begun_with_the_clock_in_one_message_and_ended_by_ready() {
    let mut report = ready(false);
    let begun = report.handle_reload_begins(42).unwrap();
    assert!(begun.starts_with("RELOADING=1\nMONOTONIC_USEC=42\nSTATUS="), "{begun}");
    let ended = report.handle_reload_ends(Reloaded::InUse).unwrap();
    assert_eq!(ended, "READY=1\nSTATUS=Serving logins");
}

#[test]
fn a_refused_reload_is_ready_too_and_its_status_stays_until_one_is_not_refused() {
    let mut report = ready(false);
    let now = Instant::now();
    report.handle_reload_begins(1);
    let refused = report.handle_reload_ends(Reloaded::Refused).unwrap();
    assert!(refused.starts_with("READY=1\nSTATUS=The last reload was refused"), "{refused}");
    let status = report.handle_pong(1, activity(0), now).unwrap();
    assert!(status.starts_with("STATUS=The last reload was refused, see the log; 0.0 logins/s"), "{status}");
    report.handle_reload_begins(2);
    let used = report.handle_reload_ends(Reloaded::InUse).unwrap();
    assert!(used.starts_with("READY=1\nSTATUS=0.0 logins/s"), "{used}");
}

#[test]
fn a_reload_before_the_daemon_is_ready_is_told_after_that() {
    let mut report = Report::new(false);
    assert_eq!(report.handle_reload_begins(1), None);
    let [ready, reloading] = &report.handle_ready(None, 5)[..] else { panic!("two messages") };
    assert!(ready.starts_with("READY=1\n"), "{ready}");
    assert!(reloading.starts_with("RELOADING=1\nMONOTONIC_USEC=5\n"), "{reloading}");
    assert!(report.handle_reload_ends(Reloaded::InUse).unwrap().starts_with("READY=1"));
}

#[test]
fn a_reload_that_is_over_before_the_daemon_is_ready_is_in_its_status_only() {
    let mut report = Report::new(false);
    report.handle_reload_begins(1);
    assert_eq!(report.handle_reload_ends(Reloaded::Refused), None);
    let messages = report.handle_ready(None, 5);
    assert_eq!(messages, ["READY=1\nSTATUS=The last reload was refused, see the log; Serving logins"]);
}

#[test]
fn the_status_has_the_logins_of_a_second_and_what_is_being_done() {
    let (mut report, start) = (ready(false), Instant::now());
    report.handle_pong(1, activity(100), start);
    let later = start + Duration::from_secs(5);
    let status = report.handle_pong(1, activity(163), later).unwrap();
    assert_eq!(status, "STATUS=12.6 logins/s, 2 busy workers, 3 logins waiting");
    let after_that = later + Duration::from_secs(5);
    let status = report.handle_pong(2, activity(10), after_that).unwrap();
    assert_eq!(status, "STATUS=2.0 logins/s, 2 busy workers, 3 logins waiting", "another one counts anew");
}

#[test]
fn the_status_is_in_the_singular_for_one_and_has_the_logins_at_servers_if_there_are_any() {
    let one = Activity { decided: 0, busy_workers: 1, waiting_logins: 1, at_servers: 1 };
    let status = ready(false).handle_pong(1, one, Instant::now()).unwrap();
    assert_eq!(status, "STATUS=0.0 logins/s, 1 busy worker, 1 login waiting, 1 at servers");
}

#[test]
fn while_there_is_no_frontend_the_status_says_so_instead_of_old_numbers() {
    let (mut report, now) = (ready(false), Instant::now());
    report.handle_pong(1, activity(0), now);
    assert_eq!(report.handle_frontend_serves(), None, "none was missed");
    assert_eq!(report.handle_frontend_ended().unwrap(), "STATUS=Logins wait for a new frontend, see the log");
    let reloading = report.handle_reload_begins(1).unwrap();
    assert!(reloading.ends_with("Logins wait for a new frontend, see the log"), "{reloading}");
    report.handle_reload_ends(Reloaded::InUse);
    assert!(report.handle_frontend_serves().unwrap().starts_with("STATUS=0.0 logins/s"));
}

#[test]
fn a_frontend_that_ended_during_the_start_is_not_told() {
    let mut report = Report::new(false);
    assert_eq!(report.handle_frontend_ended(), None);
    assert_eq!(report.handle_frontend_serves(), None);
    assert_eq!(report.handle_ready(None, 1), ["READY=1\nSTATUS=Serving logins"]);
}

#[test]
fn what_has_not_changed_is_not_said_again() {
    let (mut report, now) = (ready(false), Instant::now());
    assert!(report.handle_pong(1, activity(0), now).is_some());
    assert_eq!(report.handle_pong(1, activity(0), now + Duration::from_secs(5)), None);
}

#[test]
fn every_answer_feeds_a_watchdog_that_is_there() {
    let (mut report, now) = (ready(true), Instant::now());
    assert!(report.handle_pong(1, activity(0), now).unwrap().starts_with("WATCHDOG=1\nSTATUS="));
    assert_eq!(report.handle_pong(1, activity(0), now).unwrap(), "WATCHDOG=1");
}

#[test]
fn the_end_is_told_once_and_nothing_after_it() {
    let mut report = ready(true);
    assert!(report.handle_stop().unwrap().starts_with("STOPPING=1"));
    assert_eq!(report.handle_stop(), None);
    assert_eq!(report.handle_reload_begins(1), None);
    assert_eq!(report.handle_reload_ends(Reloaded::InUse), None);
    assert_eq!(report.handle_pong(1, activity(0), Instant::now()), None);
    assert_eq!((report.handle_frontend_ended(), report.handle_frontend_serves()), (None, None));
}
