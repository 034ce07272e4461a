//! The effects half of `net`: sockets, TLS and time for the exchanges of one mechanism.
//!
//! The [`UpstreamManager`] decides which question goes where; here is what carries it there and back.
#![forbid(unsafe_code)]

mod commands;
mod logins;
mod sessions;

use super::connection::Connection;
use super::socket::Socket;
use super::tls::{Contexts, TlsError};
use super::tls_sessions::Sessions;
use super::upstream::UpstreamManager;
use super::{ConnectionId, EventLoopHandle, Network, NetworkAction};
use crate::config::NetworkSettings;
use crate::job::JobId;
use crate::job::{ErrandId, ErrandResult};
use crate::metrics::ledger::label;
use crate::metrics::snapshot::ServerNow;
use crate::metrics::totals::ServerTotals;
use crate::net::exchange::{Address, Exchange, Failure, FailureKind, Protocol, QuestionId, Session, TlsMode};
use crate::policy::origin::Origin;
use crate::secret::Secret;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Makes a mechanism ready to be asked by the event loop.
///
/// # Errors
/// When a certificate, key or list of ciphers that one of [`Protocol::pools`] names cannot be used.
pub fn drive<P: Protocol>(
    protocol: P,
    settings: &NetworkSettings,
    event_loop: EventLoopHandle,
) -> Result<Box<dyn Network<P::Request, P::Verdict>>, TlsError> {
    Ok(Box::new(Driver::new(protocol, settings, event_loop)?))
}

/// All logins of one mechanism that are being decided, and all its connections.
pub struct Driver<P: Protocol> {
    protocol: P,
    event_loop: EventLoopHandle,
    total_timeout: Duration,
    upstream: UpstreamManager,
    contexts: Contexts,
    sessions: Sessions,
    connections: HashMap<ConnectionId, Connection<P::Session>>,
    logins: HashMap<JobId, Login<P::Exchange>>,
    questions: HashMap<QuestionId, Asked<P::Question>>,
    errands: HashMap<ErrandId, Sender>,
    last_question: u64,
    last_errand: u64,
    actions: VecDeque<NetworkAction<P::Verdict>>,
    /// Connections with something to write.
    unflushed: Vec<ConnectionId>,
    /// Connections with more to read, when all others have had their turn.
    unread: Vec<ConnectionId>,
    /// When a connection was last put on either list.
    listed_at: Option<Instant>,
    /// What was read, for as long as a session looks at it.
    buffer: Secret,
}

struct Login<E> {
    exchange: E,
    origin: Origin,
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
    UpstreamManager { host: String, service: String },
    Session(ConnectionId),
    Exchange(JobId),
}

impl<P: Protocol> Driver<P> {
    fn new(
        protocol: P,
        settings: &NetworkSettings,
        mut event_loop: EventLoopHandle,
    ) -> Result<Self, TlsError> {
        let mut contexts = Contexts::new(std::mem::take(&mut event_loop.tls_files));
        let mut have_all_tls = true;
        for pool in protocol.pools() {
            let pool = protocol.pool(pool);
            if pool.servers.iter().any(|server| server.tls != TlsMode::Off) {
                contexts.context(&pool.tls)?;
            } else {
                // A referral may lead from here to a server with TLS.
                have_all_tls = false;
            }
        }
        if have_all_tls {
            contexts.forget_files();
        }
        Ok(Self {
            protocol,
            event_loop,
            total_timeout: settings.total_timeout,
            upstream: UpstreamManager::new(settings.retry_interval),
            contexts,
            sessions: Sessions::default(),
            connections: HashMap::new(),
            logins: HashMap::new(),
            questions: HashMap::new(),
            errands: HashMap::new(),
            last_question: 0,
            last_errand: 0,
            actions: VecDeque::new(),
            unflushed: Vec::new(),
            unread: Vec::new(),
            listed_at: None,
            buffer: Secret::default(),
        })
    }
}

impl<P: Protocol> Network<P::Request, P::Verdict> for Driver<P> {
    fn ask(&mut self, login: JobId, origin: Origin, request: P::Request, now: Instant) {
        let exchange = self.protocol.exchange(request);
        let deadline = now + self.total_timeout;
        self.step(login, exchange, origin, deadline, now, Exchange::begin);
        self.carry_out(now);
    }

