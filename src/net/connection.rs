//! One connection to a server: a session and the way its bytes take, from connecting to the farewell.
#![forbid(unsafe_code)]

use super::socket::Socket;
use super::tls::TransportError;
use super::transport::Transport;
use super::upstream::Target;
use crate::net::exchange::{Failure, FailureKind, QuestionId, Server, Session, TlsMode};
use crate::secret::Secret;
use crate::strerror::strerror;
use crate::sys::openssl::stream::{self, ResumableSession};
use std::io;

/// Bytes read at once: more than most replies have.
pub(super) const READ_SIZE: usize = 16 * 1024;

/// A session and its connection.
pub(super) struct Connection<S> {
    pub(super) session: S,
    /// Where it leads, for the log.
    target: Target,
    transport: Transport,
    phase: Phase,
    /// For a server that wants TLS, until TLS begins.
    tls: Option<stream::Connection>,
    /// Where a session of TLS can be resumed.
    server: Option<Server>,
    /// Bytes of the session's output that are on their way already.
    written: usize,
    /// Why nothing can be written any more.
    unwritable: Option<String>,
    /// The server has said something.
    has_spoken: bool,
    /// Questions can be asked.
    pub(super) ready: bool,
    /// It is on the list of connections with something to write.
    pub(super) listed: bool,
}

/// What TLS is set up with, and with whom.
pub(super) struct Tls {
    pub(super) connection: stream::Connection,
    pub(super) server: Server,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// TCP is being set up; `secure`: then comes TLS.
    Connecting { secure: bool },
    /// The last words in the clear are being written; nothing is read before TLS has begun.
    LastClearWords,
    /// TLS is being agreed on.
    Securing { from_start: bool },
    /// The session talks with the server.
    Open,
}

/// What a look at a connection led to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Progress {
    /// Nothing more before the next event.
    Nothing,
    /// TLS is being agreed on now.
    Securing,
    /// The session has been told that it can talk.
    Opened,
    /// The session has got bytes.
    Heard,
    /// The server has closed its end; the session knows.
    Ended,
}

impl<S: Session> Connection<S> {
    /// A connection that is being set up, with TLS if the server wants it.
    pub(super) fn new(session: S, target: Target, socket: Socket, tls: Option<Tls>) -> Self {
        let (tls, server) = tls.map(|tls| (tls.connection, tls.server)).unzip();
        let secure = server.as_ref().is_some_and(|server| server.tls == TlsMode::Implicit);
        Self {
            session,
            target,
            transport: Transport::Plain(socket),
            phase: Phase::Connecting { secure },
            tls,
            server,
            written: 0,
            unwritable: None,
            has_spoken: false,
            ready: false,
            listed: false,
        }
    }

    /// The socket below, if it is there.
    pub(super) fn socket(&mut self) -> Option<&mut Socket> {
        self.transport.socket()
    }

    /// Whether the server has said something, if only within the handshake of TLS.
    pub(super) fn has_spoken(&self) -> bool {
        self.has_spoken || matches!(self.transport, Transport::Secure(_))
    }

    /// Takes one step with what there is; to be repeated until there is nothing.
    ///
    /// # Errors
    /// Why the connection is broken.
    pub(super) fn advance(&mut self, buffer: &mut Secret) -> Result<Progress, Failure> {
        match self.phase {
            Phase::Connecting { secure } => self.finish_connecting(secure),
            Phase::LastClearWords => self.finish_clear_words(),
            Phase::Securing { from_start } => self.go_on_securing(from_start),
            Phase::Open => self.read(buffer),
        }
    }

    fn finish_connecting(&mut self, secure: bool) -> Result<Progress, Failure> {
        let connected = self.transport.socket().map_or(Ok(false), |socket| socket.is_connected());
        match connected {
            Err(error) => Err(no_connection(&self.target, &error)),
            Ok(false) => Ok(Progress::Nothing),
            Ok(true) if secure => self.begin_tls(true),
            Ok(true) => {
                self.phase = Phase::Open;
                self.session.handle_connected();
                Ok(Progress::Opened)
            }
        }
    }

    fn finish_clear_words(&mut self) -> Result<Progress, Failure> {
        match self.unwritable.take() {
            Some(reason) => Err(self.failure(TransportError::Broken(reason))),
            None if self.has_output() => Ok(Progress::Nothing),
            None => self.begin_tls(false),
        }
    }

    fn begin_tls(&mut self, from_start: bool) -> Result<Progress, Failure> {
        let Some(tls) = self.tls.take() else {
            return Err(Failure::new(FailureKind::Internal, "TLS was to begin where none is configured"));
        };
        self.phase = Phase::Securing { from_start };
        self.transport.secure(tls).map_err(|error| self.failure(error))?;
        Ok(Progress::Securing)
    }

    fn go_on_securing(&mut self, from_start: bool) -> Result<Progress, Failure> {
        match self.transport.shake_hands() {
            Err(TransportError::Blocked) => Ok(Progress::Nothing),
            Err(error) => Err(self.failure(error)),
            Ok(()) => {
                self.phase = Phase::Open;
                match from_start {
                    true => self.session.handle_connected(),
                    false => self.session.handle_secured(),
                }
                Ok(Progress::Opened)
            }
        }
    }

