//! The servers of mechanisms that ask some, with the code that asks them for logins.
#![forbid(unsafe_code)]

use super::within::within;
use crate::config::Config;
use crate::config::site::Instance;
use crate::net::exchange::{Address, FailureKind, Server, TlsMode};
use crate::net::probe::Probed;
use crate::registry::connect::probe;
use crate::registry::load::Loaded;
use crate::system_check::judge::servers::Contact;
use crate::worker::do_errand;
use std::time::Duration;

/// A longer wait for a server's word is no use to whoever looks.
const LONGEST_STEP: Duration = Duration::from_secs(8);

/// Name lookups and as many addresses of a server as anybody has.
const LONGEST_LOOK: Duration = Duration::from_secs(60);

/// How far each server of each mechanism lets this program come.
pub fn gather(config: &Config, loaded: &Loaded) -> Vec<Contact> {
    let instances: Vec<_> = loaded.site.remote_instances().map(|(_, instance)| instance.clone()).collect();
    instances.into_iter().flat_map(|instance| of_instance(config, loaded, instance)).collect()
}

fn of_instance(config: &Config, loaded: &Loaded, instance: Instance) -> Vec<Contact> {
    let mut network = config.frontend.network.clone();
    network.operation_timeout = network.operation_timeout.min(LONGEST_STEP);
    let (name, sources) = (instance.name.clone(), loaded.sources.copy());
    let looked = within(LONGEST_LOOK, move || {
        probe(&instance, &sources, &network, do_errand).map(|probed| {
            let probed = probed.map_err(|error| error.to_string())?;
            Ok(probed.into_iter().map(|probed| contact(&instance, probed)).collect::<Vec<_>>())
        })
    });
    match looked {
        Some(None) => Vec::new(),
        Some(Some(Ok(contacts))) => contacts,
        Some(Some(Err(reason))) => vec![nothing(name, reason)],
        None => vec![nothing(name, format!("it took longer than {} s", LONGEST_LOOK.as_secs()))],
    }
}

fn contact(instance: &Instance, Probed { server, reached }: Probed) -> Contact {
    Contact {
        instance: instance.name.clone(),
        host_and_port: host_and_port(&server),
        has_tls: server.tls != TlsMode::Off,
        server: server.name,
        reached: reached.map_err(|failure| (failure.kind, failure.reason)),
    }
}

/// As openssl(1) takes it.
fn host_and_port(server: &Server) -> Option<String> {
    match &server.address {
        Address::Host { host, service } if host.contains(':') => Some(format!("[{host}]:{service}")),
        Address::Host { host, service } => Some(format!("{host}:{service}")),
        Address::Path(_) => None,
    }
}

fn nothing(instance: String, reason: String) -> Contact {
    Contact {
        instance,
        server: "of its settings".to_owned(),
        host_and_port: None,
        has_tls: false,
        reached: Err((FailureKind::Internal, reason)),
    }
}
