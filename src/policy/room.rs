//! How the descriptors that a frontend may have open are shared out between clients, workers and servers.
#![forbid(unsafe_code)]

use crate::config::FrontendSettings;
use crate::config::site::Site;
use std::fmt;

/// How many connections that find no room are heard at the most before they are turned away; the next are cut.
pub const MAX_BEYOND: usize = 64;

/// How many may use the control socket at a time. Whoever looks after a daemon does not need more, and the next wait.
const CONTROL_CLIENTS: usize = 8;

/// Descriptors of a frontend that are neither of clients nor of workers nor of servers: standard streams (3), sockets
/// to supervisor, log and another frontend (3), the event loop and its copies (4), the log's standard error stream, the spare one,
/// and two that are open for a moment only, as a file is or the socket of a worker that takes the place of another.
const OTHER_DESCRIPTORS: usize = 14;

/// Connections to the policy server for questions. One carries a question at a time, so with an answer in 10 ms these are
/// 3,200 logins a second.
pub const POLICY_CONNECTIONS_FOR_QUESTIONS: usize = 32;

/// And for reports, for which nobody waits.
pub const POLICY_CONNECTIONS_FOR_REPORTS: usize = 4;

/// All of them, to one server.
const POLICY_CONNECTIONS: usize = POLICY_CONNECTIONS_FOR_QUESTIONS + POLICY_CONNECTIONS_FOR_REPORTS;

/// Descriptors that a supervisor needs to start: standard streams (3), its own binary, the event loop, signals (5), pid
/// and lock file, the launching process, log (2), a frontend, the pipe to whose end workers are tied (2), and what it takes to start
/// a child (11).
const DESCRIPTORS_OF_SUPERVISOR: usize = 28;

/// And for each socket that clients connect to: itself and its file.
const DESCRIPTORS_OF_SOCKET: usize = 2;

/// How many descriptors a site would like to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Demand {
    /// The sockets that clients connect to.
    pub listeners: usize,
    /// `--max-connections`
    pub clients: usize,
    /// `--max-auth-connections`; 0 if there is no socket for them.
    pub auth_clients: usize,
    /// The workers of all pools.
    pub workers: usize,
    /// Mechanisms that ask servers.
    pub networks: usize,
    /// `--max-server-connections`, of each of these.
    pub connections: usize,
    /// Connections to policy servers; 0 without any.
    pub policy_connections: usize,
}

/// What each of them gets.
#[derive(Debug, PartialEq, Eq)]
pub struct Room {
    /// Clients that are served at a time.
    pub clients: usize,
    /// Connections that are kept at auth sockets.
    pub auth_clients: usize,
    /// Clients beyond them that are heard before they are turned away.
    pub beyond: usize,
    /// Connections at the control socket; set aside, so that there is room for them when there is none for anybody else.
    pub control_clients: usize,
    /// Connections to servers of one mechanism, or to the policy server, for each purpose.
    pub connections: usize,
}

/// The limit on open descriptors leaves no room to serve in.
#[derive(Debug, PartialEq, Eq)]
pub struct TooFewDescriptors {
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

impl std::error::Error for TooFewDescriptors {}

impl Demand {
    /// What these settings ask for.
    pub fn of(settings: &FrontendSettings, site: &Site, listeners: usize, has_auth_sockets: bool) -> Self {
        Self {
            listeners,
            clients: settings.max_connections,
            auth_clients: if has_auth_sockets { settings.max_auth_connections } else { 0 },
            workers: site.pools.iter().map(|pool| pool.workers.most).fold(0, usize::saturating_add),
            networks: site.remote_instances().count(),
            connections: settings.network.most_connections,
            policy_connections: if site.has_policy_server { POLICY_CONNECTIONS } else { 0 },
        }
    }

    /// How many descriptors each process of a daemon needs to serve one client at a time.
    pub fn least(&self) -> usize {
        // One client at each kind of socket, and for it a connection of each mechanism that asks servers.
        let used = self.taken().saturating_add(self.kinds_of_clients() + self.networks);
        (DESCRIPTORS_OF_SUPERVISOR + DESCRIPTORS_OF_SOCKET * self.listeners).max(used)
    }

