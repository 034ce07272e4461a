//! The mechanisms that ask servers, each with connections of its own.
#![forbid(unsafe_code)]

use super::token;
use crate::config::NetworkSettings;
use crate::config::site::{InstanceId, Site};
use crate::mechanism::{MechanismError, failed_to_initialize};
use crate::metrics::snapshot::ServerNow;
use crate::metrics::totals::ServerTotals;
use crate::net::{ConnectionId, EventLoopHandle, Network, NetworkAction};
use crate::policy::policy_server::{Answer, Question};
use crate::registry::connect::{connect, connect_policy_server};
use crate::settings::raw_settings::RawSettings;
use crate::settings::tls_files::TlsFiles;
use crate::strerror::strerror;
use crate::weakforced;
use mio::Registry;
use mio::event::Event;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Instant;

/// All there are, in the order in which the site has them.
pub(super) struct Networks {
    networks: Vec<(InstanceId, Box<dyn Network>)>,
    /// The last of them in all counts.
    policy_server: Option<PolicyServer>,
}

/// What asks the policy server.
type PolicyServer = Box<dyn Network<Question, Answer>>;

impl Networks {
    /// Connects to nothing yet and resolves no name.
    ///
    /// # Errors
    /// The sentence says which mechanism cannot be used, and why.
    pub(super) fn new(
        site: &Site,
        settings: &NetworkSettings,
        sources: &RawSettings,
        tls_files: &Rc<TlsFiles>,
        registry: &Registry,
    ) -> Result<Self, String> {
        let mechanisms = site.remote_instances().count();
        let count = mechanisms + usize::from(site.has_policy_server);
        let mut networks = Vec::new();
        let event_loop = |name: &str, place: usize| {
            let registry = registry.try_clone().map_err(|error| MechanismError(strerror(&error)))?;
            let token = Box::new(move |connection| token::of_connection(number(connection, place, count)));
            Ok(EventLoopHandle {
                registry,
                token,
                instance: name.to_owned(),
                tls_files: Rc::clone(tls_files),
            })
        };
        for (place, (id, instance)) in site.remote_instances().enumerate() {
            let failed = |error: MechanismError| failed_to_initialize(&instance.name, &error);
            let event_loop = event_loop(&instance.name, place).map_err(failed)?;
            if let Some(connected) = connect(instance, sources, settings, event_loop) {
                networks.push((id, connected.map_err(failed)?));
            }
        }
        let policy_server = match site.has_policy_server {
            false => None,
            true => event_loop(weakforced::NAME, mechanisms)
                .and_then(|event_loop| connect_policy_server(sources, settings, event_loop))
                .map_err(|error| format!("the policy server cannot be used: {error}"))?,
        };
        Ok(Self { networks, policy_server })
    }

    /// What asks the policy server, if there is one.
    pub(super) fn policy_server(&mut self) -> Option<&mut PolicyServer> {
        self.policy_server.as_mut()
    }

    /// The next thing that it wants done.
    pub(super) fn next_policy_action(&mut self) -> Option<NetworkAction<Answer>> {
        self.policy_server.as_mut()?.next_action()
    }

    /// The mechanism of that instance, if it is one of these.
    pub(super) fn get(&mut self, instance: InstanceId) -> Option<&mut dyn Network> {
        let (_, network) = self.networks.iter_mut().find(|(id, _)| *id == instance)?;
        Some(network.as_mut())
    }

