//! What the upstream manager and its caller say to each other.
#![forbid(unsafe_code)]

#[cfg(doc)]
use super::UpstreamManager;
use crate::net::exchange::{Failure, PoolId, QuestionId, Server};
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

/// A connection to a server, numbered by the upstream manager; never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnectionId(pub u64);

/// What the caller must do now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Find the addresses of a host; answered by [`UpstreamManager::handle_addresses`].
    Resolve {
        /// As in [`Address::Host`](crate::net::exchange::Address::Host).
        host: String,
        /// As there.
        service: String,
    },
    /// Connect, and begin TLS if the server wants it from the start.
    Open {
        /// The number of the new connection.
        connection: ConnectionId,
        /// What it is for.
        pool: PoolId,
        /// The place of the server in the pool's list.
        server: usize,
        /// Where it is.
        target: Target,
    },
    /// Put the question into the session of the connection.
    Ask(ConnectionId, QuestionId),
    /// Nobody waits for the answer any more, and the connection stays: let the server know if the protocol can.
    Abandon(ConnectionId, QuestionId),
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
    /// A server has hung up over a question, or answered what nobody understands.
    Unanswered(Server, Failure),
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

impl fmt::Display for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Socket(address) => address.fmt(formatter),
            Self::Path(path) => path.display().fmt(formatter),
        }
    }
}
