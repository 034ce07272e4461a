//! Which question goes over which connection, to which server, and what happens when one fails.
//!
//! Pure: events and `now` go in through the `handle_…` methods, [`Command`]s come out of [`UpstreamManager::next_command`].
//!
//! - A question waits in its pool's queue, in turn by user and login, and takes the first connection that is free for it;
//!   connections are opened as the queue needs them (`waiting`, `connection_pool`, `opening`).
//! - A server that cannot be connected to, or that lets nobody come so far that something could be asked, is left
//!   alone for a time that grows with each failure in a row. When that is over and its pool is used, a connection
//!   without a question finds out whether it is back; then it gets one question at a time until it answers (`health`).
//!   While all servers of a pool are known to fail, questions are given up at once.
//! - A question over which a connection breaks, or that is not answered, never does that to its server: the login may
//!   be the reason. Another server is preferred to one that has left a request unanswered or is silent for a second
//!   (`in_flight`), but a server that has no equal is asked on.
//! - A question tries each server once. If a used connection breaks under it, or is silent while a fresh one can be
//!   opened, it is asked once more on the fresh one, unless a part of its answer has come (`failing`, `second_try`).
//!
//! An event about a connection or question that is not known any more is out of date and changes nothing. Numbers of the
//! machine's own always lead to something (`certain`).
#![forbid(unsafe_code)]

mod addresses;
mod asking;
mod certain;
mod command;
mod connection;
mod connection_pool;
mod failing;
mod health;
mod in_flight;
mod observation;
mod opening;
mod pace;
mod queue;
mod second_try;
mod servers;
#[cfg(any(test, feature = "simulation"))]
pub(crate) mod simulation;
#[cfg(any(test, feature = "simulation"))]
mod testing;
#[cfg(test)]
mod tests;
mod timeouts;
mod waiting;

pub use command::{Command, ConnectionId, Event, Stage, Target};

use crate::net::exchange::{Failure, FailureKind, PoolId, PoolSettings, QuestionId};
use crate::policy::origin::Origin;
use connection::Connection;
use connection_pool::ConnectionPool;
use health::Evidence;
use queue::{GroupKey, SequenceNumber};
use servers::Servers;
use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// A pool that nobody has used for so long is forgotten, and with it what is known of its servers.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(600);

struct Question {
    origin: Origin,
    pool: PoolId,
    deadline: Instant,
    sequence_number: SequenceNumber,
    group: GroupKey,
    state: State,
    /// When its timer rings.
    due: Instant,
    /// Whether it has had its second try on a fresh connection to the server that it is with.
    was_asked_again: bool,
    /// Why the last server that it tried has not answered.
    failure: Option<Failure>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// In the queue of its pool.
    Waiting,
    /// A fresh connection is being opened for it.
    Reserved(ConnectionId),
    Asked {
        connection: ConnectionId,
        at: Instant,
        /// Whether the caller has been told to ask it.
        is_commanded: bool,
        /// Whether a part of its answer has come: then the server has it, and need not be asked again.
        is_seen: bool,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    /// It is to be given up, or asked elsewhere.
    Question(QuestionId),
    /// Its stage takes too long, or it was idle for long.
    Connection(ConnectionId),
    /// Perhaps it is dead.
    Silence(ConnectionId),
    /// Perhaps it is not used any more.
    Pool(PoolId),
}

/// All questions without an answer and all connections.
pub struct UpstreamManager {
    servers: Servers,
    pools: HashMap<PoolId, ConnectionPool>,
    questions: HashMap<QuestionId, Question>,
    connections: HashMap<ConnectionId, Connection>,
    timers: BTreeSet<(Instant, Timer)>,
    /// Pools in which something may have to be done for those who wait.
    unsettled: BTreeSet<PoolId>,
    commands: VecDeque<Command>,
    /// Connections that the caller has yet to be told to close.
    closing: HashSet<ConnectionId>,
    last_connection: u64,
    last_sequence_number: u64,
    last_release: u64,
}

impl UpstreamManager {
    /// Nothing asked, nothing connected. A server that fails is left alone for up to `retry_interval`.
    pub fn new(retry_interval: Duration) -> Self {
        Self {
            servers: Servers::new(retry_interval),
            pools: HashMap::new(),
            questions: HashMap::new(),
            connections: HashMap::new(),
            timers: BTreeSet::new(),
            unsettled: BTreeSet::new(),
            commands: VecDeque::new(),
            closing: HashSet::new(),
            last_connection: 0,
            last_sequence_number: 0,
            last_release: 0,
        }
    }

