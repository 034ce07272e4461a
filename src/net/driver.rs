//! The effects half of `net`: sockets, TLS and time for the exchanges of one mechanism.
//!
//! The [`Switchboard`] decides which question goes where; here is what carries it there and back.
#![forbid(unsafe_code)]

use super::connection::{Connection, Progress};
use super::socket::Socket;
use super::switchboard::{Event, Order, Stage, Switchboard, Target};
use super::tls::{self, Contexts};
use super::{ConnectionId, Network, NetworkAction, Wiring};
use crate::config::NetworkSettings;
use crate::credentials::Credentials;
use crate::errand::{Errand, ErrandId, ErrandResult};
use crate::mech::MechanismError;
use crate::mech::remote::{
    Exchange, Failure, FailureKind, LaneId, Protocol, QuestionId, Session, SessionEvent, Step, TlsMode,
};
use crate::pool::JobId;
use crate::secret::Secret;
use crate::strerror::strerror;
use openssl::ssl::Ssl;
use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

/// Makes a mechanism ready to be asked by the event loop.
///
/// # Errors
/// When a certificate, key or list of ciphers that one of [`Protocol::lanes`] names cannot be used.
pub fn drive<P: Protocol>(
    protocol: P,
    settings: &NetworkSettings,
    wiring: Wiring,
) -> Result<Box<dyn Network>, MechanismError> {
    Ok(Box::new(Driver::new(protocol, settings, wiring)?))
}

/// All logins of one mechanism that are being decided, and all its connections.
pub struct Driver<P: Protocol> {
    protocol: P,
    wiring: Wiring,
    total_timeout: Duration,
    switchboard: Switchboard,
    contexts: Contexts,
    connections: HashMap<ConnectionId, Connection<P::Session>>,
    logins: HashMap<JobId, Login<P::Exchange>>,
    questions: HashMap<QuestionId, Asked<P::Question>>,
    errands: HashMap<ErrandId, Sender>,
    last_question: u64,
    last_errand: u64,
    actions: VecDeque<NetworkAction>,
    /// Connections with something to write.
    unflushed: Vec<ConnectionId>,
    /// Connections with more to read, when all others have had their turn; and since when.
    unread: Vec<ConnectionId>,
    unread_since: Option<Instant>,
    /// What was read, for as long as a session looks at it.
    buffer: Secret,
}

struct Login<E> {
    exchange: E,
    deadline: Instant,
    waits_for: Pending,
}

#[derive(Clone, Copy)]
enum Pending {
    Question(QuestionId),
    Errand(ErrandId),
}

/// A question that has no answer yet: it may have to be asked again.
struct Asked<Question> {
    login: JobId,
    question: Question,
}

/// Who waits for an errand.
enum Sender {
    Switchboard { host: String, service: String },
    Session(ConnectionId),
    Exchange(JobId),
}

impl<P: Protocol> Driver<P> {
    fn new(protocol: P, settings: &NetworkSettings, wiring: Wiring) -> Result<Self, MechanismError> {
        let mut contexts = Contexts::default();
        for lane in protocol.lanes() {
            let lane = protocol.lane(lane);
            if lane.servers.iter().any(|server| server.tls != TlsMode::Off) {
                contexts.context(&lane.tls).map_err(|error| MechanismError(error.to_string()))?;
            }
        }
        Ok(Self {
            protocol,
            wiring,
            total_timeout: settings.total_timeout,
            switchboard: Switchboard::new(settings.retry_interval),
            contexts,
            connections: HashMap::new(),
            logins: HashMap::new(),
            questions: HashMap::new(),
            errands: HashMap::new(),
            last_question: 0,
            last_errand: 0,
            actions: VecDeque::new(),
            unflushed: Vec::new(),
            unread: Vec::new(),
            unread_since: None,
            buffer: Secret::default(),
        })
    }
}

impl<P: Protocol> Network for Driver<P> {
    fn ask(&mut self, login: JobId, credentials: Credentials, now: Instant) {
        let exchange = self.protocol.exchange(credentials);
        let deadline = now + self.total_timeout;
        self.step(login, exchange, deadline, now, Exchange::begin);
        self.carry_out(now);
    }

    fn abandon(&mut self, login: JobId, now: Instant) {
        match self.logins.remove(&login).map(|login| login.waits_for) {
            Some(Pending::Question(question)) => {
                self.questions.remove(&question);
                self.switchboard.abandon(question, now);
            }
            Some(Pending::Errand(errand)) => drop(self.errands.remove(&errand)),
            None => {}
        }
        self.carry_out(now);
    }

