//! From an instance of a [`Site`](crate::config::site::Site) to a mechanism that asks servers.
#![forbid(unsafe_code)]

use super::site::sources_of;
use super::{Connected, Kind, find};
use crate::config::NetworkSettings;
use crate::config::site::Instance;
use crate::net::EventLoopHandle;
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
        Kind::Remote(_, start) => Some(start(&sources_of(sources, instance), network, event_loop)),
        Kind::Local(_) => None,
    }
}
