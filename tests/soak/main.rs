//! A daemon under mixed load, while its processes are killed and stopped, its servers fail and its files change; and a
//! checker that knows every right answer. docs/RELIABILITY.md says what is promised and what was seen.
//!
//! `SOAK_SECONDS` is how long it takes, `SOAK_SEED` repeats what the clients and the faults of a run did, though not to
//! the millisecond. A target of its own, since a run takes minutes.
#![forbid(unsafe_code)]
#![allow(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a test is to fail loudly, and nothing here is reachable from outside"
)]

#[allow(dead_code, unused_imports, unused_macros, reason = "the other tests use the rest")]
#[path = "../support"]
mod support {
    #[macro_use]
    pub mod program;
    pub mod address;
    pub mod background;
    pub mod certificates;
    pub mod client;
    pub mod command;
    pub mod dovecot;
    pub mod lines;
    pub mod process;
    pub mod skipped;
    pub mod slapd;
    pub mod system;
    pub mod waiting;

    pub use client::{Answer, Connection, Request};
    pub use dovecot::{Dovecot, RunningDovecot};
    pub use process::Process;
    pub use program::Program;
    pub use slapd::{Entries, RunningSlapd, Slapd};
    pub use system::System;
    pub use waiting::{PATIENCE, eventually, within};
}

mod auth;
mod control;
mod daemon;
mod disturbances;
mod faults;
mod guessing;
mod judge;
mod mux;
mod policy;
mod privileges;
mod questions;
mod random;
mod report;
mod run;
mod site;
mod truth;
mod upkeep;
mod watch;

use run::Run;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

/// How long a run takes if nothing else is said; `make soak` says half an hour.
const SECONDS: u64 = 180;

/// Clients of `mux`, and connections to the auth socket, at a time. Half of them wait for a refusal that is held back.
const MUX_CLIENTS: u64 = 40;
const AUTH_CLIENTS: u64 = 12;

/// Addresses from which one wrong password after the other comes.
const GUESSERS: u64 = 6;

#[test]
fn whatever_happens_no_answer_is_wrong_none_is_lost_and_nothing_grows() {
    if let Some(missing) = missing() {
        return support::skipped::skip("the soak", missing);
    }
    let seed = from_environment("SOAK_SEED").unwrap_or_else(any_seed);
    let duration = Duration::from_secs(from_environment("SOAK_SECONDS").unwrap_or(SECONDS));
    say(&format!("soak of {} s, SOAK_SEED={seed}", duration.as_secs()));
    let run = Run::start(seed, duration);
    let mut complaints = Vec::new();
    let fresh = settle(&run, &mut complaints);
    let watched = under_load(&run);
    complaints.extend(watched.complaints.iter().cloned());
    if run.daemon.is_running() {
        let old = settle(&run, &mut complaints);
        compare(fresh, old, &mut complaints);
        complaints.extend(run.daemon.end());
    }
    complaints.extend(run.daemon.suspicious_lines());
    complaints.extend(run.site.policy.faults());
    complaints.extend(run.report.failures(&run.disturbances));
    say(&format!("{}\n{}", run.report.table(&run.disturbances), watched.table()));
    let (questions, reports) = run.site.policy.counts();
    say(&format!("The policy server was asked {questions} times and told {reports} times."));
    if !complaints.is_empty() {
        say(&format!("the daemon's log is in {}\n", run.daemon.keep_log().display()));
        let count = complaints.len();
        // Its servers would show all their lines.
        drop(run);
        complaints.truncate(MOST_SHOWN);
        panic!("{count} complaints; repeat it with SOAK_SEED={seed}\n{}", complaints.join("\n"));
    }
}

/// Complaints that are shown; further ones tell no more.
const MOST_SHOWN: usize = 30;

/// What the machine lacks.
fn missing() -> Option<&'static str> {
    if !support::skipped::is_root() || !support::skipped::has_mounts() {
        return Some("needs root with the right to mount (CAP_SYS_ADMIN)");
    }
    if !Path::new(support::slapd::PROGRAM).exists() {
        return Some("needs OpenLDAP's server (Debian package slapd)");
    }
    if !Path::new(support::dovecot::PROGRAM).exists() {
        return Some("needs Dovecot (Debian package dovecot-imapd)");
    }
    (!support::skipped::succeeds("prlimit", &["--version"])).then_some("needs the program prlimit")
}

/// Everything at once, until the time is over and each client has its answer.
fn under_load(run: &Run) -> watch::Watched {
    run.begin();
    std::thread::scope(|scope| {
        for number in 0..MUX_CLIENTS {
            scope.spawn(move || mux::clients(run, number));
        }
        for number in 0..AUTH_CLIENTS {
            scope.spawn(move || auth::clients(run, number));
        }
        scope.spawn(|| faults::faults(run));
        scope.spawn(|| faults::slow_faults(run));
        scope.spawn(|| upkeep::reloads(run));
        scope.spawn(|| upkeep::rotations(run));
        scope.spawn(|| control::control(run));
        for number in 0..GUESSERS {
            scope.spawn(move || guessing::guesser(run, number));
        }
        watch::watch(run)
    })
}

/// Waits until it serves and has nothing to do; what it has open then.
fn settle(run: &Run, complaints: &mut Vec<String>) -> Option<[(u64, u64); 2]> {
    for question in questions::of_each_kind() {
        let served = support::within(run::MARGIN, || {
            (mux::ask_once(run, &question) == judge::Reply::Accepted).then_some(())
        });
        if served.is_none() {
            complaints.push(format!("{}@{} is not served", question.login, question.realm));
        }
    }
    let at_rest = watch::at_rest(&run.daemon);
    if at_rest.is_none() {
        complaints.push("it does not come to rest".to_owned());
    }
    complaints.extend(privileges::complaints(&run.daemon));
    at_rest
}

/// After the load a supervisor and a frontend have open what they had before, and not much more memory.
fn compare(fresh: Option<[(u64, u64); 2]>, old: Option<[(u64, u64); 2]>, complaints: &mut Vec<String>) {
    let (Some(fresh), Some(old)) = (fresh, old) else { return };
    for (place, role) in ["supervisor", "frontend"].into_iter().enumerate() {
        let ((descriptors, memory), (old_descriptors, old_memory)) = (fresh[place], old[place]);
        say(&format!(
            "at rest the {role} had {descriptors} descriptors and {memory} KiB before, {old_descriptors} and {old_memory} KiB after"
        ));
        // Workers beyond those that are kept ready, and one more connection to each server.
        let more = if role == "supervisor" { 2 } else { 12 };
        if old_descriptors > descriptors + more {
            let what = format!("at rest the {role} has {old_descriptors} descriptors, and had {descriptors}");
            complaints.push(what);
        }
        if old_memory > memory + MORE_MEMORY {
            complaints.push(format!("at rest the {role} has {old_memory} KiB, and had {memory}"));
        }
    }
}

/// What a process that has worked may have in KiB beyond one that has not: buffers, heap that is not given back, caches.
const MORE_MEMORY: u64 = 8 * 1024;

/// Another one each time, and short enough to be typed.
fn any_seed() -> u64 {
    std::time::UNIX_EPOCH.elapsed().map_or(0, |time| time.as_millis() as u64 % 1_000_000)
}

fn from_environment(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok().filter(|text| !text.is_empty())?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text}")))
}

/// To whoever watches; the test harness does not hold it back.
fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}
