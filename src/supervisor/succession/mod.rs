//! Which frontend serves: the first one, who follows one that dies, who takes over after a reload, and the end of all.
//!
//! Pure: events and `now` go in through the `handle_…` methods, [`Command`]s come out of [`Succession::next_command`],
//! and [`Succession::handle_timeout`] is due when [`Succession::next_timeout`] has come.
//!
//! ```text
//! first, or after a death:   Start ─► current: Accept ─► ready ─► dies, or is silent and killed ─► Start …
//! reload:   ReadSettings ─► Start ─► successor ─► ready ─► current; the old one: Drain ─► closed ─► ended
//!                                                 Accept, once the old one is closed ◄──┘
//! ```
#![forbid(unsafe_code)]

mod command;
mod frontend;
mod heartbeat;
mod leaving;
#[cfg(any(test, feature = "simulation"))]
pub(crate) mod simulation;
#[cfg(test)]
mod tests;

pub(super) use command::{Command, FrontendId, KillReason, Notice, StartFailure};

use crate::policy::pool::backoff::Backoff;
use frontend::{Frontend, Stage};
use heartbeat::{Beat, Heartbeat, INTERVAL, SHORTEST_INTERVAL};
use leaving::Leaving;
use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

/// How long a frontend may take to get its first worker ready.
pub(super) const START_TIME: Duration = Duration::from_secs(30);
/// How long a frontend may take to stop accepting connections before the next one may.
pub(super) const CLOSE_TIME: Duration = Duration::from_secs(5);
/// How long a frontend must have served for its death to be the first of a row.
const PROVEN: Duration = Duration::from_secs(10);
/// How many frontends may end before the first is ready.
const MAX_FAILED_STARTS: u32 = 3;
/// How many frontends may drain at a time before a further reload has to wait: each has its own workers.
pub(super) const MAX_DRAINING: usize = 4;
/// How long requests in flight may take when the daemon is stopped.
const STOP_TIME: Duration = Duration::from_secs(5);
/// How long killed frontends may take to disappear.
const KILL_TIME: Duration = Duration::from_secs(5);

/// All frontends there are and what each is there for. `S` is what a frontend is set up with.
pub(super) struct Succession<S> {
    phase: Phase,
    /// What has been proved to serve last; a frontend that dies is replaced with it.
    settings: S,
    /// Takes the connections.
    current: Option<Frontend<S>>,
    /// When there is to be a current one again.
    restart_at: Option<Instant>,
    /// Takes over when it is ready.
    successor: Option<Frontend<S>>,
    /// Those that are to end.
    leaving: BTreeMap<FrontendId, Leaving>,
    reload: Reload,
    /// The longest that a frontend may take over its last requests.
    drain_time: Duration,
    /// How often the current one is asked for a sign of life.
    ping_interval: Duration,
    backoff: Backoff,
    last: usize,
    commands: VecDeque<Command<S>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// No login was served yet.
    Starting {
        failed: u32,
    },
    NotStarted(StartFailure),
    Serving,
    /// Whatever is left then is killed.
    Stopping {
        kill_at: Instant,
    },
    /// All is killed; what has not disappeared then never will.
    Killing {
        over_at: Instant,
    },
    Over,
}

/// How far a reload is that has no successor yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reload {
    NotAsked,
    /// The files are to be read; that has not begun, so whoever asks now is served by it.
    Reading,
    /// Another is under way, with files that were read before this one was asked for.
    Waiting,
}

impl<S: Clone> Succession<S> {
    /// Starts the first frontend. `drain_time`: the longest that a request may take, from the connection to its reply.
    pub(super) fn new(settings: S, drain_time: Duration, now: Instant) -> Self {
        let mut succession = Self {
            phase: Phase::Starting { failed: 0 },
            settings,
            current: None,
            restart_at: None,
            successor: None,
            leaving: BTreeMap::new(),
            reload: Reload::NotAsked,
            drain_time,
            ping_interval: INTERVAL,
            backoff: Backoff::default(),
            last: 0,
            commands: VecDeque::new(),
        };
        succession.start_current(now);
        succession
    }

