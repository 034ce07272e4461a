//! In an outage the log is not a line for each login, and nothing is lost for that.

use crate::support::lines::Lines;
use crate::support::{Launch, Probed, Program, System, eventually, within};
use std::time::Duration;

/// How many lines are written as they are.
const WRITTEN: usize = 5;

const LINE: &str = "auth unavailable: [user=offline]";
const SUM: &str = "more logins were unavailable in the last ";

#[test]
fn a_minute_after_the_first_line_of_an_outage_the_rest_is_told_though_nobody_logs_in_any_more() {
    require!(Root, Compiler, Mounts);
    let (site, log) = quietly_logged();
    go_offline(&site, WRITTEN + 7);
    assert_eq!(count(&log, LINE), WRITTEN);
    let is_told = || (count(&log, SUM) > 0).then_some(());
    within(Duration::from_secs(90), is_told).expect("the sum is written");
    let sum = log.wait_for(SUM);
    let reason = "[reason=pam_authenticate: Authentication service cannot retrieve authentication info]";
    let told = format!("do_auth         : 7 {SUM}60 s: [mech=pam] {reason}");
    assert!(sum.starts_with("<36>") && sum.ends_with(&told), "{sum}");
}

#[test]
fn what_was_not_written_is_told_at_a_reload_and_at_the_end() {
    require!(Root, Compiler, Mounts);
    let (site, log) = quietly_logged();
    for (signal, sums) in [("HUP", 1), ("TERM", 2)] {
        go_offline(&site, WRITTEN + 3);
        site.daemon.process.signal(signal);
        eventually("the rest is told", || (count(&log, &format!(": 3 {SUM}")) == sums).then_some(()));
        if signal == "HUP" {
            eventually("the next frontend serves alone", || {
                (site.daemon.children("frontend").len() == 1).then_some(())
            });
        }
    }
    assert_eq!(count(&log, LINE), 2 * WRITTEN);
}

#[test]
fn refused_logins_are_never_summed_up() {
    require!(Root, Compiler, Mounts);
    let (site, log) = quietly_logged();
    for _ in 0..4 * WRITTEN {
        assert_eq!(site.ask("anna", "wrong"), "NO PAM auth error");
    }
    let line = "auth failure: [user=anna]";
    eventually("each is there", || (count(&log, line) == 4 * WRITTEN).then_some(()));
}

#[test]
fn with_v_every_login_of_an_outage_has_its_line() {
    require!(Root, Compiler, Mounts);
    let system = System::new();
    let log = system.syslog();
    let site = Probed::launch_detached(Launch::new(Program::Ours, &["-V"]).inside(&system));
    go_offline(&site, WRITTEN + 3);
    eventually("each is there", || (count(&log, LINE) == WRITTEN + 3).then_some(()));
    let levels = ["<36>", "<39>"]
        .map(|level| log.all().iter().filter(|line| line.starts_with(level) && line.contains(LINE)).count());
    assert_eq!(levels, [WRITTEN, 3], "warnings, and what is worth knowing with -V only");
    site.daemon.process.signal("TERM");
    log.wait_for(&format!(": 3 {SUM}"));
}

fn go_offline(site: &Probed, times: usize) {
    for _ in 0..times {
        assert!(site.ask("offline", "right").is_none());
    }
}

fn count(log: &Lines, text: &str) -> usize {
    log.all().iter().filter(|line| line.contains(text)).count()
}

fn quietly_logged() -> (Probed, Lines) {
    let system = System::new();
    let log = system.syslog();
    (Probed::launch_detached(Launch::new(Program::Ours, &[]).inside(&system)), log)
}