    /// Every TCP port that they may connect to, as a number or a name from /etc/services.
    pub(super) fn ports(&self) -> impl Iterator<Item = String> + '_ {
        let mechanisms = self.networks.iter().flat_map(|(_, network)| network.ports());
        mechanisms.chain(self.policy_server.iter().flat_map(|server| server.ports()))
    }

    /// The directories in which they look for authorities while they serve.
    pub(super) fn authorities(&self) -> impl Iterator<Item = PathBuf> + '_ {
        let mechanisms = self.networks.iter().flat_map(|(_, network)| network.authorities());
        mechanisms.chain(self.policy_server.iter().flat_map(|server| server.authorities()))
    }

    /// How all servers are, sorted by instance and name.
    pub(super) fn servers(&self, now: Instant) -> Vec<ServerNow> {
        let mut servers: Vec<_> =
            self.networks.iter().flat_map(|(_, network)| network.servers(now)).collect();
        servers.extend(self.policy_server.iter().flat_map(|server| server.servers(now)));
        servers.sort_by(|one, other| (&one.instance, &one.server).cmp(&(&other.instance, &other.server)));
        servers
    }

    /// What was counted of the servers of each mechanism since this was asked last.
    pub(super) fn take_counts(
        &mut self,
    ) -> impl Iterator<Item = (InstanceId, BTreeMap<String, ServerTotals>)> + '_ {
        let mechanisms =
            self.networks.iter_mut().map(|(instance, network)| (*instance, network.take_server_counts()));
        let policy_server = self.policy_server.iter_mut();
        mechanisms.chain(policy_server.map(|server| (InstanceId::POLICY_SERVER, server.take_server_counts())))
    }

    /// The event loop has seen something on the connection of that number.
    pub(super) fn handle_event(&mut self, number: u64, event: &Event, now: Instant) {
        let count = self.networks.len() + usize::from(self.policy_server.is_some());
        let (connection, place) = connection(number, count);
        if let Some((_, network)) = self.networks.get_mut(place) {
            network.handle_event(connection, event, now);
        } else if let Some(server) = &mut self.policy_server {
            server.handle_event(connection, event, now);
        }
    }

    /// The time that [`Self::next_timeout`] named has come.
    pub(super) fn handle_timeout(&mut self, now: Instant) {
        self.networks.iter_mut().for_each(|(_, network)| network.handle_timeout(now));
        self.policy_server.iter_mut().for_each(|server| server.handle_timeout(now));
    }

    /// When [`Self::handle_timeout`] must be called at the latest.
    pub(super) fn next_timeout(&self) -> Option<Instant> {
        let mechanisms = self.networks.iter().filter_map(|(_, network)| network.next_timeout());
        let policy_server = self.policy_server.iter().filter_map(|server| server.next_timeout());
        mechanisms.chain(policy_server).min()
    }

    /// Writes what is to be written.
    pub(super) fn flush(&mut self, now: Instant) {
        self.networks.iter_mut().for_each(|(_, network)| network.flush(now));
        self.policy_server.iter_mut().for_each(|server| server.flush(now));
    }

    /// The next thing that one of them wants done.
    pub(super) fn next_action(&mut self) -> Option<(InstanceId, NetworkAction)> {
        self.networks.iter_mut().find_map(|(id, network)| Some((*id, network.next_action()?)))
    }
}

/// The number of a connection among those of all: each driver counts from the beginning.
fn number(connection: ConnectionId, place: usize, count: usize) -> u64 {
    connection.0 * count as u64 + place as u64
}

/// The connection of that number, and the place of its driver.
#[allow(clippy::cast_possible_truncation)] // the rest is below the count
fn connection(number: u64, count: usize) -> (ConnectionId, usize) {
    let count = count.max(1) as u64;
    (ConnectionId(number / count), (number % count) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_of_all_mechanisms_have_numbers_of_their_own_that_lead_back_to_them() {
        for count in 1..5 {
            let mut numbers = Vec::new();
            for (id, place) in (0..100).flat_map(|id| (0..count).map(move |place| (id, place))) {
                let number = number(ConnectionId(id), place, count);
                assert_eq!(connection(number, count), (ConnectionId(id), place));
                numbers.push(number);
            }
            numbers.sort_unstable();
            numbers.dedup();
            assert_eq!(numbers.len(), 100 * count);
        }
    }
}
