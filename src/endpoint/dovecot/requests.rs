//! What a client asks, from `AUTH` to the one answer.
#![forbid(unsafe_code)]

use super::command::{Auth, Id, Parameters};
use super::exchange::{Exchange, Refusal, Step, decode_response};
use super::open_requests::{Awaiting, OpenRequest};
use super::reason::{CloseReason, ProtocolError, RefusalReason};
use super::reply::{self, Failure};
use super::session::Session;
use super::{Refused, Request, RequestNumber, SessionEvent};
use crate::config::{Limits, OnUnavailable};
use crate::credentials::{Credentials, MailConnection};
use crate::outcome::Outcome;
use crate::secret::Secret;
use crate::wire::{Field, InvalidRequest};
use std::time::Instant;

/// From this minor version of a client on an empty `resp=` is an empty response. Before it is none: Exim always sends it.
const MINOR_WITH_EMPTY_RESPONSE: u32 = 2;

impl Session {
    pub(super) fn handle_auth(
        &mut self,
        auth: Auth<'_>,
        minor: u32,
        now: Instant,
    ) -> Result<(), ProtocolError> {
        let Auth { id, mut parameters, initial } = auth;
        if !self.settings.mechanisms.contains(&parameters.mechanism) {
            return Err(ProtocolError::UnknownMechanism);
        }
        if self.open.contains(id) {
            return Err(ProtocolError::IdInUse);
        }
        if let Some(service) = &self.settings.service {
            parameters.service.clone_from(service);
        }
        let mut exchange = parameters.mechanism.exchange();
        let step = begin(exchange.as_mut(), &parameters, initial, minor, self.settings.limits);
        self.take_step(id, step, exchange, parameters, now);
        Ok(())
    }

    pub(super) fn handle_continue(&mut self, id: Id, response: &[u8], now: Instant) {
        match self.open.remove(id) {
            None => reply::push_fail(&mut self.output, id, None, Failure::UnknownRequest),
            Some(OpenRequest::Checking(number)) => {
                self.withdraw(number);
                reply::push_fail(&mut self.output, id, None, Failure::UnexpectedContinuation);
            }
            Some(OpenRequest::AwaitingResponse(Awaiting { mut exchange, parameters, .. })) => {
                let step = match decode_response(response) {
                    Some(response) => exchange.proceed(response.as_bytes(), self.settings.limits),
                    None => Step::Refuse(Refusal::of_nobody(RefusalReason::InvalidResponse)),
                };
                self.take_step(id, step, exchange, parameters, now);
            }
        }
    }

    /// Gets no answer, whether there is such a request or not.
    pub(super) fn handle_cancel(&mut self, id: Id) {
        if let Some(OpenRequest::Checking(number)) = self.open.remove(id) {
            self.withdraw(number);
        }
    }

    fn take_step(
        &mut self,
        id: Id,
        step: Step,
        exchange: Box<dyn Exchange>,
        parameters: Parameters,
        now: Instant,
    ) {
        match step {
            Step::Refuse(refusal) => self.refuse(id, refusal, parameters),
            _ if !self.make_room() => {
                self.refuse(id, Refusal::of_nobody(RefusalReason::TooManyRequests), parameters);
            }
            Step::Challenge(challenge) => {
                reply::push_cont(&mut self.output, id, challenge);
                let until = now + self.settings.continuation_time;
                let awaiting = Awaiting { exchange, parameters, until };
                self.open.insert(id, OpenRequest::AwaitingResponse(awaiting));
            }
            Step::Check(login, password) => self.request(id, login, password, parameters),
        }
    }

    fn request(&mut self, id: Id, login: Vec<u8>, password: Secret, parameters: Parameters) {
        self.last_number += 1;
        let number = RequestNumber(self.last_number);
        let credentials = Credentials {
            login,
            sent_login: None,
            password,
            service: parameters.service.clone(),
            realm: Vec::new(),
            client: parameters.client,
            connection: told(&parameters.connection),
        };
        self.open.insert(id, OpenRequest::Checking(number));
        self.events.push_back(SessionEvent::Request(Request { number, credentials, parameters }));
    }

