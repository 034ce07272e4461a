//! What a frontend looks at before it serves: its room for clients, its mechanism.
#![forbid(unsafe_code)]

use super::{clients, token};
use crate::config::FrontendSettings;
use crate::mechanism::MechanismError;
use crate::net::{Network, Wiring};
use crate::policy::dispatch::Route;
use crate::registry::{self, Kind, Mechanism};
use crate::settings::raw_settings::RawSettings;
use crate::strerror::strerror;
use crate::sys::descriptor;
use mio::Registry;
use std::fmt;

/// Descriptors of a frontend that are neither of clients nor of workers nor of servers: standard streams (3), sockets
/// to supervisor, log and another frontend (3), the event loop and its copies (4), the log's standard error stream, the spare one,
/// and two that are open for a moment only, as a file is or the socket of a worker that takes the place of another.
const OTHER_DESCRIPTORS: usize = 14;

/// Descriptors that a supervisor needs to start: standard streams (3), its own binary, the event loop, signals (5), pid
/// and lock file, the launching process, log (2), a frontend, and what it takes to start a child (9).
const DESCRIPTORS_OF_SUPERVISOR: usize = 24;

/// And for each socket: itself and its file.
const DESCRIPTORS_OF_SOCKET: usize = 2;

/// How the descriptors that a frontend may have open are shared out.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Room {
    /// Clients that are served at a time.
    pub(super) clients: usize,
    /// Clients beyond them that are heard before they are turned away.
    pub(super) beyond: usize,
    /// Connections to servers, for each purpose.
    pub(super) connections: usize,
}

/// The limit on open descriptors leaves no room to serve in.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooFewDescriptors {
    limit: usize,
    needed: usize,
    processes: usize,
}

impl fmt::Display for TooFewDescriptors {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { limit, needed, processes } = self;
        write!(
            formatter,
            "The limit of {limit} open descriptors (ulimit -n) is too low: one client beside {processes} processes \
             needs {needed}"
        )
    }
}

impl Room {
    /// What fits below `limit`, one client at least.
    fn below(
        limit: usize,
        service: &FrontendSettings,
        route: Route,
        listeners: usize,
    ) -> Result<Self, TooFewDescriptors> {
        let needed = least_descriptors(service, route, listeners);
        if limit < needed {
            return Err(TooFewDescriptors { limit, needed, processes: service.workers.most });
        }
        let free = limit.saturating_sub(OTHER_DESCRIPTORS + listeners + service.workers.most);
        let beyond = clients::MAX_BEYOND.min(free / 8);
        let connections = match route {
            Route::Workers => 0,
            Route::Network => service.network.most_connections.min((free - beyond) / 2),
        };
        let clients = service.max_connections.min(free - beyond - connections);
        Ok(Self { clients, beyond, connections })
    }
}

/// How many descriptors the processes of a daemon need to serve one client at a time.
fn least_descriptors(service: &FrontendSettings, route: Route, listeners: usize) -> usize {
    let client = match route {
        Route::Workers => 1,
        // And the connection over which is asked.
        Route::Network => 2,
    };
    let supervisor = DESCRIPTORS_OF_SUPERVISOR + DESCRIPTORS_OF_SOCKET * listeners;
    supervisor.max(OTHER_DESCRIPTORS + listeners + service.workers.most + client)
}

/// Whether the processes of a daemon have the descriptors to start, which the limit is raised to if need be. For the
/// supervisor, before there is anybody else.
pub(crate) fn check_descriptors(
    service: &FrontendSettings,
    listeners: usize,
) -> Result<(), TooFewDescriptors> {
    let route = route(&service.mechanism);
    let limit = descriptor::raise_limit_to(least_descriptors(service, route, listeners));
    Room::below(limit, service, route, listeners).map(drop)
}

/// The room that this process has, and a line in the log if it is less than was asked for.
pub(super) fn room(
    service: &FrontendSettings,
    route: Route,
    listeners: usize,
) -> Result<Room, TooFewDescriptors> {
    let room = Room::below(descriptor::raise_limit(), service, route, listeners)?;
    if room.clients < service.max_connections {
        log::warn!(
            target: "frontend",
            "--max-connections={} is more than the limit on open descriptors allows: {} are served",
            service.max_connections,
            room.clients
        );
    }
    Ok(room)
}

/// Who answers the logins of this mechanism.
pub(super) fn route(mechanism: &str) -> Route {
    match registry::find(mechanism) {
        Some(Mechanism { kind: Kind::Remote(..), .. }) => Route::Network,
        Some(Mechanism { kind: Kind::Local(_), .. }) | None => Route::Workers,
    }
}

/// The mechanism, if it is one that asks servers. Connects to nothing yet and resolves no name.
pub(crate) fn network(
    service: &FrontendSettings,
    sources: &RawSettings,
    registry: &Registry,
) -> Result<Option<Box<dyn Network>>, MechanismError> {
    let Some(Mechanism { name, kind: Kind::Remote(_, start), .. }) = registry::find(&service.mechanism)
    else {
        return Ok(None);
    };
    let registry = registry.try_clone().map_err(|error| MechanismError(strerror(&error)))?;
    let wiring = Wiring { registry, token: token::of_connection, mechanism: name };
    start(sources, &service.network, wiring).map(Some)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::cli::saslauthd::{Parsed, parse};

    /// What is asked for by default: 5 processes, and more clients than most limits allow.
    fn service(mechanism: &str) -> FrontendSettings {
        let line = ["saslauthd", "-a", mechanism, "-O", "/dev/null", "--max-connections=4096"];
        match parse(line.map(Into::into)).unwrap() {
            Parsed::Run(config) => config.frontend,
            _ => panic!("the line asks for something else"),
        }
    }

    #[test]
    fn with_the_fewest_descriptors_one_client_is_served_and_with_fewer_none() {
        for (mechanism, processes) in [("getpwent", 20), ("getpwent", 5), ("ldap", 20), ("ldap", 5)] {
            let mut service = service(mechanism);
            service.workers.most = processes;
            let route = route(mechanism);
            let least = least_descriptors(&service, route, 1);
            let room = Room::below(least, &service, route, 1).unwrap();
            assert!(room.clients >= 1, "{room:?}");
            assert_eq!(room.connections >= 1, mechanism == "ldap", "{room:?}");
            let refused = Room::below(least - 1, &service, route, 1).unwrap_err().to_string();
            let limit = least - 1;
            assert_eq!(
                refused,
                format!(
                    "The limit of {limit} open descriptors (ulimit -n) is too low: one client beside {processes} \
                     processes needs {least}"
                )
            );
        }
    }

    #[test]
    fn everybody_together_stays_below_the_limit_however_low() {
        for mechanism in ["getpwent", "ldap"] {
            let (service, route) = (service(mechanism), route(mechanism));
            for limit in least_descriptors(&service, route, 1)..8192 {
                let room = Room::below(limit, &service, route, 1).unwrap();
                let all = room.clients + room.beyond + room.connections;
                assert!(all + OTHER_DESCRIPTORS + 1 + service.workers.most <= limit, "{limit}: {room:?}");
            }
        }
    }

    #[test]
    fn with_descriptors_enough_everybody_gets_what_was_asked_for() {
        let all = |connections| Room { clients: 4096, beyond: clients::MAX_BEYOND, connections };
        assert_eq!(Room::below(8192, &service("getpwent"), Route::Workers, 1), Ok(all(0)));
        assert_eq!(Room::below(8192, &service("ldap"), Route::Network, 1), Ok(all(512)));
    }
}
