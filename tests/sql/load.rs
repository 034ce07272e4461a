//! Many at once, and many in a row.

use super::{ask, site};
use crate::support::{Engine, Process, eventually};
use std::fs;
use std::thread;

for_each_database!(
    fifty_clients_at_once_are_each_told_their_own_verdict,
    two_thousand_logins_leave_neither_descriptors_nor_memory_behind,
);

/// What a worker may have grown by after the first logins, in KiB: pages of the allocator that were not touched before.
const GROWTH: u64 = 512;

fn fifty_clients_at_once_are_each_told_their_own_verdict(engine: Engine) {
    let (database, daemon) = site(engine);
    let rows = (0..50).map(|number| format!("('user{number}', '', 'of {number}')")).collect::<Vec<_>>();
    database.run(&format!("INSERT INTO users VALUES {};\n", rows.join(", ")));
    thread::scope(|scope| {
        for number in 0..50 {
            let daemon = &daemon;
            scope.spawn(move || {
                let login = format!("user{number}");
                for _ in 0..10 {
                    assert_eq!(ask(daemon, &login, format!("of {number}")), "OK", "{login}");
                    assert_eq!(ask(daemon, &login, format!("of {}", number + 1)), "NO", "{login}");
                }
            });
        }
    });
    assert!(database.connections() <= 2, "one for each worker: {}", database.connections());
}

fn two_thousand_logins_leave_neither_descriptors_nor_memory_behind(engine: Engine) {
    let (_database, daemon) = site(engine);
    let log_in = |count: usize| {
        for number in 0..count {
            let (login, password, expected) = match number % 4 {
                0 | 1 => ("anna", "right", "OK"),
                2 => ("anna", "wrong", "NO"),
                _ => ("nobody", "right", "NO"),
            };
            assert_eq!(ask(&daemon, login, password), expected, "{login}");
        }
    };
    log_in(200);
    let workers = daemon.children("worker");
    let before: Vec<_> = workers.iter().map(held).collect();
    log_in(2000);
    assert_eq!(daemon.children("worker"), workers, "none was replaced");
    for (worker, before) in workers.iter().zip(before) {
        eventually("no descriptor is left", || (held(worker).0 == before.0).then_some(()));
        let memory = held(worker).1;
        assert!(memory <= before.1 + GROWTH, "{} KiB have become {memory}", before.1);
    }
}

/// How many descriptors a process has, and how much memory that is its own, in KiB.
fn held(process: &Process) -> (usize, u64) {
    let descriptors = fs::read_dir(process.file("fd")).unwrap().count();
    let rollup = fs::read_to_string(process.file("smaps_rollup")).unwrap();
    let dirty = rollup.lines().find_map(|line| line.strip_prefix("Private_Dirty:")).unwrap();
    (descriptors, dirty.trim().trim_end_matches(" kB").parse().unwrap())
}
