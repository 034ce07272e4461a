//! The loop of the supervisor: starts, stops and replaces the other processes. It never sees a client's byte.
#![forbid(unsafe_code)]

mod frontends;
mod workers;

use super::children::{Frontend, State};
use super::signals::{Asked, Signals};
use super::start_error::StartError;
use crate::config::Config;
use crate::config::sources::Sources;
use crate::ipc::{FromFrontend, ToFrontend};
use crate::log as logging;
use crate::mech::MechanismError;
use crate::pool::WorkerId;
use crate::pool::backoff::Backoff;
use crate::strerror::strerror;
use crate::sys::spawn::Identity;
use mio::{Events, Poll, Token};
use std::collections::{BTreeSet, HashMap};
use std::io;
use std::io::ErrorKind::{BrokenPipe, ConnectionReset};
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::time::{Duration, Instant};
use workers::Worker;

/// How long requests in flight may take when the daemon is stopped.
const STOP_TIME: Duration = Duration::from_secs(5);
/// How long killed children may take to disappear.
const KILL_TIME: Duration = Duration::from_secs(5);

const SIGNALS: Token = Token(0);

/// How many frontends may end before the first is ready.
const MOST_STARTS: u32 = 3;

/// What one frontend may ask for before the others and the signals get their turn.
const MESSAGES_AT_ONCE: usize = 16;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct FrontendId(usize);

pub(super) struct Family {
    config: Config,
    /// What the current frontend's mechanism is set up from.
    sources: Rc<Sources>,
    listener: OwnedFd,
    identity: Option<Identity>,
    poll: Poll,
    signals: Signals,
    frontends: HashMap<FrontendId, Frontend>,
    /// Those that have more to say than they could at once: the kernel tells only once.
    unheard: BTreeSet<FrontendId>,
    workers: HashMap<WorkerId, Worker>,
    /// The frontend that accepts connections, or will when it is ready.
    current: FrontendId,
    /// The one that takes over when it is ready, and what its mechanism is set up from.
    successor: Option<(FrontendId, Rc<Sources>)>,
    last_frontend: usize,
    last_worker: u64,
    backoff: Backoff,
    restart_at: Option<Instant>,
    stopping: Option<Instant>,
    /// Whether logins were ever served: until then the launching process waits to hear of it.
    has_served: bool,
    /// How many frontends have ended before that.
    failed_starts: u32,
}

/// The event loop and the signals it hears of.
pub(super) struct Watch {
    poll: Poll,
    signals: Signals,
}

impl Watch {
    /// From here on signals are events: to be made before there is anything that has to be cleaned up.
    pub(super) fn start() -> Result<Self, StartError> {
        let poll = Poll::new().map_err(|error| StartError::System("The event loop cannot be made", error))?;
        let signals = Signals::install(poll.registry(), SIGNALS)
            .map_err(|error| StartError::System("The signal handlers cannot be installed", error))?;
        Ok(Self { poll, signals })
    }
}

impl Family {
    /// Starts the first frontend.
    pub(super) fn found(
        config: Config,
        sources: Rc<Sources>,
        listener: OwnedFd,
        identity: Option<Identity>,
        watch: Watch,
    ) -> Result<Self, StartError> {
        let Watch { poll, signals } = watch;
        let mut family = Self {
            config,
            sources,
            listener,
            identity,
            poll,
            signals,
            frontends: HashMap::new(),
            unheard: BTreeSet::new(),
            workers: HashMap::new(),
            current: FrontendId(0),
            successor: None,
            last_frontend: 0,
            last_worker: 0,
            backoff: Backoff::default(),
            restart_at: None,
            stopping: None,
            has_served: false,
            failed_starts: 0,
        };
        let sources = Rc::clone(&family.sources);
        family.current = family
            .start_frontend(&sources)
            .map_err(|error| StartError::System("The frontend cannot be started", error))?;
        family.tell(family.current, &ToFrontend::Accept);
        Ok(family)
    }

