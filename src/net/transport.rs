//! Bytes in the clear or through TLS, with one way to read and write both.
#![forbid(unsafe_code)]

use super::socket::Socket;
use super::tls::{TransportError, transport_error};
use crate::strerror::strerror;
use crate::sys::openssl::stream::{Connection, ResumableSession, Stream, StreamError};
use std::io::{self, Read, Write};

/// A way to a server.
pub(super) enum Transport {
    Plain(Socket),
    Secure(Stream<Socket>),
    /// The socket went away while TLS was set up.
    Gone,
}

/// How many bytes went, or why none.
pub(super) type Moved = Result<usize, TransportError>;

impl Transport {
    /// The socket below.
    pub(super) fn socket(&mut self) -> Option<&mut Socket> {
        match self {
            Self::Plain(socket) => Some(socket),
            Self::Secure(stream) => Some(stream.socket_mut()),
            Self::Gone => None,
        }
    }

    /// Puts TLS between the socket and what is said from now on. [`Self::shake_hands`] must go on.
    pub(super) fn secure(&mut self, connection: Connection) -> Result<(), TransportError> {
        match std::mem::replace(self, Self::Gone) {
            Self::Plain(socket) => {
                let stream = Stream::new(connection, socket);
                *self = Self::Secure(stream.map_err(|error| TransportError::Broken(error.to_string()))?);
                Ok(())
            }
            _ => Err(TransportError::Broken("TLS was to begin twice".to_owned())),
        }
    }

    /// Goes on with the handshake of TLS; `Ok` when it is done.
    pub(super) fn shake_hands(&mut self) -> Result<(), TransportError> {
        match self {
            Self::Secure(stream) => stream.connect().map_err(explain(stream)),
            _ => Err(gone()),
        }
    }

    /// Reads what fits into `buffer`, which is not empty.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> Moved {
        match self {
            Self::Plain(socket) => match socket.read(buffer) {
                Ok(0) => Err(TransportError::Ended),
                result => result.map_err(|error| socket_error(&error)),
            },
            Self::Secure(stream) => stream.read(buffer).map_err(explain(stream)),
            Self::Gone => Err(gone()),
        }
    }

    /// Writes what the connection takes of `bytes`, which are not empty.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Moved {
        match self {
            Self::Plain(socket) => socket.write(bytes).map_err(|error| socket_error(&error)),
            Self::Secure(stream) => stream.write(bytes).map_err(explain(stream)),
            Self::Gone => Err(gone()),
        }
    }

    /// What another connection may resume of this one's TLS.
    pub(super) fn session(&self) -> Option<ResumableSession> {
        match self {
            Self::Secure(stream) => stream.session(),
            Self::Plain(_) | Self::Gone => None,
        }
    }

    /// Tells the server that nothing more comes, as far as TLS has a word for it. One try.
    pub(super) fn say_end(&mut self) {
        if let Self::Secure(stream) = self {
            stream.shut_down();
        }
    }
}

fn explain(stream: &Stream<Socket>) -> impl FnOnce(StreamError) -> TransportError {
    |error| transport_error(error, stream)
}

fn socket_error(error: &io::Error) -> TransportError {
    match error.kind() {
        io::ErrorKind::WouldBlock => TransportError::Blocked,
        _ => TransportError::Broken(strerror(error)),
    }
}

fn gone() -> TransportError {
    TransportError::Broken("the connection is gone".to_owned())
}
