//! Frontends: their start, their succession on HUP, their end.
#![forbid(unsafe_code)]

use super::{Family, FrontendId};
use crate::config::sources::Sources;
use crate::ipc::ToFrontend;
use crate::strerror::strerror;
use crate::supervisor::children::{Frontend, State, describe};
use crate::supervisor::settings;
use mio::unix::SourceFd;
use mio::{Interest, Token};
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::rc::Rc;
use std::time::{Duration, Instant};

/// How long a frontend may take to get its first worker ready.
const START_TIME: Duration = Duration::from_secs(30);
/// How long a frontend must have served for its death to be the first of a row.
const PROVEN: Duration = Duration::from_secs(10);

impl Family {
    /// HUP: new processes take over, if the mechanism can still be used. The flags stay as they are.
    pub(super) fn reload(&mut self) {
        if self.successor.is_some() {
            log::info!(target: "supervisor", "The configuration is being read again already");
            return;
        }
        let sources = match settings::read(&self.config) {
            Ok(sources) => Rc::new(sources),
            Err(problems) => {
                for problem in problems {
                    log::error!(target: "supervisor", "The new configuration is not used: {problem}");
                }
                return;
            }
        };
        match self.start_frontend(&sources) {
            Ok(id) => self.successor = Some((id, sources)),
            Err(error) => {
                log::error!(
                    target: "supervisor",
                    "The new configuration is not used: no frontend can be started: {}", strerror(&error)
                );
            }
        }
    }

    pub(super) fn start_frontend(&mut self, sources: &Sources) -> io::Result<FrontendId> {
        self.last_frontend += 1;
        let id = FrontendId(self.last_frontend);
        let deadline = Instant::now() + START_TIME;
        let (listener, identity) = (self.listener.as_fd(), self.identity.as_ref());
        let frontend = Frontend::start(&self.config, sources, listener, identity, deadline)?;
        let number = frontend.socket.as_raw_fd();
        let registered =
            self.poll.registry().register(&mut SourceFd(&number), Token(id.0), Interest::READABLE);
        log::debug!(target: "have_baby", "forked child: {}", frontend.process.id());
        self.frontends.insert(id, frontend);
        if registered.is_err() {
            self.kill_frontend(id);
        }
        registered.map(|()| id)
    }

    pub(super) fn handle_ready(&mut self, id: FrontendId) {
        let Some(frontend) = self.frontends.get_mut(&id) else { return };
        if !matches!(frontend.state, State::Starting(_)) {
            return;
        }
        frontend.state = State::Serving(Instant::now());
        let Some((_, sources)) = self.successor.take_if(|(successor, _)| *successor == id) else { return };
        self.sources = sources;
        let old = std::mem::replace(&mut self.current, id);
        self.tell(id, &ToFrontend::Accept);
        self.tell(old, &ToFrontend::Drain { hurry: false });
        log::info!(target: "supervisor", "The configuration was read again; a new frontend has taken over");
    }

    /// Kills a frontend; it is buried when it is reaped.
    pub(super) fn kill_frontend(&mut self, id: FrontendId) {
        if let Some(frontend) = self.frontends.get_mut(&id) {
            let _ = self.poll.registry().deregister(&mut SourceFd(&frontend.socket.as_raw_fd()));
            // Dead already, most likely: that is how this was found out.
            let _ = frontend.process.kill();
        }
    }

    pub(super) fn reap_frontends(&mut self) {
        let ended = |(id, frontend): (&FrontendId, &mut Frontend)| {
            frontend.process.try_wait().ok().flatten().map(|status| (*id, status))
        };
        let dead: Vec<_> = self.frontends.iter_mut().filter_map(ended).collect();
        for (id, status) in dead {
            self.bury(id, &describe(status));
        }
    }

    /// A frontend has ended: its requests are gone with their connections, and so is the work of its workers.
    fn bury(&mut self, id: FrontendId, how: &str) {
        let Some(frontend) = self.frontends.remove(&id) else { return };
        self.dismiss_workers_of(id);
        if frontend.state == State::Draining {
            log::debug!(target: "handle_sigchld", "child exited: {}", frontend.process.id());
            return;
        }
        log::error!(target: "supervisor", "Frontend {} {how}", frontend.process.id());
        self.failed_starts += u32::from(!self.has_served);
        if self.successor.take_if(|(successor, _)| *successor == id).is_some() {
            log::error!(
                target: "supervisor",
                "The new configuration is not used: its frontend did not become ready"
            );
        } else if id == self.current && self.stopping.is_none() {
            self.plan_restart(frontend.state, Instant::now());
        }
    }

    fn plan_restart(&mut self, died_as: State, now: Instant) {
        if matches!(died_as, State::Serving(since) if now.duration_since(since) >= PROVEN) {
            self.backoff.handle_success();
        }
        self.backoff.handle_death(now);
        self.restart_at = Some(self.backoff.next_start(now));
    }

    pub(super) fn restart_frontend(&mut self, now: Instant) {
        let sources = Rc::clone(&self.sources);
        match self.start_frontend(&sources) {
            Ok(id) => {
                self.current = id;
                self.tell(id, &ToFrontend::Accept);
            }
            Err(error) => {
                log::error!(target: "supervisor", "The frontend cannot be started: {}", strerror(&error));
                self.plan_restart(State::Draining, now);
            }
        }
    }
}
