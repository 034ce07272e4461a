//! Connections at auth sockets, in Dovecot's protocol: kept for hours, with many requests each, and handed over on a reload
//! when they are at rest.
#![forbid(unsafe_code)]

mod admission;
mod connection;
mod leaving;

use super::endpoint::Endpoint;
use super::places::{Places, Standing};
use super::record;
use crate::config::{FrontendSettings, Limits, OnUnavailable};
use crate::credentials::Credentials;
use crate::endpoint::dovecot::{CloseReason, Request, RequestNumber, SessionEvent};
use crate::metrics::reasons::{ClientRefusal, ClientRefusals, InvalidRequests};
use crate::outcome::Outcome;
use crate::policy::dispatch::{ClientId, RequestId};
use crate::rate_limit::RateLimit;
use crate::secret::Secret;
use connection::{Connection, ReadOn};
use leaving::Leaving;
use mio::Registry;
use mio::event::Event;
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::rc::Rc;
use std::time::{Duration, Instant};

/// How long a request may take: Postfix waits for ten seconds and takes what is late for a broken server.
const REQUEST_TIME: Duration = Duration::from_secs(8);

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
    refusals: ClientRefusals,
    invalid_requests: InvalidRequests,
}

/// What the dispatcher is to be told.
pub(super) enum AuthEvent {
    /// To be answered by [`AuthClients::answer`].
    Request { id: RequestId, endpoint: Rc<Endpoint>, credentials: Credentials, uid: u32, deadline: Instant },
    /// Nobody waits for the answer any more.
    HungUp(RequestId),
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
            refusals: ClientRefusals::default(),
            invalid_requests: InvalidRequests::default(),
        }
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
            SessionEvent::Refused(refused) => {
                self.invalid_requests.note(refused.reason.counts_as());
                record::write_refusal(&refused, &connection.origin());
            }
            SessionEvent::Close(reason) => {
                connection.close();
                self.tell_of_close(reason, connection, now);
            }
        }
    }

    fn request(&mut self, request: Request, connection: &mut Connection, now: Instant) {
        if !self.has_place(connection, now) {
            self.refusals.note(ClientRefusal::TooMany);
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

    fn tell_of_close(&mut self, reason: CloseReason, connection: &Connection, now: Instant) {
        match reason {
            CloseReason::Protocol(_) => self.refusals.note(ClientRefusal::Protocol),
            CloseReason::TimedOut => self.refusals.note(ClientRefusal::TooSlow),
            CloseReason::Unread => self.refusals.note(ClientRefusal::Unread),
            // Counted as the verdict that it stands for.
            CloseReason::Unavailable => {}
        }
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

    /// How many connections are open.
    pub(super) fn len(&self) -> usize {
        self.connections.len()
    }

    /// Connections and requests that were refused since this was asked last.
    pub(super) fn take_counts(&mut self) -> (ClientRefusals, InvalidRequests) {
        (std::mem::take(&mut self.refusals), std::mem::take(&mut self.invalid_requests))
    }

    /// Whether there is no connection.
    pub(super) fn is_empty(&self) -> bool {
        self.connections.is_empty()
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