    /// A question for any connection of the pool, to be given up at the deadline. The pool of a number stays the
    /// same.
    pub fn ask(
        &mut self,
        question: QuestionId,
        origin: &Origin,
        id: PoolId,
        pool: &Rc<PoolSettings>,
        deadline: Instant,
        now: Instant,
    ) {
        if deadline <= now {
            let failure = Failure::new(FailureKind::Internal, "no time is left to ask a server");
            return self.commands.push_back(Command::GiveUp(question, failure));
        }
        self.enter(id, pool, now);
        let awaits_probe = self.attend(id, now);
        self.last_sequence_number += 1;
        let asked = Question {
            origin: origin.clone(),
            pool: id,
            deadline,
            sequence_number: SequenceNumber(self.last_sequence_number),
            group: GroupKey { awaits_probe, ..GroupKey::default() },
            state: State::Waiting,
            due: deadline,
            was_asked_again: false,
            failure: None,
        };
        self.questions.insert(question, asked);
        self.timers.insert((deadline, Timer::Question(question)));
        self.enqueue(question);
        self.settle(now);
    }

    /// Whether it waits for a connection and has not been asked.
    pub fn is_waiting(&self, question: QuestionId) -> bool {
        self.questions.get(&question).is_some_and(|question| question.state == State::Waiting)
    }

    /// Nobody waits for the answer any more.
    pub fn abandon(&mut self, question: QuestionId, now: Instant) {
        self.detach(question, now);
        self.forget(question);
        self.settle(now);
    }

    /// What [`Command::Resolve`] found, or why nothing. Each such command must be answered.
    pub fn handle_addresses(
        &mut self,
        host: &str,
        service: &str,
        found: Result<Vec<SocketAddr>, String>,
        now: Instant,
    ) {
        self.servers.handle_addresses(host, service, &found, now);
        self.settle(now);
    }

    /// The connection has reached a stage before [`Self::handle_ready`].
    pub fn handle_stage(&mut self, connection: ConnectionId, stage: Stage, now: Instant) {
        let Some(known) = self.connections.get_mut(&connection) else { return };
        debug_assert!(!known.is_ready() && stage != Stage::Ready, "stages are gone through once");
        known.enter(stage, now);
        self.time_stage(connection);
        self.settle(now);
    }

    /// What comes next on the connection is a worker's to say, which may take long for this reason; with `None` it has said it.
    pub fn handle_wait(&mut self, connection: ConnectionId, reason: Option<&'static str>) {
        if let Some(known) = self.connections.get_mut(&connection) {
            known.waits_because = reason;
        }
    }

    /// Questions can be asked. `has_greeted`: the server has said something for that, so that it is known to live.
    pub fn handle_ready(&mut self, connection: ConnectionId, has_greeted: bool, now: Instant) {
        let Some(known) = self.connections.get_mut(&connection) else { return };
        debug_assert!(!known.is_ready(), "a connection becomes ready once");
        known.has_greeted = has_greeted;
        known.enter(Stage::Ready, now);
        self.begin_service(connection, now);
        self.settle(now);
    }

    /// A part of the answer to the question has come.
    pub fn handle_begun(&mut self, connection: ConnectionId, question: QuestionId, now: Instant) {
        if let Some(Question { state: State::Asked { connection: on, is_seen, .. }, .. }) =
            self.questions.get_mut(&question)
        {
            *is_seen |= *on == connection;
        }
        self.note_heard(connection, now);
        self.settle(now);
    }

