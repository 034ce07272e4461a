//! All connections: bounded in number, each given a bounded time to send its request.
#![forbid(unsafe_code)]

use super::client::{Client, Heard, Place, State, Times};
use super::endpoint::{Endpoint, Origin};
use super::places::Places;
use super::token;
use crate::config::{FrontendSettings, OnUnavailable, ReplyText};
use crate::credentials::Credentials;
use crate::metrics::reasons::{ClientRefusal, ClientRefusals, InvalidRequests};
use crate::outcome::Outcome;
use crate::policy::dispatch::ClientId;
use crate::rate_limit::RateLimit;
use crate::secret::Secret;
use crate::strerror::strerror;
use crate::sys::socket;
use crate::wire::InvalidRequest;
use mio::event::Event;
use mio::net::UnixStream;
use mio::{Interest, Registry};
use std::collections::{BTreeSet, HashMap};
use std::os::fd::AsFd;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// For how long a connection that finds no room is heard before it is turned away.
const TIME_BEYOND: Duration = Duration::from_secs(1);

/// How long a connection may be silent before it makes room for another silent one of the same user. Clients write as
/// soon as they are connected.
const MAY_BE_SILENT: Duration = Duration::from_secs(1);

/// How long an answered client that sent its request in pieces may go on sending.
const DRAIN_TIME: Duration = Duration::from_secs(1);

/// The user of a peer that the kernel does not name, which unix sockets do not have.
const UNKNOWN_USER: u32 = u32::MAX;

pub(super) struct Clients {
    clients: HashMap<ClientId, Client>,
    deadlines: BTreeSet<(Instant, ClientId)>,
    last: u64,
    places: Places,
    /// How many are heard without a place, and how many may be.
    beyond: usize,
    max_beyond: usize,
    /// Those that had to make room while they waited for an answer.
    displaced: Vec<ClientId>,
    registry: Registry,
    settings: FrontendSettings,
    buffer: Secret,
    complaints: RateLimit,
    refusals: ClientRefusals,
    invalid_requests: InvalidRequests,
}

/// What came of looking at a connection.
pub(super) enum Step {
    Nothing,
    Request(ClientId, Credentials),
    Invalid(ClientId, InvalidRequest),
    /// It has hung up while its request was being decided.
    HungUp(ClientId),
}

impl Clients {
    /// Hears up to `max_beyond` connections that find no room.
    pub(super) fn new(settings: &FrontendSettings, max_beyond: usize, registry: Registry) -> Self {
        Self {
            clients: HashMap::new(),
            deadlines: BTreeSet::new(),
            last: 0,
            places: Places::default(),
            beyond: 0,
            max_beyond,
            displaced: Vec::new(),
            registry,
            settings: settings.clone(),
            buffer: Secret::default(),
            complaints: RateLimit::default(),
            refusals: ClientRefusals::default(),
            invalid_requests: InvalidRequests::default(),
        }
    }

    /// Takes a new connection and reads at once: libsasl has usually written all it has to say by now.
    pub(super) fn welcome(&mut self, stream: UnixStream, endpoint: Rc<Endpoint>, now: Instant) -> Step {
        self.last += 1;
        let id = ClientId(self.last);
        let mut client = Client::new(stream, endpoint, self.settings.limits);
        match client.read(&mut self.buffer) {
            Heard::End => Step::Nothing,
            Heard::Nothing => {
                self.await_request(id, client, now);
                Step::Nothing
            }
            heard @ (Heard::Request(_) | Heard::Invalid(_)) => {
                let has_room = self.has_room() || self.make_room(client.uid(), now, now);
                if !has_room {
                    client.place = Place::Beyond { uid: client.uid() };
                }
                self.add(id, client);
                self.step(id, heard, now)
            }
        }
    }

    /// Waits for the rest of the request.
    fn await_request(&mut self, id: ClientId, mut client: Client, now: Instant) {
        let uid = client.uid();
        let (place, time) = if self.has_room() || self.make_room(uid, a_while_before(now), now) {
            (Place::Held { uid }, self.settings.read_timeout)
        } else if self.beyond < self.max_beyond {
            (Place::Beyond { uid }, TIME_BEYOND)
        } else {
            return self.refusals.note(ClientRefusal::TooMany);
        };
        if let State::Reading { times, .. } = &mut client.state {
            *times = Some(Times { since: now, until: now + time });
        }
        if self.watch(id, &mut client) {
            client.place = place;
            self.add(id, client);
        }
    }