    fn kinds_of_clients(&self) -> usize {
        1 + usize::from(self.auth_clients > 0)
    }

    /// What a frontend has open without any client or server.
    fn taken(&self) -> usize {
        let processes = OTHER_DESCRIPTORS.saturating_add(self.listeners).saturating_add(self.workers);
        processes.saturating_add(self.policy_connections)
    }
}

impl Room {
    /// What fits below `limit`, one client at least.
    ///
    /// # Errors
    /// When not even that fits.
    pub fn below(limit: usize, demand: &Demand) -> Result<Self, TooFewDescriptors> {
        let needed = demand.least();
        if limit < needed {
            return Err(TooFewDescriptors { limit, needed, processes: demand.workers });
        }
        let free = limit.saturating_sub(demand.taken());
        let kinds = demand.networks + demand.kinds_of_clients();
        let control_clients = CONTROL_CLIENTS.min(free / 8).min(free.saturating_sub(kinds));
        let free = free - control_clients;
        let beyond = MAX_BEYOND.min(free / 8).min(free.saturating_sub(kinds));
        // Clients of each kind get as much as each mechanism, and those at mux what the others do not want.
        let part = (free - beyond) / kinds;
        // Those of the policy server are set aside already, so that without a mechanism that asks servers nobody is to have less.
        let connections =
            if demand.networks == 0 { demand.connections } else { demand.connections.min(part) };
        let auth_clients = demand.auth_clients.min(part);
        let clients = demand.clients.min(free - beyond - connections * demand.networks - auth_clients);
        Ok(Self { clients, auth_clients, beyond, control_clients, connections })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// What is asked for by default, but for more clients than most limits allow.
    fn demand(workers: usize, networks: usize) -> Demand {
        Demand {
            listeners: 1,
            clients: 4096,
            auth_clients: 0,
            workers,
            networks,
            connections: 512,
            policy_connections: 0,
        }
    }

    #[test]
    fn with_the_fewest_descriptors_one_client_is_served_and_with_fewer_none() {
        for (processes, networks) in [(20, 0), (5, 0), (20, 1), (5, 1), (30, 3), (7, 10)] {
            let demand = demand(processes, networks);
            let least = demand.least();
            let room = Room::below(least, &demand).unwrap();
            assert!(room.clients >= 1, "{room:?}");
            assert!(room.connections >= 1, "{room:?}");
            let refused = Room::below(least - 1, &demand).unwrap_err().to_string();
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
        for networks in 0..4 {
            let demand = demand(5, networks);
            for limit in demand.least()..8192 {
                let room = Room::below(limit, &demand).unwrap();
                let all = room.clients + room.beyond + room.control_clients + room.connections * networks;
                assert!(all + demand.taken() <= limit, "{limit}: {room:?}");
            }
        }
    }

    #[test]
    fn clients_of_both_kinds_find_room_however_low_the_limit() {
        let demand = Demand { auth_clients: 4096, ..demand(5, 1) };
        for limit in demand.least()..12_000 {
            let room = Room::below(limit, &demand).unwrap();
            assert!(room.clients >= 1 && room.auth_clients >= 1, "{limit}: {room:?}");
            let all =
                room.clients + room.auth_clients + room.beyond + room.control_clients + room.connections;
            assert!(all + demand.taken() <= limit, "{limit}: {room:?}");
        }
    }

    #[test]
    fn with_descriptors_enough_everybody_gets_what_was_asked_for() {
        let all = |connections| Room {
            clients: 4096,
            auth_clients: 0,
            beyond: MAX_BEYOND,
            control_clients: CONTROL_CLIENTS,
            connections,
        };
        assert_eq!(
            Room::below(8192, &demand(5, 0)),
            Ok(all(512)),
            "the policy server, which has its own aside"
        );
        assert_eq!(Room::below(8192, &demand(5, 1)), Ok(all(512)));
        assert_eq!(Room::below(8192, &demand(5, 3)), Ok(all(512)));
    }
}
