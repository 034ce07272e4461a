//! Connects to all servers of a mechanism as a login would, up to where the login could be asked about: names, connections,
//! TLS, greetings, the bind of a service account. Asks about nobody.
#![forbid(unsafe_code)]

mod attempt;

use super::tls::Contexts;
use crate::job::{Errand, ErrandResult};
use crate::net::exchange::{Address, Failure, FailureKind, Protocol, Server};
use crate::net::upstream::Target;
use crate::secret::Secret;
use attempt::{Attempt, Way};
use mio::{Events, Poll, Token};
use std::io;
use std::time::Instant;

/// Does what the event loop has workers for. It blocks.
pub type DoErrand = fn(Errand) -> ErrandResult;

/// How far it came at a server.
#[derive(Debug)]
pub struct Probed {
    /// The server.
    pub server: Server,
    /// Nothing, if a login could be asked about.
    pub reached: Result<(), Failure>,
}

/// Connects to each server of each pool, all at a time. An address that does not answer costs what its timeouts say. Name
/// lookups block before.
///
/// # Errors
/// When there can be no event loop.
pub fn probe<P: Protocol>(protocol: &P, do_errand: DoErrand) -> io::Result<Vec<Probed>> {
    let mut poll = Poll::new()?;
    let mut contexts = Contexts::default();
    let mut attempts = attempts(protocol, do_errand);
    let mut buffer = Secret::default();
    let mut events = Events::with_capacity(64);
    loop {
        let now = Instant::now();
        for (place, attempt) in attempts.iter_mut().enumerate() {
            attempt.go_on(protocol, &mut contexts, poll.registry(), Token(place), &mut buffer, now);
        }
        let Some(due) = attempts.iter().filter_map(Attempt::deadline).min() else { break };
        wait(&mut poll, &mut events, due)?;
        for event in &events {
            if let Some(attempt) = attempts.get_mut(event.token().0) {
                attempt.note(event);
            }
        }
    }
    Ok(attempts.into_iter().map(Attempt::end).collect())
}

fn wait(poll: &mut Poll, events: &mut Events, due: Instant) -> io::Result<()> {
    match poll.poll(events, Some(due.saturating_duration_since(Instant::now()))) {
        Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(()),
        result => result,
    }
}

fn attempts<P: Protocol>(protocol: &P, do_errand: DoErrand) -> Vec<Attempt<P>> {
    let mut attempts = Vec::new();
    for id in protocol.pools() {
        let pool = protocol.pool(id);
        for (place, server) in pool.servers.iter().enumerate() {
            let way = Way { pool: id, place, server: server.clone(), settings: pool.clone(), do_errand };
            attempts.push(Attempt::new(way, targets(server, do_errand)));
        }
    }
    attempts
}

/// Where the server may be.
fn targets(server: &Server, do_errand: DoErrand) -> Result<Vec<Target>, Failure> {
    let (host, service) = match &server.address {
        Address::Path(path) => return Ok(vec![Target::Path(path.clone())]),
        Address::Host { host, service } => (host.clone(), service.clone()),
    };
    let failed = |reason: String| {
        Failure::new(FailureKind::Contact, format!("the name {host} has no address: {reason}"))
    };
    match do_errand(Errand::Resolve { host: host.clone(), service }) {
        ErrandResult::Addresses(addresses) => Ok(addresses.into_iter().map(Target::Socket).collect()),
        ErrandResult::Failed(reason) => Err(failed(reason)),
        _ => Err(failed("the lookup was answered with something else".to_owned())),
    }
}

#[cfg(test)]
#[path = "probe_tests.rs"]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests;