    fn abandon(&mut self, login: JobId, now: Instant) {
        match self.logins.remove(&login).map(|login| login.waits_for) {
            Some(Pending::Question(question)) => {
                self.questions.remove(&question);
                self.upstream.abandon(question, now);
            }
            Some(Pending::Errand(errand)) => self.withdraw_errand(errand),
            None => {}
        }
        self.carry_out(now);
    }

    fn withdraw(&mut self, login: JobId, now: Instant) {
        let waits_for = self.logins.get(&login).map(|login| login.waits_for);
        if let Some(Pending::Question(question)) = waits_for {
            if self.upstream.is_waiting(question) {
                self.upstream.abandon(question, now);
                let failure = Failure::new(FailureKind::Internal, "nobody waits for the login any more");
                self.answer(question, Err(failure), now);
            }
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
            Some(Sender::UpstreamManager { host, service }) => {
                self.upstream.handle_addresses(&host, &service, addresses(result), now);
            }
            Some(Sender::Session(id)) => {
                if let Some(connection) = self.connections.get_mut(&id) {
                    self.upstream.handle_wait(id, None);
                    connection.session.handle_errand(result);
                    self.listen(id, now);
                }
            }
            Some(Sender::Exchange(login)) => {
                if let Some(Login { exchange, origin, deadline, .. }) = self.logins.remove(&login) {
                    self.step(login, exchange, origin, deadline, now, |exchange| {
                        exchange.handle_errand(result)
                    });
                }
            }
            // Nobody waits for it any more.
            None => {}
        }
        self.carry_out(now);
    }

    fn handle_timeout(&mut self, now: Instant) {
        for id in std::mem::take(&mut self.unread) {
            if let Some(connection) = self.connections.get_mut(&id) {
                connection.socket().into_iter().for_each(Socket::allow_reads);
                self.advance(id, now);
            }
        }
        if self.upstream.next_timeout().is_some_and(|due| due <= now) {
            self.upstream.handle_timeout(now);
        }
        self.carry_out(now);
    }

    fn next_timeout(&self) -> Option<Instant> {
        // Whatever came after the last flush of a round is not to wait for the next event.
        let listed_at = self.listed_at.filter(|_| !self.unread.is_empty() || !self.unflushed.is_empty());
        [listed_at, self.upstream.next_timeout()].into_iter().flatten().min()
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

    fn next_action(&mut self) -> Option<NetworkAction<P::Verdict>> {
        self.actions.pop_front()
    }

    fn ports(&self) -> Vec<String> {
        let pools = self.protocol.pools().into_iter().map(|pool| self.protocol.pool(pool));
        let servers = pools.flat_map(|pool| pool.servers.clone());
        let ports = servers.filter_map(|server| match server.address {
            Address::Host { service, .. } => Some(service),
            Address::Path(_) => None,
        });
        ports.chain(self.protocol.further_ports()).collect()
    }

    fn authorities(&self) -> Vec<PathBuf> {
        let pools = self.protocol.pools().into_iter().map(|pool| self.protocol.pool(pool));
        pools.filter_map(|pool| pool.tls.authorities_directory.clone()).collect()
    }

    fn servers(&self, now: Instant) -> Vec<ServerNow> {
        let mut known = self.upstream.look(now);
        // Of those that nobody has asked yet, or not for long, nothing bad is known.
        for pool in self.protocol.pools() {
            for server in &self.protocol.pool(pool).servers {
                let server = label(&server.name);
                let unknown = || ServerNow { server: server.clone(), ..ServerNow::default() };
                known.entry(server.clone()).or_insert_with(unknown);
            }
        }
        let instance = label(&self.event_loop.instance);
        known.into_values().map(|server| ServerNow { instance: instance.clone(), ..server }).collect()
    }

    fn take_server_counts(&mut self) -> BTreeMap<String, ServerTotals> {
        self.upstream.take_counts()
    }
}

fn addresses(result: ErrandResult) -> Result<Vec<SocketAddr>, String> {
    match result {
        ErrandResult::Addresses(addresses) => Ok(addresses),
        ErrandResult::Failed(reason) => Err(reason),
        ErrandResult::PasswordChecked(_) | ErrandResult::Key(_) | ErrandResult::Gssapi(_) => {
            Err("a worker mixed up its errands".to_owned())
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests;