    /// Has the event loop tell when the client hangs up, unless it has been answered already.
    pub(super) fn await_hang_up(&mut self, id: ClientId) {
        let is_new = |client: &Client| matches!(client.place, Place::Unknown { .. });
        if !self.clients.get(&id).is_some_and(is_new) {
            return;
        }
        let Some(mut client) = self.clients.remove(&id) else { return };
        client.place = Place::Held { uid: client.uid() };
        // Not watched it is served all the same.
        self.watch(id, &mut client);
        self.add(id, client);
    }

    fn watch(&mut self, id: ClientId, client: &mut Client) -> bool {
        let watched = self.registry.register(&mut client.stream, token::of_client(id), Interest::READABLE);
        if let Err(error) = &watched {
            log::error!(target: "frontend", "A connection could not be watched: {}", strerror(error));
        }
        watched.is_ok()
    }

    /// Looks at a connection of which the event loop tells something.
    pub(super) fn handle_event(&mut self, id: ClientId, event: &Event, now: Instant) -> Step {
        let waits = |client: &Client| matches!(client.state, State::Deciding { .. });
        if !self.clients.get(&id).is_some_and(waits) {
            return self.read_on(id, now);
        }
        // One that has only finished writing waits for its answer.
        if event.is_write_closed() && self.remove(id).is_some() {
            return Step::HungUp(id);
        }
        Step::Nothing
    }

    /// Reads what has come on a connection since the last look.
    pub(super) fn read_on(&mut self, id: ClientId, now: Instant) -> Step {
        let Some(mut client) = self.remove(id) else { return Step::Nothing };
        let heard = client.read(&mut self.buffer);
        if let (Place::Beyond { uid }, Heard::Request(_)) = (client.place, &heard) {
            if self.has_room() || self.make_room(uid, now, now) {
                client.place = Place::Held { uid };
            }
        }
        self.add(id, client);
        self.step(id, heard, now)
    }

    fn step(&mut self, id: ClientId, heard: Heard, now: Instant) -> Step {
        let place = self.clients.get(&id).map(|client| client.place);
        match (heard, place) {
            (Heard::Nothing, _) => Step::Nothing,
            (Heard::Request(_) | Heard::Invalid(_), Some(Place::Beyond { .. })) => {
                self.refusals.note(ClientRefusal::TooMany);
                self.reply_unavailable(id, &too_many(), now);
                Step::Nothing
            }
            (Heard::Request(mut credentials), _) => {
                self.complete(id, &mut credentials);
                Step::Request(id, credentials)
            }
            (Heard::Invalid(invalid), _) => {
                self.invalid_requests.note(invalid.counts_as());
                Step::Invalid(id, invalid)
            }
            (Heard::End, _) => {
                if let Some(client) = self.remove(id).filter(Client::is_half_sent) {
                    log::debug!(target: "frontend", "A client hung up in the middle of its request: {}", client.origin());
                }
                Step::Nothing
            }
        }
    }

    /// Puts in what the endpoint says, in place of what the client does.
    fn complete(&self, id: ClientId, credentials: &mut Credentials) {
        let service = self.clients.get(&id).and_then(|client| client.endpoint.service.as_ref());
        if let Some(service) = service {
            credentials.service.clone_from(service);
        }
    }

    /// Where the connection came in.
    pub(super) fn endpoint(&self, id: ClientId) -> Option<Rc<Endpoint>> {
        self.clients.get(&id).map(|client| Rc::clone(&client.endpoint))
    }

