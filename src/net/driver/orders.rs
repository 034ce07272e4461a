//! What the switchboard orders.
#![forbid(unsafe_code)]

use super::{Driver, Sender};
use crate::errand::Errand;
use crate::mech::remote::{Failure, FailureKind, LaneId, Protocol, QuestionId, TlsMode};
use crate::net::ConnectionId;
use crate::net::connection::Connection;
use crate::net::socket::Socket;
use crate::net::switchboard::{Event, Order, Target};
use crate::net::tls;
use crate::strerror::strerror;
use openssl::ssl::Ssl;
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

impl<P: Protocol> Driver<P> {
    pub(super) fn carry_out(&mut self, now: Instant) {
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
