//! One listening socket.
#![forbid(unsafe_code)]

use super::endpoint::Endpoint;
use super::token::{self, ListenerId};
use mio::net::{UnixListener, UnixStream};
use mio::unix::SourceFd;
use mio::{Interest, Registry};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::rc::Rc;

pub(super) struct Listener {
    pub(super) id: ListenerId,
    pub(super) endpoint: Rc<Endpoint>,
    socket: UnixListener,
    /// There may be connections to take: the kernel tells only once.
    pub(super) readable: bool,
    /// They have to wait until some of those before them are done.
    pub(super) is_held_back: bool,
}

impl Listener {
    pub(super) fn new(id: ListenerId, endpoint: Endpoint, socket: OwnedFd) -> io::Result<Self> {
        let socket = std::os::unix::net::UnixListener::from(socket);
        socket.set_nonblocking(true)?;
        Ok(Self {
            id,
            endpoint: Rc::new(endpoint),
            socket: UnixListener::from_std(socket),
            readable: false,
            is_held_back: false,
        })
    }

    pub(super) fn open(&mut self, registry: &Registry) -> io::Result<()> {
        registry.register(
            &mut SourceFd(&self.socket.as_raw_fd()),
            token::of_listener(self.id),
            Interest::READABLE,
        )?;
        self.readable = true;
        Ok(())
    }

    /// Whether there may be connections that may be taken.
    pub(super) fn has_more(&self) -> bool {
        self.readable && !self.is_held_back
    }

    /// Takes no further connection; those in the backlog are the next frontend's.
    pub(super) fn close(self, registry: &Registry) {
        // An error would mean that it is not registered, which is what is wanted.
        let _ = registry.deregister(&mut SourceFd(&self.socket.as_raw_fd()));
    }

    pub(super) fn accept(&self) -> io::Result<UnixStream> {
        self.socket.accept().map(|(stream, _)| stream)
    }
}
