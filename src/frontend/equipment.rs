//! What a frontend serves with, made from its first message.
#![forbid(unsafe_code)]

use super::auth_clients::AuthClients;
use super::clients::Clients;
use super::control::Control;
use super::control_clients::ControlClients;
use super::networks::Networks;
use super::workers::Workers;
use crate::config::FrontendSettings;
use crate::config::site::Site;
use crate::ipc::FrontendSetup;
use crate::job::JobId;
use crate::policy::dispatch::Dispatcher;
use crate::policy::room::{Demand, Room, TooFewDescriptors};
use crate::registry::backends::backends;
use crate::registry::site;
use crate::settings::file::Problem;
use crate::settings::tls_files::TlsFiles;
use crate::strerror::strerror;
use crate::sys::{descriptor, random};
use crate::weakforced;
use mio::Poll;
use std::io;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// What a frontend serves with.
pub(super) struct Equipment {
    pub(super) poll: Poll,
    pub(super) clients: Clients,
    pub(super) auth_clients: AuthClients,
    pub(super) control_clients: ControlClients,
    pub(super) workers: Workers,
    pub(super) networks: Networks,
    pub(super) dispatcher: Dispatcher,
    pub(super) site: Rc<Site>,
    pub(super) request_timeout: Duration,
}

impl Equipment {
    /// The sentence says why it cannot be had.
    pub(super) fn make(setup: FrontendSetup, tls_files: TlsFiles, control: &Control) -> Result<Self, String> {
        let cannot = |error: io::Error| format!("The frontend cannot be set up: {}", strerror(&error));
        let mut service = setup.settings.clone();
        let (site, problems) = site::resolve(&service, &[], &setup.sources);
        if let Some(problem) = problems.iter().find(|problem| Problem::is_error(problem)) {
            return Err(problem.to_string());
        }
        let room = room(&service, &site, &setup).map_err(|too_few| too_few.to_string())?;
        service.max_connections = room.clients;
        service.network.most_connections = room.connections;
        let poll = Poll::new().map_err(cannot)?;
        let registry = || poll.registry().try_clone().map_err(cannot);
        let site = Rc::new(site);
        let tls_files = Rc::new(tls_files);
        let networks = Networks::new(&site, &service.network, &setup.sources, &tls_files, poll.registry())?;
        let policy =
            weakforced::client(&setup.sources, &service.network).map_err(|error| error.to_string())?;
        control.register(poll.registry()).map_err(cannot)?;
        let key = random::bytes().map_err(cannot)?;
        let before_first = JobId::before_first_of(std::process::id());
        let dispatcher = Dispatcher::new(&service, Rc::clone(&site), &key, Instant::now());
        let dispatcher = dispatcher.with_backends(backends(&site, &setup.sources));
        let dispatcher = match policy {
            Some((_, policy)) => dispatcher.asking(policy),
            None => dispatcher,
        };
        Ok(Self {
            clients: Clients::new(&service, room.beyond, registry()?),
            auth_clients: AuthClients::new(&service, room.auth_clients, registry()?),
            control_clients: ControlClients::new(room.control_clients, registry()?),
            workers: Workers::new(setup.log_level, registry()?),
            networks,
            dispatcher: dispatcher.numbering_after(before_first),
            site,
            request_timeout: service.request_timeout,
            poll,
        })
    }
}

/// The room that this process has, and a line in the log if it is less than was asked for.
fn room(settings: &FrontendSettings, site: &Site, setup: &FrontendSetup) -> Result<Room, TooFewDescriptors> {
    let demand = Demand::of(settings, site, setup.listeners, setup.has_auth_sockets);
    let room = Room::below(descriptor::raise_limit(), &demand)?;
    if room.clients < settings.max_connections {
        log::warn!(
            target: "frontend",
            "--max-connections={} is more than the limit on open descriptors allows: {} are served",
            settings.max_connections,
            room.clients
        );
    }
    if room.auth_clients < demand.auth_clients {
        log::warn!(
            target: "frontend",
            "--max-auth-connections={} is more than the limit on open descriptors allows: {} are kept",
            demand.auth_clients,
            room.auth_clients
        );
    }
    Ok(room)
}