    /// The question is answered, or the server says that it cannot answer it; then another server is asked. `true`
    /// if the answer counts: it is for the exchange.
    pub fn handle_answer(
        &mut self,
        connection: ConnectionId,
        question: QuestionId,
        answered: Result<(), Failure>,
        now: Instant,
    ) -> bool {
        let asked_at = self.asked_at(connection, question);
        self.note_heard(connection, now);
        let Some(known) = self.connections.get_mut(&connection) else { return false };
        known.was_used = true;
        let (pool, index, server) = (known.pool, known.index, known.server);
        let began = asked_at.unwrap_or(known.began);
        self.servers.note_life(known.server, &known.target, Evidence::Answer, began, now);
        if let Some(at) = asked_at {
            self.with_server_pool(pool, index, |server_pool| server_pool.pace.note(now - at, now));
        }
        let counts = asked_at.is_some();
        if counts {
            match &answered {
                Ok(()) => {
                    self.servers.note_answered(server);
                    self.forget(question);
                }
                Err(failure) => {
                    self.servers.note_failed(server, 1);
                    self.try_elsewhere(question, index, failure, now);
                }
            }
            self.release(connection, question, now);
        }
        self.settle(now);
        counts && answered.is_ok()
    }

    /// The session takes no further question.
    pub fn handle_finished(&mut self, connection: ConnectionId, now: Instant) {
        self.finish(connection, now);
        self.settle(now);
    }

    /// The connection is broken or was closed by the server.
    pub fn handle_broken(&mut self, connection: ConnectionId, failure: Failure, now: Instant) {
        self.closing.remove(&connection);
        self.lose(connection, &failure, now);
        self.settle(now);
    }

    /// The connection could not even be begun, for want of something on this machine: that says nothing of the server.
    pub fn handle_shortage(&mut self, connection: ConnectionId, failure: Failure, now: Instant) {
        self.lack(connection, &failure);
        self.settle(now);
    }

    /// The time that [`Self::next_timeout`] named has come.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.servers.handle_timeout(now);
        while let Some(&(due, timer)) = self.timers.first().filter(|(due, _)| *due <= now) {
            self.timers.remove(&(due, timer));
            match timer {
                Timer::Question(question) => self.time_out_question(question, now),
                Timer::Connection(connection) => self.time_out_connection(connection, now),
                Timer::Silence(connection) => self.look_at_silence(connection, now),
                Timer::Pool(pool) => self.retire(pool, now),
            }
        }
        self.settle(now);
    }

    /// When [`Self::handle_timeout`] must be called at the latest.
    pub fn next_timeout(&self) -> Option<Instant> {
        let timer = self.timers.first().map(|(due, _)| *due);
        [timer, self.servers.next_timeout()].into_iter().flatten().min()
    }

    /// The next thing to do.
    pub fn next_command(&mut self) -> Option<Command> {
        if let Some(command) = self.servers.next_command() {
            return Some(command);
        }
        while let Some(command) = self.commands.pop_front() {
            let is_current = self.is_current(&command);
            self.note_given(&command);
            if is_current {
                return Some(command);
            }
        }
        None
    }

    /// Whether nothing has happened to a connection since the command was thought of: while the caller carries out
    /// one command, a connection of another may break.
    fn is_current(&self, command: &Command) -> bool {
        match command {
            Command::Open { connection, .. } | Command::Abandon(connection, _) => {
                self.connections.contains_key(connection)
            }
            Command::Ask(to, question) => {
                let state = self.questions.get(question).map(|question| question.state);
                matches!(state, Some(State::Asked { connection, is_commanded: false, .. }) if connection == *to)
            }
            Command::Close(connection) => self.closing.contains(connection),
            Command::Resolve { .. } | Command::GiveUp(..) | Command::Log(_) => true,
        }
    }

    /// The command is off the queue, given to the caller or out of date.
    fn note_given(&mut self, command: &Command) {
        match command {
            // What was never opened need not be closed.
            Command::Open { connection, .. } if self.connections.contains_key(connection) => {}
            Command::Open { connection, .. } | Command::Close(connection) => {
                self.closing.remove(connection);
            }
            Command::Ask(to, question) => {
                if let Some(Question { state: State::Asked { connection, is_commanded, .. }, .. }) =
                    self.questions.get_mut(question)
                {
                    *is_commanded |= connection == to;
                }
            }
            _ => {}
        }
    }
}