    /// Whether one more request may be open. At the bound the one makes room that has waited for its client for longest: Postfix
    /// never tells of an exchange that its client has given up, and passes over answers that it does not wait for.
    fn make_room(&mut self) -> bool {
        let is_full = self.open.len() >= self.settings.max_open.max(1);
        !is_full || self.give_up_longest_awaiting(RefusalReason::TooManyRequests)
    }

    /// Whether there was one.
    pub(super) fn give_up_longest_awaiting(&mut self, reason: RefusalReason) -> bool {
        let Some((id, awaiting)) = self.open.take_longest_awaiting() else { return false };
        self.refuse(id, Refusal::of_nobody(reason), awaiting.parameters);
        true
    }

    fn refuse(&mut self, id: Id, refusal: Refusal, parameters: Parameters) {
        let Refusal { reason, login } = refusal;
        reply::push_fail(&mut self.output, id, login.as_deref(), Failure::Refused(reason));
        let login = login.unwrap_or_default();
        self.events.push_back(SessionEvent::Refused(Refused { reason, login, parameters }));
    }

    /// Answers a request; one that was withdrawn is not answered. `login` is the name under which the client may go on: as
    /// it was checked, not as it was sent.
    pub fn handle_answer(&mut self, number: RequestNumber, outcome: &Outcome, login: &[u8]) {
        let Some(id) = self.open.take_checking(number) else { return };
        match outcome {
            Outcome::Accept(_) => reply::push_ok(&mut self.output, id, login),
            Outcome::Reject(_) => reply::push_fail(&mut self.output, id, Some(login), Failure::Rejected),
            Outcome::Unavailable(_) if self.closes_if_unavailable() => self.close(CloseReason::Unavailable),
            Outcome::Unavailable(_) => {
                reply::push_fail(&mut self.output, id, Some(login), Failure::Temporary);
            }
        }
    }

    /// Postfix and Exim take every `FAIL` for a wrong password (535), and a close for what it is (454, 435). They have one
    /// request checked at a time, so for them it is always the close, whatever exchanges they have forgotten about. A client that
    /// has another one checked has many users on its connection, as Prosody and Dovecot's own programs: these
    /// read `temp`, and a close would take the answers of the others away, or hold this one back until they are there.
    fn closes_if_unavailable(&self) -> bool {
        self.settings.on_unavailable == OnUnavailable::Close && self.open.checking().next().is_none()
    }
}

/// Most mail servers tell nothing of it.
fn told(connection: &MailConnection) -> Option<Box<MailConnection>> {
    (*connection != MailConnection::default()).then(|| Box::new(connection.clone()))
}

/// The first step of an exchange.
fn begin(
    exchange: &mut dyn Exchange,
    parameters: &Parameters,
    initial: Option<&[u8]>,
    minor: u32,
    limits: Limits,
) -> Step {
    let checked = check_service(&parameters.service, limits);
    match checked.and_then(|()| initial_response(initial, minor)) {
        Ok(response) => exchange.begin(response.as_ref().map(Secret::as_bytes), limits),
        Err(reason) => Step::Refuse(Refusal::of_nobody(reason)),
    }
}

fn check_service(service: &[u8], limits: Limits) -> Result<(), RefusalReason> {
    if service.len() > limits.field {
        return Err(RefusalReason::Invalid(InvalidRequest::TooLong(Field::Service, limits.field)));
    }
    if service.contains(&0) {
        return Err(RefusalReason::Invalid(InvalidRequest::HoldsNul(Field::Service)));
    }
    Ok(())
}

fn initial_response(text: Option<&[u8]>, minor: u32) -> Result<Option<Secret>, RefusalReason> {
    match text {
        None => Ok(None),
        Some([]) if minor < MINOR_WITH_EMPTY_RESPONSE => Ok(None),
        Some(text) => decode_response(text).map(Some).ok_or(RefusalReason::InvalidInitialResponse),
    }
}
