//! What the upstream manager commands.
#![forbid(unsafe_code)]

use super::{Driver, Sender};
use crate::job::Errand;
use crate::net::ConnectionId;
use crate::net::connection::{Connection, Tls, no_connection};
use crate::net::exchange::{
    Failure, FailureKind, PoolId, PoolSettings, Protocol, QuestionId, Server, Session, Sharing, TlsMode,
};
use crate::net::socket::Socket;
use crate::net::tls;
use crate::net::upstream::{Command, Event, Target};
use std::io;
use std::time::Instant;

/// Why a connection was not even begun.
enum Unopened {
    /// It cannot be.
    Server(Failure),
    /// This machine has no room for one more.
    Shortage(Failure),
}

fn unopened(target: &Target, error: &io::Error) -> Unopened {
    let failure = no_connection(target, error);
    match is_shortage(error) {
        true => Unopened::Shortage(failure),
        false => Unopened::Server(failure),
    }
}

/// Descriptors, memory, ports, or room in the queue of a unix socket.
fn is_shortage(error: &io::Error) -> bool {
    use io::ErrorKind::{AddrNotAvailable, OutOfMemory, WouldBlock};
    let no_descriptors_or_buffers = [Some(libc::EMFILE), Some(libc::ENFILE), Some(libc::ENOBUFS)];
    matches!(error.kind(), AddrNotAvailable | OutOfMemory | WouldBlock)
        || no_descriptors_or_buffers.contains(&error.raw_os_error())
}

impl<P: Protocol> Driver<P> {
    pub(super) fn carry_out(&mut self, now: Instant) {
        while let Some(order) = self.upstream.next_command() {
            match order {
                Command::Resolve { host, service } => {
                    let errand = Errand::Resolve { host: host.clone(), service: service.clone() };
                    self.send(Sender::UpstreamManager { host, service }, errand);
                }
                Command::Open { connection, pool, server, target } => {
                    self.open(connection, pool, server, &target, now);
                }
                Command::Ask(connection, question) => self.put_into_session(connection, question, now),
                Command::Abandon(connection, question) => {
                    if let Some(known) = self.connections.get_mut(&connection) {
                        known.session.abandon(question);
                        self.list(connection, now);
                    }
                }
                Command::Close(connection) => self.close(connection),
                Command::GiveUp(question, failure) => self.answer(question, Err(failure), now),
                Command::Log(event) => self.log(&event),
            }
        }
    }

    fn open(&mut self, id: ConnectionId, pool: PoolId, server: usize, target: &Target, now: Instant) {
        match self.connect(id, pool, server, target) {
            Ok(connection) => drop(self.connections.insert(id, connection)),
            Err(Unopened::Server(failure)) => self.upstream.handle_broken(id, failure, now),
            Err(Unopened::Shortage(failure)) => self.upstream.handle_shortage(id, failure, now),
        }
    }

    fn connect(
        &mut self,
        id: ConnectionId,
        pool: PoolId,
        server: usize,
        target: &Target,
    ) -> Result<Connection<P::Session>, Unopened> {
        let settings = self.protocol.pool(pool);
        let to = settings.servers.get(server);
        let tls = match to.filter(|server| server.tls != TlsMode::Off) {
            None => None,
            Some(server) => Some(self.prepare_tls(&settings, server).map_err(Unopened::Server)?),
        };
        let token = (self.event_loop.token)(id);
        let socket = Socket::connect(target, &self.event_loop.registry, token)
            .map_err(|error| unopened(target, &error))?;
        if settings.sharing != Sharing::OneShot {
            socket.watch_peer();
        }
        let session = self.protocol.session(pool, server);
        Ok(Connection::new(session, target.clone(), socket, tls))
    }

    fn prepare_tls(&mut self, pool: &PoolSettings, server: &Server) -> Result<Tls, Failure> {
        let prepared = self.contexts.context(&pool.tls);
        let prepared = prepared.and_then(|context| tls::prepare(&context, &pool.tls, server.host()));
        let mut connection =
            prepared.map_err(|error| Failure::new(FailureKind::Contact, error.to_string()))?;
        self.sessions.resume(server, &mut connection);
        Ok(Tls { connection, server: server.clone() })
    }

    fn close(&mut self, id: ConnectionId) {
        let Some(connection) = self.connections.remove(&id) else { return };
        self.withdraw_errands_of(id);
        if let Some((server, session)) = connection.close() {
            self.sessions.keep(server, session);
        }
    }

    fn put_into_session(&mut self, id: ConnectionId, question: QuestionId, now: Instant) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        if let Some(asked) = self.questions.get(&question) {
            connection.ask(question, &asked.question);
            self.listen(id, now);
        }
    }

    fn log(&self, event: &Event) {
        let target = self.event_loop.instance.as_str();
        match event {
            Event::Failed(server, failure) => {
                log::warn!(target: target, "server {server} has failed: {failure}");
            }
            Event::Unanswered(server, failure) => {
                log::warn!(target: target, "server {server} has left a request unanswered: {failure}");
            }
            Event::Recovered(server) => log::info!(target: target, "server {server} answers again"),
            Event::Waiting(server, questions) => log::warn!(
                target: target,
                "server {server}: {questions} requests wait for a connection; --max-server-connections limits them"
            ),
        }
    }
}
