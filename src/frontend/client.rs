//! One connection: the bytes it has sent so far, and the one reply.
#![forbid(unsafe_code)]

use crate::config::Limits;
use crate::credentials::Credentials;
use crate::secret::Secret;
use crate::strerror::strerror;
use crate::wire::{Decoded, Decoder, Invalid, encode_reply};
use mio::net::UnixStream;
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::time::Instant;

/// Bytes read at once: more than most requests have, so that one read is the rule.
pub(super) const READ_SIZE: usize = 16 * 1024;

/// Bytes that are thrown away behind a request before the connection is cut, so that a client that has more to
/// say is not reset before it has read its answer.
const MOST_DRAINED: usize = 1024 * 1024;

pub(super) struct Client {
    pub(super) stream: UnixStream,
    decoder: Decoder,
    pub(super) state: State,
    /// When the connection is given up, if it is being timed.
    pub(super) deadline: Option<Instant>,
    drained: usize,
    /// One connection too many: it is answered as unavailable, but not before it has said what it wants, since a
    /// client that is cut off while it writes may die of the broken pipe.
    pub(super) surplus: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// The request is not complete. `registered` with the event loop after the first look.
    Reading { registered: bool },
    /// The request is being decided. Nothing is read meanwhile. `in_pieces`: it came in several.
    Deciding { in_pieces: bool },
    /// Answered and closed for writing; what still comes is thrown away.
    Draining,
}

/// What reading from a connection led to.
pub(super) enum Heard {
    /// Nothing more for now.
    Nothing,
    Request(Credentials),
    Invalid(Invalid),
    /// The connection has ended, or is to be ended.
    End,
}

impl Client {
    pub(super) fn new(stream: UnixStream, limits: Limits, surplus: bool) -> Self {
        Self {
            stream,
            decoder: Decoder::new(limits),
            state: State::Reading { registered: false },
            deadline: None,
            drained: 0,
            surplus,
        }
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
            let heard = match self.state {
                // A full buffer may not be all that has come.
                State::Reading { registered } => self.decode(received, registered || length == READ_SIZE),
                State::Deciding { .. } => Heard::Nothing,
                State::Draining => self.drain(length),
            };
            buffer.wipe_first(length);
            match heard {
                // On the first look a short read means that there is no more; an event will tell.
                Heard::Nothing if length < READ_SIZE && self.is_new() => return Heard::Nothing,
                Heard::Nothing => {}
                heard => return heard,
            }
        }
    }

    fn decode(&mut self, received: &[u8], in_pieces: bool) -> Heard {
        match self.decoder.decode(received) {
            Decoded::Incomplete => Heard::Nothing,
            Decoded::Request(credentials) => {
                self.state = State::Deciding { in_pieces };
                Heard::Request(credentials)
            }
            Decoded::Invalid(invalid) => {
                // The rest of what is too long is still on its way.
                self.state = State::Deciding { in_pieces: true };
                Heard::Invalid(invalid)
            }
        }
    }

    fn drain(&mut self, length: usize) -> Heard {
        self.drained += length;
        if self.drained > MOST_DRAINED { Heard::End } else { Heard::Nothing }
    }

    fn is_new(&self) -> bool {
        self.state == State::Reading { registered: false }
    }

    /// Whether it has not sent a byte.
    pub(super) fn is_silent(&self) -> bool {
        matches!(self.state, State::Reading { .. }) && self.decoder.is_untouched()
    }

    /// Whether it hung up in the middle of a request.
    pub(super) fn is_half_sent(&self) -> bool {
        matches!(self.state, State::Reading { .. }) && !self.decoder.is_untouched()
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
    pub(super) fn finish_writing(&mut self) -> io::Result<()> {
        self.state = State::Draining;
        self.stream.shutdown(Shutdown::Write)
    }
}
