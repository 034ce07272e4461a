//! Processes of the daemon that are killed or stand still.

use super::{Faults, LEFT_ALONE};
use crate::daemon::MUX_TIMEOUT;
use crate::disturbances::Cause;
use crate::run::MARGIN;
use crate::support::{Process, within};
use std::time::Duration;

/// How long a process that stood still may be taken for dead after it has gone on, until its first sign of life is heard.
const VERDICT: Duration = Duration::from_secs(2);

impl Faults<'_> {
    pub(super) fn kill_a_worker(&mut self) {
        if let Some(worker) = self.one_of("worker") {
            self.kill(&[worker], Cause::WorkerKilled);
        }
    }

    /// One that stands still has a login, since each has its turn.
    pub(super) fn kill_a_busy_worker(&mut self) {
        if let Some(worker) = self.one_of("worker") {
            self.kill_when_busy(&worker, Cause::WorkerKilled);
        }
    }

    pub(super) fn kill_all_workers(&mut self) {
        let workers = self.run.daemon.children("worker");
        self.kill(&workers, Cause::WorkerKilled);
        self.wait_until_all_is_back();
    }

    pub(super) fn stop_a_worker(&mut self) {
        if let Some(worker) = self.one_of("worker") {
            self.stop_for_a_moment(&worker, Cause::WorkerStopped, Cause::WorkerKilled);
        }
    }

    pub(super) fn kill_a_frontend(&mut self) {
        if let Some(frontend) = self.one_of("frontend").filter(|_| !self.run.is_beyond(LEFT_ALONE)) {
            self.kill(&[frontend], Cause::FrontendKilled);
            self.wait_until_all_is_back();
        }
    }

    /// One that stands still has clients that wait.
    pub(super) fn kill_a_busy_frontend(&mut self) {
        if let Some(frontend) = self.one_of("frontend").filter(|_| !self.run.is_beyond(LEFT_ALONE)) {
            self.kill_when_busy(&frontend, Cause::FrontendKilled);
            self.wait_until_all_is_back();
        }
    }

    pub(super) fn stop_a_frontend(&mut self) {
        if let Some(frontend) = self.one_of("frontend") {
            // Its time for the policy server runs on meanwhile.
            self.run.site.doubt_bans();
            self.stop_for_a_moment(&frontend, Cause::FrontendStopped, Cause::FrontendKilled);
            self.wait_until_bans_are_back();
        }
    }

    /// Until its login is late and the daemon kills it, or nobody has asked it.
    pub(super) fn stop_a_worker_for_good(&mut self) {
        if let Some(worker) = self.one_of("worker") {
            self.stop_for_good(&worker, Cause::WorkerKilled, MUX_TIMEOUT + MARGIN);
        }
    }

    /// Until the supervisor misses it.
    pub(super) fn stop_a_frontend_for_good(&mut self) {
        if let Some(frontend) = self.one_of("frontend").filter(|_| !self.run.is_beyond(LEFT_ALONE)) {
            self.run.site.doubt_bans();
            if !self.stop_for_good(&frontend, Cause::FrontendKilled, 2 * MARGIN) {
                self.fail("a frontend that stands still is not replaced");
            }
            self.wait_until_all_is_back();
            self.wait_until_bans_are_back();
        }
    }

    fn kill(&mut self, processes: &[Process], cause: Cause) {
        for process in processes {
            let during = self.run.disturbances.begin(cause);
            process.signal("KILL");
            self.wait_for_the_end_of(process);
            self.run.disturbances.end(during);
        }
    }

    fn kill_when_busy(&mut self, process: &Process, cause: Cause) {
        let during = self.run.disturbances.begin(cause);
        process.signal("STOP");
        self.wait_a_moment();
        process.signal("KILL");
        self.wait_for_the_end_of(process);
        self.run.disturbances.end(during);
    }

    fn stop_for_a_moment(&mut self, process: &Process, cause: Cause, if_it_ends: Cause) {
        let during = self.run.disturbances.begin(cause);
        process.signal("STOP");
        self.wait_a_moment();
        process.signal("CONT");
        // It may have been missed just before it went on, and be ended for that now.
        if within(VERDICT, || (!process.is_running()).then_some(())).is_some() {
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
}