    fn handle_event(&mut self, id: ConnectionId, event: &mio::event::Event, now: Instant) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        connection.socket().into_iter().for_each(|socket| socket.note(event));
        self.advance(id, now);
        self.carry_out(now);
    }

    fn handle_errand(&mut self, errand: ErrandId, result: ErrandResult, now: Instant) {
        match self.errands.remove(&errand) {
            Some(Sender::Switchboard { host, service }) => {
                self.switchboard.handle_addresses(&host, &service, addresses(result), now);
            }
            Some(Sender::Session(id)) => {
                if let Some(connection) = self.connections.get_mut(&id) {
                    connection.session.handle_errand(result);
                    self.listen(id, now);
                }
            }
            Some(Sender::Exchange(login)) => {
                if let Some(Login { exchange, deadline, .. }) = self.logins.remove(&login) {
                    self.step(login, exchange, deadline, now, |exchange| exchange.handle_errand(result));
                }
            }
            // Nobody waits for it any more.
            None => {}
        }
        self.carry_out(now);
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.unread_since = None;
        for id in std::mem::take(&mut self.unread) {
            if let Some(connection) = self.connections.get_mut(&id) {
                connection.socket().into_iter().for_each(Socket::allow_reads);
                self.advance(id, now);
            }
        }
        if self.switchboard.next_timeout().is_some_and(|due| due <= now) {
            self.switchboard.handle_timeout(now);
        }
        self.carry_out(now);
    }

    fn next_timeout(&self) -> Option<Instant> {
        [self.unread_since, self.switchboard.next_timeout()].into_iter().flatten().min()
    }

    fn flush(&mut self, now: Instant) {
        while let Some(id) = self.unflushed.pop() {
            let Some(connection) = self.connections.get_mut(&id) else { continue };
            connection.listed = false;
            if connection.flush() {
                self.advance(id, now);
                self.carry_out(now);
            }
        }
    }

    fn next_action(&mut self) -> Option<NetworkAction> {
        self.actions.pop_front()
    }
}

/// Logins and what they ask.
impl<P: Protocol> Driver<P> {
    fn step(
        &mut self,
        login: JobId,
        mut exchange: P::Exchange,
        deadline: Instant,
        now: Instant,
        step: impl FnOnce(&mut P::Exchange) -> Step<P::Question>,
    ) {
        let waits_for = match step(&mut exchange) {
            Step::Ask(lane, question) => Pending::Question(self.put(login, lane, question, deadline, now)),
            Step::Errand(errand) => Pending::Errand(self.send(Sender::Exchange(login), errand)),
            Step::Done(verdict) => return self.actions.push_back(NetworkAction::Decided(login, verdict)),
        };
        self.logins.insert(login, Login { exchange, deadline, waits_for });
    }

    fn put(
        &mut self,
        login: JobId,
        lane: LaneId,
        question: P::Question,
        deadline: Instant,
        now: Instant,
    ) -> QuestionId {
        self.last_question += 1;
        let id = QuestionId(self.last_question);
        self.questions.insert(id, Asked { login, question });
        self.switchboard.ask(id, lane, &self.protocol.lane(lane), deadline, now);
        id
    }

    fn send(&mut self, sender: Sender, errand: Errand) -> ErrandId {
        self.last_errand += 1;
        let id = ErrandId(self.last_errand);
        self.errands.insert(id, sender);
        self.actions.push_back(NetworkAction::Errand(id, errand));
        id
    }

    fn answer(&mut self, question: QuestionId, answer: Result<P::Answer, Failure>, now: Instant) {
        let Some(Asked { login, .. }) = self.questions.remove(&question) else { return };
        if let Some(Login { exchange, deadline, .. }) = self.logins.remove(&login) {
            self.step(login, exchange, deadline, now, |exchange| exchange.handle_answer(answer));
        }
    }
}

/// What the switchboard orders.
impl<P: Protocol> Driver<P> {
    fn carry_out(&mut self, now: Instant) {
        while let Some(order) = self.switchboard.next_order() {
            match order {
                Order::Resolve { host, service } => self.resolve(host, service, now),
                Order::Open { connection, lane, server, target } => {
                    self.open(connection, lane, server, &target, now);
                }
                Order::Ask(connection, question) => self.put_into_session(connection, question, now),
                Order::Close(connection) => {
                    self.connections.remove(&connection).into_iter().for_each(Connection::close);
                }
                Order::GiveUp(question, failure) => self.answer(question, Err(failure), now),
                Order::Log(event) => self.log(&event),
            }
        }
    }

    fn resolve(&mut self, host: String, service: String, now: Instant) {
        if let (Ok(address), Ok(port)) = (host.parse::<IpAddr>(), service.parse()) {
            let known = Ok(vec![SocketAddr::new(address, port)]);
            return self.switchboard.handle_addresses(&host, &service, known, now);
        }
        let errand = Errand::Resolve { host: host.clone(), service: service.clone() };
        self.send(Sender::Switchboard { host, service }, errand);
    }

    fn open(&mut self, id: ConnectionId, lane: LaneId, server: usize, target: &Target, now: Instant) {
        match self.connect(id, lane, server, target) {
            Ok(connection) => drop(self.connections.insert(id, connection)),
            Err(failure) => self.switchboard.handle_broken(id, failure, false, now),
        }
    }

