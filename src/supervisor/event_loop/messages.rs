//! What the children say and how they end.
#![forbid(unsafe_code)]

use super::EventLoop;
use crate::config::site::PoolId;
use crate::ipc::{FromFrontend, ToFrontend};
use crate::log as logging;
use crate::metrics::activity::Activity;
use crate::supervisor::children::{Role, Trouble, describe, obstacle, reason_of_death};
use crate::supervisor::frontends::Ended;
use crate::supervisor::succession::FrontendId;
use crate::sys::process_tree;
use std::os::fd::AsFd;
use std::time::Instant;

impl EventLoop {
    pub(super) fn listen(&mut self) {
        for (id, message) in self.frontends.receive() {
            let now = Instant::now();
            // Counts come whether or not it is asked, and it is asked although they come.
            if !matches!(message, Ok(FromFrontend::Totals(_))) {
                self.succession.handle_heard(id, now);
            }
            match message {
                Ok(FromFrontend::Ready) => self.handle_ready(id, now),
                Ok(FromFrontend::Pong(activity)) => self.handle_pong(id, activity, now),
                Ok(FromFrontend::LogLevel(level)) => self.log_levels.ask(level),
                Ok(FromFrontend::Closed) => self.succession.handle_closed(id, now),
                Ok(FromFrontend::Start(pool)) => self.start_worker(id, pool),
                Ok(FromFrontend::Kill(worker)) => self.workers.kill(worker, id),
                Ok(FromFrontend::Failed(reason)) => self.handle_refusal(id, reason),
                Ok(FromFrontend::Totals(report)) => self.counters.handle_report(id, &report),
                Err(_) => self.frontends.kill(id),
            }
        }
    }

    /// For all processes, those that are started later among them. A frontend asks for it for somebody whom it may.
    pub(super) fn change_log_level(&mut self) {
        let Some(level) = self.log_levels.take_due(Instant::now()) else { return };
        self.config.log_level = level;
        logging::set_level(level);
        self.frontends.tell_all(&ToFrontend::LogLevel(level));
    }

    fn handle_ready(&mut self, id: FrontendId, now: Instant) {
        self.succession.handle_ready(id, now);
        if self.succession.is_current(id) {
            self.notifier.handle_frontend_serves();
        }
    }

    /// What one says that takes no connections any more proves nothing.
    fn handle_pong(&mut self, id: FrontendId, activity: Activity, now: Instant) {
        if self.succession.is_current(id) {
            self.notifier.handle_pong(id, activity, now);
        }
        self.upgrade.look_now_and_then(now);
    }

    /// At the start the reason is for whoever waits for it; later it is for the log.
    fn handle_refusal(&mut self, id: FrontendId, reason: String) {
        self.frontends.kill(id);
        if self.succession.started().is_none() {
            self.refusal = Some(reason);
        } else {
            log::error!(target: "supervisor", "A frontend cannot serve: {reason}");
        }
    }

    /// A frontend that asks for what it does not have is as one that talks nonsense.
    fn start_worker(&mut self, frontend: FrontendId, pool: PoolId) {
        if !self.workers.has_pool(frontend, pool) {
            return self.frontends.kill(frontend);
        }
        match self.workers.start(&self.config, frontend, pool) {
            Ok((id, socket)) => {
                self.frontends.hand_over(frontend, &ToFrontend::Worker(id, pool), socket.as_fd());
            }
            Err(error) => {
                let reason = obstacle(&error);
                log::error!(target: "supervisor", "A worker cannot be started: {reason}");
                self.trouble = Some(Trouble::NotStarted(Role::Worker, reason));
                self.frontends.tell(frontend, &ToFrontend::StartFailed(pool));
            }
        }
    }

    /// Collects the children that have ended, and tells the frontends of those workers they may not know of.
    pub(super) fn reap(&mut self) {
        for (worker, frontend, status) in self.workers.reap() {
            if !status.success() {
                self.counters.note_worker_death(reason_of_death(status));
                self.trouble = Some(Trouble::Ended(Role::Worker, status));
            }
            self.frontends.tell(frontend, &ToFrontend::WorkerDied(worker));
        }
        for Ended { id, pid, status, reports } in self.frontends.reap() {
            reports.iter().for_each(|report| self.counters.handle_report(id, report));
            self.workers.kill_those_of(id);
            if self.succession.is_current(id) {
                self.notifier.handle_frontend_ended();
            }
            if self.succession.handle_ended(id, Instant::now()) {
                log::debug!(target: "handle_sigchld", "child exited: {pid}");
            } else {
                log::error!(target: "supervisor", "Frontend {pid} {}", describe(status));
                self.trouble = Some(Trouble::Ended(Role::Frontend, status));
            }
        }
        // As the first process of a container it is made the parent of whoever has lost theirs.
        process_tree::collect_adopted(|pid| self.workers.contain(pid) || self.frontends.contain(pid));
    }
}
