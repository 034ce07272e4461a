//! Connections that have not said anything yet change hands on a reload: what they will ask is asked under the new
//! settings, and nobody waits for them here. They go straight from the old frontend to the new one.
#![forbid(unsafe_code)]

use super::clients::Clients;
use super::token;
use crate::ipc::{HandedOver, LARGEST_HANDOVER};
use crate::policy::dispatch::ClientId;
use crate::sys::socket;
use mio::net::UnixStream;
use mio::unix::SourceFd;
use mio::{Interest, Registry};
use std::collections::BTreeSet;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

/// One end of the socket between the two frontends.
pub(super) struct Handover {
    socket: OwnedFd,
    /// To be given away, at the old frontend's end.
    silent: BTreeSet<ClientId>,
}

/// How far the giving is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Given {
    /// Until the new frontend has taken some there is no room for more.
    Some,
    /// None is left.
    All,
    /// Nobody takes these: the new frontend has ended.
    Refused(BTreeSet<ClientId>),
}

impl Handover {
    /// `silent`: the connections to be given away. An event tells when it goes on.
    pub(super) fn new(socket: OwnedFd, silent: BTreeSet<ClientId>, registry: &Registry) -> io::Result<Self> {
        socket::set_nonblocking(socket.as_fd())?;
        let interest = Interest::READABLE | Interest::WRITABLE;
        registry.register(&mut SourceFd(&socket.as_raw_fd()), token::HANDOVER, interest)?;
        Ok(Self { socket, silent })
    }

    /// Gives away as many as the socket takes now.
    pub(super) fn give(&mut self, clients: &mut Clients) -> Given {
        while let Some(id) = self.silent.last().copied() {
            if let Some((stream, endpoint)) = clients.silent(id) {
                // Nothing has been said, so there is nothing to tell of it.
                let message = HandedOver { endpoint: endpoint.key(), state: Vec::new() }.encode();
                match socket::send_with_descriptor(self.socket.as_fd(), message.as_bytes(), stream.as_fd()) {
                    Ok(()) => clients.let_go(id),
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Given::Some,
                    Err(_) => return Given::Refused(std::mem::take(&mut self.silent)),
                }
            }
            self.silent.pop_last();
        }
        Given::All
    }

    /// Whether this one is to be given away: whatever it says is for the next frontend.
    pub(super) fn gives_away(&self, id: ClientId) -> bool {
        self.silent.contains(&id)
    }

    /// The connections that have come, and whether more may come.
    pub(super) fn take(&self) -> (Vec<(HandedOver, UnixStream)>, bool) {
        let mut taken = Vec::new();
        loop {
            let mut buffer = [0; LARGEST_HANDOVER];
            match socket::receive_with_descriptor(self.socket.as_fd(), &mut buffer) {
                Ok(Some((length, Some(connection)))) => {
                    let message = HandedOver::decode(buffer.get(..length).unwrap_or_default());
                    let stream = UnixStream::from_std(std::os::unix::net::UnixStream::from(connection));
                    taken.extend(message.ok().map(|message| (message, stream)));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return (taken, true),
                Ok(_) | Err(_) => return (taken, false),
            }
        }
    }
}
