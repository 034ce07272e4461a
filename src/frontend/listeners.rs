//! Accepting connections at all sockets in turn, also when there are no descriptors left to do it with.
#![forbid(unsafe_code)]

use super::endpoint::{Endpoint, Origin, ToldRefusals};
use super::listener::Listener;
use super::token::ListenerId;
use crate::config::site::Protocol;
use crate::ipc;
use crate::metrics::reasons::{ClientRefusal, ClientRefusals};
use crate::rate_limit::RateLimit;
use crate::strerror::strerror;
use mio::Registry;
use mio::net::UnixStream;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::rc::Rc;
use std::time::{Duration, Instant};

/// Connections taken before others get their turn.
pub(super) const BATCH: usize = 64;

/// The wait after an error that accepting again would only repeat.
const PAUSE: Duration = Duration::from_millis(100);

/// To whom the control socket is not for.
const NOT_FOR_YOU: &[u8] = b"error only root and the user who started the daemon may ask it; try as root\n";

/// What came of a look at the sockets.
pub(super) enum Accepted {
    /// Nobody waits, or nobody can be taken now.
    Nobody,
    /// Somebody who may not use that endpoint; the connection is closed.
    Refused,
    Connection(UnixStream, Rc<Endpoint>),
}

/// All listening sockets.
pub(super) struct Listeners {
    all: Vec<Listener>,
    is_open: bool,
    /// The one whose turn it is: one that is flooded takes nothing from the others.
    turn: usize,
    paused_until: Option<Instant>,
    /// Given up when descriptors run out, to take a connection and turn it away rather than leave it hanging.
    spare: Option<File>,
    complaints: RateLimit,
    told_refusals: ToldRefusals,
    refusals: ClientRefusals,
}

impl Listeners {
    pub(super) fn new() -> Self {
        Self {
            all: Vec::new(),
            is_open: false,
            turn: 0,
            paused_until: None,
            spare: open_spare(),
            complaints: RateLimit::default(),
            told_refusals: ToldRefusals::default(),
            refusals: ClientRefusals::default(),
        }
    }

    /// One more, before they are opened.
    pub(super) fn add(&mut self, listener: ipc::Listener, socket: OwnedFd) -> io::Result<()> {
        let id = ListenerId(self.all.len() as u64);
        self.all.push(Listener::new(id, Endpoint::new(listener), socket)?);
        Ok(())
    }

    /// From now on connections are taken.
    pub(super) fn open(&mut self, registry: &Registry) -> io::Result<()> {
        if !self.is_open {
            self.is_open = true;
            self.all.iter_mut().try_for_each(|listener| listener.open(registry))?;
        }
        Ok(())
    }

    /// Takes no further connections there; those in the backlog are the next frontend's.
    pub(super) fn close_all(&mut self, registry: &Registry) {
        self.close_where(registry, |_| true);
    }

    /// Of those that live on only; at the others whoever is in the backlog is still to be taken.
    pub(super) fn close_those(&mut self, staying: &[ipc::EndpointKey], registry: &Registry) {
        self.close_where(registry, |endpoint| staying.iter().any(|key| endpoint.is(key)));
        // Nobody else will look at these.
        self.paused_until = None;
        self.all.iter_mut().for_each(|listener| listener.readable = true);
    }

    fn close_where(&mut self, registry: &Registry, wanted: impl Fn(&Endpoint) -> bool) {
        let is_wanted = |listener: &Listener| wanted(&listener.endpoint);
        let (closed, kept) = std::mem::take(&mut self.all).into_iter().partition(is_wanted);
        self.all = kept;
        let closed: Vec<Listener> = closed;
        closed.into_iter().for_each(|listener| listener.close(registry));
    }

    pub(super) fn handle_readable(&mut self, id: ListenerId) {
        if let Some(listener) = self.all.iter_mut().find(|listener| listener.id == id) {
            listener.readable = true;
        }
    }

