//! What a frontend looks at before it serves: its room for clients, its mechanism.
#![forbid(unsafe_code)]

use super::{clients, token};
use crate::config::Service;
use crate::config::sources::Sources;
use crate::dispatch::Route;
use crate::mech::{self, Kind, Mechanism, MechanismError};
use crate::net::{Network, Wiring};
use crate::strerror::strerror;
use crate::sys::harden;
use mio::Registry;

/// Descriptors that are neither clients within the bound nor workers: standard streams, sockets to supervisor and
/// log, a spare, and clients that are turned away.
const OTHER_DESCRIPTORS: usize = 32 + clients::MOST_BEYOND;

/// How many clients can be served, at most `--max-connections`; or why none.
pub(super) fn room_for_clients(service: &Service, route: Route) -> Result<usize, String> {
    let limit = harden::raise_descriptor_limit();
    let (wanted, processes) = (service.max_connections, service.workers.most);
    let room = limit.saturating_sub(OTHER_DESCRIPTORS + processes);
    let room = match route {
        Route::Workers => room,
        Route::Network => room - service.network.most_connections.min(room / 2),
    };
    match room {
        0 => Err(format!(
            "the limit of {limit} open descriptors leaves none for clients beside {processes} processes"
        )),
        room if room < wanted => {
            log::warn!(
                target: "frontend",
                "--max-connections={wanted} is more than the limit on open descriptors allows: {room} are served"
            );
            Ok(room)
        }
        _ => Ok(wanted),
    }
}

/// The mechanism, if it is one that asks servers. Connects to nothing yet and resolves no name.
pub(crate) fn network(
    service: &Service,
    sources: &Sources,
    registry: &Registry,
) -> Result<Option<Box<dyn Network>>, MechanismError> {
    let Some(Mechanism { name, kind: Kind::Remote(remote) }) = mech::find(&service.mechanism) else {
        return Ok(None);
    };
    let registry = registry.try_clone().map_err(|error| MechanismError(strerror(&error)))?;
    let wiring = Wiring { registry, token: token::of_connection, mechanism: name };
    (remote.start)(sources, &service.network, wiring).map(Some)
}
