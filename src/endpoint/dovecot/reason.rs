//! Why a connection is closed, and why a login is refused without a check.
#![forbid(unsafe_code)]

use super::line::LONGEST_LINE;
use crate::metrics::reasons::InvalidReason;
use crate::wire::InvalidRequest;
use std::fmt;

/// What a client did that Dovecot closes the connection for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProtocolError {
    /// The line does not end.
    LineTooLong,
    /// The line begins with no word that is known.
    UnknownCommand,
    /// A known command at another time: nothing before `VERSION` and `CPID`, neither of them twice.
    OutOfTurn,
    /// A field is missing, is one too many or is no number.
    Malformed,
    /// Another major version than 1.
    UnknownVersion,
    /// A mechanism that was not offered.
    UnknownMechanism,
    /// `AUTH` without `service=`.
    NoService,
    /// `AUTH` with something behind `resp=`.
    AfterResponse,
    /// `AUTH` with the id of a request that is open.
    IdInUse,
}

impl fmt::Display for ProtocolError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LineTooLong => {
                write!(formatter, "the client sends a line of more than {LONGEST_LINE} bytes")
            }
            Self::UnknownCommand => formatter.write_str("the client sends an unknown command"),
            Self::OutOfTurn => formatter.write_str("the client sends a command out of turn"),
            Self::Malformed => formatter.write_str("the client sends a command with wrong fields"),
            Self::UnknownVersion => {
                formatter.write_str("the client wants another version of the protocol than 1")
            }
            Self::UnknownMechanism => formatter.write_str("the client uses a mechanism that is not offered"),
            Self::NoService => formatter.write_str("the client sends AUTH without service="),
            Self::AfterResponse => formatter.write_str("the client sends parameters behind resp="),
            Self::IdInUse => formatter.write_str("the client uses the id of another open request"),
        }
    }
}

impl std::error::Error for ProtocolError {}

/// Why the session closes the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseReason {
    /// It cannot be known what the client means.
    Protocol(ProtocolError),
    /// Nobody could be asked, which a close says better than an answer.
    Unavailable,
    /// The client does not go on with the handshake or a line.
    TimedOut,
    /// The client asks without reading the answers.
    Unread,
}

impl fmt::Display for CloseReason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Protocol(error) => error.fmt(formatter),
            Self::Unavailable => formatter.write_str("nobody could be asked about the client's login"),
            Self::TimedOut => formatter.write_str("the client does not finish what it has begun to say"),
            Self::Unread => formatter.write_str("the client does not read its answers"),
        }
    }
}

/// Why a login attempt is refused before any mechanism sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusalReason {
    /// The response in `AUTH` is no base64.
    InvalidInitialResponse,
    /// The response in `CONT` is no base64.
    InvalidResponse,
    /// The response is none of the mechanism.
    MalformedResponse,
    /// A part is empty, too long or holds a NUL.
    Invalid(InvalidRequest),
    /// The login holds control bytes, which no account has, and with which logs and headers could be forged.
    ControlBytes,
    /// The client wants to act as somebody else than who it logs in as.
    OtherAuthorization,
    /// The client took too long to go on.
    TimedOut,
    /// As many requests are open as may be.
    TooManyRequests,
}

impl RefusalReason {
    /// What it counts as.
    pub fn counts_as(self) -> InvalidReason {
        match self {
            Self::InvalidInitialResponse | Self::InvalidResponse => InvalidReason::Base64,
            Self::MalformedResponse => InvalidReason::Response,
            Self::Invalid(invalid) => invalid.counts_as(),
            Self::ControlBytes => InvalidReason::ControlBytes,
            Self::OtherAuthorization => InvalidReason::OtherIdentity,
            Self::TimedOut => InvalidReason::Unfinished,
            Self::TooManyRequests => InvalidReason::TooManyOpen,
        }
    }
}

impl fmt::Display for RefusalReason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::InvalidInitialResponse => "invalid base64 in the initial response",
            Self::InvalidResponse => "invalid base64 in a response",
            Self::MalformedResponse => "the response is not one of the mechanism",
            Self::Invalid(invalid) => return invalid.fmt(formatter),
            Self::ControlBytes => "control bytes in the login",
            Self::OtherAuthorization => "the authorization identity is not the login",
            Self::TimedOut => "the client did not go on in time",
            Self::TooManyRequests => "too many requests are open on the connection",
        })
    }
}
