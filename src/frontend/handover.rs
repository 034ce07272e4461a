//! Connections that have not said anything yet, and those at auth sockets that are at rest, change hands on a reload: what
//! they will ask is asked under the new settings, and nobody waits for them here. They go straight from the old frontend to the new one,
//! and so do penalties, before them: who guesses is known to whoever answers him next.
#![forbid(unsafe_code)]

use super::auth_clients::AuthClients;
use super::clients::Clients;
use super::control_clients::ControlClients;
use super::endpoint::Endpoint;
use super::token;
use crate::ipc::{HandedOver, HandedPenalties, Legacy};
use crate::policy::dispatch::ClientId;
use crate::sys::socket;
use mio::net::UnixStream;
use mio::unix::SourceFd;
use mio::{Interest, Registry};
use std::collections::{BTreeSet, VecDeque};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

/// The old frontend's end of the socket between the two.
pub(super) struct Handover {
    socket: OwnedFd,
    penalties: VecDeque<HandedPenalties>,
    /// To be given away.
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
    pub(super) fn new(
        socket: OwnedFd,
        penalties: Vec<HandedPenalties>,
        silent: BTreeSet<ClientId>,
        registry: &Registry,
    ) -> io::Result<Self> {
        socket::set_nonblocking(socket.as_fd())?;
        let interest = Interest::READABLE | Interest::WRITABLE;
        registry.register(&mut SourceFd(&socket.as_raw_fd()), token::HANDOVER, interest)?;
        Ok(Self { socket, penalties: penalties.into(), silent })
    }

    /// Gives away as many as the socket takes now.
    pub(super) fn give(
        &mut self,
        clients: &mut Clients,
        auth_clients: &mut AuthClients,
        control_clients: &mut ControlClients,
    ) -> Given {
        match self.give_all(clients, auth_clients, control_clients) {
            Ok(()) => Given::All,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Given::Some,
            Err(_) => Given::Refused(std::mem::take(&mut self.silent)),
        }
    }

    fn give_all(
        &mut self,
        clients: &mut Clients,
        auth_clients: &mut AuthClients,
        control_clients: &mut ControlClients,
    ) -> io::Result<()> {
        while let Some(some) = self.penalties.front() {
            socket::send(self.socket.as_fd(), some.encode().as_bytes())?;
            self.penalties.pop_front();
        }
        while let Some((id, stream, endpoint)) = control_clients.next_to_hand_over() {
            self.send_connection(endpoint, Vec::new(), stream)?;
            control_clients.remove(id);
        }
        while let Some(id) = self.silent.last().copied() {
            if let Some((stream, endpoint)) = clients.silent(id) {
                // Nothing has been said, so there is nothing to tell of it.
                self.send_connection(endpoint, Vec::new(), stream)?;
                clients.let_go(id);
            }
            self.silent.pop_last();
        }
        while let Some((id, stream, endpoint, state)) = auth_clients.next_to_hand_over() {
            self.send_connection(endpoint, state.encode(), stream)?;
            auth_clients.let_go(id);
        }
        Ok(())
    }

    fn send_connection(&self, endpoint: &Endpoint, state: Vec<u8>, stream: &UnixStream) -> io::Result<()> {
        let connection = HandedOver { endpoint: endpoint.key(), state };
        self.send(&Legacy::Connection(connection), stream.as_fd())
    }

    /// Gives something to the next frontend.
    pub(super) fn send(&self, what: &Legacy, descriptor: BorrowedFd<'_>) -> io::Result<()> {
        socket::send_with_descriptor(self.socket.as_fd(), what.encode().as_bytes(), descriptor)
    }

    /// Whether this one is to be given away: whatever it says is for the next frontend.
    pub(super) fn gives_away(&self, id: ClientId) -> bool {
        self.silent.contains(&id)
    }
}
