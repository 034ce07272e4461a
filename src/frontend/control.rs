//! The socket to the supervisor.
#![forbid(unsafe_code)]

use super::token;
use crate::ipc::{FromFrontend, FrontendSetup, LARGEST_MESSAGE, LARGEST_SETUP, ToFrontend, decode_tls_files};
use crate::secret::Secret;
use crate::settings::tls_files::TlsFiles;
use crate::sys::{pipe, socket};
use mio::unix::SourceFd;
use mio::{Interest, Registry};
use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

/// How soon a message that the supervisor had no room for is tried again.
const RETRY: Duration = Duration::from_millis(10);

pub(super) struct Control {
    socket: OwnedFd,
    unsent: VecDeque<FromFrontend>,
}

impl Control {
    /// # Errors
    /// `InvalidInput` when this process was not started by a supervisor.
    pub(super) fn new(socket: OwnedFd) -> io::Result<Self> {
        if !socket::is_message_socket(socket.as_fd()) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        Ok(Self { socket, unsent: VecDeque::new() })
    }

    /// Waits for the first messages; the only time that this process waits for anything but events.
    pub(super) fn receive_setup(&mut self) -> io::Result<(FrontendSetup, TlsFiles)> {
        let mut buffer = Secret::default();
        buffer.resize(LARGEST_SETUP);
        let Some((ToFrontend::Setup(setup), _)) = self.receive_into(buffer.as_mut_bytes())? else {
            return Err(io::Error::other("the first message was not the configuration"));
        };
        let tls_files = self.receive_tls_files(setup.pipes)?;
        socket::set_nonblocking(self.socket.as_fd())?;
        Ok((*setup, tls_files))
    }

    /// What the files for TLS hold, which comes in so many pipes.
    fn receive_tls_files(&self, pipes: usize) -> io::Result<TlsFiles> {
        let mut bytes = Secret::default();
        for _ in 0..pipes {
            match self.receive()? {
                Some((ToFrontend::TlsFiles, Some(pipe))) => pipe::read_to_end(pipe, &mut bytes)?,
                _ => return Err(io::Error::other("the files for TLS did not come")),
            }
        }
        if pipes == 0 {
            return Ok(TlsFiles::new());
        }
        decode_tls_files(bytes.as_bytes()).map_err(io::Error::other)
    }

    pub(super) fn register(&self, registry: &Registry) -> io::Result<()> {
        registry.register(&mut SourceFd(&self.socket.as_raw_fd()), token::CONTROL, Interest::READABLE)
    }

    /// The next message, or `None` when there is none yet.
    ///
    /// # Errors
    /// Any error ends this process, that of a dead supervisor among them.
    pub(super) fn receive(&self) -> io::Result<Option<(ToFrontend, Option<OwnedFd>)>> {
        self.receive_into(&mut [0; LARGEST_MESSAGE])
    }

    fn receive_into(&self, buffer: &mut [u8]) -> io::Result<Option<(ToFrontend, Option<OwnedFd>)>> {
        match socket::receive_with_descriptor(self.socket.as_fd(), buffer) {
            Ok(Some((length, descriptor))) => {
                let message = buffer.get(..length).unwrap_or_default();
                let message = ToFrontend::decode(message).map_err(io::Error::other)?;
                Ok(Some((message, descriptor)))
            }
            Ok(None) => Err(io::Error::other("the supervisor is gone")),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub(super) fn send(&mut self, message: FromFrontend) {
        self.unsent.push_back(message);
        self.flush();
    }

    /// Sends what the supervisor had no room for. Its death is noticed by [`Self::receive`].
    pub(super) fn flush(&mut self) {
        while let Some(message) = self.unsent.front() {
            let sent = socket::send(self.socket.as_fd(), message.encode().as_bytes());
            if sent.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock) {
                return;
            }
            self.unsent.pop_front();
        }
    }

    pub(super) fn next_timeout(&self) -> Option<Instant> {
        (!self.unsent.is_empty()).then(|| Instant::now() + RETRY)
    }
}
