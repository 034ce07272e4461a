//! The loop of the supervisor: hears signals and its children, and does what the succession of frontends wants. It
//! never sees a client's byte.
#![forbid(unsafe_code)]

mod commands;
mod messages;

use crate::config::Config;
use crate::ipc::ToFrontend;
use crate::log as logging;
use crate::supervisor::children::Trouble;
use crate::supervisor::counters::Counters;
use crate::supervisor::endpoints::Endpoints;
use crate::supervisor::frontends::Frontends;
use crate::supervisor::log_levels::LogLevels;
use crate::supervisor::notify::Notifier;
use crate::supervisor::settings::Serving;
use crate::supervisor::signals::Signals;
use crate::supervisor::start_error::StartError;
use crate::supervisor::succession::{StartFailure, Succession};
use crate::supervisor::upgrade::UpgradeWatch;
use crate::supervisor::workers::Workers;
use crate::sys::spawn::Account;
use crate::sys::time;
use mio::{Events, Poll, Token};
use std::io;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// How long killed workers may take to disappear.
const KILL_TIME: Duration = Duration::from_secs(5);

/// What a drain may take beyond the longest request: the margin is for the processes themselves.
const DRAIN_MARGIN: Duration = Duration::from_secs(5);

const SIGNALS: Token = Token(0);

/// The event loop and the signals it hears of.
pub(in crate::supervisor) struct Watch {
    poll: Poll,
    signals: Signals,
}

impl Watch {
    /// From here on signals are events: to be made before there is anything that has to be cleaned up.
    pub(in crate::supervisor) fn start() -> Result<Self, StartError> {
        let poll = Poll::new().map_err(|error| StartError::System("The event loop cannot be made", error))?;
        let signals = Signals::install(poll.registry(), SIGNALS)
            .map_err(|error| StartError::System("The signal handlers cannot be installed", error))?;
        Ok(Self { poll, signals })
    }
}

/// What is outside of the daemon and concerns it as a whole.
pub(in crate::supervisor) struct Surroundings {
    /// The service manager.
    pub(in crate::supervisor) notifier: Notifier,
    /// The program on disk.
    pub(in crate::supervisor) upgrade: UpgradeWatch,
}

/// The supervisor at work: its children and what is to become of them.
pub(in crate::supervisor) struct EventLoop {
    config: Config,
    watch: Watch,
    succession: Succession<Rc<Serving>>,
    endpoints: Endpoints,
    frontends: Frontends,
    workers: Workers,
    counters: Counters,
    log_levels: LogLevels,
    notifier: Notifier,
    upgrade: UpgradeWatch,
    /// The end of the socket between an old frontend and the next one that is let accept.
    handover: Option<OwnedFd>,
    /// Why a frontend said that it cannot serve.
    refusal: Option<String>,
    /// What has become of the last child that did not say why.
    trouble: Option<Trouble>,
}

impl EventLoop {
    /// Starts the first frontend.
    pub(in crate::supervisor) fn start(
        config: Config,
        serving: Serving,
        endpoints: Endpoints,
        account: Option<Account>,
        watch: Watch,
        surroundings: Surroundings,
    ) -> Result<Self, StartError> {
        let registry = watch.poll.registry().try_clone();
        let registry = registry.map_err(|error| StartError::System("no descriptors are left", error))?;
        let drain_time = config.frontend.read_timeout + config.frontend.request_timeout + DRAIN_MARGIN;
        let Surroundings { notifier, upgrade } = surroundings;
        let mut succession = Succession::new(Rc::new(serving), drain_time, Instant::now());
        notifier.watchdog().into_iter().for_each(|time| succession.answer_within(time));
        let mut event_loop = Self {
            succession,
            endpoints,
            workers: Workers::new(account.clone()),
            frontends: Frontends::new(registry, account),
            counters: Counters::new(std::process::id(), time::seconds_since_epoch(), Instant::now()),
            log_levels: LogLevels::default(),
            config,
            watch,
            notifier,
            upgrade,
            handover: None,
            refusal: None,
            trouble: None,
        };
        event_loop.carry_out();
        Ok(event_loop)
    }

    /// Tells the service manager that logins are served; `is_detached`: before the launching process is told.
    pub(in crate::supervisor) fn announce_ready(&mut self, is_detached: bool) {
        self.notifier.handle_ready(is_detached);
    }

