//! Tokens of the event loop. Numbers of clients and workers are never used twice, so an event that comes late
//! finds nobody.
#![forbid(unsafe_code)]

use crate::dispatch::ClientId;
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
}

#[allow(clippy::cast_possible_truncation)] // 2^62 connections take longer than the machine lives
pub(super) fn of_client(client: ClientId) -> Token {
    Token((client.0 as usize) * 2 + 2)
}

#[allow(clippy::cast_possible_truncation)]
pub(super) fn of_worker(worker: WorkerId) -> Token {
    Token((worker.0 as usize) * 2 + 3)
}

pub(super) fn source(token: Token) -> Source {
    match token {
        CONTROL => Source::Control,
        LISTENER => Source::Listener,
        Token(number) if number % 2 == 0 => Source::Client(ClientId((number as u64 - 2) / 2)),
        Token(number) => Source::Worker(WorkerId((number as u64 - 3) / 2)),
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
        assert!(matches!(source(CONTROL), Source::Control));
        assert!(matches!(source(LISTENER), Source::Listener));
    }
}
