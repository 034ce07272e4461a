//! The table of mechanisms: to add one, write its file and add its line.
#![forbid(unsafe_code)]

pub mod base64;
pub mod local;
pub mod pbkdf2;
pub mod remote;
pub mod schemes;

use crate::config::NetworkSettings;
use crate::config::file::Problem;
use crate::config::raw_settings::RawSettings;
use crate::credentials::Credentials;
use crate::net::{Network, Wiring};
use crate::outcome::Verdict;
use std::ffi::OsStr;
use std::fmt;

/// One way to check a password, as chosen with `-a`.
pub struct Mechanism {
    /// The name for `-a`, the log and `-v`; compared without regard to case.
    pub name: &'static str,
    /// Where it works.
    pub kind: Kind,
}

/// Where a mechanism works.
pub enum Kind {
    /// In a worker, one login at a time.
    Local(Local),
    /// In the frontend's event loop, all logins at a time.
    Remote(Remote),
}

/// A mechanism that blocks.
pub struct Local {
    /// Looks at the `-O` option before the daemon starts and on every reload; touches no login.
    pub check: fn(option: Option<&OsStr>) -> Vec<Problem>,
    /// Makes the mechanism ready inside a worker.
    pub start: fn(option: Option<&OsStr>) -> Started,
}

/// A mechanism that asks servers.
pub struct Remote {
    /// Whether and how `saslauthd.conf` is used.
    pub file: FileUse,
    /// Whether the file may say something that matters with this option: then one that is there and cannot be read stops
    /// the daemon.
    pub needs_file: fn(option: Option<&OsStr>) -> bool,
    /// Reads all settings and tells what is wrong with them; connects to nothing.
    pub check: fn(&RawSettings, &NetworkSettings) -> Vec<Problem>,
    /// Makes the mechanism ready inside the frontend.
    pub start: fn(&RawSettings, &NetworkSettings, Wiring) -> Connected,
}

/// Whether and how a mechanism uses `saslauthd.conf`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileUse {
    /// It must be there; `-O` names another one, as in C.
    Required,
    /// It may be there; `-O` means something else.
    Optional,
}

/// A mechanism that is ready to ask servers, or why it cannot be used.
pub type Connected = Result<Box<dyn Network>, MechanismError>;

/// A mechanism that is ready for logins, or why it cannot be used.
pub type Started = Result<Box<dyn LocalMechanism>, MechanismError>;

/// The mechanisms that are built in, in the order in which `-v` lists them.
pub static MECHANISMS: [Mechanism; 7] = [
    local::getpwent::MECHANISM,
    remote::httpform::MECHANISM,
    remote::ldap::MECHANISM,
    local::pam::MECHANISM,
    local::passwdfile::MECHANISM,
    remote::rimap::MECHANISM,
    local::shadow::MECHANISM,
];

/// The mechanism called `name`, in any case, as the C daemon compares it.
pub fn find(name: &str) -> Option<&'static Mechanism> {
    MECHANISMS.iter().find(|mechanism| mechanism.name.eq_ignore_ascii_case(name))
}

impl Mechanism {
    /// Whether a `saslauthd.conf` that cannot be read stops the daemon.
    pub fn needs_file(&self, option: Option<&OsStr>) -> bool {
        match &self.kind {
            Kind::Local(_) => false,
            Kind::Remote(remote) => (remote.needs_file)(option),
        }
    }

    /// What is wrong with the settings; looked at before the daemon starts and on every reload.
    pub fn check(&self, sources: &RawSettings, network: &NetworkSettings) -> Vec<Problem> {
        match &self.kind {
            Kind::Local(local) => (local.check)(sources.option.as_deref()),
            Kind::Remote(remote) => (remote.check)(sources, network),
        }
    }
}

/// A mechanism that blocks, and so runs inside a worker, one login at a time.
pub trait LocalMechanism {
    /// Checks one login. The login and password are not empty and hold no NUL.
    fn verify(&mut self, credentials: &Credentials) -> Verdict;

    /// Whether the last login could not be checked for a reason that lies in this process (no memory, modules that
    /// cannot be mapped), so that another process may do better.
    fn is_impaired(&self) -> bool {
        false
    }
}

/// Why a mechanism cannot be used: one whole sentence without a full stop, naming the file or option.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MechanismError(pub String);

impl fmt::Display for MechanismError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for MechanismError {}

/// What the daemon says when the mechanism of that name cannot be used.
pub fn failed_to_initialize(name: &str, reason: &dyn fmt::Display) -> String {
    format!("failed to initialize mechanism {name}: {reason}")
}