    /// Asks the current frontend for a sign of life so often that its answer is known in such a time, twice if need be.
    pub(super) fn answer_within(&mut self, time: Duration) {
        self.ping_interval = (time / 3).clamp(SHORTEST_INTERVAL, INTERVAL);
    }

    /// Whether it is the one that takes the connections.
    pub(super) fn is_current(&self, id: FrontendId) -> bool {
        self.current.as_ref().is_some_and(|current| current.id == id)
    }

    /// How the start went, once that is known.
    pub(super) fn started(&self) -> Option<Result<(), StartFailure>> {
        match self.phase {
            Phase::Starting { .. } => None,
            Phase::NotStarted(failure) => Some(Err(failure)),
            Phase::Serving | Phase::Stopping { .. } | Phase::Killing { .. } | Phase::Over => Some(Ok(())),
        }
    }

    /// What the frontend that takes the connections was started with, and the next will be if it dies.
    pub(super) fn settings(&self) -> &S {
        &self.settings
    }

    /// Whether the daemon has been asked to stop.
    pub(super) fn is_stopping(&self) -> bool {
        matches!(self.phase, Phase::Stopping { .. } | Phase::Killing { .. } | Phase::Over)
    }

    /// How many frontends still answer what they have taken.
    pub(super) fn draining(&self) -> usize {
        self.leaving.values().filter(|leaving| !leaving.is_killed()).count()
    }

    /// Whether no frontend is left, or none that could still be got rid of.
    pub(super) fn is_over(&self) -> bool {
        self.phase == Phase::Over
    }

    /// The next thing to do.
    pub(super) fn next_command(&mut self) -> Option<Command<S>> {
        self.commands.pop_front()
    }

    /// The files are to be read again and to be used from then on.
    pub(super) fn handle_reload(&mut self) {
        match (self.phase, self.reload) {
            (Phase::Starting { .. }, _) => self.reload = Reload::Waiting,
            (Phase::Serving, Reload::NotAsked) if !self.can_reload() => {
                self.reload = Reload::Waiting;
                self.commands.push_back(Command::Log(Notice::ReloadWaits));
            }
            (Phase::Serving, Reload::NotAsked) => self.read_settings(),
            (Phase::Serving, Reload::Reading | Reload::Waiting) => {}
            (Phase::NotStarted(_) | Phase::Stopping { .. } | Phase::Killing { .. } | Phase::Over, _) => {}
        }
    }

    /// The files were read; `None` if they cannot be used.
    pub(super) fn handle_settings(&mut self, settings: Option<S>, now: Instant) {
        debug_assert!(self.reload == Reload::Reading && self.successor.is_none());
        self.reload = Reload::NotAsked;
        if self.phase == Phase::Serving {
            self.successor = settings.map(|settings| self.start(settings, now));
        }
    }

    /// A frontend has said something, whatever it was.
    pub(super) fn handle_heard(&mut self, id: FrontendId, now: Instant) {
        match self.current.as_mut().filter(|current| current.id == id).map(|current| &mut current.stage) {
            Some(Stage::Ready { heartbeat, .. }) => heartbeat.handle_heard(now),
            Some(Stage::Starting { .. }) => {}
            None => {
                if let Some(leaving) = self.leaving.get_mut(&id) {
                    leaving.handle_heard(now);
                }
            }
        }
    }

    /// A frontend can serve logins.
    pub(super) fn handle_ready(&mut self, id: FrontendId, now: Instant) {
        if let Some(successor) = self.successor.take_if(|successor| successor.id == id) {
            self.take_over(successor, now);
        }
        let Some(current) = self.current.as_mut().filter(|current| current.id == id) else { return };
        if matches!(current.stage, Stage::Starting { .. }) {
            current.stage = Stage::Ready { since: now, heartbeat: Heartbeat::new(self.ping_interval, now) };
        }
        if matches!(self.phase, Phase::Starting { .. }) {
            self.phase = Phase::Serving;
            self.reload_if_waiting();
        }
    }

