//! The frontends that have left and still hold connections, which come one by one.
//!
//! A frontend that leaves while it has some gives them to the next: a reload during a reload takes no connection from
//! anybody, and none goes through more than two hands.
#![forbid(unsafe_code)]

use super::handover::Handover;
use super::token;
use crate::ipc::{HandedOver, HandedPenalties, LARGEST_HANDOVER, LARGEST_PENALTIES, Legacy};
use crate::sys::socket;
use mio::net::UnixStream;
use mio::unix::SourceFd;
use mio::{Interest, Registry};
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

/// How many there are at most. None lives for much longer than a request may take: more come of a script that reloads all
/// the time, and then the connections that the oldest still hold are closed as they come to rest.
const MOST: usize = 16;

/// The largest message that one sends.
const LARGEST: usize =
    if LARGEST_PENALTIES > LARGEST_HANDOVER { LARGEST_PENALTIES } else { LARGEST_HANDOVER };

/// What has come from them.
#[derive(Default)]
pub(super) struct Taken {
    pub(super) penalties: Vec<HandedPenalties>,
    pub(super) connections: Vec<(HandedOver, UnixStream)>,
}

/// The sockets at which they hand over.
#[derive(Default)]
pub(super) struct Predecessors(Vec<OwnedFd>);

impl Predecessors {
    /// One more; an event tells when something comes from it.
    pub(super) fn add(&mut self, socket: OwnedFd, registry: &Registry) -> io::Result<()> {
        if self.0.len() >= MOST {
            return Err(io::Error::other("too many reloads at a time"));
        }
        socket::set_nonblocking(socket.as_fd())?;
        registry.register(&mut SourceFd(&socket.as_raw_fd()), token::HANDOVER, Interest::READABLE)?;
        self.0.push(socket);
        Ok(())
    }

    /// What has come.
    pub(super) fn take(&mut self, registry: &Registry) -> Taken {
        let (mut taken, mut index) = (Taken::default(), 0);
        while let Some(socket) = self.0.get(index) {
            match take_from(socket, &mut taken) {
                // It is looked at when this one is empty. One too many is closed, and its connections are as they come to rest.
                Ok(Some(predecessor)) => drop(self.add(predecessor, registry)),
                Ok(None) => index += 1,
                Err(_) => drop(self.0.remove(index)),
            }
        }
        taken
    }

    /// They hand over to the next frontend from now on.
    pub(super) fn pass_on(&mut self, next: &Handover, registry: &Registry) {
        for socket in std::mem::take(&mut self.0) {
            // Closing would not end the registration: the socket is still open elsewhere.
            let _ = registry.deregister(&mut SourceFd(&socket.as_raw_fd()));
            // One that cannot be passed on closes its connections as they come to rest.
            let _ = next.send(&Legacy::Predecessor, socket.as_fd());
        }
    }

    /// They are to keep what they have.
    pub(super) fn let_go(&mut self) {
        self.0.clear();
    }
}

/// Takes penalties and connections until there are none for now, or the socket of another predecessor comes.
///
/// # Errors
/// When nothing more will come.
fn take_from(socket: &OwnedFd, taken: &mut Taken) -> io::Result<Option<OwnedFd>> {
    let mut buffer = [0; LARGEST];
    loop {
        match socket::receive_with_descriptor(socket.as_fd(), &mut buffer) {
            Ok(Some((length, Some(descriptor)))) => {
                match Legacy::decode(buffer.get(..length).unwrap_or_default()) {
                    Ok(Legacy::Predecessor) => return Ok(Some(descriptor)),
                    Ok(Legacy::Connection(handed_over)) => {
                        let stream = std::os::unix::net::UnixStream::from(descriptor);
                        taken.connections.push((handed_over, UnixStream::from_std(stream)));
                    }
                    Err(_) => {}
                }
            }
            Ok(Some((length, None))) => {
                let some = HandedPenalties::decode(buffer.get(..length).unwrap_or_default());
                taken.penalties.push(some.map_err(io::Error::other)?);
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
            Ok(_) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Err(error) => return Err(error),
        }
    }
}
