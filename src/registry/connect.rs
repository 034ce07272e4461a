//! From an instance of a [`Site`](crate::config::site::Site) to a mechanism that asks servers.
#![forbid(unsafe_code)]

use super::site::sources_of;
use super::{Connected, Kind, find, probed};
use crate::config::NetworkSettings;
use crate::config::site::Instance;
use crate::mechanism::MechanismError;
use crate::net::driver::drive;
use crate::net::probe::{DoErrand, Probed};
use crate::net::{EventLoopHandle, Network};
use crate::policy::policy_server::{Answer, Question};
use crate::settings::raw_settings::RawSettings;
use crate::weakforced;

/// Makes the mechanism ready to be asked by an event loop; `None` if it is one that runs in workers. Connects to nothing
/// yet and resolves no name.
pub fn connect(
    instance: &Instance,
    sources: &RawSettings,
    network: &NetworkSettings,
    event_loop: EventLoopHandle,
) -> Option<Connected> {
    match find(instance.mechanism)?.kind {
        Kind::Remote(_, driven) => Some((driven.start)(&sources_of(sources, instance), network, event_loop)),
        Kind::Local(_) => None,
    }
}

/// Makes ready what asks the policy server; `None` if there is none. Connects to nothing yet and resolves no name.
///
/// # Errors
/// When its settings, or a certificate that they name, cannot be used.
pub fn connect_policy_server(
    sources: &RawSettings,
    network: &NetworkSettings,
    event_loop: EventLoopHandle,
) -> Result<Option<Box<dyn Network<Question, Answer>>>, MechanismError> {
    let Some((weakforced, policy)) = weakforced::client(sources, network)? else { return Ok(None) };
    let network = weakforced::network(network, policy.timeout);
    let driver = drive(weakforced, &network, event_loop);
    driver.map(Some).map_err(|error| MechanismError(error.to_string()))
}

/// As [`probe`], for the policy server.
pub fn probe_policy_server(
    sources: &RawSettings,
    network: &NetworkSettings,
    do_errand: DoErrand,
) -> Option<Result<Vec<Probed>, MechanismError>> {
    match weakforced::client(sources, network) {
        Ok(client) => client.map(|(weakforced, _)| probed(&weakforced, do_errand)),
        Err(error) => Some(Err(error)),
    }
}

/// Connects to each of its servers as a login would, and asks about nobody; `None` if it is one that runs in workers. It
/// blocks, for as long as the timeouts of `network` and name lookups take.
pub fn probe(
    instance: &Instance,
    sources: &RawSettings,
    network: &NetworkSettings,
    do_errand: DoErrand,
) -> Option<Result<Vec<Probed>, MechanismError>> {
    match find(instance.mechanism)?.kind {
        Kind::Remote(_, driven) => Some((driven.probe)(&sources_of(sources, instance), network, do_errand)),
        Kind::Local(_) => None,
    }
}