    fn take_over(&mut self, successor: Frontend<S>, now: Instant) {
        self.restart_at = None;
        self.settings = successor.settings.clone();
        if let Some(old) = self.current.replace(successor) {
            self.commands.push_back(Command::Drain(old.id));
            self.leaving.insert(old.id, Leaving::new(old.accepts, now, self.drain_time));
        }
        self.let_current_accept();
        self.commands.push_back(Command::Log(Notice::TookOver));
        self.reload_if_waiting();
    }

    /// A frontend takes no connections any more.
    pub(super) fn handle_closed(&mut self, id: FrontendId, now: Instant) {
        if let Some(leaving) = self.leaving.get_mut(&id) {
            leaving.handle_closed(now);
            self.let_current_accept();
        }
    }

    /// A frontend has ended, or could not be started. Returns whether it was to end.
    pub(super) fn handle_ended(&mut self, id: FrontendId, now: Instant) -> bool {
        if self.leaving.remove(&id).is_some() {
            self.let_current_accept();
            self.reload_if_waiting();
            self.end_if_alone();
            return true;
        }
        if let Some(current) = self.current.take_if(|current| current.id == id) {
            self.plan_restart(&current, now);
        } else if self.successor.take_if(|successor| successor.id == id).is_some() {
            self.handle_successor_failed();
        }
        false
    }

    /// The daemon is to stop: what is in flight gets a bounded time. Said twice: at once.
    pub(super) fn handle_stop(&mut self, now: Instant) {
        match self.phase {
            Phase::Starting { .. } => self.phase = Phase::NotStarted(StartFailure::Stopped),
            Phase::Serving => self.stop(now),
            Phase::Stopping { .. } => self.kill_all(now),
            Phase::NotStarted(_) | Phase::Killing { .. } | Phase::Over => {}
        }
    }

    /// The time that [`Self::next_timeout`] named has come.
    pub(super) fn handle_timeout(&mut self, now: Instant) {
        self.watch_current(now);
        self.watch_successor(now);
        self.watch_leaving(now);
        if self.restart_at.is_some_and(|due| due <= now) {
            self.start_current(now);
        }
        match self.phase {
            Phase::Stopping { kill_at } if kill_at <= now => self.kill_all(now),
            Phase::Killing { over_at } if over_at <= now => self.phase = Phase::Over,
            _ => {}
        }
    }

    /// When [`Self::handle_timeout`] must be called at the latest.
    pub(super) fn next_timeout(&self) -> Option<Instant> {
        let phase = match self.phase {
            Phase::Stopping { kill_at: due } | Phase::Killing { over_at: due } => Some(due),
            _ => None,
        };
        let serving =
            self.current.iter().chain(&self.successor).map(|frontend| frontend.stage.next_timeout());
        let leaving = self.leaving.values().filter_map(Leaving::next_timeout);
        serving.chain(leaving).chain(self.restart_at).chain(phase).min()
    }

    fn start(&mut self, settings: S, now: Instant) -> Frontend<S> {
        self.last += 1;
        let id = FrontendId(self.last);
        self.commands.push_back(Command::Start(id, settings.clone()));
        Frontend { id, settings, stage: Stage::Starting { until: now + START_TIME }, accepts: false }
    }

    fn start_current(&mut self, now: Instant) {
        debug_assert!(self.current.is_none());
        self.restart_at = None;
        self.current = Some(self.start(self.settings.clone(), now));
        self.let_current_accept();
    }

    /// Two must never accept at a time: clients would get answers by old settings and by new ones.
    fn let_current_accept(&mut self) {
        if self.leaving.values().any(Leaving::may_accept) {
            return;
        }
        if let Some(current) = self.current.as_mut().filter(|current| !current.accepts) {
            current.accepts = true;
            self.commands.push_back(Command::Accept(current.id));
        }
    }

    fn plan_restart(&mut self, ended: &Frontend<S>, now: Instant) {
        if let Phase::Starting { failed } = &mut self.phase {
            *failed += 1;
            if *failed >= MAX_FAILED_STARTS {
                self.phase = Phase::NotStarted(StartFailure::KeptDying);
                return;
            }
        }
        if matches!(ended.stage, Stage::Ready { since, .. } if now.duration_since(since) >= PROVEN) {
            self.backoff.handle_success();
        }
        self.backoff.handle_death(now);
        self.restart_at = Some(self.backoff.next_start(now));
    }

