//! Which question goes over which connection, to which server, and what happens when one fails.
//!
//! Pure: events and `now` go in through the `handle_…` methods, [`Order`]s come out of [`Switchboard::next_order`].
#![forbid(unsafe_code)]

use super::ConnectionId;
use crate::mech::remote::{Failure, Lane, LaneId, QuestionId, Server};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Instant;

/// What the caller must do now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order {
    /// Find the addresses of a host; answered by [`Switchboard::handle_addresses`].
    Resolve {
        /// As in [`Address::Host`](crate::mech::remote::Address::Host).
        host: String,
        /// As there.
        service: String,
    },
    /// Connect, and begin TLS if the server wants it from the start.
    Open {
        /// The number of the new connection.
        connection: ConnectionId,
        /// What it is for.
        lane: LaneId,
        /// The place of the server in the lane's list.
        server: usize,
        /// Where it is.
        target: Target,
    },
    /// Put the question into the session of the connection.
    Ask(ConnectionId, QuestionId),
    /// Close the connection, after a farewell if it is ready. Nothing more is said about it.
    Close(ConnectionId),
    /// The question cannot be answered.
    GiveUp(QuestionId, Failure),
    /// Write a line to the log.
    Log(Event),
}

/// Where to connect.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Target {
    /// TCP.
    Socket(SocketAddr),
    /// A unix stream socket.
    Path(PathBuf),
}

/// What is worth a log line; seldom enough for the log by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A server has failed and is left alone for a while.
    Failed(Server, Failure),
    /// A server that had failed answers again.
    Recovered(Server),
    /// Questions wait for a connection, since the bound is reached.
    Waiting(Server, usize),
}

/// How far a connection has come; each step has its own deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// TCP is being set up.
    Connecting,
    /// TLS is being agreed on.
    Securing,
    /// The session says what comes before the first question.
    Opening,
    /// Questions can be asked.
    Ready,
}

/// All questions without an answer and all connections.
pub struct Switchboard {}

#[allow(unused_variables, clippy::todo)]
impl Switchboard {
    /// Nothing asked, nothing connected. A server that fails is left alone for `retry_interval`.
    pub fn new(retry_interval: std::time::Duration) -> Self {
        todo!()
    }

    /// A question for any connection of the lane, to be given up at the deadline.
    pub fn ask(
        &mut self,
        question: QuestionId,
        id: LaneId,
        lane: &Rc<Lane>,
        deadline: Instant,
        now: Instant,
    ) {
        todo!()
    }

    /// Nobody waits for the answer any more.
    pub fn abandon(&mut self, question: QuestionId, now: Instant) {
        todo!()
    }

    /// What [`Order::Resolve`] found, or why nothing.
    pub fn handle_addresses(
        &mut self,
        host: &str,
        service: &str,
        found: Result<Vec<SocketAddr>, String>,
        now: Instant,
    ) {
        todo!()
    }

    /// The connection has reached a stage.
    pub fn handle_stage(&mut self, connection: ConnectionId, stage: Stage, now: Instant) {
        todo!()
    }

    /// The question is answered, or the server says that it cannot answer it; then another server is asked. `true`
    /// if the answer counts: it is for the exchange.
    pub fn handle_answer(
        &mut self,
        connection: ConnectionId,
        question: QuestionId,
        answered: Result<(), Failure>,
        now: Instant,
    ) -> bool {
        todo!()
    }

    /// The session takes no further question.
    pub fn handle_finished(&mut self, connection: ConnectionId, now: Instant) {
        todo!()
    }

    /// The connection is broken or was closed by the server. `heard`: bytes have come since the last question was
    /// asked on it.
    pub fn handle_broken(&mut self, connection: ConnectionId, failure: Failure, heard: bool, now: Instant) {
        todo!()
    }

    /// The time that [`Self::next_timeout`] named has come.
    pub fn handle_timeout(&mut self, now: Instant) {
        todo!()
    }

    /// When [`Self::handle_timeout`] must be called at the latest.
    pub fn next_timeout(&self) -> Option<Instant> {
        todo!()
    }

    /// The next thing to do.
    pub fn next_order(&mut self) -> Option<Order> {
        todo!()
    }
}
