#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use super::testing::{SECOND, failure, named, numbered, pool, server};
use super::*;
use crate::config::ServerOrder;
use crate::net::exchange::{Address, Server, Sharing, TlsMode};
use crate::policy::origin::Origin;

const MILLISECOND: Duration = Duration::from_millis(1);
const POOL: PoolId = PoolId(0);

fn anna() -> Origin {
    Origin::client(1000, b"anna", None)
}

/// A upstream, its clock, and what it has ordered.
struct Scene {
    manager: UpstreamManager,
    pool: Rc<PoolSettings>,
    now: Instant,
    last_question: u64,
    /// Server and connection.
    opened: Vec<(usize, ConnectionId)>,
    asked: Vec<(ConnectionId, u64)>,
    abandoned: Vec<(ConnectionId, u64)>,
    closed: Vec<ConnectionId>,
    given_up: Vec<(u64, Failure)>,
    lookups: usize,
    events: Vec<Event>,
}

impl Scene {
    fn new(pool: PoolSettings) -> Self {
        Self {
            manager: UpstreamManager::new(10 * SECOND),
            pool: Rc::new(pool),
            now: Instant::now(),
            last_question: 0,
            opened: Vec::new(),
            asked: Vec::new(),
            abandoned: Vec::new(),
            closed: Vec::new(),
            given_up: Vec::new(),
            lookups: 0,
            events: Vec::new(),
        }
    }

    fn with(servers: u16, sharing: Sharing) -> Self {
        Self::new(PoolSettings { sharing, ..pool((0..servers).map(numbered).collect()) })
    }

    fn carry_out(&mut self) {
        while let Some(command) = self.manager.next_command() {
            match command {
                Command::Resolve { .. } => self.lookups += 1,
                Command::Open { connection, server, .. } => self.opened.push((server, connection)),
                Command::Ask(connection, QuestionId(question)) => self.asked.push((connection, question)),
                Command::Abandon(connection, QuestionId(question)) => {
                    self.abandoned.push((connection, question));
                }
                Command::Close(connection) => self.closed.push(connection),
                Command::GiveUp(QuestionId(question), failure) => self.given_up.push((question, failure)),
                Command::Log(event) => self.events.push(event),
            }
        }
    }

    fn ask(&mut self) -> u64 {
        self.last_question += 1;
        let deadline = self.now + 30 * SECOND;
        self.manager.ask(QuestionId(self.last_question), &anna(), POOL, &self.pool, deadline, self.now);
        self.carry_out();
        self.last_question
    }

    fn ask_times(&mut self, times: usize) {
        for _ in 0..times {
            self.ask();
        }
    }

    /// The connection opened last and not told of yet; and to which server.
    fn opened(&mut self) -> (usize, ConnectionId) {
        assert_eq!(self.opened.len(), 1, "one connection is opened");
        self.opened.remove(0)
    }

    /// The one question asked on it.
    fn asked(&mut self) -> (ConnectionId, u64) {
        assert_eq!(self.asked.len(), 1, "one question is asked");
        self.asked.remove(0)
    }

    /// A session that waits for no greeting.
    fn make_ready(&mut self, connection: ConnectionId) {
        self.manager.handle_stage(connection, Stage::Opening, self.now);
        self.manager.handle_ready(connection, false, self.now);
        self.carry_out();
    }

    fn answer(&mut self, connection: ConnectionId, question: u64) {
        assert!(self.manager.handle_answer(connection, QuestionId(question), Ok(()), self.now));
        self.carry_out();
    }

    fn refuse(&mut self, connection: ConnectionId) {
        self.fail(connection, "refused");
    }

    fn fail(&mut self, connection: ConnectionId, reason: &str) {
        self.manager.handle_broken(connection, failure(reason), self.now);
        self.carry_out();
    }

    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(due) = self.manager.next_timeout().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            self.manager.handle_timeout(self.now);
            self.carry_out();
        }
        self.now = end;
    }

    /// Asks and has it answered over a new connection, which stays open.
    fn warm_up(&mut self) -> ConnectionId {
        let question = self.ask();
        let (_, connection) = self.opened();
        self.make_ready(connection);
        assert_eq!(self.asked(), (connection, question));
        self.answer(connection, question);
        connection
    }

    /// Asks and has it answered over that connection.
    fn warm(&mut self, connection: ConnectionId) {
        let question = self.ask();
        self.answer(connection, question);
    }

    fn found(&mut self, host: &str, service: &str, found: Result<Vec<SocketAddr>, String>) {
        self.manager.handle_addresses(host, service, found, self.now);
        self.carry_out();
    }

    fn failures(&self) -> usize {
        self.events.iter().filter(|event| matches!(event, Event::Failed(..))).count()
    }

    fn recoveries(&self) -> usize {
        self.events.iter().filter(|event| matches!(event, Event::Recovered(_))).count()
    }
}

mod addresses;
mod deadlines;
mod failures;
mod observation;
mod second_tries;
mod sharing;
