//! Workers: started and killed for a frontend, reaped for everyone.
#![forbid(unsafe_code)]

use super::{Family, FrontendId};
use crate::ipc::ToFrontend;
use crate::pool::WorkerId;
use crate::strerror::strerror;
use crate::supervisor::children::{describe, start_worker};
use crate::sys::spawn::kill_with_children;
use std::io;
use std::os::fd::AsFd;
use std::process::{Child, ExitStatus};

pub(super) struct Worker {
    process: Child,
    /// The frontend it works for.
    frontend: FrontendId,
    /// Killed on the frontend's wish or because its frontend is gone: no news for anybody.
    expected_to_die: bool,
}

impl Worker {
    /// Kills it with the programs that its PAM modules have started.
    pub(super) fn kill(&mut self) {
        self.expected_to_die = true;
        kill_with_children(&mut self.process);
    }
}

impl Family {
    /// Starts a worker for a frontend.
    pub(super) fn provide_worker(&mut self, frontend: FrontendId) {
        self.last_worker += 1;
        let id = WorkerId(self.last_worker);
        let started = if self.has_too_many_workers(frontend) {
            Err(io::Error::other("the frontend asks for more than it can use"))
        } else {
            start_worker(&self.config)
        };
        match started {
            Ok((process, socket)) => {
                log::debug!(target: "have_baby", "forked child: {}", process.id());
                self.workers.insert(id, Worker { process, frontend, expected_to_die: false });
                let sent = self.frontends.get(&frontend).map(|to| to.send_worker(id, socket.as_fd()));
                if !matches!(sent, Some(Ok(()))) {
                    self.kill_frontend(frontend);
                }
            }
            Err(error) => {
                log::error!(target: "supervisor", "A worker cannot be started: {}", strerror(&error));
                self.tell(frontend, &ToFrontend::StartFailed);
            }
        }
    }

    /// A frontend has at most its number of workers, and about as many again that are on their way out. One that
    /// asks for more has lost count, or is in the hands of somebody else.
    fn has_too_many_workers(&self, frontend: FrontendId) -> bool {
        let living = self.workers.values().filter(|worker| worker.frontend == frontend).count();
        living > 2 * self.config.service.workers.most + 2 * super::MESSAGES_AT_ONCE
    }

    pub(super) fn kill_worker(&mut self, id: WorkerId, frontend: FrontendId) {
        if let Some(worker) = self.workers.get_mut(&id).filter(|worker| worker.frontend == frontend) {
            worker.kill();
        }
    }

    /// The frontend is gone, and with it everything its workers were asked.
    pub(super) fn dismiss_workers_of(&mut self, frontend: FrontendId) {
        self.workers.values_mut().filter(|worker| worker.frontend == frontend).for_each(Worker::kill);
    }

    /// Collects the children that have ended, and tells the frontends of those they may not know of.
    pub(super) fn reap(&mut self) {
        let mut ended = Vec::new();
        self.workers.retain(|id, worker| match worker.process.try_wait() {
            Ok(None) => true,
            Ok(Some(status)) => {
                worker.log_end(status);
                if !worker.expected_to_die {
                    ended.push((*id, worker.frontend));
                }
                false
            }
            Err(_) => false,
        });
        for (worker, frontend) in ended {
            self.tell(frontend, &ToFrontend::WorkerDied(worker));
        }
        self.reap_frontends();
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
