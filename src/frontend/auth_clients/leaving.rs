//! Connections at auth sockets when another frontend takes over, or none: they leave as they come to rest.
#![forbid(unsafe_code)]

use super::AuthClients;
use super::connection::Connection;
use crate::endpoint::dovecot::HandedOver;
use crate::frontend::endpoint::Endpoint;
use crate::policy::dispatch::ClientId;
use mio::net::UnixStream;
use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Instant;

/// What becomes of connections that are at rest.
pub(super) enum Leaving {
    /// They stay.
    No,
    /// They are handed over if the next frontend serves their endpoint, else closed; a client comes again.
    HandedOver(Vec<Rc<Endpoint>>, BTreeSet<ClientId>),
    /// They are closed.
    Closed,
}

impl AuthClients {
    /// From now on connections that come to rest leave: to the next frontend, which serves `staying`.
    pub(in crate::frontend) fn leave(&mut self, staying: impl Fn(&Endpoint) -> bool, now: Instant) {
        let endpoints = self.connections.values().map(|connection| &connection.endpoint);
        let mut kept: Vec<Rc<Endpoint>> = Vec::new();
        for endpoint in endpoints.filter(|endpoint| staying(endpoint)) {
            if !kept.iter().any(|other| Rc::ptr_eq(other, endpoint)) {
                kept.push(Rc::clone(endpoint));
            }
        }
        self.leaving = Leaving::HandedOver(kept, BTreeSet::new());
        self.look_at_all(now);
    }

    /// As [`Self::leave`], without a next one.
    pub(in crate::frontend) fn close_at_rest(&mut self, now: Instant) {
        self.leaving = Leaving::Closed;
        self.look_at_all(now);
    }

    /// Closes all to whom no answer is owed, whatever they have begun.
    pub(in crate::frontend) fn close_unowed(&mut self, now: Instant) {
        self.close_at_rest(now);
        let unowed = self.connections.values().filter(|connection| !connection.is_owed());
        let unowed: Vec<_> = unowed.map(|connection| connection.id).collect();
        for connection in unowed.iter().filter_map(|id| self.connections.remove(id)).collect::<Vec<_>>() {
            self.forget(connection);
        }
    }

    fn look_at_all(&mut self, now: Instant) {
        let all: Vec<_> = self.connections.keys().copied().collect();
        for id in all {
            let Some(connection) = self.connections.remove(&id) else { continue };
            if self.stays(&connection) {
                self.keep(connection, now);
            } else {
                // What it has asked already is not lost with it.
                self.serve(connection, now);
            }
        }
    }

    /// One to be handed over, and what is to be told of it.
    pub(in crate::frontend) fn next_to_hand_over(
        &self,
    ) -> Option<(ClientId, &UnixStream, &Endpoint, HandedOver)> {
        let Leaving::HandedOver(_, at_rest) = &self.leaving else { return None };
        let connection = self.connections.get(at_rest.first()?)?;
        Some((connection.id, &connection.stream, &connection.endpoint, connection.hand_over()))
    }

    /// The next frontend has it.
    pub(in crate::frontend) fn let_go(&mut self, id: ClientId) {
        if let Some(mut connection) = self.connections.remove(&id) {
            // Closing would not end the registration: the connection is still open elsewhere.
            let _ = self.registry.deregister(&mut connection.stream);
            self.forget(connection);
        }
    }

    /// Whether some that are not at rest yet will have to be handed over.
    pub(in crate::frontend) fn will_hand_over(&self) -> bool {
        matches!(self.leaving, Leaving::HandedOver(..)) && !self.connections.is_empty()
    }

    pub(super) fn is_given_away(&self, id: ClientId) -> bool {
        matches!(&self.leaving, Leaving::HandedOver(_, at_rest) if at_rest.contains(&id))
    }

    /// Whether the next frontend has a place for it.
    fn stays(&self, connection: &Connection) -> bool {
        let Leaving::HandedOver(staying, _) = &self.leaving else { return false };
        staying.iter().any(|endpoint| Rc::ptr_eq(endpoint, &connection.endpoint))
    }

    /// Whether it is to be closed now that it is at rest. If it is to be handed over it is put on the list.
    pub(super) fn closes(&mut self, connection: &Connection) -> bool {
        if matches!(self.leaving, Leaving::No) || !connection.is_at_rest() {
            return false;
        }
        if !self.stays(connection) {
            return true;
        }
        if let Leaving::HandedOver(_, at_rest) = &mut self.leaving {
            at_rest.insert(connection.id);
        }
        false
    }
}
