//! Connections at auth sockets, in Dovecot's protocol: kept for hours, with many requests each, and handed over on a reload
//! when they are at rest.
#![forbid(unsafe_code)]

mod connection;

use super::endpoint::Endpoint;
use super::places::{Places, Standing};
use super::{record, token};
use crate::config::{FrontendSettings, Limits, OnUnavailable};
use crate::credentials::Credentials;
use crate::endpoint::dovecot::{
    CloseReason, HandedOver, Identity, Mechanism, Request, RequestNumber, Session, SessionEvent,
    SessionSettings,
};
use crate::outcome::Outcome;
use crate::policy::dispatch::{ClientId, RequestId};
use crate::rate_limit::RateLimit;
use crate::secret::Secret;
use crate::sys::random;
use connection::{Connection, ReadOn};
use mio::event::Event;
use mio::net::UnixStream;
use mio::{Interest, Registry};
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::io;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// Requests that a connection may have open at a time. Dovecot has no bound; a mail server with all users on one connection
/// needs some dozens.
const MAX_OPEN: usize = 64;

/// How long a client may take to go on with what it has begun: handshake, line, exchange. As Dovecot.
const CONTINUATION_TIME: Duration = Duration::from_secs(60);

/// How long a request may take: Postfix waits for ten seconds and takes what is late for a broken server.
const REQUEST_TIME: Duration = Duration::from_secs(8);

/// Connections beyond the bound that are greeted nevertheless: a Postfix that is not greeted takes no mail.
const MAX_BEYOND: usize = 64;

pub(super) struct AuthClients {
    connections: HashMap<ClientId, Connection>,
    timers: BTreeSet<(Instant, ClientId)>,
    last: u64,
    places: Places,
    max_connections: usize,
    limits: Limits,
    on_unavailable: OnUnavailable,
    request_timeout: Duration,
    registry: Registry,
    buffer: Secret,
    events: VecDeque<AuthEvent>,
    /// With something to write, which is done when all events have been looked at: answers travel together.
    unflushed: Vec<ClientId>,
    /// With more to read, when the others have had their turn.
    unread: Vec<ClientId>,
    leaving: Leaving,
    complaints: RateLimit,
    /// Of those who speak something else; the others are about places.
    protocol_complaints: RateLimit,
}

/// What the dispatcher is to be told.
pub(super) enum AuthEvent {
    /// To be answered by [`AuthClients::answer`].
    Request { id: RequestId, endpoint: Rc<Endpoint>, credentials: Credentials, uid: u32, deadline: Instant },
    /// Nobody waits for the answer any more.
    HungUp(RequestId),
}

/// What becomes of connections that are at rest.
enum Leaving {
    /// They stay.
    No,
    /// They are handed over if the next frontend serves their endpoint, else closed; a client comes again.
    HandedOver(Vec<Rc<Endpoint>>, BTreeSet<ClientId>),
    /// They are closed.
    Closed,
}

impl AuthClients {
    /// At most `max_connections`.
    pub(super) fn new(settings: &FrontendSettings, max_connections: usize, registry: Registry) -> Self {
        Self {
            connections: HashMap::new(),
            timers: BTreeSet::new(),
            last: 0,
            places: Places::default(),
            max_connections,
            limits: settings.limits,
            on_unavailable: settings.on_unavailable,
            request_timeout: settings.request_timeout,
            registry,
            buffer: Secret::default(),
            events: VecDeque::new(),
            unflushed: Vec::new(),
            unread: Vec::new(),
            leaving: Leaving::No,
            complaints: RateLimit::default(),
            protocol_complaints: RateLimit::default(),
        }
    }

    /// Takes a new connection, and greets it at once.
    pub(super) fn welcome(&mut self, stream: UnixStream, endpoint: Rc<Endpoint>, now: Instant) {
        let settings = self.session_settings(&endpoint);
        let identity = match self.next_identity() {
            Ok(identity) => identity,
            Err(error) => return log::error!(target: "frontend", "A cookie cannot be made: {error}"),
        };
        self.add(stream, endpoint, Session::new(settings, &identity, now), now);
    }

