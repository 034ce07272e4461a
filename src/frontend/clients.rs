//! All connections: bounded in number, each given a bounded time to send its request.
#![forbid(unsafe_code)]

use super::client::{Client, Heard, State};
use super::token;
use crate::config::{OnUnavailable, Service};
use crate::credentials::Credentials;
use crate::dispatch::ClientId;
use crate::outcome::Outcome;
use crate::rate_limit::RateLimit;
use crate::secret::Secret;
use crate::strerror::strerror;
use crate::wire::Invalid;
use mio::net::UnixStream;
use mio::{Interest, Registry};
use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

/// How many connections beyond the bound are heard before they are turned away, and for how long; the next are cut.
pub(super) const MOST_SURPLUS: usize = 64;
const SURPLUS_TIME: Duration = Duration::from_secs(1);

/// How long an answered client that sent its request in pieces may go on sending.
const DRAIN_TIME: Duration = Duration::from_secs(1);

pub(super) struct Clients {
    clients: HashMap<ClientId, Client>,
    deadlines: BTreeSet<(Instant, ClientId)>,
    last: u64,
    surplus: usize,
    registry: Registry,
    service: Service,
    buffer: Secret,
    complaints: RateLimit,
}

/// What came of looking at a connection.
pub(super) enum Step {
    Nothing,
    Request(ClientId, Credentials),
    Invalid(ClientId, Invalid),
}

impl Clients {
    pub(super) fn new(service: &Service, registry: Registry) -> Self {
        Self {
            clients: HashMap::new(),
            deadlines: BTreeSet::new(),
            last: 0,
            surplus: 0,
            registry,
            service: service.clone(),
            buffer: Secret::default(),
            complaints: RateLimit::default(),
        }
    }

    /// The mechanism's name for the log.
    pub(super) fn mechanism(&self) -> &str {
        &self.service.mechanism
    }

    /// Takes a new connection and reads at once: libsasl has usually written all it has to say by now.
    pub(super) fn welcome(&mut self, stream: UnixStream, now: Instant) -> Step {
        self.last += 1;
        let id = ClientId(self.last);
        let surplus = self.are_too_many();
        if surplus {
            self.complain(now);
        }
        let mut client = Client::new(stream, self.service.limits, surplus);
        let heard = client.read(&mut self.buffer);
        match heard {
            Heard::End => return Step::Nothing,
            Heard::Nothing => {
                let interest = Interest::READABLE;
                if let Err(error) = self.registry.register(&mut client.stream, token::of_client(id), interest)
                {
                    log::error!(target: "frontend", "A connection could not be watched and is closed: {}", strerror(&error));
                    return Step::Nothing;
                }
                client.state = State::Reading { registered: true };
                let time = if surplus { SURPLUS_TIME } else { self.service.read_timeout };
                self.time(&mut client, id, now + time);
            }
            Heard::Request(_) | Heard::Invalid(_) => {}
        }
        self.surplus += usize::from(surplus);
        self.clients.insert(id, client);
        self.step(id, heard, now)
    }

    /// Reads on.
    pub(super) fn handle_readable(&mut self, id: ClientId, now: Instant) -> Step {
        let Some(client) = self.clients.get_mut(&id) else { return Step::Nothing };
        if matches!(client.state, State::Deciding { .. }) {
            return Step::Nothing;
        }
        let heard = client.read(&mut self.buffer);
        if matches!(heard, Heard::Request(_) | Heard::Invalid(_)) {
            Self::stop_timing(&mut self.deadlines, client, id);
        }
        self.step(id, heard, now)
    }

    fn step(&mut self, id: ClientId, heard: Heard, now: Instant) -> Step {
        let surplus = self.clients.get(&id).is_some_and(|client| client.surplus);
        match heard {
            Heard::Nothing => Step::Nothing,
            Heard::Request(_) | Heard::Invalid(_) if surplus => {
                self.reply_unavailable(id, &Outcome::internal_failure("too many connections"), now);
                Step::Nothing
            }
            Heard::Request(credentials) => Step::Request(id, credentials),
            Heard::Invalid(invalid) => Step::Invalid(id, invalid),
            Heard::End => {
                if self.clients.get(&id).is_some_and(Client::is_half_sent) {
                    log::debug!(target: "frontend", "A client hung up in the middle of its request");
                }
                self.remove(id);
                Step::Nothing
            }
        }
    }

    /// Answers a client whom nobody could be asked about.
    pub(super) fn reply_unavailable(&mut self, id: ClientId, outcome: &Outcome, now: Instant) {
        match self.service.on_unavailable {
            OnUnavailable::No => self.reply_text(id, &outcome.reply(), now),
            OnUnavailable::Close => {
                self.remove(id);
            }
        }
    }

    /// Sends the reply and ends the connection: at once when the request came in one piece, as it nearly always
    /// does; after what may still be on its way otherwise.
    pub(super) fn reply_text(&mut self, id: ClientId, text: &str, now: Instant) {
        let Some(mut client) = self.remove(id) else { return };
        client.write(text);
        if client.state == (State::Deciding { in_pieces: false }) || client.finish_writing().is_err() {
            return;
        }
        let interest = Interest::READABLE;
        // Again or for the first time, so that what has come already is told of too.
        let _ = self.registry.deregister(&mut client.stream);
        if self.registry.register(&mut client.stream, token::of_client(id), interest).is_ok() {
            self.time(&mut client, id, now + DRAIN_TIME);
            self.surplus += usize::from(client.surplus);
            self.clients.insert(id, client);
        }
    }

    /// Cuts a connection for which there is not even room to be turned away.
    pub(super) fn cut(&mut self, stream: UnixStream, now: Instant) {
        self.complain(now);
        drop(stream);
    }

    fn complain(&mut self, now: Instant) {
        if self.complaints.is_due(now) {
            log::warn!(
                target: "frontend",
                "{} connections are open and a new one is turned away; a larger --max-connections or limit on open \
                 descriptors would help",
                self.clients.len() - self.surplus
            );
        }
    }

    /// Whether not even one more can be heard and turned away.
    pub(super) fn are_full(&self) -> bool {
        self.are_too_many() && self.surplus >= MOST_SURPLUS
    }

    /// Whether as many are served as may be.
    fn are_too_many(&self) -> bool {
        self.clients.len() - self.surplus >= self.service.max_connections
    }

    /// Whether nobody waits for a reply or is in the middle of a request.
    pub(super) fn are_all_answered(&self) -> bool {
        self.clients.values().all(|client| client.state == State::Draining)
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
            if self.remove(id).is_some_and(|client| client.state != State::Draining && !client.surplus) {
                log::debug!(target: "frontend", "A client did not send a whole request within --read-timeout");
            }
        }
    }

    pub(super) fn next_timeout(&self) -> Option<Instant> {
        self.deadlines.first().map(|(due, _)| *due)
    }

    fn time(&mut self, client: &mut Client, id: ClientId, deadline: Instant) {
        client.deadline = Some(deadline);
        self.deadlines.insert((deadline, id));
    }

    fn stop_timing(deadlines: &mut BTreeSet<(Instant, ClientId)>, client: &mut Client, id: ClientId) {
        if let Some(deadline) = client.deadline.take() {
            deadlines.remove(&(deadline, id));
        }
    }

    fn remove(&mut self, id: ClientId) -> Option<Client> {
        let mut client = self.clients.remove(&id)?;
        self.surplus -= usize::from(client.surplus);
        Self::stop_timing(&mut self.deadlines, &mut client, id);
        Some(client)
    }
}