    /// Whether those who come by that protocol have to wait, in the kernel's queue.
    pub(super) fn hold_back(&mut self, protocol: Protocol, is_held_back: bool) {
        let all = self.all.iter_mut().filter(|listener| listener.endpoint.protocol == protocol);
        all.for_each(|listener| listener.is_held_back = is_held_back);
    }

    /// The endpoint that a connection from another frontend belongs to.
    pub(super) fn find(&self, key: &ipc::EndpointKey) -> Option<Rc<Endpoint>> {
        let found = self.all.iter().find(|listener| listener.endpoint.is(key));
        found.map(|listener| Rc::clone(&listener.endpoint))
    }

    /// The next connection, if there is one and it may be taken now.
    pub(super) fn accept(&mut self, now: Instant) -> Accepted {
        if !self.is_open || self.paused_until.is_some_and(|until| now < until) {
            return Accepted::Nobody;
        }
        self.paused_until = None;
        if self.spare.is_none() {
            self.spare = open_spare();
        }
        while let Some(listener) = next_readable(&mut self.all, &mut self.turn) {
            match try_accept(listener, &mut self.spare) {
                Ok(stream) => {
                    let endpoint = Rc::clone(&listener.endpoint);
                    let is_admitted = self.is_admitted(&stream, &endpoint, now);
                    return if is_admitted {
                        Accepted::Connection(stream, endpoint)
                    } else {
                        Accepted::Refused
                    };
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => listener.readable = false,
                Err(error) => {
                    self.pause(&error, now);
                    return Accepted::Nobody;
                }
            }
        }
        Accepted::Nobody
    }

    fn pause(&mut self, error: &io::Error, now: Instant) {
        if self.complaints.is_due(now) {
            log::error!(target: "ipc_loop", "accept: {}", strerror(error));
        }
        self.paused_until = Some(now + PAUSE);
    }

    /// Whether this peer may use this endpoint. One that may not is closed, without a word where it is a client, as if the
    /// mode of the socket had kept it out, and the log tells once in a while.
    pub(super) fn is_admitted(&mut self, stream: &UnixStream, endpoint: &Endpoint, now: Instant) -> bool {
        let Some(peer) = endpoint.refused(stream.as_fd()) else { return true };
        let is_control = endpoint.protocol == Protocol::Control;
        if is_control {
            // Who administers a daemon is told, and whether that arrives changes nothing.
            let _ = (&*stream).write(NOT_FOR_YOU);
        } else {
            self.refusals.note(ClientRefusal::NotAllowed);
        }
        if self.told_refusals.is_due(endpoint, peer.user, now) {
            let why = match is_control {
                true => "its user is neither root nor the one who started the daemon",
                false => "its user is in neither allow-users nor allow-groups",
            };
            let origin = Origin::of(endpoint, stream.as_fd());
            log::warn!(target: "frontend", "A connection was closed: {why}: {origin}");
        }
        false
    }

    /// Connections that were refused since this was asked last.
    pub(super) fn take_refusals(&mut self) -> ClientRefusals {
        std::mem::take(&mut self.refusals)
    }

    /// Whether the last connection was taken with the last descriptor.
    pub(super) fn is_short_of_descriptors(&self) -> bool {
        self.spare.is_none()
    }

    /// When to try again: now if there are connections left over from the last batch.
    pub(super) fn next_timeout(&self) -> Option<Instant> {
        let is_readable = self.all.iter().any(Listener::has_more);
        (self.is_open && is_readable).then(|| self.paused_until.unwrap_or_else(Instant::now))
    }
}

/// The one whose turn it is, of those that may have connections; then it is the turn of the one behind it.
fn next_readable<'a>(all: &'a mut [Listener], turn: &mut usize) -> Option<&'a mut Listener> {
    let mut in_turn = (*turn..all.len()).chain(0..all.len().min(*turn));
    let index = in_turn.find(|index| all.get(*index).is_some_and(Listener::has_more))?;
    *turn = index + 1;
    all.get_mut(index)
}

