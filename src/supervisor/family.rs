//! The loop of the supervisor: starts, stops and replaces the other processes. It never sees a client's byte.
#![forbid(unsafe_code)]

use super::children::{Frontend, State, describe, start_worker};
use super::signals::{Asked, Signals};
use super::start_error::StartError;
use crate::config::Config;
use crate::ipc::{FromFrontend, ToFrontend};
use crate::log as logging;
use crate::mech::MechanismError;
use crate::pool::WorkerId;
use crate::pool::backoff::Backoff;
use crate::sys::spawn::Identity;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::process::Child;
use std::time::{Duration, Instant};

/// How long a frontend may take to get its first worker ready.
const START_TIME: Duration = Duration::from_secs(30);
/// How long requests in flight may take when the daemon is stopped.
const STOP_TIME: Duration = Duration::from_secs(5);
/// How long killed children may take to disappear.
const KILL_TIME: Duration = Duration::from_secs(5);

const SIGNALS: Token = Token(0);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct FrontendId(usize);

struct Worker {
    process: Child,
    /// The frontend it works for.
    frontend: FrontendId,
    /// Killed on the frontend's wish or because its frontend is gone: no news for the log.
    expected_to_die: bool,
}

pub(super) struct Family {
    config: Config,
    listener: OwnedFd,
    identity: Option<Identity>,
    poll: Poll,
    signals: Signals,
    frontends: HashMap<FrontendId, Frontend>,
    workers: HashMap<WorkerId, Worker>,
    /// The frontend that accepts connections, or will when it is ready.
    current: FrontendId,
    /// The one that takes over when it is ready.
    successor: Option<FrontendId>,
    last_frontend: usize,
    last_worker: u64,
    backoff: Backoff,
    restart_at: Option<Instant>,
    stopping: Option<Instant>,
}

impl Family {
    /// Starts the first frontend. From here on signals are events.
    pub(super) fn found(
        config: Config,
        listener: OwnedFd,
        identity: Option<Identity>,
    ) -> Result<Self, StartError> {
        let poll = Poll::new().map_err(|error| StartError::System("The event loop cannot be made", error))?;
        let signals = Signals::install(poll.registry(), SIGNALS)
            .map_err(|error| StartError::System("The signal handlers cannot be installed", error))?;
        let mut family = Self {
            config,
            listener,
            identity,
            poll,
            signals,
            frontends: HashMap::new(),
            workers: HashMap::new(),
            current: FrontendId(0),
            successor: None,
            last_frontend: 0,
            last_worker: 0,
            backoff: Backoff::default(),
            restart_at: None,
            stopping: None,
        };
        family.current = family
            .start_frontend()
            .map_err(|error| StartError::System("The frontend cannot be started", error))?;
        family.tell(family.current, &ToFrontend::Accept);
        Ok(family)
    }

    /// Waits until logins are served, or until the daemon is asked to stop.
    pub(super) fn await_ready(&mut self) -> Result<(), StartError> {
        loop {
            if self.stopping.is_some() {
                return Ok(());
            }
            match self.frontends.get(&self.current).map(|frontend| frontend.state) {
                Some(State::Serving | State::Draining) => return Ok(()),
                Some(State::Starting(deadline)) if Instant::now() < deadline => {}
                Some(State::Starting(_)) => return Err(StartError::NotReady("it took too long")),
                None => return Err(StartError::NotReady("the frontend ended; the log may say why")),
            }
            if let Some(refusal) = self.turn()? {
                return Err(StartError::Mechanism(self.config.mechanism.name, MechanismError(refusal)));
            }
        }
    }

    /// Runs the daemon until it is asked to stop.
    pub(super) fn serve(&mut self) -> Result<(), StartError> {
        while self.stopping.is_none() {
            if let Some(reason) = self.turn()? {
                log::error!(target: "supervisor", "The new configuration is not used: {reason}");
            }
        }
        Ok(())
    }

    /// Lets the requests in flight be answered, for a bounded time, and ends all children.
    pub(super) fn disband(&mut self) {
        let deadline = Instant::now() + STOP_TIME;
        self.stopping = Some(deadline);
        self.frontends.keys().copied().collect::<Vec<_>>().into_iter().for_each(|id| {
            self.tell(id, &ToFrontend::Drain { hurry: true });
        });
        while !self.frontends.is_empty() && self.stopping.is_some_and(|until| Instant::now() < until) {
            if self.turn().is_err() {
                break;
            }
        }
        self.kill_all();
        let deadline = Instant::now() + KILL_TIME;
        while !(self.frontends.is_empty() && self.workers.is_empty()) && Instant::now() < deadline {
            self.stopping = Some(deadline);
            if self.turn().is_err() {
                break;
            }
        }
    }

