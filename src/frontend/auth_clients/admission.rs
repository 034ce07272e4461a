//! New connections at auth sockets: greeted first, whatever else is the matter.
#![forbid(unsafe_code)]

use super::AuthClients;
use super::connection::Connection;
use crate::endpoint::dovecot::{HandedOver, Identity, Mechanism, Session, SessionSettings};
use crate::frontend::clients::uid_of;
use crate::frontend::endpoint::Endpoint;
use crate::frontend::places::Standing;
use crate::frontend::token;
use crate::metrics::reasons::ClientRefusal;
use crate::policy::dispatch::ClientId;
use crate::sys::random;
use mio::Interest;
use mio::net::UnixStream;
use std::io;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// Requests that a connection may have open at a time. Dovecot has no bound; a mail server with all users on one connection
/// needs some dozens.
const MAX_OPEN: usize = 64;

/// How long a client may take to go on with what it has begun: handshake, line, exchange. As Dovecot.
const CONTINUATION_TIME: Duration = Duration::from_secs(60);

/// Connections beyond the bound that are greeted nevertheless: a Postfix that is not greeted takes no mail.
const MAX_BEYOND: usize = 64;

impl AuthClients {
    /// Takes a new connection, and greets it at once.
    pub(in crate::frontend) fn welcome(&mut self, stream: UnixStream, endpoint: Rc<Endpoint>, now: Instant) {
        let settings = self.session_settings(&endpoint);
        let identity = match self.next_identity() {
            Ok(identity) => identity,
            Err(error) => return log::error!(target: "frontend", "A cookie cannot be made: {error}"),
        };
        self.add(stream, endpoint, Session::new(settings, &identity, now), now);
    }

    /// Takes a connection from the frontend before, which says how far it is.
    pub(in crate::frontend) fn take_over(
        &mut self,
        stream: UnixStream,
        endpoint: Rc<Endpoint>,
        handed_over: HandedOver,
        now: Instant,
    ) {
        let settings = self.session_settings(&endpoint);
        self.add(stream, endpoint, Session::resume(settings, handed_over, now), now);
    }

    fn session_settings(&self, endpoint: &Endpoint) -> Rc<SessionSettings> {
        Rc::new(SessionSettings {
            mechanisms: vec![Mechanism::Plain, Mechanism::Login],
            limits: self.limits,
            max_open: MAX_OPEN,
            continuation_time: CONTINUATION_TIME,
            service: endpoint.service.clone(),
            on_unavailable: self.on_unavailable,
        })
    }

    fn next_identity(&self) -> io::Result<Identity> {
        let (process, connection) = (std::process::id(), self.last + 1);
        Ok(Identity { process, connection, cookie: random::bytes()? })
    }

    fn add(&mut self, stream: UnixStream, endpoint: Rc<Endpoint>, session: Session, now: Instant) {
        let uid = uid_of(&stream);
        let has_place = self.finds_place(uid, now);
        let beyond = self.connections.len().saturating_sub(self.places.held());
        if !has_place && beyond >= MAX_BEYOND {
            return self.refusals.note(ClientRefusal::TooMany);
        }
        self.last += 1;
        let id = ClientId(self.last);
        let mut connection = Connection::new(id, stream, endpoint, session, uid);
        let (stream, token) = (&mut connection.stream, token::of_auth_client(id));
        if let Err(error) = self.registry.register(stream, token, Interest::READABLE) {
            return log::error!(target: "frontend", "A connection could not be watched: {error}");
        }
        if has_place {
            let standing = Standing::Silent(now);
            self.places.enter(uid, id, standing);
            connection.standing = Some(standing);
        }
        // Before anything is heard or looked at: that is what clients wait for.
        if connection.write(now).is_err() {
            return self.forget(connection);
        }
        self.serve(connection, now);
    }

    /// Ends the connection that has rested for longest, of the user who holds most: its client comes again when it needs one.
    pub(in crate::frontend) fn make_room(&mut self, uid: u32, now: Instant) -> bool {
        let victim = self.places.who_makes_room(uid, now);
        self.complain(uid, victim, now);
        let victim = victim.and_then(|victim| self.connections.remove(&victim));
        let Some(victim) = victim else { return false };
        self.refusals.note(ClientRefusal::TooMany);
        self.forget(victim);
        true
    }

    fn complain(&mut self, uid: u32, victim: Option<ClientId>, now: Instant) {
        if !self.complaints.is_due(now) {
            return;
        }
        let whose = victim.and_then(|victim| self.connections.get(&victim)).map_or(uid, |victim| victim.uid);
        let (all, held) = (self.places.held(), self.places.held_by(whose));
        let what = if victim.is_some() {
            "one of those makes room"
        } else {
            "what a new one of that user asks is answered as unavailable"
        };
        log::warn!(
            target: "frontend",
            "{all} connections are open at auth sockets, {held} of them by the user with the number {whose}, and {what}; a \
             larger --max-auth-connections or limit on open descriptors would help"
        );
    }

    /// Whether it has a place. One that has found none may find one by the time it asks.
    pub(super) fn has_place(&mut self, connection: &mut Connection, now: Instant) -> bool {
        if connection.standing.is_none() && self.finds_place(connection.uid, now) {
            self.places.enter(connection.uid, connection.id, Standing::Owed);
            connection.standing = Some(Standing::Owed);
        }
        connection.standing.is_some()
    }

    fn finds_place(&mut self, uid: u32, now: Instant) -> bool {
        self.places.held() < self.max_connections || self.make_room(uid, now)
    }
}