    /// Waits until logins are served.
    pub(super) fn await_ready(&mut self) -> Result<(), StartError> {
        loop {
            let why = match self.frontends.get(&self.current).map(|frontend| frontend.state) {
                _ if self.stopping.is_some() => return Err(StartError::Stopped),
                Some(State::Serving(_) | State::Draining) => {
                    self.has_served = true;
                    return Ok(());
                }
                Some(State::Starting(deadline)) if deadline <= Instant::now() => "it took too long",
                None if self.failed_starts >= MOST_STARTS => "its frontend ends; the log may say why",
                Some(State::Starting(_)) | None => {
                    if let Some(refusal) = self.turn()? {
                        return Err(StartError::Mechanism(
                            self.config.mechanism.name,
                            MechanismError(refusal),
                        ));
                    }
                    continue;
                }
            };
            return Err(StartError::NotReady(why));
        }
    }

    /// Runs the daemon until it is asked to stop.
    pub(super) fn serve(&mut self) -> Result<(), StartError> {
        while self.stopping.is_none() {
            if let Some(reason) = self.turn()? {
                log::error!(target: "supervisor", "A frontend cannot serve: {reason}");
            }
        }
        Ok(())
    }

    /// Lets the requests in flight be answered, for a bounded time, and ends all children.
    pub(super) fn disband(&mut self) {
        self.restart_at = None;
        let all: Vec<_> = self.frontends.keys().copied().collect();
        all.into_iter().for_each(|id| self.tell(id, &ToFrontend::Drain { hurry: true }));
        self.turn_until(Instant::now() + STOP_TIME, |family| family.frontends.is_empty());
        self.kill_all();
        let gone = |family: &Self| family.frontends.is_empty() && family.workers.is_empty();
        self.turn_until(Instant::now() + KILL_TIME, gone);
    }

    /// Goes on until it is `done`, or the deadline has come, or a second signal to stop.
    fn turn_until(&mut self, deadline: Instant, done: impl Fn(&Self) -> bool) {
        self.stopping = Some(deadline);
        while !done(self) && self.stopping.is_some_and(|until| Instant::now() < until) {
            if self.turn().is_err() {
                return;
            }
        }
    }

    /// Waits for something to happen and deals with it. Returns the reason if a frontend cannot serve.
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
        let mut speaking = std::mem::take(&mut self.unheard);
        let tokens = events.iter().map(mio::event::Event::token);
        speaking.extend(tokens.filter(|token| *token != SIGNALS).map(|token| FrontendId(token.0)));
        let refusal = speaking.into_iter().filter_map(|id| self.listen(id)).last();
        self.reap();
        self.handle_asked(asked);
        self.handle_timeouts(Instant::now());
        Ok(refusal)
    }

    fn handle_asked(&mut self, asked: Asked) {
        if asked.stop {
            // While it is stopping already: at once.
            self.stopping = Some(Instant::now());
        }
        if asked.reload && self.stopping.is_none() {
            self.reload();
        }
    }

    /// Does what a frontend asks for. Returns the reason if it cannot serve.
    fn listen(&mut self, id: FrontendId) -> Option<String> {
        for _ in 0..MESSAGES_AT_ONCE {
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
        self.unheard.insert(id);
        None
    }

    fn tell(&mut self, id: FrontendId, message: &ToFrontend) {
        let Some(frontend) = self.frontends.get_mut(&id) else { return };
        if matches!(message, ToFrontend::Drain { .. }) {
            frontend.state = State::Draining;
        }
        match frontend.send(message) {
            // It has just ended, and is about to be reaped.
            Err(error) if matches!(error.kind(), BrokenPipe | ConnectionReset) => {}
            Err(error) => {
                log::error!(target: "supervisor", "The frontend does not listen and is replaced: {}", strerror(&error));
                self.kill_frontend(id);
            }
            Ok(()) => {}
        }
    }

    fn kill_all(&mut self) {
        self.frontends.keys().copied().collect::<Vec<_>>().into_iter().for_each(|id| self.kill_frontend(id));
        self.workers.values_mut().for_each(Worker::kill);
    }

    fn next_timeout(&self) -> Option<Instant> {
        let now = Instant::now();
        let starting = self.frontends.values().filter_map(|frontend| match frontend.state {
            State::Starting(deadline) => Some(deadline),
            State::Serving(_) | State::Draining => None,
        });
        let log_retry = logging::pending(now).map(|wait| now + wait);
        let unheard = (!self.unheard.is_empty()).then_some(now);
        starting.chain(self.restart_at).chain(self.stopping).chain(log_retry).chain(unheard).min()
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
}