    /// Waits for something to happen and deals with it. Returns the reason if the mechanism refused to start.
    fn turn(&mut self) -> Result<Option<String>, StartError> {
        let mut events = Events::with_capacity(64);
        let timeout = self.next_timeout().map(|due| due.saturating_duration_since(Instant::now()));
        match self.poll.poll(&mut events, timeout) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => {
                return Err(StartError::System("The event loop failed", error));
            }
            _ => {}
        }
        let asked = self.signals.take();
        let mut refusal = None;
        for token in events.iter().map(mio::event::Event::token).filter(|token| *token != SIGNALS) {
            refusal = self.listen(FrontendId(token.0)).or(refusal);
        }
        self.reap();
        self.handle_asked(asked);
        self.handle_timeouts(Instant::now());
        Ok(refusal)
    }

    fn handle_asked(&mut self, asked: Asked) {
        if asked.stop {
            // Asked twice: at once.
            self.stopping = Some(Instant::now());
        }
        if asked.reload && self.stopping.is_none() {
            self.reload();
        }
    }

    /// HUP: a new frontend with the configuration as it is now takes over, if that is good.
    fn reload(&mut self) {
        if self.successor.is_some() {
            log::info!(target: "supervisor", "The configuration is being read again already");
            return;
        }
        if let Err(error) = (self.config.mechanism.check)(self.config.mechanism_option.as_deref()) {
            log::error!(target: "supervisor", "The new configuration is not used: {error}");
            return;
        }
        match self.start_frontend() {
            Ok(id) => self.successor = Some(id),
            Err(error) => {
                log::error!(target: "supervisor", "The new configuration is not used: no frontend can be started: {error}")
            }
        }
    }

    fn start_frontend(&mut self) -> io::Result<FrontendId> {
        self.last_frontend += 1;
        let id = FrontendId(self.last_frontend);
        let deadline = Instant::now() + START_TIME;
        let frontend =
            Frontend::start(&self.config, self.listener.as_fd(), self.identity.as_ref(), deadline)?;
        let mut source = SourceFd(&frontend.socket.as_raw_fd());
        self.poll.registry().register(&mut source, Token(id.0), Interest::READABLE)?;
        log::debug!(target: "have_baby", "forked child: {}", frontend.process.id());
        self.frontends.insert(id, frontend);
        Ok(id)
    }

    /// Does what a frontend asks for. Returns the reason if the mechanism refused to start.
    fn listen(&mut self, id: FrontendId) -> Option<String> {
        loop {
            match self.frontends.get(&id)?.receive() {
                Ok(None) => return None,
                Ok(Some(FromFrontend::Start)) => self.provide_worker(id),
                Ok(Some(FromFrontend::Kill(worker))) => self.kill_worker(worker, id),
                Ok(Some(FromFrontend::Ready)) => self.handle_ready(id),
                Ok(Some(FromFrontend::Failed(reason))) => {
                    self.kill_frontend(id);
                    return Some(reason);
                }
                Err(_) => {
                    self.kill_frontend(id);
                    return None;
                }
            }
        }
    }

    fn handle_ready(&mut self, id: FrontendId) {
        if let Some(frontend) = self.frontends.get_mut(&id) {
            frontend.state = State::Serving;
        }
        self.backoff.handle_success();
        if self.successor != Some(id) {
            return;
        }
        self.successor = None;
        let old = std::mem::replace(&mut self.current, id);
        self.tell(id, &ToFrontend::Accept);
        self.tell(old, &ToFrontend::Drain { hurry: false });
        log::info!(target: "supervisor", "The configuration was read again; a new frontend has taken over");
    }

    fn provide_worker(&mut self, frontend: FrontendId) {
        self.last_worker += 1;
        let id = WorkerId(self.last_worker);
        match start_worker(&self.config) {
            Ok((process, socket)) => {
                log::debug!(target: "have_baby", "forked child: {}", process.id());
                self.workers.insert(id, Worker { process, frontend, expected_to_die: false });
                let sent = self.frontends.get(&frontend).map(|to| to.send_worker(id, socket.as_fd()));
                if !matches!(sent, Some(Ok(()))) {
                    self.kill_frontend(frontend);
                }
            }
            Err(error) => {
                log::error!(target: "supervisor", "A worker cannot be started: {error}");
                self.tell(frontend, &ToFrontend::StartFailed);
            }
        }
    }

    fn tell(&mut self, id: FrontendId, message: &ToFrontend) {
        let Some(frontend) = self.frontends.get_mut(&id) else { return };
        if matches!(message, ToFrontend::Drain { .. }) {
            frontend.state = State::Draining;
        }
        if let Err(error) = frontend.send(message) {
            log::error!(target: "supervisor", "The frontend does not listen and is replaced: {error}");
            self.kill_frontend(id);
        }
    }

    /// Kills a frontend; [`Self::reap`] does the rest.
    fn kill_frontend(&mut self, id: FrontendId) {
        if let Some(frontend) = self.frontends.get_mut(&id) {
            let _ = self.poll.registry().deregister(&mut SourceFd(&frontend.socket.as_raw_fd()));
            // Dead already, most likely: that is how this was found out.
            let _ = frontend.process.kill();
        }
    }

    fn kill_worker(&mut self, id: WorkerId, frontend: FrontendId) {
        if let Some(worker) = self.workers.get_mut(&id).filter(|worker| worker.frontend == frontend) {
            worker.expected_to_die = true;
            let _ = worker.process.kill();
        }
    }

    fn kill_all(&mut self) {
        for frontend in self.frontends.values_mut() {
            let _ = frontend.process.kill();
        }
        for worker in self.workers.values_mut() {
            worker.expected_to_die = true;
            let _ = worker.process.kill();
        }
    }

    fn reap(&mut self) {
        self.workers.retain(|_, worker| match worker.process.try_wait() {
            Ok(None) => true,
            Ok(Some(status)) if status.success() || worker.expected_to_die => {
                log::debug!(target: "handle_sigchld", "child exited: {}", worker.process.id());
                false
            }
            Ok(Some(status)) => {
                log::error!(target: "supervisor", "Worker {} {}", worker.process.id(), describe(status));
                false
            }
            Err(_) => false,
        });
        let dead: Vec<_> = self
            .frontends
            .iter_mut()
            .filter_map(|(id, frontend)| {
                frontend.process.try_wait().ok().flatten().map(|status| (*id, status))
            })
            .collect();
        for (id, status) in dead {
            self.bury(id, &describe(status));
        }
    }

    /// A frontend has ended: its requests are gone with their connections, and so are its workers.
    fn bury(&mut self, id: FrontendId, how: &str) {
        let Some(frontend) = self.frontends.remove(&id) else { return };
        for worker in self.workers.values_mut().filter(|worker| worker.frontend == id) {
            worker.expected_to_die = true;
            // One that is drained has let its workers go; they end by themselves when they notice.
            if frontend.state != State::Draining {
                let _ = worker.process.kill();
            }
        }
        if frontend.state == State::Draining {
            log::debug!(target: "handle_sigchld", "child exited: {}", frontend.process.id());
            return;
        }
        log::error!(target: "supervisor", "Frontend {} {how}", frontend.process.id());
        if self.successor == Some(id) {
            self.successor = None;
            log::error!(target: "supervisor", "The new configuration is not used: its frontend did not become ready");
        } else if id == self.current && !matches!(frontend.state, State::Starting(_) if self.is_starting_up())
        {
            let now = Instant::now();
            self.backoff.handle_death(now);
            self.restart_at = Some(self.backoff.held_until().unwrap_or(now));
        }
    }

    /// Whether no frontend has ever been ready: the launching process is still waiting.
    fn is_starting_up(&self) -> bool {
        self.last_frontend == 1
    }

    fn next_timeout(&self) -> Option<Instant> {
        let starting = self.frontends.values().filter_map(|frontend| match frontend.state {
            State::Starting(deadline) => Some(deadline),
            State::Serving | State::Draining => None,
        });
        let now = Instant::now();
        let log_retry = logging::pending(now).map(|wait| now + wait);
        starting.chain(self.restart_at).chain(self.stopping).chain(log_retry).min()
    }

    fn handle_timeouts(&mut self, now: Instant) {
        logging::retry(now);
        let late: Vec<_> =
            self.frontends.iter().filter(|(_, one)| one.is_late(now)).map(|(id, _)| *id).collect();
        late.into_iter().for_each(|id| self.kill_frontend(id));
        if self.stopping.is_none() && self.restart_at.is_some_and(|due| due <= now) {
            self.restart_at = None;
            self.restart_frontend(now);
        }
    }

    fn restart_frontend(&mut self, now: Instant) {
        match self.start_frontend() {
            Ok(id) => {
                self.current = id;
                self.tell(id, &ToFrontend::Accept);
            }
            Err(error) => {
                log::error!(target: "supervisor", "The frontend cannot be started: {error}");
                self.backoff.handle_death(now);
                self.restart_at = Some(self.backoff.held_until().unwrap_or(now));
            }
        }
    }
}
