//! Tokens of the event loop. Numbers of clients, workers and connections are never used twice, so an event that
//! comes late finds nobody.
#![forbid(unsafe_code)]

use crate::dispatch::ClientId;
use crate::net::ConnectionId;
use crate::pool::WorkerId;
use mio::Token;

/// The socket to the supervisor.
pub(super) const CONTROL: Token = Token(0);
/// The mux socket.
pub(super) const LISTENER: Token = Token(1);

/// Whom an event is about.
pub(super) enum Source {
    Control,
    Listener,
    Client(ClientId),
    Worker(WorkerId),
    Connection(ConnectionId),
}

/// Of the numbers that are left, every third is a client's, a worker's, a connection's.
const KINDS: usize = 3;

pub(super) fn of_client(client: ClientId) -> Token {
    nth(client.0, 2)
}

pub(super) fn of_worker(worker: WorkerId) -> Token {
    nth(worker.0, 3)
}

pub(super) fn of_connection(connection: ConnectionId) -> Token {
    nth(connection.0, 4)
}

#[allow(clippy::cast_possible_truncation)] // 2^62 connections take longer than the machine lives
fn nth(number: u64, first: usize) -> Token {
    Token(number as usize * KINDS + first)
}

pub(super) fn source(token: Token) -> Source {
    let Token(number @ 2..) = token else {
        return if token == CONTROL { Source::Control } else { Source::Listener };
    };
    let nth = ((number - 2) / KINDS) as u64;
    match (number - 2) % KINDS {
        0 => Source::Client(ClientId(nth)),
        1 => Source::Worker(WorkerId(nth)),
        _ => Source::Connection(ConnectionId(nth)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_leads_back_to_whom_it_is_about() {
        for number in [0, 1, 2, 77, 1 << 40] {
            assert!(
                matches!(source(of_client(ClientId(number))), Source::Client(ClientId(n)) if n == number)
            );
            assert!(
                matches!(source(of_worker(WorkerId(number))), Source::Worker(WorkerId(n)) if n == number)
            );
        }
        for number in [0, 1, 2, 77, 1 << 40] {
            let token = of_connection(ConnectionId(number));
            assert!(matches!(source(token), Source::Connection(ConnectionId(n)) if n == number));
        }
        assert!(matches!(source(CONTROL), Source::Control));
        assert!(matches!(source(LISTENER), Source::Listener));
    }
}
