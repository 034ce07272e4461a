//! What a frontend knows of one of its sockets, and who may use it.
#![forbid(unsafe_code)]

use crate::config::site::Protocol;
use crate::ipc::{Allowed, EndpointKey, Listener};
use crate::sys::socket::{self, Peer};
use std::collections::HashMap;
use std::fmt;
use std::os::fd::BorrowedFd;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// Where a connection came in.
#[derive(Debug)]
pub(super) struct Endpoint {
    /// `mux`, or the path.
    pub(super) name: Rc<str>,
    pub(super) protocol: Protocol,
    /// In place of the service that clients name.
    pub(super) service: Option<Vec<u8>>,
    /// How long a request may take, if that is said.
    pub(super) request_time: Option<Duration>,
    allowed: Allowed,
}

impl Endpoint {
    pub(super) fn new(listener: Listener) -> Self {
        let Listener { key: EndpointKey { name, protocol }, service, timeout, allowed } = listener;
        let service = service.map(String::into_bytes);
        Self { name: name.into(), protocol, service, request_time: timeout, allowed }
    }

    /// By what the next frontend finds it.
    pub(super) fn key(&self) -> EndpointKey {
        EndpointKey { name: self.name.to_string(), protocol: self.protocol }
    }

    /// Whether that is this one.
    pub(super) fn is(&self, key: &EndpointKey) -> bool {
        *self.name == *key.name && self.protocol == key.protocol
    }

    /// The peer, if it may not use this endpoint. The kernel is not asked where everybody may.
    pub(super) fn refused(&self, connection: BorrowedFd<'_>) -> Option<Peer> {
        if self.allowed.users.is_empty() && self.allowed.groups.is_empty() {
            return None;
        }
        let peer = peer_of(connection);
        let groups = || socket::peer_groups(connection).unwrap_or_default();
        (!permits(&self.allowed, peer, groups)).then_some(peer)
    }
}

/// By user, by group, and only then by the other groups.
fn permits(allowed: &Allowed, peer: Peer, groups: impl FnOnce() -> Vec<u32>) -> bool {
    allowed.users.contains(&peer.user)
        || allowed.groups.contains(&peer.group)
        || !allowed.groups.is_empty() && groups().iter().any(|group| allowed.groups.contains(group))
}

/// What is not known of a peer, which the kernel always names, gives it no rights.
fn peer_of(connection: BorrowedFd<'_>) -> Peer {
    socket::peer(connection).unwrap_or(Peer { process: 0, user: u32::MAX, group: u32::MAX })
}

/// Where a connection came in and whose it is, in log lines of this daemon's own. The C daemon's have no such fields, and
/// get none: programs read them.
pub(super) struct Origin<'a> {
    endpoint: &'a Endpoint,
    peer: Peer,
}

impl<'a> Origin<'a> {
    pub(super) fn of(endpoint: &'a Endpoint, connection: BorrowedFd<'_>) -> Self {
        Self { endpoint, peer: peer_of(connection) }
    }
}

impl fmt::Display for Origin<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Peer { user, process, .. } = self.peer;
        write!(formatter, "[socket={}] [uid={user}] [pid={process}]", self.endpoint.name)
    }
}

/// Whose refusal has been told of lately: a user's at one endpoint once in a while.
#[derive(Default)]
pub(super) struct ToldRefusals(HashMap<(Rc<str>, u32), Instant>);

impl ToldRefusals {
    /// How long nothing is said of the same user at the same endpoint.
    const SILENCE: Duration = Duration::from_secs(60);
    /// How many are remembered. A machine with more users who try has had its warning.
    const MOST: usize = 256;

    /// Whether it may be told of.
    pub(super) fn is_due(&mut self, endpoint: &Endpoint, user: u32, now: Instant) -> bool {
        let key = (Rc::clone(&endpoint.name), user);
        self.0.retain(|_, until| now < *until);
        if self.0.contains_key(&key) || self.0.len() >= Self::MOST {
            return false;
        }
        self.0.insert(key, now + Self::SILENCE);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEER: Peer = Peer { process: 1, user: 1000, group: 100 };

    #[test]
    fn a_peer_is_let_in_by_its_user_or_any_of_its_groups() {
        for (users, groups, expected) in [
            (vec![1000], vec![], true),
            (vec![0, 1000], vec![7], true),
            (vec![0], vec![], false),
            (vec![], vec![100], true),
            (vec![0], vec![100], true),
            (vec![0], vec![4], true),
            (vec![0], vec![5], false),
            (vec![100], vec![1000], false),
        ] {
            let allowed = Allowed { users, groups };
            assert_eq!(permits(&allowed, PEER, || vec![4, 24]), expected, "{allowed:?}");
        }
    }

    #[test]
    fn a_refusal_is_told_once_a_minute_for_each_user_and_endpoint() {
        let endpoint = |name: &str| {
            Endpoint::new(Listener {
                key: EndpointKey { name: name.to_owned(), protocol: Protocol::Mux },
                service: None,
                timeout: None,
                allowed: Allowed::default(),
            })
        };
        let (one, other) = (endpoint("mux"), endpoint("/run/auth"));
        let (mut told, start) = (ToldRefusals::default(), Instant::now());
        let due = [(&one, 1), (&one, 1), (&one, 2), (&other, 1), (&other, 1)];
        let due = due.map(|(endpoint, user)| told.is_due(endpoint, user, start));
        assert_eq!(due, [true, false, true, true, false]);
        let later = start + ToldRefusals::SILENCE;
        assert!(told.is_due(&one, 1, later));
        let many = (10..100_000).filter(|user| told.is_due(&one, *user, later));
        assert_eq!(many.count(), ToldRefusals::MOST - 1, "memory has a bound");
    }
}
