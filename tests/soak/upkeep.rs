//! What an administrator does while logins go on: reloads, and changes of the file of logins.

use super::disturbances::Cause;
use super::faults::LEFT_ALONE;
use super::random::Random;
use super::run::{MARGIN, Run};
use crate::support::within;
use std::time::{Duration, Instant};

/// A reload every so often.
const BETWEEN_RELOADS: Duration = Duration::from_secs(20);

/// How long a reload may take in all, with frontends that are killed meanwhile and a machine that has other work.
const RELOAD_TIME: Duration = Duration::from_secs(90);

const TAKEN_OVER: &str = "a new frontend has taken over";
const NOT_USED: &str = "The new configuration is not used";

/// Reloads with another configuration, with the same and with one that is broken.
pub fn reloads(run: &Run) {
    let mut random = Random::of(run.seed, 3);
    let mut count = 0;
    let mut next = Instant::now();
    loop {
        next += BETWEEN_RELOADS;
        let _ = within(next.saturating_duration_since(Instant::now()), || (!run.goes_on()).then_some(()));
        if !run.goes_on() || run.is_beyond(LEFT_ALONE) {
            return;
        }
        count += 1;
        let season = run.site.seasons.latest();
        match (count, random.below(10)) {
            (2, _) | (_, 0..2) => refused_reload(run, season),
            (_, 2..4) => reload(run, season, season),
            _ => reload(run, season, 1 - season),
        }
    }
}

/// A file that is broken leaves everything as it was.
fn refused_reload(run: &Run, season: u64) {
    run.site.write("conf", &format!("{}mechanisms: nobody-knows-it\n", run.site.configuration(season)));
    if hang_up(run, &[NOT_USED]).is_none() {
        run.report.fail("a reload with a broken file was not refused", None, &run.disturbances);
    }
    run.site.write("conf", &run.site.configuration(season));
}

fn reload(run: &Run, before: u64, after: u64) {
    if after != before {
        run.site.seasons.begin(after);
    }
    run.site.write("conf", &run.site.configuration(after));
    let start = Instant::now();
    match hang_up(run, &[TAKEN_OVER, NOT_USED]) {
        Some(TAKEN_OVER) => run.site.seasons.settle(after),
        Some(_) => {
            if !has_excuse(run, start, |cause| cause.closes_silent_connections()) {
                run.report.fail("a reload with a good file was refused", None, &run.disturbances);
            }
            run.site.seasons.begin(before);
            run.site.seasons.settle(before);
        }
        None => run.report.fail("a reload came to no end", None, &run.disturbances),
    }
}

/// Sends HUP and waits for the line that says what has become of it.
fn hang_up<'a>(run: &Run, endings: &[&'a str]) -> Option<&'a str> {
    let before = run.daemon.log_length();
    let during = run.disturbances.begin(Cause::Reload);
    run.daemon.process.signal("HUP");
    let ending =
        within(RELOAD_TIME, || endings.iter().copied().find(|ending| run.daemon.logged(ending, before)));
    run.disturbances.end(during);
    ending
}

/// Gives some users other passwords, by a file that takes the place of the old one.
pub fn rotations(run: &Run) {
    let mut random = Random::of(run.seed, 4);
    let mut turn = 0;
    while run.goes_on() {
        let _ = within(Duration::from_secs(3) + random.milliseconds(6000), || (!run.goes_on()).then_some(()));
        turn += 1;
        run.site.turns.begin(turn);
        run.site.write_users(turn);
        run.site.turns.settle(turn);
    }
}

/// Whether one of these was done since `start`, or a little before.
pub fn has_excuse(run: &Run, start: Instant, is_excuse: impl Fn(Cause) -> bool) -> bool {
    let from = start.checked_sub(MARGIN / 10).unwrap_or(start);
    run.disturbances.during(from, Instant::now()).iter().any(|(_, it)| is_excuse(it.cause))
}
