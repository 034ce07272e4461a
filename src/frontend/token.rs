//! Tokens of the event loop. Numbers of clients, workers and connections are never used twice, so an event that
//! comes late finds nobody.
#![forbid(unsafe_code)]

use crate::job::WorkerId;
use crate::policy::dispatch::ClientId;
use mio::Token;

/// The socket to the supervisor.
pub(super) const CONTROL: Token = Token(0);
/// The socket to the frontend before or after this one.
pub(super) const HANDOVER: Token = Token(1);

/// A listening socket of this frontend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ListenerId(pub(super) u64);

/// Whom an event is about.
pub(super) enum Subject {
    Control,
    Handover,
    Listener(ListenerId),
    Client(ClientId),
    AuthClient(ClientId),
    ControlClient(ClientId),
    Worker(WorkerId),
    /// The number that `networks` knows it by.
    Connection(u64),
}

/// Of the numbers that are left, every sixth is a client's, a worker's, a connection's, a listener's, an auth client's, one of
/// somebody's at the control socket.
const KINDS: usize = 6;
/// The first of them.
const FIRST: usize = 2;

pub(super) fn of_client(client: ClientId) -> Token {
    nth(client.0, 0)
}

pub(super) fn of_worker(worker: WorkerId) -> Token {
    nth(worker.0, 1)
}

pub(super) fn of_connection(number: u64) -> Token {
    nth(number, 2)
}

pub(super) fn of_listener(listener: ListenerId) -> Token {
    nth(listener.0, 3)
}

pub(super) fn of_auth_client(client: ClientId) -> Token {
    nth(client.0, 4)
}

pub(super) fn of_control_client(client: ClientId) -> Token {
    nth(client.0, 5)
}

#[allow(clippy::cast_possible_truncation)] // 2^61 connections take longer than the machine lives
fn nth(number: u64, kind: usize) -> Token {
    Token(FIRST + number as usize * KINDS + kind)
}

pub(super) fn subject(token: Token) -> Subject {
    match token {
        CONTROL => return Subject::Control,
        HANDOVER => return Subject::Handover,
        Token(_) => {}
    }
    let number = token.0 - FIRST;
    let nth = (number / KINDS) as u64;
    match number % KINDS {
        0 => Subject::Client(ClientId(nth)),
        1 => Subject::Worker(WorkerId(nth)),
        2 => Subject::Connection(nth),
        3 => Subject::Listener(ListenerId(nth)),
        4 => Subject::AuthClient(ClientId(nth)),
        _ => Subject::ControlClient(ClientId(nth)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_leads_back_to_whom_it_is_about() {
        for number in [0, 1, 2, 77, 1 << 40] {
            assert!(
                matches!(subject(of_client(ClientId(number))), Subject::Client(ClientId(n)) if n == number)
            );
            assert!(
                matches!(subject(of_worker(WorkerId(number))), Subject::Worker(WorkerId(n)) if n == number)
            );
        }
        for number in [0, 1, 2, 77, 1 << 40] {
            for (token, is_control) in
                [(of_control_client(ClientId(number)), true), (of_auth_client(ClientId(number)), false)]
            {
                match subject(token) {
                    Subject::ControlClient(ClientId(n)) => assert!(is_control && n == number),
                    Subject::AuthClient(ClientId(n)) => assert!(!is_control && n == number),
                    _ => panic!("{number}"),
                }
            }
            let token = of_connection(number);
            assert!(matches!(subject(token), Subject::Connection(n) if n == number));
        }
        assert!(matches!(subject(CONTROL), Subject::Control));
        assert!(matches!(subject(of_listener(ListenerId(63))), Subject::Listener(ListenerId(63))));
        assert!(matches!(subject(HANDOVER), Subject::Handover));
    }
}
