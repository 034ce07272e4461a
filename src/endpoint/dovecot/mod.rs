//! Dovecot's auth client protocol, version 1.2, as a server: what Postfix, Exim and others ask a login server in.
//!
//! A [`Session`] is one connection, without I/O: bytes, answers and the time go in; requests and bytes come out. A client
//! may have several requests open at a time, each under an id of its own, and gets the answers in any order.
//!
//! ```text
//! S: VERSION 1 2, MECH PLAIN plaintext, …, SPID, CUID, COOKIE, DONE     at once, in one write
//! C: VERSION 1 1, CPID 4711
//! C: AUTH 1 PLAIN service=smtp rip=192.0.2.7 resp=AGFubmEAc2VjcmV0      S: OK 1 user=anna
//! C: AUTH 2 LOGIN service=smtp    S: CONT 2 VXNlcm5hbWU6    C: CONT 2 YW5uYQ==    …    S: FAIL 2 user=anna
//! ```
//!
//! Fields are separated by tabs. What is refused and what closes the connection is what Dovecot 2.3.19 was seen to refuse
//! and to close for, where the comments do not say otherwise.
#![forbid(unsafe_code)]

mod command;
mod escape;
mod exchange;
mod handed_over;
mod line;
mod open_requests;
mod reason;
mod reply;
mod requests;
mod session;
#[cfg(any(test, feature = "simulation"))]
pub(crate) mod simulation;
#[cfg(test)]
mod tests;

pub use command::Parameters;
pub use exchange::Mechanism;
pub use handed_over::HandedOver;
pub use reason::{CloseReason, ProtocolError, RefusalReason};
pub use session::Session;

use crate::config::{Limits, OnUnavailable};
use crate::credentials::Credentials;
use std::time::Duration;

/// What all connections to one socket have in common.
#[derive(Debug, Clone)]
pub struct SessionSettings {
    /// The mechanisms on offer, in that order. Without any Postfix does not start.
    pub mechanisms: Vec<Mechanism>,
    /// The longest login, password and service.
    pub limits: Limits,
    /// How many requests of a connection may be open at a time; at least one is.
    pub max_open: usize,
    /// How long a client may take to go on with what it has begun: the handshake, a line, an exchange.
    pub continuation_time: Duration,
    /// Takes the place of the client's `service=`.
    pub service: Option<Vec<u8>>,
    /// What a client gets when nobody could be asked.
    pub on_unavailable: OnUnavailable,
}

/// What the greeting tells a client of the server.
#[derive(Debug, Clone, Copy)]
pub struct Identity {
    /// SPID: the process.
    pub process: u32,
    /// CUID: the connection; no other one of the process has it.
    pub connection: u64,
    /// COOKIE: random bytes, with which others could ask Dovecot's master socket about a login. Nothing here takes it.
    pub cookie: [u8; 16],
}

/// The number of a request within its connection. Never used again, unlike the client's id for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestNumber(pub u64);

/// A login attempt that is to be checked.
pub struct Request {
    /// By which it is answered.
    pub number: RequestNumber,
    /// Login, password, service and the client's address. The realm is empty.
    pub credentials: Credentials,
    /// What else the client said.
    pub parameters: Parameters,
}

/// What a session wants done or known.
pub enum SessionEvent {
    /// To be checked and answered by [`Session::handle_answer`].
    Request(Request),
    /// The answer to this request would reach nobody any more.
    Withdrawn(RequestNumber),
    /// Refused without a check; for the log.
    Refused(Refused),
    /// The connection is to be closed as soon as the output is written. Nothing follows.
    Close(CloseReason),
}

/// A login attempt that no mechanism was asked about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Why.
    pub reason: RefusalReason,
    /// The login as far as it is known; else empty.
    pub login: Vec<u8>,
    /// What was to be logged in to, and from where.
    pub parameters: Parameters,
}