    /// Takes a connection from the frontend before, which says how far it is.
    pub(super) fn take_over(
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
        let uid = super::clients::uid_of(&stream);
        let has_place = self.finds_place(uid, now);
        let beyond = self.connections.len().saturating_sub(self.places.held());
        if !has_place && beyond >= MAX_BEYOND {
            return;
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
    pub(super) fn make_room(&mut self, uid: u32, now: Instant) -> bool {
        let victim = self.places.who_makes_room(uid, now);
        self.complain(uid, victim, now);
        let victim = victim.and_then(|victim| self.connections.remove(&victim));
        victim.map(|victim| self.forget(victim)).is_some()
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

    /// Looks at a connection of which the event loop tells something.
    pub(super) fn handle_event(&mut self, id: ClientId, event: &Event, now: Instant) {
        // Whatever it says is for the next frontend.
        if self.is_given_away(id) {
            return;
        }
        let Some(connection) = self.connections.remove(&id) else { return };
        // One that has only finished writing waits for its answers.
        if event.is_write_closed() || event.is_error() {
            return self.forget(connection);
        }
        if event.is_writable() {
            self.unflushed.push(id);
        }
        self.hear(connection, now);
    }

    /// Reads on, unless what comes next is for the next frontend: a client that is never without a request would not come to
    /// rest otherwise, and would be answered by the settings of before for as long as this one lives.
    fn hear(&mut self, connection: Connection, now: Instant) {
        if !matches!(self.leaving, Leaving::No) && connection.only_waits() {
            return self.keep(connection, now);
        }
        self.serve(connection, now);
    }

    /// Reads, and takes what the session makes of it.
    fn serve(&mut self, mut connection: Connection, now: Instant) {
        match connection.read(&mut self.buffer, now) {
            Ok(ReadOn::Later) => {}
            Ok(ReadOn::Soon) => self.unread.push(connection.id),
            Err(_) => return self.forget(connection),
        }
        self.keep(connection, now);
    }

    /// Puts it back after something was done with it.
    fn keep(&mut self, mut connection: Connection, now: Instant) {
        while let Some(event) = connection.session.next_event() {
            self.take(event, &mut connection, now);
        }
        if !connection.session.output().is_empty() {
            self.unflushed.push(connection.id);
        }
        if connection.is_over() || self.closes(&connection) {
            return self.forget(connection);
        }
        self.note(&mut connection, now);
        self.connections.insert(connection.id, connection);
    }

    fn take(&mut self, event: SessionEvent, connection: &mut Connection, now: Instant) {
        match event {
            SessionEvent::Request(request) => self.request(request, connection, now),
            SessionEvent::Withdrawn(number) => {
                self.events.push_back(AuthEvent::HungUp(connection.request(number)));
            }
            SessionEvent::Refused(refused) => record::write_refusal(&refused, &connection.origin()),
            SessionEvent::Close(reason) => {
                connection.close();
                self.tell_of_close(reason, connection, now);
            }
        }
    }

    fn request(&mut self, request: Request, connection: &mut Connection, now: Instant) {
        if !self.has_place(connection, now) {
            let outcome = Outcome::internal_failure("too many connections");
            let login = &request.credentials.login;
            return connection.session.handle_answer(request.number, &outcome, login);
        }
        if log::log_enabled!(log::Level::Debug) {
            record::write_auth_origin(&connection.origin(), &request);
        }
        let Request { number, credentials, .. } = request;
        let time = connection.endpoint.request_time.unwrap_or(REQUEST_TIME).min(self.request_timeout);
        self.events.push_back(AuthEvent::Request {
            id: connection.request(number),
            endpoint: Rc::clone(&connection.endpoint),
            credentials,
            uid: connection.uid,
            deadline: now + time,
        });
    }

    /// Whether it has a place. One that has found none may find one by the time it asks.
    fn has_place(&mut self, connection: &mut Connection, now: Instant) -> bool {
        if connection.standing.is_none() && self.finds_place(connection.uid, now) {
            self.places.enter(connection.uid, connection.id, Standing::Owed);
            connection.standing = Some(Standing::Owed);
        }
        connection.standing.is_some()
    }

    fn finds_place(&mut self, uid: u32, now: Instant) -> bool {
        self.places.held() < self.max_connections || self.make_room(uid, now)
    }

    fn tell_of_close(&mut self, reason: CloseReason, connection: &Connection, now: Instant) {
        match reason {
            // Whoever speaks something else here is to be found; the rest is ordinary.
            CloseReason::Protocol(_) if self.protocol_complaints.is_due(now) => {
                log::warn!(target: "frontend", "A connection was closed: {reason}: {}", connection.origin());
            }
            _ => {
                log::debug!(target: "frontend", "A connection was closed: {reason}: {}", connection.origin())
            }
        }
    }

    /// What the dispatcher is to be told next.
    pub(super) fn next_event(&mut self) -> Option<AuthEvent> {
        self.events.pop_front()
    }

    /// The answer to a request; `login` as its format has made it.
    pub(super) fn answer(&mut self, request: RequestId, outcome: &Outcome, login: &[u8], now: Instant) {
        let Some(mut connection) = self.connections.remove(&request.client) else { return };
        connection.session.handle_answer(RequestNumber(request.number), outcome, login);
        self.keep(connection, now);
    }

    /// Writes the answers, all of a connection together.
    pub(super) fn flush(&mut self, now: Instant) {
        for id in std::mem::take(&mut self.unflushed) {
            let Some(mut connection) = self.connections.remove(&id) else { continue };
            if connection.write(now).and_then(|()| connection.watch(&self.registry)).is_err() {
                self.forget(connection);
                continue;
            }
            if connection.is_over() || self.closes(&connection) {
                self.forget(connection);
            } else {
                self.note(&mut connection, now);
                self.connections.insert(id, connection);
            }
        }
    }

    /// Reads on where others have had their turn, and gives up what is due.
    pub(super) fn handle_timeout(&mut self, now: Instant) {
        for id in std::mem::take(&mut self.unread) {
            if self.is_given_away(id) {
                continue;
            }
            let Some(connection) = self.connections.remove(&id) else { continue };
            self.hear(connection, now);
        }
        while let Some(&(_, id)) = self.timers.first().filter(|(due, _)| *due <= now) {
            let Some(mut connection) = self.connections.remove(&id) else { return };
            if connection.is_unread(now) {
                self.tell_of_close(CloseReason::Unread, &connection, now);
                self.forget(connection);
                continue;
            }
            connection.session.handle_timeout(now);
            self.keep(connection, now);
        }
    }

    /// When [`Self::handle_timeout`] must be called at the latest.
    pub(super) fn next_timeout(&self, now: Instant) -> Option<Instant> {
        // One that waits until its client has read something is told of by an event.
        let is_readable = |id: &ClientId| {
            self.connections.get(id).is_some_and(|connection| connection.session.wants_input())
        };
        let soon = self.unread.iter().any(is_readable).then_some(now);
        soon.into_iter().chain(self.timers.first().map(|(due, _)| *due)).min()
    }

    /// From now on connections that come to rest leave: to the next frontend, which serves `staying`.
    pub(super) fn leave(&mut self, staying: impl Fn(&Endpoint) -> bool, now: Instant) {
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
    pub(super) fn close_at_rest(&mut self, now: Instant) {
        self.leaving = Leaving::Closed;
        self.look_at_all(now);
    }

    /// Closes all to whom no answer is owed, whatever they have begun.
    pub(super) fn close_unowed(&mut self, now: Instant) {
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
    pub(super) fn next_to_hand_over(&self) -> Option<(ClientId, &UnixStream, &Endpoint, HandedOver)> {
        let Leaving::HandedOver(_, at_rest) = &self.leaving else { return None };
        let connection = self.connections.get(at_rest.first()?)?;
        Some((connection.id, &connection.stream, &connection.endpoint, connection.hand_over()))
    }

    /// The next frontend has it.
    pub(super) fn let_go(&mut self, id: ClientId) {
        if let Some(mut connection) = self.connections.remove(&id) {
            // Closing would not end the registration: the connection is still open elsewhere.
            let _ = self.registry.deregister(&mut connection.stream);
            self.forget(connection);
        }
    }

    /// Whether some that are not at rest yet will have to be handed over.
    pub(super) fn will_hand_over(&self) -> bool {
        matches!(self.leaving, Leaving::HandedOver(..)) && !self.connections.is_empty()
    }

    /// Whether there is no connection.
    pub(super) fn is_empty(&self) -> bool {
        self.connections.is_empty()
    }

    fn is_given_away(&self, id: ClientId) -> bool {
        matches!(&self.leaving, Leaving::HandedOver(_, at_rest) if at_rest.contains(&id))
    }

    /// Whether the next frontend has a place for it.
    fn stays(&self, connection: &Connection) -> bool {
        let Leaving::HandedOver(staying, _) = &self.leaving else { return false };
        staying.iter().any(|endpoint| Rc::ptr_eq(endpoint, &connection.endpoint))
    }

    /// Whether it is to be closed now that it is at rest. If it is to be handed over it is put on the list.
    fn closes(&mut self, connection: &Connection) -> bool {
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

    /// Brings places and timers up to date.
    fn note(&mut self, connection: &mut Connection, now: Instant) {
        let standing = match connection.standing {
            _ if connection.is_owed() => Standing::Owed,
            Some(Standing::Silent(since)) => Standing::Silent(since),
            _ => Standing::Silent(now),
        };
        if let Some(before) = connection.standing.filter(|before| *before != standing) {
            self.places.leave(connection.uid, connection.id, before);
            self.places.enter(connection.uid, connection.id, standing);
            connection.standing = Some(standing);
        }
        let timer = connection.next_timeout();
        if timer != connection.timer {
            self.stop_timer(connection);
            self.timers.extend(timer.map(|due| (due, connection.id)));
            connection.timer = timer;
        }
    }

    fn stop_timer(&mut self, connection: &Connection) {
        if let Some(due) = connection.timer {
            self.timers.remove(&(due, connection.id));
        }
    }

    /// It is gone, and with it whoever waited for its answers.
    fn forget(&mut self, connection: Connection) {
        if let Some(standing) = connection.standing {
            self.places.leave(connection.uid, connection.id, standing);
        }
        self.stop_timer(&connection);
        if let Leaving::HandedOver(_, at_rest) = &mut self.leaving {
            at_rest.remove(&connection.id);
        }
        let requests = connection.session.open_requests().map(|number| connection.request(number));
        self.events.extend(requests.map(AuthEvent::HungUp));
    }
}