    /// Where the connection came in and whose it is, for this daemon's own lines in the log.
    pub(super) fn origin(&self, id: ClientId) -> Option<Origin<'_>> {
        self.clients.get(&id).map(Client::origin)
    }

    /// The user who asks, unless it has hung up: then the connection is closed. What is asked of the kernel is cheaper
    /// than to begin a check for nobody.
    pub(super) fn uid_if_there(&mut self, id: ClientId) -> Option<u32> {
        let client = self.clients.get_mut(&id)?;
        if socket::has_hung_up(client.stream.as_fd()) {
            self.remove(id);
            return None;
        }
        let uid = client.uid();
        if let Place::Unknown { uid: asked } = &mut client.place {
            *asked = Some(uid);
        }
        Some(uid)
    }

    /// Answers a client whom nobody could be asked about.
    pub(super) fn reply_unavailable(&mut self, id: ClientId, outcome: &Outcome, now: Instant) {
        match self.settings.on_unavailable {
            OnUnavailable::No if !outcome.breaks_off() => self.reply_text(id, &outcome.reply(), now),
            OnUnavailable::No | OnUnavailable::Close => {
                self.remove(id);
            }
        }
    }

    /// Sends the reply and ends the connection: at once when the request came in one piece, as it nearly always
    /// does; after what may still be on its way otherwise.
    pub(super) fn reply_text(&mut self, id: ClientId, text: &str, now: Instant) {
        let Some(mut client) = self.remove(id) else { return };
        client.write(match self.settings.reply_text {
            ReplyText::Full => text,
            ReplyText::Bare => text.split(' ').next().unwrap_or_default(),
        });
        let times = Times { since: now, until: now + DRAIN_TIME };
        if matches!(client.state, State::Deciding { in_pieces: false })
            || client.finish_writing(times).is_err()
        {
            return;
        }
        // Again or for the first time, so that what has come already is told of too.
        let _ = self.registry.deregister(&mut client.stream);
        if self.watch(id, &mut client) {
            if matches!(client.place, Place::Unknown { .. }) {
                client.place = Place::Held { uid: client.uid() };
            }
            self.add(id, client);
        }
    }

    /// Makes room for a connection that has got the last descriptor, or cuts it.
    pub(super) fn has_descriptor_for(&mut self, stream: &UnixStream, now: Instant) -> bool {
        let has_room = self.make_room(uid_of(stream), a_while_before(now), now);
        if !has_room {
            self.refusals.note(ClientRefusal::TooMany);
        }
        has_room
    }

    /// How many connections are open.
    pub(super) fn len(&self) -> usize {
        self.clients.len()
    }

    /// Connections and requests that were refused since this was asked last.
    pub(super) fn take_counts(&mut self) -> (ClientRefusals, InvalidRequests) {
        (std::mem::take(&mut self.refusals), std::mem::take(&mut self.invalid_requests))
    }

    /// Whether it is heard without a place.
    pub(super) fn is_beyond(&self, id: ClientId) -> bool {
        self.clients.get(&id).is_some_and(|client| matches!(client.place, Place::Beyond { .. }))
    }

    /// Whether one more may hold a place.
    pub(super) fn has_room(&self) -> bool {
        self.places.held() < self.settings.max_connections
    }

    /// Ends a connection so that one more of the user finds room; see [`Places::who_makes_room`].
    fn make_room(&mut self, uid: u32, since: Instant, now: Instant) -> bool {
        let victim = self.places.who_makes_room(uid, since);
        self.complain(uid, victim, now);
        let Some(mut client) = victim.and_then(|victim| self.remove(victim)) else { return false };
        if matches!(client.state, State::Deciding { .. }) {
            self.displaced.extend(victim);
        }
        let is_answered = matches!(client.state, State::Draining { .. });
        if !is_answered {
            self.refusals.note(ClientRefusal::TooMany);
        }
        if !is_answered && self.settings.on_unavailable == OnUnavailable::No {
            client.write(&too_many().reply());
        }
        true
    }

    /// Those that had to make room although they were owed an answer: as if they had hung up.
    pub(super) fn take_displaced(&mut self) -> Vec<ClientId> {
        std::mem::take(&mut self.displaced)
    }

    fn complain(&mut self, uid: u32, victim: Option<ClientId>, now: Instant) {
        if !self.complaints.is_due(now) {
            return;
        }
        let victims = victim.and_then(|victim| self.clients.get(&victim)).map(Client::uid);
        let whose = victims.unwrap_or(uid);
        let (all, held) = (self.places.held(), self.places.held_by(whose));
        let what = if victim.is_some() {
            "one of those makes room"
        } else {
            "a new one of that user is turned away"
        };
        log::warn!(
            target: "frontend",
            "{all} connections are open, {held} of them by the user with the number {whose}, and {what}; a larger \
             --max-connections or limit on open descriptors would help"
        );
    }

    /// Whether nobody waits for a reply or is in the middle of a request.
    pub(super) fn are_all_answered(&self) -> bool {
        self.clients.values().all(|client| matches!(client.state, State::Draining { .. }))
    }

    /// Those that have not sent a byte, at the endpoints that are wanted.
    pub(super) fn all_silent(&self, wanted: impl Fn(&Endpoint) -> bool) -> BTreeSet<ClientId> {
        let wanted = |client: &Client| client.is_silent() && wanted(&client.endpoint);
        self.clients.iter().filter(|(_, client)| wanted(client)).map(|(id, _)| *id).collect()
    }

    /// A connection that has not sent a byte, and its endpoint.
    pub(super) fn silent(&self, id: ClientId) -> Option<(&UnixStream, &Endpoint)> {
        let silent = self.clients.get(&id).filter(|client| client.is_silent());
        silent.map(|client| (&client.stream, &*client.endpoint))
    }

    /// Somebody else has this connection now.
    pub(super) fn let_go(&mut self, id: ClientId) {
        if let Some(mut client) = self.remove(id) {
            // Closing would not end the registration: the connection is still open elsewhere.
            let _ = self.registry.deregister(&mut client.stream);
        }
    }

    /// Closes the connections that have not sent a whole request.
    pub(super) fn give_up_unfinished(&mut self) {
        let unfinished = |client: &Client| matches!(client.state, State::Reading { .. });
        let ids: Vec<_> =
            self.clients.iter().filter(|(_, client)| unfinished(client)).map(|(id, _)| *id).collect();
        for id in ids {
            self.remove(id);
        }
    }

    /// Closes the connections whose time is over.
    pub(super) fn handle_timeout(&mut self, now: Instant) {
        while let Some(&(_, id)) = self.deadlines.first().filter(|(due, _)| *due <= now) {
            let Some(client) = self.remove(id) else { return };
            match (&client.state, client.place) {
                (State::Reading { .. }, Place::Beyond { .. }) => self.refusals.note(ClientRefusal::TooMany),
                (State::Reading { .. }, _) => {
                    self.refusals.note(ClientRefusal::TooSlow);
                    let origin = client.origin();
                    log::debug!(target: "frontend", "A client did not send a whole request within --read-timeout: {origin}");
                }
                (State::Deciding { .. } | State::Draining { .. }, _) => {}
            }
        }
    }

    pub(super) fn next_timeout(&self) -> Option<Instant> {
        self.deadlines.first().map(|(due, _)| *due)
    }

    fn add(&mut self, id: ClientId, client: Client) {
        self.deadlines.extend(client.state.deadline().map(|deadline| (deadline, id)));
        match client.place {
            Place::Unknown { .. } => {}
            Place::Held { uid } => self.places.enter(uid, id, client.state.standing()),
            Place::Beyond { .. } => self.beyond += 1,
        }
        self.clients.insert(id, client);
    }

    fn remove(&mut self, id: ClientId) -> Option<Client> {
        let client = self.clients.remove(&id)?;
        if let Some(deadline) = client.state.deadline() {
            self.deadlines.remove(&(deadline, id));
        }
        match client.place {
            Place::Unknown { .. } => {}
            Place::Held { uid } => self.places.leave(uid, id, client.state.standing()),
            Place::Beyond { .. } => self.beyond = self.beyond.saturating_sub(1),
        }
        Some(client)
    }
}

fn a_while_before(now: Instant) -> Instant {
    now.checked_sub(MAY_BE_SILENT).unwrap_or(now)
}

pub(super) fn uid_of(stream: &UnixStream) -> u32 {
    socket::peer(stream.as_fd()).map_or(UNKNOWN_USER, |peer| peer.user)
}

impl Client {
    fn origin(&self) -> Origin<'_> {
        Origin::of(&self.endpoint, self.stream.as_fd())
    }

    fn uid(&self) -> u32 {
        match self.place {
            Place::Unknown { uid: None } => uid_of(&self.stream),
            Place::Unknown { uid: Some(uid) } | Place::Held { uid } | Place::Beyond { uid } => uid,
        }
    }
}

fn too_many() -> Outcome {
    Outcome::internal_failure("too many connections")
}
