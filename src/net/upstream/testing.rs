//! Servers and pools of them for tests and the simulation.

use super::*;
use crate::config::ServerOrder;
use crate::net::exchange::{Address, Server, Sharing, Timeouts, TlsMode, TlsSettings};

pub(super) const SECOND: Duration = Duration::from_secs(1);

/// A server whose name must be looked up.
pub(super) fn named(number: u16) -> Server {
    server(&format!("host{number}"), number)
}

/// A server whose address is known.
pub(super) fn numbered(number: u16) -> Server {
    server("127.0.0.1", number)
}

pub(super) fn server(host: &str, number: u16) -> Server {
    let service = (1000 + number).to_string();
    let name = format!("test://{host}:{service}");
    Server { address: Address::Host { host: host.to_owned(), service }, tls: TlsMode::Off, name }
}

/// A pool in which each connection carries one question at a time.
pub(super) fn pool(servers: Vec<Server>) -> PoolSettings {
    PoolSettings {
        servers,
        order: ServerOrder::Listed,
        sharing: Sharing::Sequential,
        most_connections: 100,
        idle_time: 60 * SECOND,
        timeouts: Timeouts { connect: 5 * SECOND, tls: 5 * SECOND, operation: 10 * SECOND },
        tls: Rc::new(TlsSettings::default()),
        credential_scope: 0,
    }
}

pub(super) fn failure(reason: &str) -> Failure {
    Failure::new(FailureKind::Unexpected, reason)
}