    fn handle_successor_failed(&mut self) {
        self.commands.push_back(Command::Log(Notice::SuccessorFailed));
        self.reload_if_waiting();
    }

    /// One after the other, and not more of them than can drain at a time.
    fn can_reload(&self) -> bool {
        self.phase == Phase::Serving && self.successor.is_none() && self.draining() < MAX_DRAINING
    }

    fn reload_if_waiting(&mut self) {
        if self.reload == Reload::Waiting && self.can_reload() {
            self.read_settings();
        }
    }

    fn read_settings(&mut self) {
        self.reload = Reload::Reading;
        self.commands.push_back(Command::ReadSettings);
    }

    fn watch_current(&mut self, now: Instant) {
        let Some(current) = &mut self.current else { return };
        match current.stage.handle_timeout(now) {
            Ok(Beat::Nothing) => {}
            Ok(Beat::Ask) => self.commands.push_back(Command::Ping(current.id)),
            Ok(Beat::Silent) => self.kill_current(KillReason::Silent, now),
            Err(reason) if matches!(self.phase, Phase::Starting { .. }) => {
                self.phase = Phase::NotStarted(StartFailure::NotReady);
                self.commands.push_back(Command::Kill(current.id, reason));
            }
            Err(reason) => self.kill_current(reason, now),
        }
    }

    /// The next one does not wait until this one has disappeared, which takes long for one that the kernel holds.
    fn kill_current(&mut self, reason: KillReason, now: Instant) {
        if let Some(current) = self.current.take() {
            self.kill(current.id, reason);
            self.plan_restart(&current, now);
        }
    }

    fn watch_successor(&mut self, now: Instant) {
        let late = self.successor.take_if(|successor| successor.stage.handle_timeout(now).is_err());
        if let Some(successor) = late {
            self.kill(successor.id, KillReason::NotReady);
            self.handle_successor_failed();
        }
    }

    fn watch_leaving(&mut self, now: Instant) {
        for (id, leaving) in &mut self.leaving {
            match leaving.handle_timeout(now) {
                Ok(Beat::Ask) => self.commands.push_back(Command::Ping(*id)),
                Ok(Beat::Nothing | Beat::Silent) => {}
                Err(reason) => self.commands.push_back(Command::Kill(*id, reason)),
            }
        }
        self.let_current_accept();
        self.reload_if_waiting();
    }

    fn kill(&mut self, id: FrontendId, reason: KillReason) {
        self.leaving.insert(id, Leaving::Killed);
        self.commands.push_back(Command::Kill(id, reason));
    }

    fn stop(&mut self, now: Instant) {
        let kill_at = now + STOP_TIME;
        self.phase = Phase::Stopping { kill_at };
        self.restart_at = None;
        if let Some(successor) = self.successor.take() {
            self.kill(successor.id, KillReason::Stopping);
        }
        if let Some(current) = self.current.take() {
            self.leaving.insert(current.id, Leaving::new(false, now, self.drain_time));
        }
        let alive = self.leaving.iter().filter(|(_, leaving)| !leaving.is_killed());
        self.commands.extend(alive.map(|(id, _)| Command::Stop(*id)));
        self.end_if_alone();
    }

    fn kill_all(&mut self, now: Instant) {
        self.phase = Phase::Killing { over_at: now + KILL_TIME };
        for (id, leaving) in self.leaving.iter_mut().filter(|(_, leaving)| !leaving.is_killed()) {
            *leaving = Leaving::Killed;
            self.commands.push_back(Command::Kill(*id, KillReason::Stopping));
        }
        self.end_if_alone();
    }

    fn end_if_alone(&mut self) {
        if matches!(self.phase, Phase::Stopping { .. } | Phase::Killing { .. }) && self.leaving.is_empty() {
            self.phase = Phase::Over;
        }
    }
}
