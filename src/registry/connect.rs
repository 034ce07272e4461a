//! From an instance of a [`Site`](crate::config::site::Site) to a mechanism that asks servers.
#![forbid(unsafe_code)]

use super::site::sources_of;
use super::{Connected, Kind, find};
use crate::config::NetworkSettings;
use crate::config::site::Instance;
use crate::mechanism::MechanismError;
use crate::net::EventLoopHandle;
use crate::net::probe::{DoErrand, Probed};
use crate::settings::raw_settings::RawSettings;

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
