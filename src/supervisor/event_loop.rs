//! The loop of the supervisor: hears signals and its children, and does what the succession of frontends wants. It
//! never sees a client's byte.
#![forbid(unsafe_code)]

use super::children::{Role, Trouble, describe, obstacle, reason_of_death};
use super::counters::Counters;
use super::endpoints::{Endpoints, Occasion};
use super::frontends::{Ended, Frontends};
use super::log_levels::LogLevels;
use super::notify::{Notifier, Reloaded};
use super::settings::{self, Serving};
use super::signals::Signals;
use super::start_error::StartError;
use super::succession::{Command, FrontendId, KillReason, Notice, StartFailure, Succession};
use super::upgrade::UpgradeWatch;
use super::workers::Workers;
use crate::config::Config;
use crate::config::site::PoolId;
use crate::ipc::{FromFrontend, ToFrontend};
use crate::log as logging;
use crate::metrics::activity::Activity;
use crate::sys::spawn::Account;
use crate::sys::{process_tree, socket, time};
use log::Level;
use mio::{Events, Poll, Token};
use std::fmt;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::rc::Rc;
use std::time::{Duration, Instant};

/// How long killed workers may take to disappear.
const KILL_TIME: Duration = Duration::from_secs(5);

/// What a drain may take beyond the longest request: the margin is for the processes themselves.
const DRAIN_MARGIN: Duration = Duration::from_secs(5);

const SIGNALS: Token = Token(0);

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

/// What is outside of the daemon and concerns it as a whole.
pub(super) struct Surroundings {
    /// The service manager.
    pub(super) notifier: Notifier,
    /// The program on disk.
    pub(super) upgrade: UpgradeWatch,
}

/// The supervisor at work: its children and what is to become of them.
pub(super) struct EventLoop {
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
    pub(super) fn start(
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
    pub(super) fn announce_ready(&mut self, is_detached: bool) {
        self.notifier.handle_ready(is_detached);
    }

    /// Waits until logins are served.
    pub(super) fn await_ready(&mut self) -> Result<(), StartError> {
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
    pub(super) fn serve(&mut self) -> Result<(), StartError> {
        while !self.succession.is_stopping() {
            self.turn()?;
        }
        Ok(())
    }

    /// Lets the requests in flight be answered, for a bounded time, and ends all children.
    pub(super) fn stop(&mut self) {
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
    pub(super) fn remove_sockets(&self) {
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

    fn listen(&mut self) {
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
    fn change_log_level(&mut self) {
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
    fn reap(&mut self) {
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

    fn carry_out(&mut self) {
        while let Some(command) = self.succession.next_command() {
            match command {
                Command::ReadSettings => {
                    self.notifier.handle_reload_begins();
                    self.upgrade.look();
                    let settings = self.read_settings();
                    if settings.is_none() {
                        self.note_reload(Reloaded::Refused);
                    }
                    self.succession.handle_settings(settings, Instant::now());
                }
                Command::Start(id, serving) => self.start_frontend(id, &serving),
                Command::Accept(id) => self.let_accept(id),
                Command::Drain(id) => self.drain(id),
                Command::Stop(id) => {
                    self.frontends.tell(id, &ToFrontend::Drain { hurry: true, staying: Vec::new() });
                }
                Command::Ping(id) => self.frontends.tell(id, &ToFrontend::Ping),
                Command::Kill(id, reason) => self.kill_frontend(id, reason),
                Command::Log(notice) => self.note(notice),
            }
        }
    }

    /// The flags stay as they are; what they name is looked at again. New sockets are made here, and go again with what
    /// is returned if that is not used.
    fn read_settings(&mut self) -> Option<Rc<Serving>> {
        let refused = |reason: &dyn fmt::Display| {
            log::error!(target: "supervisor", "The new configuration is not used: {reason}");
        };
        let settings = settings::read(&self.config);
        let settings =
            settings.map_err(|problems| problems.iter().for_each(|problem| refused(problem))).ok()?;
        let opened =
            self.endpoints.open(&settings.site.endpoints, self.config.control.as_ref(), Occasion::Reload);
        let listening = opened.map_err(|error| refused(&error)).ok()?;
        Some(Rc::new(Serving { settings, listening, configured: time::seconds_since_epoch() }))
    }

    fn note(&mut self, notice: Notice) {
        match notice {
            Notice::TookOver => self.note_reload(Reloaded::InUse),
            Notice::SuccessorFailed => self.note_reload(Reloaded::Refused),
            Notice::ReloadWaits => {}
        }
        write(notice);
    }

    /// A reload has ended; the notice is for the log.
    fn note_reload(&mut self, reloaded: Reloaded) {
        self.counters.note_reload(reloaded == Reloaded::InUse);
        self.notifier.handle_reload_ends(reloaded);
    }

    fn start_frontend(&mut self, id: FrontendId, serving: &Serving) {
        if let Err(error) = self.frontends.start(id, &self.config, serving) {
            let reason = obstacle(&error);
            log::error!(target: "supervisor", "The frontend cannot be started: {reason}");
            self.trouble = Some(Trouble::NotStarted(Role::Frontend, reason));
            self.succession.handle_ended(id, Instant::now());
            return;
        }
        self.workers.note_site(id, Rc::clone(&serving.settings.site));
    }

    /// Tells the old frontend to hand its silent connections over to the one that is let in next.
    fn drain(&mut self, id: FrontendId) {
        let staying = self.succession.settings().listening.iter().map(|next| next.listener().key.clone());
        let message = ToFrontend::Drain { hurry: false, staying: staying.collect() };
        match socket::pair() {
            Ok((from, to)) => {
                self.frontends.hand_over(id, &message, from.as_fd());
                self.handover = Some(to);
            }
            // Without one it waits until they have asked.
            Err(_) => self.frontends.tell(id, &message),
        }
    }

    fn let_accept(&mut self, id: FrontendId) {
        for listening in &self.succession.settings().listening {
            if let Err(error) = listening.apply() {
                log::error!(target: "supervisor", "{error}");
            }
        }
        self.counters.begin_serving(id, self.succession.settings().configured);
        self.tell_counts();
        match self.handover.take() {
            Some(socket) => self.frontends.hand_over(id, &ToFrontend::Accept, socket.as_fd()),
            None => self.frontends.tell(id, &ToFrontend::Accept),
        }
    }

    fn kill_frontend(&mut self, id: FrontendId, reason: KillReason) {
        let level = if reason == KillReason::Stopping { Level::Debug } else { Level::Error };
        let pid = self.frontends.pid_of(id).unwrap_or_default();
        log::log!(target: "supervisor", level, "Frontend {pid} is killed: {reason}");
        self.frontends.kill(id);
        self.workers.kill_those_of(id);
    }
}

fn write(notice: Notice) {
    match notice {
        Notice::TookOver => {
            log::info!(target: "supervisor", "The configuration was read again; a new frontend has taken over");
        }
        Notice::ReloadWaits => {
            log::info!(
                target: "supervisor",
                "The configuration will be read again when an earlier reload is complete"
            );
        }
        Notice::SuccessorFailed => {
            log::error!(
                target: "supervisor",
                "The new configuration is not used: its frontend did not become ready"
            );
        }
    }
}
