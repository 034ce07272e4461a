//! Many clients that log in again as soon as they have their answer.

use crate::support::{Answer, Connection, Daemon, Probed, Process, Program, Request, eventually, under_load};
use std::time::{Duration, Instant};

/// More than anything without a wait takes on a loaded machine.
const AT_ONCE: Duration = Duration::from_secs(5);

/// With `-n 0` each login is a process to be started: the supervisor must hear its signals between them.
#[test]
fn a_flood_with_n_0_delays_neither_hup_nor_term() {
    require!(Root, Compiler);
    let mut site = Probed::start(Program::Ours, &["-n", "0"]);
    let log_in = flood_of(&site.daemon, &site.probe.request("user", "right"));
    let ((most_zombies, hup, term), answers) = under_load(60, log_in, || {
        site.probe.wait_for_calls(60);
        let most_zombies = most_zombies_during(&site, 300);
        let hup = time_of(|| {
            let before = site.daemon.children("frontend");
            site.daemon.process.signal("HUP");
            let is_new = |child: &Process| !before.contains(child);
            eventually("another frontend", || {
                site.daemon.children("frontend").iter().any(is_new).then_some(())
            });
        });
        site.daemon.log.wait_for("a new frontend has taken over");
        let term = time_of(|| assert_eq!(site.daemon.end_with("TERM"), Some(0)));
        (most_zombies, hup, term)
    });
    assert!(most_zombies < 100, "{most_zombies} ended processes waited at a time");
    assert!(hup < AT_ONCE, "HUP was heard after {hup:?}");
    assert!(term < AT_ONCE, "TERM took {term:?}");
    assert!(answers.iter().filter(|answer| answer.is_ok()).count() > 300);
}

#[test]
fn a_flood_of_crashing_logins_does_not_hold_up_the_others() {
    require!(Root, Compiler);
    let site = Probed::start(Program::Ours, &["-n", "3"]);
    let log_in = flood_of(&site.daemon, &site.probe.request("segv", "right"));
    let (slowest, answers) = under_load(10, log_in, || {
        site.probe.wait_for_calls(30);
        let ask = |_| time_of(|| assert_eq!(site.ask("user", "right"), "OK"));
        (0..10).map(ask).max().unwrap()
    });
    assert!(slowest < Duration::from_secs(2), "a right login took {slowest:?}");
    assert!(answers.iter().all(|answer| *answer == Answer::Nothing), "{answers:?}");
}

#[test]
fn hup_under_load_costs_no_login() {
    require!(Root, Compiler);
    let site = Probed::start(Program::Ours, &[]);
    let log_in = flood_of(&site.daemon, &site.probe.request("user", "right"));
    let ((), answers) = under_load(8, log_in, || {
        for _ in 0..3 {
            let before = site.daemon.children("frontend");
            site.daemon.process.signal("HUP");
            eventually("one frontend has taken over from the other", || {
                let now = site.daemon.children("frontend");
                (now.len() == 1 && now != before).then_some(())
            });
        }
    });
    let lost: Vec<_> = answers.iter().filter(|answer| !answer.is_ok()).collect();
    assert!(lost.is_empty() && !answers.is_empty(), "{} of {}: {lost:?}", lost.len(), answers.len());
}

/// Sends `request` to the daemon for as long as it listens.
fn flood_of(daemon: &Daemon, request: &Request) -> impl Fn() -> Option<Answer> + Sync + use<> {
    let (socket, bytes) = (daemon.socket(), request.bytes());
    move || {
        let mut connection = Connection::try_new(&socket).ok()?;
        // When the daemon has closed already, the close is the answer.
        let _ = connection.try_send(&bytes);
        Some(connection.receive())
    }
}

/// The most ended children of the supervisor that were there at any moment of `calls` more logins.
fn most_zombies_during(site: &Probed, calls: usize) -> usize {
    let end = site.probe.calls().len() + calls;
    let mut most = 0;
    eventually("logins go on", || {
        most = most.max(site.daemon.process.zombies());
        (site.probe.calls().len() >= end).then_some(())
    });
    most
}

fn time_of(action: impl FnOnce()) -> Duration {
    let start = Instant::now();
    action();
    start.elapsed()
}
