//! What is done to the daemon's processes and to the servers that it asks.

mod processes;
mod room;
mod servers;

use super::daemon::MUX_TIMEOUT;
use super::judge::Reply;
use super::mux;
use super::questions;
use super::random::Random;
use super::run::{MARGIN, Run, pause};
use crate::support::{Process, within};
use std::time::{Duration, Instant};

/// One thing to do. It returns when it is over and everything works again.
type Fault<'a> = fn(&mut Faults<'a>);

/// All of them, some twice; they come in random order.
fn deck<'a>() -> Vec<Fault<'a>> {
    vec![
        Faults::kill_a_worker,
        Faults::kill_a_busy_worker,
        Faults::kill_a_busy_worker,
        Faults::kill_all_workers,
        Faults::stop_a_worker,
        Faults::stop_a_worker,
        Faults::kill_a_frontend,
        Faults::kill_a_busy_frontend,
        Faults::stop_a_frontend,
        Faults::stop_a_frontend,
        Faults::restart_the_directory,
        Faults::freeze_the_directory,
        Faults::restart_the_imap_server,
        Faults::freeze_the_imap_server,
        Faults::stop_the_policy_server,
        Faults::silence_the_policy_server,
        Faults::take_descriptors,
        Faults::crowd,
        Faults::crowd,
    ]
}

/// Those that take until the daemon itself does something about them.
fn slow_deck<'a>() -> Vec<Fault<'a>> {
    vec![Faults::stop_a_worker_for_good, Faults::stop_a_frontend_for_good]
}

/// From here on, in percent of the run, frontends are left alone, so that one grows old.
pub const LEFT_ALONE: u32 = 75;

/// Faults, one after the other, until the end.
pub fn faults(run: &Run) {
    of_a_deck(run, &deck(), 1, Duration::from_secs(3));
}

/// Slow ones, beside the others.
pub fn slow_faults(run: &Run) {
    of_a_deck(run, &slow_deck(), 2, Duration::from_secs(30));
}

fn of_a_deck<'a>(run: &'a Run, deck: &[Fault<'a>], number: u64, pause_between: Duration) {
    let mut faults = Faults { run, random: Random::of(run.seed, number) };
    let mut left: Vec<Fault<'a>> = Vec::new();
    while run.goes_on() {
        let time = pause_between + faults.random.milliseconds(2000);
        faults.wait(time);
        if left.is_empty() {
            left = deck.to_vec();
        }
        let place = usize::try_from(faults.random.below(left.len() as u64)).unwrap();
        if run.goes_on() {
            left.swap_remove(place)(&mut faults);
        }
    }
}

struct Faults<'a> {
    run: &'a Run,
    random: Random,
}

impl Faults<'_> {
    /// Half a second to three, as long as nobody's patience.
    fn wait_a_moment(&mut self) {
        pause(Duration::from_millis(500) + self.random.milliseconds(2500));
    }

    /// The given time, or until the end.
    fn wait(&self, time: Duration) {
        let _ = within(time, || (!self.run.goes_on()).then_some(()));
    }

    fn one_of(&mut self, role: &str) -> Option<Process> {
        let all = self.run.daemon.children(role);
        self.random.pick(&all).cloned()
    }

    /// It is heard again: whom it bans is refused. In the meantime both are right.
    fn wait_until_bans_are_back(&mut self) {
        let question = questions::banned(&self.run.site, &mut self.random);
        let deadline = Instant::now() + MUX_TIMEOUT + MARGIN;
        loop {
            match mux::ask_once_from(self.run, &question, Some("192.0.2.250")) {
                Reply::Refused => break,
                Reply::Accepted | Reply::Unavailable if Instant::now() < deadline => {
                    pause(Duration::from_millis(200));
                }
                other => return self.fail(&format!("the policy server is not heard again: {other:?}")),
            }
        }
        self.run.site.trust_bans();
    }

    fn end_when_all_is_back(&self, disturbance: usize) {
        self.wait_until_all_is_back();
        self.run.disturbances.end(disturbance);
    }

    /// A right login of each kind must be accepted soon, and must not be refused meanwhile.
    fn wait_until_all_is_back(&self) {
        for question in questions::of_each_kind() {
            let deadline = Instant::now() + MUX_TIMEOUT + MARGIN;
            loop {
                match mux::ask_once(self.run, &question) {
                    Reply::Accepted => break,
                    Reply::Unavailable if Instant::now() < deadline => pause(Duration::from_millis(50)),
                    other => {
                        return self
                            .fail(&format!("{} is not back after a fault: {other:?}", question.login));
                    }
                }
            }
        }
    }

    fn fail(&self, what: &str) {
        self.run.report.fail(what, None, &self.run.disturbances);
    }
}
