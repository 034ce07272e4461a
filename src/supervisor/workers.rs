//! The worker processes: started and killed for a frontend, reaped for everyone.
#![forbid(unsafe_code)]

use super::children::{describe, start_worker};
use super::frontends::MESSAGES_AT_ONCE;
use super::succession::FrontendId;
use crate::config::Config;
use crate::job::WorkerId;
use crate::sys::process_tree::{kill_all_with_children, kill_with_children};
use std::collections::HashMap;
use std::io;
use std::os::fd::OwnedFd;
use std::process::{Child, ExitStatus};

/// All there are, those that were killed and not yet reaped included.
#[derive(Default)]
pub(super) struct Workers {
    processes: HashMap<WorkerId, Worker>,
    last: u64,
}

struct Worker {
    process: Child,
    /// The frontend it works for.
    frontend: FrontendId,
    /// Killed on the frontend's wish or because its frontend is gone: no news for anybody.
    expected_to_die: bool,
}

impl Workers {
    /// Starts a worker for a frontend; returns also the frontend's end of the socket to it.
    ///
    /// # Errors
    /// When the system has no room for another process, or the frontend has more than it can use.
    pub(super) fn start(&mut self, config: &Config, frontend: FrontendId) -> io::Result<(WorkerId, OwnedFd)> {
        if self.are_too_many(config, frontend) {
            return Err(io::Error::other("the frontend asks for more than it can use"));
        }
        let (process, socket) = start_worker(config)?;
        log::debug!(target: "have_baby", "forked child: {}", process.id());
        self.last += 1;
        let id = WorkerId(self.last);
        self.processes.insert(id, Worker { process, frontend, expected_to_die: false });
        Ok((id, socket))
    }

    /// A frontend has at most its number of workers, and about as many again that are on their way out. One that
    /// asks for more has lost count, or is in the hands of somebody else.
    fn are_too_many(&self, config: &Config, frontend: FrontendId) -> bool {
        let living = self.processes.values().filter(|worker| worker.frontend == frontend).count();
        living > 2 * config.frontend.workers.most + 2 * MESSAGES_AT_ONCE
    }

    /// Kills a worker, with the programs that its PAM modules have started, if it is that frontend's.
    pub(super) fn kill(&mut self, id: WorkerId, frontend: FrontendId) {
        if let Some(worker) = self.processes.get_mut(&id).filter(|worker| worker.frontend == frontend) {
            worker.expected_to_die = true;
            kill_with_children(&mut worker.process);
        }
    }

    /// The frontend is gone, and with it everything its workers were asked.
    pub(super) fn kill_those_of(&mut self, frontend: FrontendId) {
        self.kill_where(|worker| worker.frontend == frontend);
    }

    pub(super) fn kill_all(&mut self) {
        self.kill_where(|_| true);
    }

    /// Kills them with the programs that their PAM modules have started.
    fn kill_where(&mut self, wanted: impl Fn(&Worker) -> bool) {
        let alive = self.processes.values_mut().filter(|worker| !worker.expected_to_die && wanted(worker));
        kill_all_with_children(alive.map(|worker| {
            worker.expected_to_die = true;
            &mut worker.process
        }));
    }

    /// Whether the process of that number is one of these.
    pub(super) fn contain(&self, pid: u32) -> bool {
        self.processes.values().any(|worker| worker.process.id() == pid)
    }

    pub(super) fn are_all_gone(&self) -> bool {
        self.processes.is_empty()
    }

    /// Collects those that have ended; returns those whose frontends may not know it, and how they ended.
    pub(super) fn reap(&mut self) -> Vec<(WorkerId, FrontendId, ExitStatus)> {
        let mut unexpected = Vec::new();
        self.processes.retain(|id, worker| match worker.process.try_wait() {
            Ok(None) => true,
            Ok(Some(status)) => {
                worker.log_end(status);
                if !worker.expected_to_die {
                    unexpected.push((*id, worker.frontend, status));
                }
                false
            }
            Err(_) => false,
        });
        unexpected
    }
}

impl Worker {
    fn log_end(&self, status: ExitStatus) {
        if status.success() || self.expected_to_die {
            log::debug!(target: "handle_sigchld", "child exited: {}", self.process.id());
        } else {
            log::error!(target: "supervisor", "Worker {} {}", self.process.id(), describe(status));
        }
    }
}
