//! From connections to the dispatcher, and back.
#![forbid(unsafe_code)]

use super::auth_clients::AuthEvent;
use super::clients::Step;
use super::endpoint::Endpoint;
use super::{Frontend, record};
use crate::config::site::Protocol;
use crate::credentials::Credentials;
use crate::job::JobId;
use crate::outcome::Outcome;
use crate::policy::dispatch::{ClientId, Names, RequestId};
use mio::event::Event;
use mio::net::UnixStream;
use std::rc::Rc;
use std::time::Instant;

impl Frontend {
    /// Takes a connection that nobody has looked at yet.
    pub(super) fn welcome(&mut self, stream: UnixStream, endpoint: Rc<Endpoint>, now: Instant) {
        match endpoint.protocol {
            Protocol::Mux => self.welcome_client(stream, endpoint, now),
            Protocol::Control => self.welcome_control_client(stream, endpoint, now),
            Protocol::Dovecot => {
                self.auth_clients.welcome(stream, endpoint, now);
                self.carry_out(now);
            }
        }
    }

    /// It is watched only if its answer has to be waited for.
    fn welcome_client(&mut self, stream: UnixStream, endpoint: Rc<Endpoint>, now: Instant) {
        self.make_room_for_client(now);
        let step = self.clients.welcome(stream, endpoint, now);
        let asks = match &step {
            Step::Request(client, _) => Some(*client),
            Step::Nothing | Step::Invalid(..) | Step::HungUp(_) => None,
        };
        self.take(step, now);
        self.carry_out(now);
        asks.into_iter().for_each(|client| self.clients.await_hang_up(client));
    }

    /// Where all connections are taken one that only waits for the time of its refusal is answered first.
    fn make_room_for_client(&mut self, now: Instant) {
        if !self.clients.has_room() {
            self.tell_early(now);
        }
    }

    /// Answers the failure that would be told next, which ends its connection; whether there was one.
    pub(super) fn tell_early(&mut self, now: Instant) -> bool {
        let is_told = self.dispatcher.make_room();
        self.carry_out(now);
        is_told
    }

    /// Looks at a connection of which the event loop tells something.
    pub(super) fn handle_client(&mut self, client: ClientId, event: &Event, now: Instant) {
        if self.clients.is_beyond(client) {
            self.make_room_for_client(now);
        }
        let step = self.clients.handle_event(client, event, now);
        self.take(step, now);
    }

    pub(super) fn take(&mut self, step: Step, now: Instant) {
        for client in self.clients.take_displaced() {
            self.dispatcher.handle_hang_up(RequestId::sole(client), now);
        }
        match step {
            Step::Nothing => {}
            Step::Request(client, credentials) => {
                if log::log_enabled!(log::Level::Debug) {
                    let origin = self.clients.origin(client);
                    origin.iter().for_each(|origin| record::write_origin(origin, &credentials));
                }
                let Some(endpoint) = self.clients.endpoint(client) else { return };
                let time =
                    endpoint.request_time.map_or(self.request_timeout, |time| time.min(self.request_timeout));
                let (request, deadline) = (RequestId::sole(client), now + time);
                let login = login_for_the_log(&credentials);
                let uid = || self.clients.uid_if_there(client);
                let id =
                    self.dispatcher.handle_request(request, &endpoint.name, credentials, uid, deadline, now);
                tell_number(id, login);
            }
            Step::HungUp(client) => self.dispatcher.handle_hang_up(RequestId::sole(client), now),
            Step::Invalid(client, invalid) => {
                log::error!(target: "do_request", "{invalid}");
                if let Some(origin) = self.clients.origin(client) {
                    log::debug!(target: "frontend", "An invalid request came in: {origin}");
                }
                self.clients.reply_text(client, &invalid.reply(), now);
            }
        }
    }

    /// The one reply to a request. Those of connections at `mux` have no number.
    pub(super) fn reply(&mut self, request: RequestId, names: &Names, outcome: &Outcome, now: Instant) {
        let client = request.client;
        match outcome {
            _ if request != RequestId::sole(client) => {
                self.auth_clients.answer(request, outcome, &names.login, now);
            }
            Outcome::Unavailable(_) => self.clients.reply_unavailable(client, outcome, now),
            Outcome::Accept(_) | Outcome::Reject(_) => self.clients.reply_text(client, &outcome.reply(), now),
        }
    }

    /// Passes on what connections at auth sockets ask.
    pub(super) fn take_auth_event(&mut self, event: AuthEvent, now: Instant) {
        match event {
            AuthEvent::HungUp(request) => self.dispatcher.handle_hang_up(request, now),
            AuthEvent::Request { id, endpoint, credentials, uid, deadline } => {
                let login = login_for_the_log(&credentials);
                let uid = || Some(uid);
                let number =
                    self.dispatcher.handle_request(id, &endpoint.name, credentials, uid, deadline, now);
                tell_number(number, login);
            }
        }
    }
}

/// A copy for [`tell_number`], where that has a reader.
fn login_for_the_log(credentials: &Credentials) -> Option<Vec<u8>> {
    log::log_enabled!(log::Level::Debug).then(|| credentials.login.clone())
}

/// Says which login a request has become or joined.
fn tell_number(id: Option<JobId>, login: Option<Vec<u8>>) {
    if let (Some(id), Some(login)) = (id, login) {
        record::write_begin(id, &login);
    }
}
