//! The table of mechanisms: to add one, write it below `mechanism` and add its line here.
#![forbid(unsafe_code)]

pub mod backends;
pub mod connect;
pub mod keys;
pub mod load;
pub mod named_files;
pub mod site;

use crate::config::NetworkSettings;
use crate::config::site::{Instance, Privileges};
use crate::credentials::Credentials;
use crate::mechanism::{
    CredentialPath, FileUse, Local, MechanismError, Reached, Remote, getpwent, gssapi, httpform, kerberos5,
    ldap, pam, passwdfile, rimap, sasldb, shadow, sql,
};
use crate::net::driver::drive;
use crate::net::exchange::Protocol;
use crate::net::probe::{DoErrand, Probed, probe};
use crate::net::{EventLoopHandle, Network};
use crate::outcome::Verdict;
use crate::settings::file::{Problem, Text};
use crate::settings::raw_settings::RawSettings;
use crate::strerror::strerror;
use crate::sys::openssl;
use std::ffi::OsStr;
use std::path::PathBuf;

/// One way to check a password, as chosen with `-a`.
pub struct Mechanism {
    /// The name for `-a`, the log and `-v`; compared without regard to case.
    pub name: &'static str,
    /// Its keys in `saslauthd.conf`, each with its other spellings.
    pub keys: &'static [&'static [&'static str]],
    /// Which of them says what `-O` says to a single mechanism.
    pub option_key: Option<&'static str>,
    /// Where it works.
    pub kind: Kind,
}

/// Where a mechanism works.
pub enum Kind {
    /// In a worker, one login at a time.
    Local(Local),
    /// In the frontend's event loop, all logins at a time.
    Remote(Remote, Driven),
}

/// How a mechanism that asks servers is put to work.
#[derive(Clone, Copy)]
pub struct Driven {
    /// Makes it ready for logins.
    pub start: Start,
    /// Tries its servers without any.
    pub probe: Probe,
}

/// Makes a mechanism that asks servers ready inside the frontend.
pub type Start = fn(&RawSettings, &NetworkSettings, EventLoopHandle) -> Connected;

/// Connects to its servers, and asks about nobody.
pub type Probe = fn(&RawSettings, &NetworkSettings, DoErrand) -> Result<Vec<Probed>, MechanismError>;

/// A mechanism that is ready to ask servers, or why it cannot be used.
pub type Connected = Result<Box<dyn Network>, MechanismError>;

/// The mechanisms that are built in, in the order in which `-v` lists them.
pub static MECHANISMS: [Mechanism; 10] = [
    Mechanism { name: "getpwent", keys: &[], option_key: None, kind: Kind::Local(getpwent::LOCAL) },
    Mechanism {
        name: "httpform",
        keys: httpform::KEYS,
        option_key: None,
        kind: Kind::Remote(
            httpform::REMOTE,
            Driven {
                start: |settings, network, event_loop| {
                    connected(httpform::protocol(settings, network)?, network, event_loop)
                },
                probe: |settings, network, do_errand| {
                    probed(&httpform::protocol(settings, network)?, do_errand)
                },
            },
        ),
    },
    Mechanism {
        name: "kerberos5",
        keys: kerberos5::KEYS,
        option_key: None,
        kind: Kind::Local(kerberos5::LOCAL),
    },
    Mechanism {
        name: "ldap",
        keys: ldap::KEYS,
        option_key: None,
        kind: Kind::Remote(
            ldap::REMOTE,
            Driven {
                start: |settings, network, event_loop| {
                    // Proofs and stored passwords are computed with it, and a referral may lead to TLS: it has to be there
                    // before the process gives up its access to files. Who needs none of that does without.
                    let _ = openssl::load();
                    connected(ldap::protocol(settings, network)?, network, event_loop)
                },
                probe: |settings, network, do_errand| probed(&ldap::protocol(settings, network)?, do_errand),
            },
        ),
    },
    Mechanism { name: "pam", keys: &[], option_key: None, kind: Kind::Local(pam::LOCAL) },
    Mechanism {
        name: "passwdfile",
        keys: passwdfile::KEYS,
        option_key: Some(passwdfile::PATH_KEY),
        kind: Kind::Local(passwdfile::LOCAL),
    },
    Mechanism {
        name: "rimap",
        keys: rimap::KEYS,
        option_key: Some(rimap::SERVERS_KEY),
        kind: Kind::Remote(
            rimap::REMOTE,
            Driven {
                start: |settings, network, event_loop| {
                    connected(rimap::protocol(settings, network)?, network, event_loop)
                },
                probe: |settings, network, do_errand| probed(&rimap::protocol(settings, network)?, do_errand),
            },
        ),
    },
    Mechanism {
        name: "sasldb",
        keys: sasldb::KEYS,
        option_key: Some(sasldb::PATH_KEY),
        kind: Kind::Local(sasldb::LOCAL),
    },
    Mechanism { name: "shadow", keys: &[], option_key: None, kind: Kind::Local(shadow::LOCAL) },
    Mechanism { name: "sql", keys: sql::KEYS, option_key: None, kind: Kind::Local(sql::LOCAL) },
];

fn connected<P: Protocol<Request = Credentials, Verdict = Verdict>>(
    protocol: P,
    network: &NetworkSettings,
    event_loop: EventLoopHandle,
) -> Connected {
    drive(protocol, network, event_loop).map_err(|error| MechanismError(error.to_string()))
}

fn probed<P: Protocol>(protocol: &P, do_errand: DoErrand) -> Result<Vec<Probed>, MechanismError> {
    probe(protocol, do_errand).map_err(|error| MechanismError(strerror(&error)))
}

/// The file that the instance reads in its workers, if it does: the supervisor opens it for them.
pub fn file_of(instance: &Instance) -> Option<PathBuf> {
    match &find(instance.mechanism)?.kind {
        Kind::Local(local) => (local.file)(instance.option.as_deref()),
        Kind::Remote(..) => None,
    }
}

/// What the instance logs in with at its servers by GSSAPI; `None` if it does not.
pub fn credentials_of(instance: &Instance, sources: &RawSettings) -> Option<CredentialPath> {
    match &find(instance.mechanism)?.kind {
        Kind::Remote(remote, _) => (remote.credentials)(&site::sources_of(sources, instance)),
        Kind::Local(_) => None,
    }
}

/// What the instance reads of `saslauthd.conf` in its workers, if it does.
pub fn conf_of(instance: &Instance, sources: &RawSettings) -> Option<Text> {
    let mechanism = find(instance.mechanism)?;
    match &mechanism.kind {
        Kind::Local(local) if local.conf != FileUse::Unused => {
            let is_own = |key: &str| mechanism.keys.iter().any(|names| keys::is_one_of(names, key));
            sources.file.as_ref().map(|text| text.only_of_mechanism(&instance.name, is_own))
        }
        Kind::Local(_) | Kind::Remote(..) => None,
    }
}

/// What the workers of the instance may do. Without workers that is nothing.
pub fn privileges_of(instance: &Instance) -> Privileges {
    match find(instance.mechanism).map(|mechanism| &mechanism.kind) {
        Some(Kind::Local(local)) => local.privileges,
        Some(Kind::Remote(..)) | None => Privileges::Unprivileged,
    }
}

/// What its workers would miss, or those that log in for it by GSSAPI, for `--check`. Blocks.
pub fn probe_workers(instance: &Instance, sources: &RawSettings) -> Vec<Problem> {
    match find(instance.mechanism).map(|mechanism| &mechanism.kind) {
        Some(Kind::Local(Local { probe: Some(probe), .. })) => probe(&site::sources_of(sources, instance)),
        _ if credentials_of(instance, sources).is_some() => gssapi::probe(),
        _ => Vec::new(),
    }
}

/// How far its workers would come at its servers, for `--check=system`; `None` if they ask none. Blocks, for as long as
/// these let it.
pub fn reach_local(
    instance: &Instance,
    sources: &RawSettings,
) -> Option<Result<Vec<Reached>, MechanismError>> {
    match &find(instance.mechanism)?.kind {
        Kind::Local(local) => local.reach.map(|reach| reach(&site::sources_of(sources, instance))),
        Kind::Remote(..) => None,
    }
}

/// Whether a check by that mechanism is a mere look at what its worker has in memory; see [`Local::only_looks_up`].
pub fn only_looks_up(mechanism: &str) -> bool {
    let local = find(mechanism).map(|mechanism| &mechanism.kind);
    matches!(local, Some(Kind::Local(Local { only_looks_up: true, .. })))
}

/// The mechanism called `name`, in any case, as the C daemon compares it.
pub fn find(name: &str) -> Option<&'static Mechanism> {
    MECHANISMS.iter().find(|mechanism| mechanism.name.eq_ignore_ascii_case(name))
}

impl Mechanism {
    /// Whether and how it uses `saslauthd.conf`.
    pub fn conf(&self) -> FileUse {
        match &self.kind {
            Kind::Local(local) => local.conf,
            Kind::Remote(remote, _) => remote.file,
        }
    }

    /// Whether a `saslauthd.conf` that cannot be read stops the daemon.
    pub fn needs_file(&self, option: Option<&OsStr>) -> bool {
        match &self.kind {
            Kind::Local(local) => matches!(local.conf, FileUse::Required | FileUse::Named),
            Kind::Remote(remote, _) => (remote.needs_file)(option),
        }
    }

    /// Whether `saslauthd.conf` is one of several things that it is set up from.
    pub fn can_do_without_file(&self) -> bool {
        self.conf() == FileUse::Optional
    }

    /// What is wrong with the settings; looked at before the daemon starts and on every reload.
    pub fn check(&self, settings: &RawSettings, network: &NetworkSettings) -> Vec<Problem> {
        match &self.kind {
            Kind::Local(local) => (local.check)(settings),
            Kind::Remote(remote, _) => (remote.check)(settings, network),
        }
    }
}