    /// Waits until logins are served.
    pub(in crate::supervisor) fn await_ready(&mut self) -> Result<(), StartError> {
        while self.succession.started().is_none() && self.refusal.is_none() {
            self.turn()?;
        }
        let trouble = self.trouble.take();
        let error = match (self.refusal.take(), self.succession.started()) {
            (Some(reason), _) => StartError::Refused(reason),
            (None, Some(Err(StartFailure::Stopped))) => StartError::Stopped,
            (None, Some(Err(StartFailure::NotReady))) => StartError::NotReady("it took too long", trouble),
            (None, Some(Err(StartFailure::KeptDying))) => StartError::NotReady("its frontend ends", trouble),
            (None, Some(Ok(())) | None) => return Ok(()),
        };
        self.kill_all();
        Err(error)
    }

    /// Runs the daemon until it is asked to stop.
    pub(in crate::supervisor) fn serve(&mut self) -> Result<(), StartError> {
        while !self.succession.is_stopping() {
            self.turn()?;
        }
        Ok(())
    }

    /// Lets the requests in flight be answered, for a bounded time, and ends all children.
    pub(in crate::supervisor) fn stop(&mut self) {
        if !self.succession.is_stopping() {
            self.succession.handle_stop(Instant::now());
        }
        self.notifier.handle_stop();
        self.carry_out();
        while !self.succession.is_over() && self.turn().is_ok() {}
        self.kill_all();
        let deadline = Instant::now() + KILL_TIME;
        while !self.workers.are_all_gone() && Instant::now() < deadline {
            if self.turn_until(Some(deadline)).is_err() {
                return;
            }
        }
    }

    /// Removes the files of the sockets, so that nobody comes any more.
    pub(in crate::supervisor) fn remove_sockets(&self) {
        self.endpoints.remove_files();
    }

    fn kill_all(&mut self) {
        self.frontends.kill_all();
        self.workers.kill_all();
    }

    fn turn(&mut self) -> Result<(), StartError> {
        self.turn_until(None)
    }

    /// Waits for something to happen and deals with it. What the children have said comes before any look at the
    /// clock: if this process itself was stopped for a while, their answers are here.
    fn turn_until(&mut self, deadline: Option<Instant>) -> Result<(), StartError> {
        let mut events = Events::with_capacity(64);
        let timeout = self.next_timeout(deadline).map(|due| due.saturating_duration_since(Instant::now()));
        match self.watch.poll.poll(&mut events, timeout) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => {
                return Err(StartError::System("The event loop failed", error));
            }
            _ => {}
        }
        let asked = self.watch.signals.take();
        let tokens = events.iter().map(mio::event::Event::token).filter(|token| *token != SIGNALS);
        self.frontends.note_readable(tokens);
        self.listen();
        self.reap();
        if asked.stop {
            self.succession.handle_stop(Instant::now());
            self.notifier.handle_stop();
        }
        if asked.reload {
            self.succession.handle_reload();
        }
        self.succession.handle_timeout(Instant::now());
        self.carry_out();
        self.tell_counts();
        self.change_log_level();
        self.notifier.handle_timeout(Instant::now());
        logging::retry(Instant::now());
        Ok(())
    }

    fn next_timeout(&self, deadline: Option<Instant>) -> Option<Instant> {
        let now = Instant::now();
        let log_retry = logging::pending(now).map(|wait| now + wait);
        let unheard = self.frontends.have_more_to_say().then_some(now);
        let counts = self.counters.next_timeout(now);
        let log_level = self.log_levels.next_timeout(now);
        let notify_retry = self.notifier.next_timeout();
        [self.succession.next_timeout(), log_retry, notify_retry, unheard, counts, log_level, deadline]
            .into_iter()
            .flatten()
            .min()
    }

    /// Passes on to the frontend that serves what others have counted.
    fn tell_counts(&mut self) {
        self.counters.note_draining(self.succession.draining());
        self.counters.note_dropped_lines(logging::take_dropped());
        if let Some((frontend, totals, daemon)) = self.counters.next_message(Instant::now()) {
            let message = ToFrontend::Totals(Box::new(totals), daemon);
            if let (false, ToFrontend::Totals(totals, _)) =
                (self.frontends.has_told(frontend, &message), message)
            {
                self.counters.take_back(&totals);
            }
        }
    }
}
