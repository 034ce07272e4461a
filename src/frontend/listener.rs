//! Accepting connections, also when there are no descriptors left to do it with.
#![forbid(unsafe_code)]

use super::token;
use crate::rate_limit::RateLimit;
use crate::strerror::strerror;
use mio::net::{UnixListener, UnixStream};
use mio::unix::SourceFd;
use mio::{Interest, Registry};
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

/// Connections taken before others get their turn.
pub(super) const BATCH: usize = 64;

/// The wait after an error that accepting again would only repeat.
const PAUSE: Duration = Duration::from_millis(100);

/// The listening mux socket.
pub(super) struct Listener {
    socket: UnixListener,
    is_open: bool,
    /// There may be connections to take: the kernel tells only once.
    readable: bool,
    paused_until: Option<Instant>,
    /// Given up when descriptors run out, to take a connection and turn it away rather than leave it hanging.
    spare: Option<File>,
    complaints: RateLimit,
}

impl Listener {
    pub(super) fn new(socket: OwnedFd) -> io::Result<Self> {
        let socket = std::os::unix::net::UnixListener::from(socket);
        socket.set_nonblocking(true)?;
        Ok(Self {
            socket: UnixListener::from_std(socket),
            is_open: false,
            readable: false,
            paused_until: None,
            spare: open_spare(),
            complaints: RateLimit::default(),
        })
    }

    pub(super) fn open(&mut self, registry: &Registry) -> io::Result<()> {
        if !self.is_open {
            registry.register(
                &mut SourceFd(&self.socket.as_raw_fd()),
                token::LISTENER,
                Interest::READABLE,
            )?;
            self.is_open = true;
            self.readable = true;
        }
        Ok(())
    }

    /// Takes no further connection; those in the backlog are the next frontend's.
    pub(super) fn close(&mut self, registry: &Registry) {
        if self.is_open {
            // An error would mean that it is not registered, which is what is wanted.
            let _ = registry.deregister(&mut SourceFd(&self.socket.as_raw_fd()));
        }
        self.is_open = false;
    }

    pub(super) fn handle_readable(&mut self) {
        self.readable = true;
    }

    /// The next connection, if there is one and it may be taken now.
    pub(super) fn accept(&mut self, now: Instant) -> Option<UnixStream> {
        if !self.is_open || !self.readable || self.paused_until.is_some_and(|until| now < until) {
            return None;
        }
        self.paused_until = None;
        if self.spare.is_none() {
            self.spare = open_spare();
        }
        match self.try_accept() {
            Ok(stream) => Some(stream),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.readable = false;
                None
            }
            Err(error) => {
                if self.complaints.is_due(now) {
                    log::error!(target: "ipc_loop", "accept: {}", strerror(&error));
                }
                self.paused_until = Some(now + PAUSE);
                None
            }
        }
    }

    fn try_accept(&mut self) -> io::Result<UnixStream> {
        loop {
            match self.socket.accept() {
                Ok((stream, _)) => return Ok(stream),
                Err(error) => match error.raw_os_error() {
                    // The client is gone already, or a signal came.
                    Some(libc::ECONNABORTED | libc::EINTR) => {}
                    Some(libc::EMFILE | libc::ENFILE) if self.spare.take().is_some() => {}
                    _ => return Err(error),
                },
            }
        }
    }

    /// Whether the last connection was taken with the last descriptor.
    pub(super) fn is_short_of_descriptors(&self) -> bool {
        self.spare.is_none()
    }

    /// When to try again: now if there are connections left over from the last batch.
    pub(super) fn next_timeout(&self) -> Option<Instant> {
        (self.is_open && self.readable).then(|| self.paused_until.unwrap_or_else(Instant::now))
    }
}

fn open_spare() -> Option<File> {
    File::open("/dev/null").ok()
}
