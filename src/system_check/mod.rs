//! `--check=system`: what the daemon would meet on this machine, and what keeps programs from asking it. Looks only.
#![forbid(unsafe_code)]

pub mod finding;
pub mod gather;
pub mod judge;
pub mod shell_word;

use crate::config::Config;
use crate::mechanism::pam::stacks::FALLBACK;
use crate::registry::load::Loaded;
use finding::Finding;
use gather::within::{PATIENCE, within};
use judge::client::Client;
use judge::defaults::Defaults;
use judge::sockets::{Machine, OwnSocket, Reach, Visit};
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Services that clients send by themselves, looked at if they have a file, where no client is known.
const USUAL_SERVICES: [&str; 6] = ["smtp", "imap", "pop", "pop3", "sieve", "ldap"];

/// Looks at everything that these settings have to do with. Takes as long as servers and name lookups do, and has an end.
pub fn look(config: &Config, loaded: &Loaded) -> Vec<Finding> {
    let (clients, mut findings) = within(3 * PATIENCE, gather::clients::gather).unwrap_or_else(|| {
        let text = "whether Postfix, Cyrus IMAP or Exim ask this daemon was not found out in time";
        (Vec::new(), vec![Finding::warning(text, "see what hangs: `ls /etc/postfix /usr/lib/sasl2`")])
    });
    let machine = machine(config);
    let sockets = own_sockets(loaded);
    let defaults = gather::defaults::gather(|directory| is_same_directory(directory, &config.run_directory));
    let runs = sockets.iter().any(|socket| matches!(socket.reach, Reach::Answered(_) | Reach::Full));
    findings.extend(judge::sockets::judge_own(&machine, &sockets));
    let clients: Vec<_> = clients.into_iter().filter_map(|client| of_this(client, loaded)).collect();
    findings.extend(judge::visits::judge_visits(&machine, &visits(&clients, loaded, &defaults)));
    findings.extend(judge::host::judge_start(&defaults, &config.run_directory, runs));
    findings.extend(look_at_pam(&clients, loaded));
    findings.extend(judge::host::judge(&gather::host::gather(loaded)));
    findings.extend(judge::servers::judge(&gather::servers::gather(config, loaded)));
    findings
}

fn machine(config: &Config) -> Machine {
    Machine {
        run_directory: config.run_directory.clone(),
        has_sasl_group: within(PATIENCE, || gather::accounts::has_group("sasl")).unwrap_or(false),
        has_adduser: Path::new("/usr/sbin/adduser").exists() && Path::new("/etc/debian_version").exists(),
    }
}

fn own_sockets(loaded: &Loaded) -> Vec<OwnSocket> {
    let paths = loaded.site.endpoints.iter().map(|endpoint| endpoint.path.clone());
    paths.map(|path| OwnSocket { reach: identified(gather::reach::reach(None, None, &path)), path }).collect()
}

fn identified(reach: Reach) -> Reach {
    match reach {
        Reach::Answered(listener) => Reach::Answered(gather::reach::identify(listener)),
        reach => reach,
    }
}

fn visits(clients: &[Client], loaded: &Loaded, defaults: &[Defaults]) -> Vec<Visit> {
    let visit = |client: &Client| {
        let name = client.account.clone();
        let reach = match within(PATIENCE, move || gather::accounts::account(&name)) {
            Some(Some(account)) => {
                gather::reach::reach(client.root.as_deref(), Some(&account), &client.socket)
            }
            Some(None) => Reach::Unknown(format!("there is no account {}", client.account)),
            None => Reach::Unknown(format!("looking for the account {} took too long", client.account)),
        };
        let started_from = started_from(&client.directory(), defaults);
        let leads_to = leads_to(&client.path(), loaded);
        Visit { leads_to, client: client.clone(), reach: identified(reach), started_from }
    };
    clients.iter().map(visit).collect()
}

/// Nothing of one whose socket must be here to matter and is not; no services where the socket has its own.
fn of_this(client: Client, loaded: &Loaded) -> Option<Client> {
    if !client.only_here {
        return Some(client);
    }
    let path = leads_to(&client.path(), loaded)?;
    let mut sockets = loaded.site.endpoints.iter().filter(|endpoint| endpoint.path == path);
    let has_service = sockets.any(|endpoint| endpoint.service.is_some());
    Some(Client { services: if has_service { Vec::new() } else { client.services }, ..client })
}

/// The file of another daemon than this, of which the client's directory is the run directory.
fn started_from(directory: &Path, defaults: &[Defaults]) -> Option<PathBuf> {
    let mut others = defaults.iter().filter(|file| !file.is_this && file.is_started());
    let other = others.find(|file| is_same_directory(file.run_directory(), directory))?;
    Some(other.path.clone())
}

/// The socket of this daemon to which the path leads, by links or mounts.
fn leads_to(path: &Path, loaded: &Loaded) -> Option<PathBuf> {
    let paths: Vec<_> = loaded.site.endpoints.iter().map(|endpoint| endpoint.path.clone()).collect();
    let path = path.to_owned();
    let is_same = move |own: &PathBuf| match (own.parent(), path.parent()) {
        (Some(one), Some(other)) => own.file_name() == path.file_name() && is_same_directory(one, other),
        _ => false,
    };
    within(PATIENCE, move || paths.into_iter().find(is_same)).flatten()
}

fn is_same_directory(one: &Path, other: &Path) -> bool {
    match (fs::metadata(one), fs::metadata(other)) {
        (Ok(one), Ok(other)) => (one.dev(), one.ino()) == (other.dev(), other.ino()),
        _ => resolved(one) == resolved(other),
    }
}

/// The path without links, as far as it is there.
fn resolved(path: &Path) -> PathBuf {
    match (fs::canonicalize(path), path.parent(), path.file_name()) {
        (Ok(path), _, _) => path,
        (Err(_), Some(parent), Some(name)) => resolved(parent).join(name),
        _ => path.to_owned(),
    }
}

/// The services of the clients, but where a socket has one of its own; only if some login is asked of PAM.
fn look_at_pam(clients: &[Client], loaded: &Loaded) -> Vec<Finding> {
    if !loaded.site.instances.iter().any(|instance| instance.mechanism == "pam") {
        return Vec::new();
    }
    let of_sockets: BTreeSet<_> =
        loaded.site.endpoints.iter().filter_map(|endpoint| endpoint.service.clone()).collect();
    let mut services: BTreeSet<String> = clients.iter().flat_map(|client| client.services.clone()).collect();
    services.extend(of_sockets);
    let is_anybody_known = !services.is_empty();
    let looked = within(PATIENCE, move || {
        if !is_anybody_known {
            let has_file = |name: &&str| Path::new("/etc/pam.d").join(name).exists();
            services
                .extend(USUAL_SERVICES.iter().filter(|name| has_file(name)).map(|name| (*name).to_owned()));
            // Without a file it decides nothing where the services have theirs.
            if services.is_empty() || has_file(&FALLBACK) {
                services.insert(FALLBACK.to_owned());
            }
        }
        gather::pam::gather(&services).map(|stacks| judge::pam::judge(&stacks, &services))
    });
    looked
        .unwrap_or_else(|| {
            Some(vec![Finding::warning(
                "/etc/pam.d could not be read in time",
                "see what hangs: `ls /etc/pam.d`",
            )])
        })
        .unwrap_or_default()
}
