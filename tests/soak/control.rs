//! What an administrator looks at with saslauthdctl while logins go on, and that what it counts never becomes less.

use super::disturbances::Cause;
use super::random::Random;
use super::run::Run;
use super::site::MARK;
use super::upkeep::has_excuse;
use crate::support::command;
use crate::support::within;
use std::process::Command;
use std::time::{Duration, Instant};

const WORDS: [&[&str]; 11] = [
    &["status"],
    &["status", "--json"],
    &["metrics"],
    &["metrics"],
    &["ping"],
    &["penalty", "list"],
    &["cache", "list"],
    &["cache", "flush"],
    &["cache", "flush", "file0"],
    &["log-level", "debug"],
    &["log-level", "info"],
];

/// Looks at it, empties its cache, and has it say more and less, until the end.
pub fn control(run: &Run) {
    let mut random = Random::of(run.seed, 5);
    let mut counted = None;
    while run.goes_on() {
        let time = Duration::from_millis(500) + random.milliseconds(2000);
        let _ = within(time, || (!run.goes_on()).then_some(()));
        let words = *random.pick(&WORDS).unwrap();
        if let (Some(text), &["metrics"]) = (call(run, words), words) {
            counted = Some(compare(run, counted, &text));
        }
    }
}

/// What it shows, if it is there.
fn call(run: &Run, words: &[&str]) -> Option<String> {
    let start = Instant::now();
    let mut command = Command::new(env!("CARGO_BIN_EXE_saslauthdctl"));
    command.args(["--timeout=15", "--control"]).arg(run.daemon.file("control")).args(words);
    let finished = command::run(command);
    let what = words.join(" ");
    if finished.output.contains(MARK) {
        run.report.fail(&format!("saslauthdctl {what} shows a password"), None, &run.disturbances);
    }
    let disturbs =
        |cause| matches!(cause, Cause::FrontendKilled | Cause::FrontendStopped | Cause::NoDescriptors);
    if finished.code != Some(0) && !has_excuse(run, start, disturbs) {
        let what = format!("saslauthdctl {what} failed: {finished:?}");
        run.report.fail(&what, None, &run.disturbances);
    }
    (finished.code == Some(0)).then_some(finished.output)
}

/// The logins of which a daemon has told since its start do not become fewer, but for the last seconds of a frontend that
/// was killed.
fn compare(run: &Run, before: Option<(Instant, f64)>, text: &str) -> (Instant, f64) {
    let values = text.lines().filter(|line| line.starts_with("saslauthd_logins_total{"));
    let sum = values.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok()).sum();
    if let Some((since, before)) = before {
        let is_killed = |cause| cause == Cause::FrontendKilled;
        if sum < before && !has_excuse(run, since, is_killed) {
            let what = format!("{before} logins were counted, and now {sum}");
            run.report.fail(&what, None, &run.disturbances);
        }
    }
    (Instant::now(), sum)
}