    fn read(&mut self, buffer: &mut Secret) -> Result<Progress, Failure> {
        buffer.resize(READ_SIZE);
        match self.transport.read(buffer.as_mut_bytes()) {
            Ok(length) if self.is_tls_in_clear(buffer.as_bytes()) => {
                buffer.wipe_first(length);
                Err(Failure::new(
                    FailureKind::Contact,
                    format!("{} speaks TLS, but is asked without TLS", self.target),
                ))
            }
            Ok(length) => {
                self.has_spoken = true;
                self.session.handle_input(buffer.as_bytes().get(..length).unwrap_or_default());
                buffer.wipe_first(length);
                Ok(Progress::Heard)
            }
            Err(TransportError::Blocked) => match self.unwritable.take() {
                Some(reason) => Err(self.failure(TransportError::Broken(reason))),
                None => Ok(Progress::Nothing),
            },
            Err(TransportError::Ended) => {
                self.session.handle_end();
                Ok(Progress::Ended)
            }
            Err(error) => Err(self.failure(error)),
        }
    }

    /// Whether the first bytes are a record of TLS, handshake or alert (RFC 8446, section 5.1), where none is due. No
    /// text and no message of LDAP begins so.
    fn is_tls_in_clear(&self, bytes: &[u8]) -> bool {
        !self.has_spoken
            && matches!(self.transport, Transport::Plain(_))
            && matches!(bytes, [0x15 | 0x16, 0x03, 0x00..=0x04, ..])
    }

    /// The session wants TLS: its output is the last in the clear.
    ///
    /// # Errors
    /// When it has TLS already.
    pub(super) fn prepare_tls(&mut self) -> Result<(), Failure> {
        if self.phase != Phase::Open || self.tls.is_none() {
            return Err(Failure::new(FailureKind::Internal, "TLS was to begin where it cannot"));
        }
        self.phase = Phase::LastClearWords;
        Ok(())
    }

    /// Puts a question into the output.
    pub(super) fn ask(&mut self, id: QuestionId, question: &S::Question) {
        self.session.ask(id, question);
    }

    /// Whether the session has said what is not written yet.
    fn has_output(&mut self) -> bool {
        self.session.output().len() > self.written
    }

    /// Whether [`Self::flush`] would get something done.
    pub(super) fn wants_flush(&mut self) -> bool {
        let may_write = match self.phase {
            Phase::Open => self.has_output(),
            // TLS begins when there is nothing more to write.
            Phase::LastClearWords => true,
            Phase::Connecting { .. } | Phase::Securing { .. } => false,
        };
        may_write && self.unwritable.is_none() && self.socket().is_some_and(|socket| socket.is_writable())
    }

    /// Writes what the connection takes. `true` if there is something to do for [`Self::advance`] now.
    pub(super) fn flush(&mut self) -> bool {
        if !matches!(self.phase, Phase::Open | Phase::LastClearWords) || self.unwritable.is_some() {
            return false;
        }
        match self.write() {
            Ok(()) => {
                self.session.output().clear();
                self.written = 0;
                self.phase == Phase::LastClearWords
            }
            Err(TransportError::Blocked) => false,
            Err(error) => {
                self.session.output().clear();
                self.written = 0;
                self.unwritable = Some(reason(error));
                // The server may have said why before it hung up.
                self.transport.socket().into_iter().for_each(Socket::expect_end);
                true
            }
        }
    }

    fn write(&mut self) -> Result<(), TransportError> {
        loop {
            match self.session.output().as_bytes().get(self.written..) {
                None | Some([]) => return Ok(()),
                Some(rest) => self.written += self.transport.write(rest)?,
            }
        }
    }

    /// Ends the connection: a farewell if there is one and the server can be told at once, and no waiting for its
    /// answer. Gives what a later connection to the server may resume.
    pub(super) fn close(mut self) -> Option<(Server, ResumableSession)> {
        if self.phase != Phase::Open || self.unwritable.is_some() {
            return None;
        }
        // What is not written yet is wanted no more, and half a message cannot be followed by a farewell.
        if self.ready && !self.has_output() {
            self.session.say_goodbye();
            self.flush();
        }
        // OpenSSL lets no session be resumed whose connection has ended without this.
        self.transport.say_end();
        self.server.zip(self.transport.session())
    }

    /// What it means for the questions that the server has closed its end.
    pub(super) fn end(&self) -> Failure {
        self.failure(TransportError::Ended)
    }

    fn failure(&self, error: TransportError) -> Failure {
        let kind = match self.phase {
            Phase::Connecting { .. } | Phase::Securing { .. } => FailureKind::Contact,
            Phase::LastClearWords | Phase::Open if self.has_spoken => FailureKind::Unexpected,
            Phase::LastClearWords | Phase::Open => FailureKind::Synchronize,
        };
        let target = &self.target;
        let reason = match (self.phase, error) {
            (Phase::Securing { .. }, error) => format!("no TLS with {target}: {}", reason(error)),
            (_, TransportError::Ended) => format!("{target} closed the connection"),
            (_, error) => format!("the connection to {target} broke: {}", reason(error)),
        };
        Failure::new(kind, reason)
    }

    /// What the session says of a failure, with the place where it happened.
    pub(super) fn place(&self, failure: Failure) -> Failure {
        Failure { reason: format!("{}: {}", self.target, failure.reason), ..failure }
    }
}

/// Why connecting has failed.
pub(super) fn no_connection(target: &Target, error: &io::Error) -> Failure {
    Failure::new(FailureKind::Contact, format!("no connection to {target}: {}", strerror(error)))
}

fn reason(error: TransportError) -> String {
    match error {
        TransportError::Blocked => "it takes nothing".to_owned(),
        TransportError::Ended => "the server closed the connection".to_owned(),
        TransportError::Broken(reason) => reason,
    }
}

#[cfg(test)]
#[path = "connection_tests.rs"]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests;
