//! The servers of mechanisms that ask some, with the code that asks them for logins.
#![forbid(unsafe_code)]

use super::within::{PATIENCE, within};
use crate::config::Config;
use crate::config::site::{Instance, Privileges};
use crate::mechanism::gssapi::OpenedByName;
use crate::mechanism::{MechanismError, Reached};
use crate::net::exchange::{Address, FailureKind, Server, TlsMode};
use crate::net::probe::Probed;
use crate::registry::connect::{probe, probe_policy_server};
use crate::registry::credentials_of;
use crate::registry::load::Loaded;
use crate::registry::reach_local;
use crate::strerror::strerror;
use crate::supervisor::{account_of_workers, credential_file};
use crate::sys::impersonation::become_other;
use crate::system_check::judge::servers::Contact;
use crate::weakforced;
use crate::worker::{do_errand, log_in_with};
use std::time::Duration;

/// A longer wait for a server's word is no use to whoever looks.
const LONGEST_STEP: Duration = Duration::from_secs(8);

/// Name lookups and as many addresses of a server as anybody has.
const LONGEST_LOOK: Duration = Duration::from_secs(60);

/// How far each server of each mechanism, and each policy server, lets this program come.
pub fn gather(config: &Config, loaded: &Loaded) -> Vec<Contact> {
    let mut network = config.frontend.network.clone();
    network.operation_timeout = network.operation_timeout.min(LONGEST_STEP);
    let mut contacts = Vec::new();
    for (_, instance) in loaded.site.remote_instances() {
        let (instance, sources, network) = (instance.clone(), loaded.sources.copy(), network.clone());
        let name = instance.name.clone();
        let credentials = credentials_of(&instance, &sources).and_then(|path| credential_file::find(&path));
        contacts.extend(of(&name, contact, move || {
            credentials.into_iter().for_each(|path| log_in_with(path.clone(), Box::new(OpenedByName(path))));
            probe(&instance, &sources, &network, do_errand)
        }));
    }
    contacts.extend(of_workers(config, loaded));
    let sources = loaded.sources.copy();
    contacts
        .extend(of(weakforced::NAME, contact, move || probe_policy_server(&sources, &network, do_errand)));
    contacts
}

/// The servers that workers ask, each asked by the account of these: a file or a socket that root may open can be closed to it.
fn of_workers(config: &Config, loaded: &Loaded) -> Vec<Contact> {
    let user = config.user.clone();
    let account = within(PATIENCE, move || account_of_workers(user.as_deref())).flatten();
    let site = &loaded.site;
    let pools =
        site.pools.iter().filter_map(|pool| Some((site.instances.get(pool.instance?.0)?, pool.privileges)));
    let look = |(instance, privileges): (&Instance, Privileges)| {
        let account = account.clone().filter(|_| privileges == Privileges::Unprivileged);
        let (name, instance, sources) = (&instance.name, instance.clone(), loaded.sources.copy());
        of(name, contact_of_worker, move || match account.map(|account| become_other(None, Some(&account))) {
            Some(Err(error)) => Some(Err(MechanismError(strerror(&error)))),
            _ => reach_local(&instance, &sources),
        })
    };
    pools.flat_map(look).collect()
}

/// The servers that `probe` finds, each as `contact` tells of it with the name of the instance.
fn of<P: 'static>(
    name: &str,
    contact: fn(&str, P) -> Contact,
    probe: impl FnOnce() -> Option<Result<Vec<P>, MechanismError>> + Send + 'static,
) -> Vec<Contact> {
    let instance = name.to_owned();
    let looked = within(LONGEST_LOOK, move || {
        probe().map(|probed| {
            let probed = probed.map_err(|error| error.to_string())?;
            Ok(probed.into_iter().map(|probed| contact(&instance, probed)).collect::<Vec<_>>())
        })
    });
    match looked {
        Some(None) => Vec::new(),
        Some(Some(probed)) => told(name, Some(probed)),
        None => told(name, None),
    }
}

/// What was found, or why nothing was.
fn told(name: &str, looked: Option<Result<Vec<Contact>, String>>) -> Vec<Contact> {
    match looked {
        Some(Ok(contacts)) => contacts,
        Some(Err(reason)) => vec![nothing(name.to_owned(), reason)],
        None => vec![nothing(name.to_owned(), format!("it took longer than {} s", LONGEST_LOOK.as_secs()))],
    }
}

fn contact(instance: &str, Probed { server, reached }: Probed) -> Contact {
    Contact {
        instance: instance.to_owned(),
        host_and_port: host_and_port(&server),
        has_tls: server.tls != TlsMode::Off,
        server: server.name,
        reached: reached.map_err(|failure| (failure.kind, failure.reason)),
        remedy: None,
    }
}

fn contact_of_worker(instance: &str, reached: Reached) -> Contact {
    let Reached { server, host_and_port, has_tls, reached } = reached;
    let remedy = reached.as_ref().err().and_then(|unreached| unreached.remedy);
    let reached = reached.map_err(|unreached| (unreached.kind, unreached.reason));
    Contact { instance: instance.to_owned(), server, host_and_port, has_tls, reached, remedy }
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
        remedy: None,
    }
}
