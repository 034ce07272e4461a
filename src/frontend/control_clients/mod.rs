//! Connections at the control socket: few, short, and apart from those of clients, so that the daemon can be looked at when
//! it has no room for anybody else.
#![forbid(unsafe_code)]

mod connection;

use super::endpoint::Endpoint;
use super::token;
use crate::endpoint::control::{Command, Reply};
use crate::policy::dispatch::ClientId;
use crate::strerror::strerror;
use connection::Connection;
use mio::net::UnixStream;
use mio::{Interest, Registry};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Instant;

/// All there are.
pub(super) struct ControlClients {
    connections: BTreeMap<ClientId, Connection>,
    last: u64,
    most: usize,
    registry: Registry,
    /// Those that are told when the log level is another.
    await_level: BTreeSet<ClientId>,
    /// Those that are to be given to the next frontend.
    leaving: BTreeSet<ClientId>,
}

impl ControlClients {
    /// At most `most` at a time, and one in any case.
    pub(super) fn new(most: usize, registry: Registry) -> Self {
        Self {
            connections: BTreeMap::new(),
            last: 0,
            most: most.max(1),
            registry,
            await_level: BTreeSet::new(),
            leaving: BTreeSet::new(),
        }
    }

    /// Whether the next has to wait until one of these is done.
    pub(super) fn are_full(&self) -> bool {
        self.connections.len() >= self.most
    }

    pub(super) fn is_empty(&self) -> bool {
        self.connections.is_empty()
    }

    /// Takes a connection; its request has mostly come with it.
    pub(super) fn welcome(
        &mut self,
        mut stream: UnixStream,
        endpoint: Rc<Endpoint>,
        now: Instant,
    ) -> Option<(ClientId, Command)> {
        self.last += 1;
        let id = ClientId(self.last);
        let interest = Interest::READABLE | Interest::WRITABLE;
        if let Err(error) = self.registry.register(&mut stream, token::of_control_client(id), interest) {
            log::error!(target: "frontend", "A connection could not be watched: {}", strerror(&error));
            return None;
        }
        self.connections.insert(id, Connection::new(stream, endpoint, now));
        self.hear(id, now)
    }

    /// Looks at a connection of which the event loop tells something: what it asks, if it does.
    pub(super) fn hear(&mut self, id: ClientId, now: Instant) -> Option<(ClientId, Command)> {
        // Whatever it says is for the next frontend.
        if self.leaving.contains(&id) {
            return None;
        }
        let command = self.connections.get_mut(&id)?.read();
        self.write(id, now);
        command.map(|command| (id, command))
    }

    /// Whose it is, for the log.
    pub(super) fn origin(&self, id: ClientId) -> String {
        self.connections.get(&id).map(|connection| connection.origin().to_string()).unwrap_or_default()
    }

    /// Answers a request.
    pub(super) fn answer(&mut self, id: ClientId, reply: Reply, now: Instant) {
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.session.answer(reply);
            self.write(id, now);
        }
    }

    /// The reply comes with the next log level.
    pub(super) fn let_await_level(&mut self, id: ClientId) {
        self.await_level.insert(id);
    }

    /// Whose they are that wait for the next log level, for the log.
    pub(super) fn origins_of_level(&self) -> Vec<String> {
        self.await_level.iter().map(|id| self.origin(*id)).collect()
    }

    /// The log level is this now.
    pub(super) fn answer_level(&mut self, name: &str, now: Instant) {
        for id in std::mem::take(&mut self.await_level) {
            self.answer(id, Reply::Text(format!("{name}\n")), now);
        }
    }

    fn write(&mut self, id: ClientId, now: Instant) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        if !connection.write(now) {
            self.remove(id);
        }
    }

    /// Goes on with long replies, and closes the connections whose time is over.
    pub(super) fn handle_timeout(&mut self, now: Instant) {
        let due = |connection: &Connection| connection.has_work() || connection.until <= now;
        let due: Vec<_> =
            self.connections.iter().filter(|(_, connection)| due(connection)).map(|(id, _)| *id).collect();
        for id in due {
            let Some(connection) = self.connections.get_mut(&id) else { continue };
            if connection.until > now {
                connection.go_on(now);
            } else if !connection.is_late(now) {
                self.remove(id);
                continue;
            }
            self.write(id, now);
        }
    }

    /// At once while there is a long reply to go on with.
    pub(super) fn next_timeout(&self, now: Instant) -> Option<Instant> {
        let due = |connection: &Connection| if connection.has_work() { now } else { connection.until };
        self.connections.values().map(due).min()
    }

    /// From now on another frontend takes the connections that have not said anything, if there is one. The others are
    /// answered here, unless nobody is left to wait for it.
    pub(super) fn leave(&mut self, has_next: bool, hurry: bool) {
        if has_next {
            let silent = self.connections.iter().filter(|(_, connection)| connection.session.is_silent());
            self.leaving = silent.map(|(id, _)| *id).collect();
        }
        if hurry {
            let all: Vec<_> = self.connections.keys().copied().collect();
            all.into_iter().for_each(|id| self.remove(id));
        }
    }

    /// Nobody takes them: they stay.
    pub(super) fn stay(&mut self) -> Vec<ClientId> {
        std::mem::take(&mut self.leaving).into_iter().collect()
    }

    /// One to be handed over.
    pub(super) fn next_to_hand_over(&self) -> Option<(ClientId, &UnixStream, &Endpoint)> {
        let id = self.leaving.first()?;
        self.connections.get(id).map(|connection| (*id, &connection.stream, &*connection.endpoint))
    }

    /// Forgets a connection: it is closed here, wherever else it is open.
    pub(super) fn remove(&mut self, id: ClientId) {
        self.await_level.remove(&id);
        self.leaving.remove(&id);
        if let Some(mut connection) = self.connections.remove(&id) {
            // Closing would not end the registration of one that another frontend has.
            let _ = self.registry.deregister(&mut connection.stream);
        }
    }
}
