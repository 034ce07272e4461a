//! The ways to check a password, one folder or file each. Those that ask servers do so without I/O, as an exchange of
//! `net`; the others block and run inside a worker. The table of all of them is in `registry`.
#![forbid(unsafe_code)]

mod alert;
#[cfg(test)]
mod databases_tests;
pub mod file;
pub mod getpwent;
pub mod gssapi;
pub mod httpform;
pub mod kerberos5;
pub mod ldap;
pub mod pam;
pub mod passwdfile;
mod password;
pub mod pbkdf2;
pub mod rimap;
pub mod sasldb;
pub mod schemes;
pub mod shadow;
pub mod sql;
pub mod tls_keys;

use crate::config::NetworkSettings;
use crate::config::sandbox::Rules;
use crate::config::site::Privileges;
use crate::credentials::Credentials;
use crate::net::exchange::FailureKind;
use crate::outcome::Verdict;
use crate::settings::file::Problem;
use crate::settings::raw_settings::RawSettings;
use file::FileSource;
use std::ffi::OsStr;
use std::fmt;
use std::path::PathBuf;

/// What the registry must know of a mechanism that blocks.
pub struct Local {
    /// Whether and how `saslauthd.conf` is used. Where it is, a worker has its mechanism's own keys of it.
    pub conf: FileUse,
    /// Looks at the settings before the daemon starts and on every reload; touches no login.
    pub check: fn(&RawSettings) -> Vec<Problem>,
    /// Looks at what else its workers need, for `--check`: in a process of its own, since this may wait for somebody and map
    /// libraries.
    pub probe: Option<fn(&RawSettings) -> Vec<Problem>>,
    /// Asks its servers whatever concerns no login, for `--check=system`.
    pub reach: Option<Reach>,
    /// Makes the mechanism ready inside a worker.
    pub start: fn(Means<'_>) -> Started,
    /// What its workers must be allowed to do.
    pub privileges: Privileges,
    /// The file that `-O` or the key in its place names, if the mechanism reads one: the supervisor opens it for the worker,
    /// so that its logins and hashes need not be readable for the account of workers without privileges.
    pub file: fn(option: Option<&OsStr>) -> Option<PathBuf>,
    /// Tells the logins apart that are asked of different servers, if there may be several: one that is silent holds up
    /// workers, and should cost nobody else. Made once from the settings; pure.
    pub peer: Option<fn(&RawSettings) -> PeerOf>,
    /// Whether a check is a look at what its worker has in memory: none of others' code runs that could leave the process
    /// changed, nobody is asked, and nothing is counted that a second try would count again. Such a worker may be sent several
    /// logins at a time, since what is dear is to wake it.
    pub only_looks_up: bool,
}

/// Asks each server of a mechanism that blocks about nobody.
pub type Reach = fn(&RawSettings) -> Result<Vec<Reached>, MechanismError>;

/// How far a mechanism that blocks came at a server without a login.
pub struct Reached {
    /// What follows "the server" in a sentence: its name in the settings.
    pub server: String,
    /// Host and port for programs that connect; `None` for what is behind a path.
    pub host_and_port: Option<String>,
    /// Whether TLS is spoken there.
    pub has_tls: bool,
    /// Nothing, if a login could be asked about.
    pub reached: Result<(), Unreached>,
}

/// Why a server could not be asked.
pub struct Unreached {
    /// What kind of failure it is.
    pub kind: FailureKind,
    /// The reason, a sentence without a full stop.
    pub reason: String,
    /// What to do about it, where that is other than for every server.
    pub remedy: Option<&'static str>,
}

/// The name of what a login is asked of beyond this machine; `None` if it is nobody's business. An empty
/// name stands for what only a worker knows: [`LocalMechanism::default_peer`].
pub type PeerOf = Box<dyn Fn(&Credentials) -> Option<Vec<u8>>>;

/// What a mechanism is made ready with.
#[derive(Default)]
pub struct Means<'a> {
    /// What `-O` or the key in its place says.
    pub option: Option<&'a OsStr>,
    /// The way to its file, if it has one.
    pub file: Option<Box<dyn FileSource>>,
    /// The name of the instance, and its lines of `saslauthd.conf`; nothing for a mechanism whose [`Local::conf`] is
    /// [`FileUse::Unused`].
    pub settings: RawSettings,
}

/// What the registry must know of a mechanism that asks servers, beside how it is driven.
pub struct Remote {
    /// Whether and how `saslauthd.conf` is used.
    pub file: FileUse,
    /// Whether the file may say something that matters with this option: then one that is there and cannot be read stops
    /// the daemon.
    pub needs_file: fn(option: Option<&OsStr>) -> bool,
    /// Reads all settings and tells what is wrong with them; connects to nothing.
    pub check: fn(&RawSettings, &NetworkSettings) -> Vec<Problem>,
    /// What it logs in with at its servers by GSSAPI; `None` if it does not. Then it has a worker for that.
    pub credentials: fn(&RawSettings) -> Option<CredentialPath>,
}

/// Which file a mechanism logs in with at servers that know it by Kerberos. It is the supervisor that opens it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CredentialPath {
    /// The one that a key names.
    Configured(PathBuf),
    /// The one of the environment, as for every program that uses Kerberos.
    OfEnvironment,
}

/// Whether and how a mechanism uses `saslauthd.conf`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileUse {
    /// It must be there; `-O` names another one, as in C.
    Required,
    /// It may be there; `-O` names another one, which then must, as in C.
    Named,
    /// It may be there; `-O` means something else.
    Optional,
    /// Not at all: it may be left over from something else. One that is named must be there all the same.
    Unused,
}

/// A mechanism that is ready for logins, or why it cannot be used.
pub type Started = Result<Box<dyn LocalMechanism>, MechanismError>;

/// A mechanism that blocks, and so runs inside a worker, one login at a time.
pub trait LocalMechanism {
    /// Checks one login. The login and password are not empty and hold no NUL.
    fn verify(&mut self, credentials: &Credentials) -> Verdict;

    /// What an empty [`PeerOf`] stands for, where that is known without asking anybody.
    fn default_peer(&self) -> Option<Vec<u8>> {
        None
    }

    /// What its worker may still do once it is ready, where that needs no privileges.
    fn sandbox(&self) -> Rules {
        Rules::checks()
    }

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
