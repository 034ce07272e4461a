//! One connection: the bytes it has sent so far, and the one reply.
#![forbid(unsafe_code)]

use super::endpoint::Endpoint;
use super::places::Standing;
use crate::config::Limits;
use crate::credentials::Credentials;
use crate::secret::Secret;
use crate::strerror::strerror;
use crate::wire::{Decoded, Decoder, InvalidRequest, encode_reply};
use mio::net::UnixStream;
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::rc::Rc;
use std::time::Instant;

/// Bytes read at once: more than most requests have, so that one read is the rule.
pub(super) const READ_SIZE: usize = 16 * 1024;

/// Bytes that are thrown away behind a request before the connection is cut, so that a client that has more to
/// say is not reset before it has read its answer.
const MOST_DRAINED: usize = 1024 * 1024;

pub(super) struct Client {
    /// Where it came in.
    pub(super) endpoint: Rc<Endpoint>,
    pub(super) stream: UnixStream,
    pub(super) place: Place,
    pub(super) state: State,
}

/// Whether it counts among the connections of a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Most are answered at once: it is not registered with the event loop, and nobody may have asked whose it is.
    Unknown { uid: Option<u32> },
    /// It holds a place.
    Held { uid: u32 },
    /// It is one too many of a user, and heard nevertheless: a client that is cut off while it writes may die of the
    /// broken pipe.
    Beyond { uid: u32 },
}

pub(super) enum State {
    /// The request is not complete. `times`: since when it has been awaited and until when it is; `None` on the first
    /// look.
    Reading { decoder: Decoder, times: Option<Times> },
    /// The request is being decided. Nothing is read meanwhile. `in_pieces`: it came in several.
    Deciding { in_pieces: bool },
    /// Answered and closed for writing; what still comes is thrown away and counted.
    Draining { times: Times, drained: usize },
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Times {
    pub(super) since: Instant,
    pub(super) until: Instant,
}

/// What reading from a connection led to.
pub(super) enum Heard {
    /// Nothing more for now.
    Nothing,
    Request(Credentials),
    Invalid(InvalidRequest),
    /// The connection has ended, or is to be ended.
    End,
}

impl Client {
    pub(super) fn new(stream: UnixStream, endpoint: Rc<Endpoint>, limits: Limits) -> Self {
        let state = State::Reading { decoder: Decoder::new(limits), times: None };
        Self { endpoint, stream, place: Place::Unknown { uid: None }, state }
    }

    /// Reads what there is, through `buffer`, which is wiped again.
    pub(super) fn read(&mut self, buffer: &mut Secret) -> Heard {
        loop {
            buffer.resize(READ_SIZE);
            let length = match self.stream.read(buffer.as_mut_bytes()) {
                Ok(0) => return Heard::End,
                Ok(length) => length,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Heard::Nothing,
                Err(_) => return Heard::End,
            };
            let received = buffer.as_bytes().get(..length).unwrap_or_default();
            let heard = self.state.hear(received);
            buffer.wipe_first(length);
            match heard {
                // On the first look a short read means that there is no more; an event will tell.
                Heard::Nothing if length < READ_SIZE && self.is_new() => return Heard::Nothing,
                Heard::Nothing => {}
                heard => return heard,
            }
        }
    }

    fn is_new(&self) -> bool {
        matches!(self.state, State::Reading { times: None, .. })
    }

    /// Whether it has not sent a byte.
    pub(super) fn is_silent(&self) -> bool {
        matches!(&self.state, State::Reading { decoder, .. } if decoder.is_untouched())
    }

    /// Whether it hung up in the middle of a request.
    pub(super) fn is_half_sent(&self) -> bool {
        matches!(&self.state, State::Reading { decoder, .. } if !decoder.is_untouched())
    }

    /// Sends the reply in one write. A fresh socket has room for the longest; where it has not, the client does
    /// not read and gets what C's clients get then: an end.
    pub(super) fn write(&mut self, text: &str) {
        let sent = match text {
            "OK" => self.stream.write(b"\x00\x02OK"),
            text => self.stream.write(&encode_reply(text)),
        };
        if let Err(error) = sent {
            log::debug!(target: "frontend", "A client did not take its reply: {}", strerror(&error));
        }
    }

    /// Ends the conversation from this side, so that clients that wait for the end see it at once.
    pub(super) fn finish_writing(&mut self, times: Times) -> io::Result<()> {
        self.state = State::Draining { times, drained: 0 };
        self.stream.shutdown(Shutdown::Write)
    }
}

impl State {
    /// Takes what was read.
    fn hear(&mut self, received: &[u8]) -> Heard {
        match self {
            Self::Reading { decoder, times } => {
                // A full buffer may not be all that has come.
                let in_pieces = times.is_some() || received.len() == READ_SIZE;
                match decoder.decode(received) {
                    Decoded::Incomplete => Heard::Nothing,
                    Decoded::Request(credentials) => {
                        *self = Self::Deciding { in_pieces };
                        Heard::Request(credentials)
                    }
                    Decoded::Invalid(invalid) => {
                        // The rest of what is too long is still on its way.
                        *self = Self::Deciding { in_pieces: true };
                        Heard::Invalid(invalid)
                    }
                }
            }
            Self::Deciding { .. } => Heard::Nothing,
            Self::Draining { drained, .. } => {
                *drained += received.len();
                if *drained > MOST_DRAINED { Heard::End } else { Heard::Nothing }
            }
        }
    }

    /// When the connection is given up, if it is being timed.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match self {
            Self::Reading { times, .. } => times.map(|times| times.until),
            Self::Deciding { .. } => None,
            Self::Draining { times, .. } => Some(times.until),
        }
    }

    /// What it waits for.
    pub(super) fn standing(&self) -> Standing {
        match self {
            Self::Reading { times: Some(times), .. } => Standing::Silent(times.since),
            Self::Reading { times: None, .. } | Self::Deciding { .. } => Standing::Owed,
            Self::Draining { times, .. } => Standing::Answered(times.since),
        }
    }
}
