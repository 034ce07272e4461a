//! The life of workers, as the frontend sees it.
#![forbid(unsafe_code)]

use super::Frontend;
use super::workers::FromWorkers;
use crate::config::site::PoolId;
use crate::ipc::FromFrontend;
use crate::job::WorkerId;
use crate::mechanism::failed_to_initialize;
use crate::metrics::reasons::WorkerDeath;
use crate::strerror::strerror;
use std::io;
use std::os::fd::OwnedFd;
use std::time::Instant;

impl Frontend {
    pub(super) fn add_worker(
        &mut self,
        worker: WorkerId,
        pool: PoolId,
        socket: Option<OwnedFd>,
        now: Instant,
    ) {
        self.dispatcher.handle_worker(worker, pool, now);
        let no_socket = || io::Error::from(io::ErrorKind::NotFound);
        let added = socket.ok_or_else(no_socket).and_then(|socket| self.workers.add(worker, socket));
        if let Err(error) = added {
            log::error!(target: "frontend", "A worker could not be added: {}", strerror(&error));
            self.dispatcher.handle_worker_gone(worker, now);
        }
    }

    pub(super) fn handle_worker(&mut self, heard: FromWorkers, now: Instant) {
        match heard {
            FromWorkers::Ready(worker, peer) => {
                peer.into_iter().for_each(|peer| self.dispatcher.handle_default_backend(worker, &peer));
                self.dispatcher.handle_ready(worker, now);
                self.announce();
            }
            FromWorkers::Retiring(worker) => self.dispatcher.handle_retiring(worker, now),
            FromWorkers::Answers(worker, answers) => {
                for (job, answer) in answers {
                    self.dispatcher.handle_answer(worker, job, answer, now);
                }
            }
            FromWorkers::Failed(worker, reason) => {
                self.refuse_worker(worker, &reason);
                self.dispatcher.handle_worker_gone(worker, now);
            }
            FromWorkers::Gone(worker) => self.dispatcher.handle_worker_gone(worker, now),
            FromWorkers::Malformed(worker) => {
                log::error!(target: "frontend", "A worker sent an invalid message and is replaced");
                self.counters.worker_deaths.note(WorkerDeath::Protocol);
                self.control.send(FromFrontend::Kill(worker));
                self.dispatcher.handle_worker_gone(worker, now);
            }
        }
    }

    /// Tells the supervisor, once, when every pool has a worker that is ready.
    pub(super) fn announce(&mut self) {
        if !self.announced && self.dispatcher.is_ready() {
            self.announced = true;
            self.control.send(FromFrontend::Ready);
        }
    }

    /// A worker cannot use its mechanism. With several of them the line in the log names it.
    fn refuse_worker(&mut self, worker: WorkerId, reason: &str) {
        let pool = self.dispatcher.pool_of(worker).and_then(|pool| self.site.pools.get(pool.0));
        let instance = pool.and_then(|pool| self.site.instances.get(pool.instance?.0));
        let name = instance.map_or("", |instance| &instance.name);
        let whole = failed_to_initialize(name, &reason);
        let told = if self.site.instances.len() > 1 { &whole } else { reason };
        log::error!(target: "frontend", "{told}");
        if !self.announced {
            self.control.send(FromFrontend::Failed(whole));
        }
    }
}