    fn connect(
        &mut self,
        id: ConnectionId,
        lane: LaneId,
        server: usize,
        target: &Target,
    ) -> Result<Connection<P::Session>, Failure> {
        let mode = self.protocol.lane(lane).servers.get(server).map_or(TlsMode::Off, |server| server.tls);
        let tls = match mode {
            TlsMode::Off => None,
            TlsMode::Implicit | TlsMode::StartTls => Some(self.prepare_tls(lane, server)?),
        };
        let token = (self.wiring.token)(id);
        let socket = Socket::connect(target, &self.wiring.registry, token)
            .map_err(|error| Failure::new(FailureKind::Contact, strerror(&error)))?;
        let session = self.protocol.session(lane, server);
        Ok(Connection::new(session, socket, tls, mode == TlsMode::Implicit))
    }

    fn prepare_tls(&mut self, lane: LaneId, server: usize) -> Result<Ssl, Failure> {
        let lane = self.protocol.lane(lane);
        let host = lane.servers.get(server).and_then(|server| server.host());
        let contact = |reason: String| Failure::new(FailureKind::Contact, reason);
        let context = self.contexts.context(&lane.tls).map_err(|error| contact(error.to_string()))?;
        tls::prepare(&context, &lane.tls, host).map_err(|error| contact(error.to_string()))
    }

    fn put_into_session(&mut self, id: ConnectionId, question: QuestionId, now: Instant) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        if let Some(asked) = self.questions.get(&question) {
            connection.ask(question, &asked.question);
            self.listen(id, now);
        }
    }

    fn log(&self, event: &Event) {
        let target = self.wiring.mechanism;
        match event {
            Event::Failed(server, failure) => {
                log::warn!(target: target, "server {server}: {failure}; it is left alone for a while");
            }
            Event::Recovered(server) => log::info!(target: target, "server {server} answers again"),
            Event::Waiting(server, questions) => log::warn!(
                target: target,
                "server {server}: {questions} questions wait for a connection; --max-server-connections bounds them"
            ),
        }
    }
}

/// Connections and what their sessions say.
impl<P: Protocol> Driver<P> {
    /// Moves a connection on as far as it goes.
    fn advance(&mut self, id: ConnectionId, now: Instant) {
        while let Some(connection) = self.connections.get_mut(&id) {
            match connection.advance(&mut self.buffer) {
                Ok(Progress::Nothing) => break,
                Ok(Progress::Securing) => self.switchboard.handle_stage(id, Stage::Securing, now),
                Ok(Progress::Opened) => {
                    self.switchboard.handle_stage(id, Stage::Opening, now);
                    self.listen(id, now);
                }
                Ok(Progress::Heard) => self.listen(id, now),
                Ok(Progress::Ended) => {
                    let end = connection.end();
                    self.listen(id, now);
                    self.give_up(id, end, now);
                }
                Err(failure) => self.give_up(id, failure, now),
            }
        }
        self.list(id, now);
    }

    /// Puts a connection on the lists of those that have more to do.
    fn list(&mut self, id: ConnectionId, now: Instant) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        if !connection.listed && connection.wants_flush() {
            connection.listed = true;
            self.unflushed.push(id);
        }
        let out_of_turn = connection.socket().is_some_and(|socket| socket.is_out_of_turn());
        if out_of_turn && self.unread.last() != Some(&id) {
            self.unread.push(id);
            self.unread_since = Some(now);
        }
    }

    /// Takes what a session has to say.
    fn listen(&mut self, id: ConnectionId, now: Instant) {
        while let Some(connection) = self.connections.get_mut(&id) {
            let Some(event) = connection.session.next_event() else { break };
            match event {
                SessionEvent::Ready => {
                    connection.ready = true;
                    self.switchboard.handle_stage(id, Stage::Ready, now);
                }
                SessionEvent::StartTls => {
                    if let Err(failure) = connection.prepare_tls() {
                        self.give_up(id, failure, now);
                    }
                }
                SessionEvent::Errand(errand) => drop(self.send(Sender::Session(id), errand)),
                SessionEvent::Answered(question, answer) => self.handle_answer(id, question, answer, now),
                SessionEvent::Finished => self.switchboard.handle_finished(id, now),
                SessionEvent::Failed(failure) => self.give_up(id, failure, now),
            }
        }
        self.list(id, now);
    }

    fn handle_answer(
        &mut self,
        id: ConnectionId,
        question: QuestionId,
        answer: Result<P::Answer, Failure>,
        now: Instant,
    ) {
        let answered = answer.as_ref().map(drop).map_err(Failure::clone);
        if self.switchboard.handle_answer(id, question, answered, now) {
            self.answer(question, answer, now);
        }
    }

    fn give_up(&mut self, id: ConnectionId, failure: Failure, now: Instant) {
        if let Some(connection) = self.connections.remove(&id) {
            self.switchboard.handle_broken(id, failure, connection.heard, now);
        }
    }
}

fn addresses(result: ErrandResult) -> Result<Vec<SocketAddr>, String> {
    match result {
        ErrandResult::Addresses(addresses) => Ok(addresses),
        ErrandResult::Failed(reason) => Err(reason),
        ErrandResult::PasswordChecked(_) | ErrandResult::Key(_) => {
            Err("a worker mixed up its errands".to_owned())
        }
    }
}