fn try_accept(listener: &Listener, spare: &mut Option<File>) -> io::Result<UnixStream> {
    loop {
        match listener.accept() {
            Ok(stream) => return Ok(stream),
            Err(error) => match error.raw_os_error() {
                // The client is gone already, or a signal came.
                Some(libc::ECONNABORTED | libc::EINTR) => {}
                Some(libc::EMFILE | libc::ENFILE) if spare.take().is_some() => {}
                _ => return Err(error),
            },
        }
    }
}

fn open_spare() -> Option<File> {
    File::open("/dev/null").ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use mio::Poll;
    use std::os::unix::net::{UnixListener, UnixStream};
    use std::path::PathBuf;
    use tempfile::{TempDir, tempdir};

    fn key(name: &str) -> ipc::EndpointKey {
        ipc::EndpointKey { name: name.to_owned(), protocol: Protocol::Mux }
    }

    /// Sockets of these names, with so many connections waiting at each.
    fn listeners(waiting: &[(&str, usize)]) -> (Listeners, Vec<UnixStream>, TempDir, Poll) {
        let (directory, poll) = (tempdir().unwrap(), Poll::new().unwrap());
        let path = |name: &str| -> PathBuf { directory.path().join(name) };
        let mut listeners = Listeners::new();
        let mut clients = Vec::new();
        for (name, number) in waiting {
            let socket = UnixListener::bind(path(name)).unwrap();
            let listener = ipc::Listener {
                key: key(name),
                service: None,
                timeout: None,
                allowed: ipc::Allowed::default(),
            };
            listeners.add(listener, socket.into()).unwrap();
            clients.extend((0..*number).map(|_| UnixStream::connect(path(name)).unwrap()));
        }
        listeners.open(poll.registry()).unwrap();
        (listeners, clients, directory, poll)
    }

    fn accepted(listeners: &mut Listeners) -> Vec<String> {
        let next = || match listeners.accept(Instant::now()) {
            Accepted::Connection(_, endpoint) => Some(endpoint.name.to_string()),
            Accepted::Nobody | Accepted::Refused => None,
        };
        std::iter::from_fn(next).collect()
    }

    #[test]
    fn a_socket_that_is_flooded_takes_no_turn_from_the_others() {
        let (mut listeners, ..) = listeners(&[("a", 40), ("b", 1), ("c", 2), ("d", 0)]);
        let accepted = accepted(&mut listeners);
        assert_eq!(accepted.get(..6).unwrap(), ["a", "b", "c", "a", "c", "a"]);
        assert_eq!(accepted.len(), 43);
        assert_eq!(listeners.next_timeout(), None);
    }

    #[test]
    fn those_that_wait_where_another_frontend_goes_on_are_left_to_it() {
        let (mut listeners, _clients, _directory, poll) = listeners(&[("stays", 3), ("gone", 2)]);
        listeners.close_those(&[key("stays")], poll.registry());
        assert_eq!(accepted(&mut listeners), ["gone", "gone"]);
        assert!(listeners.find(&key("gone")).is_some() && listeners.find(&key("stays")).is_none());
    }

    #[test]
    fn those_who_are_held_back_wait_and_keep_nobody_else_waiting() {
        let (mut listeners, ..) = listeners(&[("a", 2), ("b", 1)]);
        listeners.hold_back(Protocol::Control, true);
        assert!(listeners.next_timeout().is_some(), "those who come by another protocol need not");
        listeners.hold_back(Protocol::Mux, true);
        assert!(accepted(&mut listeners).is_empty() && listeners.next_timeout().is_none());
        listeners.hold_back(Protocol::Mux, false);
        assert_eq!(accepted(&mut listeners), ["a", "b", "a"]);
    }

    #[test]
    fn a_frontend_that_may_not_take_connections_yet_takes_none() {
        let (mut listeners, ..) = listeners(&[("a", 1)]);
        listeners.is_open = false;
        assert!(accepted(&mut listeners).is_empty() && listeners.next_timeout().is_none());
    }
}
