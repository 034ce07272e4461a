//! What is done to the daemon's processes and to the servers that it asks.

use super::daemon::MUX_TIMEOUT;
use super::disturbances::Cause;
use super::judge::Reply;
use super::mux;
use super::questions;
use super::random::Random;
use super::run::{MARGIN, Run, pause};
use crate::support::command;
use crate::support::{Connection, Process, within};
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::time::{Duration, Instant};

/// One thing to do. It returns when it is over and everything works again.
type Fault<'a> = fn(&mut Faults<'a>);

/// All of them, some twice; they come in random order.
fn deck<'a>() -> Vec<Fault<'a>> {
    vec![
        Faults::kill_a_worker,
        Faults::kill_a_worker,
        Faults::kill_a_worker,
        Faults::kill_all_workers,
        Faults::stop_a_worker,
        Faults::stop_a_worker,
        Faults::kill_a_frontend,
        Faults::kill_a_frontend,
        Faults::stop_a_frontend,
        Faults::stop_a_frontend,
        Faults::restart_the_directory,
        Faults::freeze_the_directory,
        Faults::restart_the_imap_server,
        Faults::freeze_the_imap_server,
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
    fn kill_a_worker(&mut self) {
        if let Some(worker) = self.one_of("worker") {
            self.kill(&[worker], Cause::WorkerKilled);
        }
    }

    fn kill_all_workers(&mut self) {
        let workers = self.run.daemon.children("worker");
        self.kill(&workers, Cause::WorkerKilled);
        self.wait_until_all_is_back();
    }

    fn stop_a_worker(&mut self) {
        if let Some(worker) = self.one_of("worker") {
            self.stop_for_a_moment(&worker, Cause::WorkerStopped, Cause::WorkerKilled);
        }
    }

    fn kill_a_frontend(&mut self) {
        if let Some(frontend) = self.one_of("frontend").filter(|_| !self.run.is_beyond(LEFT_ALONE)) {
            self.kill(&[frontend], Cause::FrontendKilled);
            self.wait_until_all_is_back();
        }
    }

    fn stop_a_frontend(&mut self) {
        if let Some(frontend) = self.one_of("frontend") {
            self.stop_for_a_moment(&frontend, Cause::FrontendStopped, Cause::FrontendKilled);
        }
    }

    /// Until its login is late and the daemon kills it, or nobody has asked it.
    fn stop_a_worker_for_good(&mut self) {
        if let Some(worker) = self.one_of("worker") {
            self.stop_for_good(&worker, Cause::WorkerKilled, MUX_TIMEOUT + MARGIN);
        }
    }

    /// Until the supervisor misses it.
    fn stop_a_frontend_for_good(&mut self) {
        if let Some(frontend) = self.one_of("frontend").filter(|_| !self.run.is_beyond(LEFT_ALONE)) {
            if !self.stop_for_good(&frontend, Cause::FrontendKilled, 2 * MARGIN) {
                self.fail("a frontend that stands still is not replaced");
            }
            self.wait_until_all_is_back();
        }
    }

    fn restart_the_directory(&mut self) {
        let during = self.run.disturbances.begin(Cause::DirectoryOut);
        self.run.site.slapd.lock().unwrap().stop();
        self.wait_a_moment();
        self.run.site.slapd.lock().unwrap().start_again();
        self.end_when_all_is_back(during);
    }

    fn freeze_the_directory(&mut self) {
        let during = self.run.disturbances.begin(Cause::DirectoryOut);
        self.run.site.slapd.lock().unwrap().freeze();
        self.wait_a_moment();
        self.run.site.slapd.lock().unwrap().thaw();
        self.end_when_all_is_back(during);
    }

    fn restart_the_imap_server(&mut self) {
        let during = self.run.disturbances.begin(Cause::ImapOut);
        self.run.site.dovecot.lock().unwrap().stop();
        self.wait_a_moment();
        self.run.site.dovecot.lock().unwrap().start_again();
        self.end_when_all_is_back(during);
    }

    fn freeze_the_imap_server(&mut self) {
        let during = self.run.disturbances.begin(Cause::ImapOut);
        self.run.site.dovecot.lock().unwrap().freeze();
        self.wait_a_moment();
        self.run.site.dovecot.lock().unwrap().thaw();
        self.end_when_all_is_back(during);
    }

    /// A frontend gets no descriptors beyond those that it has.
    fn take_descriptors(&mut self) {
        let Some(frontend) = self.one_of("frontend") else { return };
        let Some((descriptors, ..)) = super::daemon::usage(&frontend) else { return };
        let during = self.run.disturbances.begin(Cause::NoDescriptors);
        limit_descriptors(&frontend, &format!("{descriptors}"));
        self.wait_a_moment();
        limit_descriptors(&frontend, &hard_limit(&frontend));
        self.end_when_all_is_back(during);
    }

    /// More connections than there is room for come at once, and say nothing.
    fn crowd(&mut self) {
        let during = self.run.disturbances.begin(Cause::Crowd);
        let (mux, auth) = (self.run.daemon.file("mux"), self.run.site.path("auth"));
        let silent: Vec<_> = (0..150).filter_map(|_| Connection::try_new(&mux).ok()).collect();
        let resting: Vec<_> = (0..60).filter_map(|_| UnixStream::connect(&auth).ok()).collect();
        self.wait_a_moment();
        drop((silent, resting));
        self.end_when_all_is_back(during);
    }

    fn kill(&mut self, processes: &[Process], cause: Cause) {
        for process in processes {
            let during = self.run.disturbances.begin(cause);
            process.signal("KILL");
            self.wait_for_the_end_of(process);
            self.run.disturbances.end(during);
        }
    }

    fn stop_for_a_moment(&mut self, process: &Process, cause: Cause, if_it_ends: Cause) {
        let during = self.run.disturbances.begin(cause);
        process.signal("STOP");
        self.wait_a_moment();
        process.signal("CONT");
        if !process.is_running() {
            self.run.disturbances.turn_out_to_be(during, if_it_ends);
        }
        self.run.disturbances.end(during);
    }

    /// Whether it was ended.
    fn stop_for_good(&mut self, process: &Process, cause: Cause, time: Duration) -> bool {
        let during = self.run.disturbances.begin(cause);
        process.signal("STOP");
        let ended = within(time, || (!process.is_running() || !self.run.goes_on()).then_some(()));
        process.signal("CONT");
        self.run.disturbances.end(during);
        ended.is_some()
    }

    fn wait_for_the_end_of(&self, process: &Process) {
        if within(MARGIN, || (!process.is_running()).then_some(())).is_none() {
            self.fail("a killed process is still there");
        }
    }

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

fn limit_descriptors(process: &Process, soft: &str) {
    let mut command = Command::new("prlimit");
    command.args(["--pid", &process.id.to_string(), &format!("--nofile={soft}:")]);
    // It may have ended meanwhile.
    command::run(command);
}

fn hard_limit(process: &Process) -> String {
    let limits = std::fs::read_to_string(process.file("limits")).unwrap_or_default();
    let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap_or_default();
    line.split_whitespace().nth(4).unwrap_or("1024").to_owned()
}
