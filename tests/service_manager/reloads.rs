//! Each reload is begun by RELOADING and ended by READY.

use super::{BAD, GOOD, Manager, launch, subjects};
use crate::support::lines::Lines;
use crate::support::{Daemon, Launch, Program, eventually, pam};
use std::fs;
use std::time::Duration;

/// Starts a daemon that says nothing but what reloads bring about.
fn start(manager: &Manager) -> (Daemon, Lines) {
    let lines = manager.listen();
    let daemon = launch(manager).start();
    lines.wait_for("READY=1");
    (daemon, lines)
}

/// Waits until so many reloads are over, and returns what was told of them.
fn wait_for(count: usize, lines: &Lines) -> Vec<String> {
    let of_reloads = |subject: &String| subject == "READY" || subject == "RELOADING";
    eventually("all reloads are over", || {
        let told: Vec<_> = subjects(lines).into_iter().filter(of_reloads).collect();
        (told.len() == 1 + 2 * count).then_some(told)
    })
}

#[test]
fn a_reload_is_told_with_the_clock_and_ready_when_it_is_in_use() {
    let manager = Manager::new();
    let (daemon, lines) = start(&manager);
    let before = fs::read_to_string("/proc/uptime").unwrap();
    daemon.process.signal("HUP");
    assert_eq!(wait_for(1, &lines), ["READY", "RELOADING", "READY"]);
    let reloading = lines.wait_for("RELOADING=1|MONOTONIC_USEC=");
    let microseconds: u64 =
        reloading.split(['=', '|']).nth(3).and_then(|number| number.parse().ok()).unwrap();
    let uptime = Duration::from_secs_f64(before.split(' ').next().unwrap().parse().unwrap());
    // The two clocks differ by what the machine has slept.
    assert!(
        microseconds > 0 && Duration::from_micros(microseconds) <= uptime + Duration::from_secs(20),
        "{reloading} {before}"
    );
    daemon.log.wait_for("The configuration was read again");
}

#[test]
fn a_refused_reload_is_ready_again_and_says_so_in_its_status_until_a_good_one() {
    let manager = Manager::new();
    let (daemon, lines) = start(&manager);
    fs::write(manager.file("config"), BAD).unwrap();
    daemon.process.signal("HUP");
    lines.wait_for("READY=1|STATUS=The last reload was refused, see the log");
    assert_eq!(wait_for(1, &lines), ["READY", "RELOADING", "READY"]);
    fs::write(manager.file("config"), GOOD).unwrap();
    daemon.process.signal("HUP");
    wait_for(2, &lines);
    let last = lines.all().into_iter().rfind(|line| line.starts_with("READY")).unwrap();
    assert!(!last.contains("refused"), "{last}");
}

#[test]
fn reloads_that_come_during_another_are_told_each_by_itself() {
    let manager = Manager::new();
    let (daemon, lines) = start(&manager);
    daemon.process.signal("HUP");
    lines.wait_for("RELOADING=1");
    daemon.process.signal("HUP");
    daemon.process.signal("HUP");
    let told = wait_for(2, &lines);
    assert_eq!(told, ["READY", "RELOADING", "READY", "RELOADING", "READY"]);
}

/// A worker that hangs keeps it from being ready until the test lets it go on.
#[test]
fn a_reload_before_it_is_ready_is_told_after_that() {
    require!(Root, Compiler);
    let manager = Manager::new();
    let lines = manager.listen();
    let hang = manager.file("hang");
    fs::write(&hang, "").unwrap();
    let library = pam::compiled("hang_at_start");
    let settings = format!("export LD_PRELOAD='{}' HANG_AT_START='{}'", library.display(), hang.display());
    let launch = manager.starts(Launch::new(Program::Ours, &["-a", "getpwent", "-n", "1"]).after(&settings));
    let run_directory = launch.run_directory();
    let started = std::thread::spawn(move || launch.start());
    eventually("a worker hangs", || (!hang.exists()).then_some(()));
    let daemon = crate::support::process::all().into_iter().find(|process| {
        process.arguments().contains(&run_directory.display().to_string()) && !process.children().is_empty()
    });
    let daemon = daemon.unwrap();
    daemon.signal("HUP");
    let workers = || daemon.children().into_iter().filter(|child| child.arguments()[0].ends_with("worker"));
    workers().for_each(|worker| worker.signal("KILL"));
    let _daemon = started.join().unwrap();
    assert_eq!(wait_for(1, &lines), ["READY", "RELOADING", "READY"]);
}
