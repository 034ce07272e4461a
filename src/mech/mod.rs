//! The table of mechanisms: to add one, write its file and add its line.
#![forbid(unsafe_code)]

pub mod local;

use crate::credentials::Credentials;
use crate::outcome::Verdict;
use std::ffi::OsStr;
use std::fmt;

/// One way to check a password, as chosen with `-a`.
pub struct Mechanism {
    /// The name for `-a`, the log and `-v`; compared without regard to case.
    pub name: &'static str,
    /// Looks at the `-O` option before the daemon starts and on every reload; touches no login.
    pub check: fn(option: Option<&OsStr>) -> Result<(), MechanismError>,
    /// Makes the mechanism ready inside a worker.
    pub start: fn(option: Option<&OsStr>) -> Started,
}

/// A mechanism that is ready for logins, or why it cannot be used.
pub type Started = Result<Box<dyn LocalMechanism>, MechanismError>;

/// The mechanisms that are built in, in the order in which `-v` lists them.
pub static MECHANISMS: [Mechanism; 4] = [
    local::getpwent::MECHANISM,
    local::pam::MECHANISM,
    local::passwdfile::MECHANISM,
    local::shadow::MECHANISM,
];

/// The mechanism called `name`, in any case, as the C daemon compares it.
pub fn find(name: &str) -> Option<&'static Mechanism> {
    MECHANISMS.iter().find(|mechanism| mechanism.name.eq_ignore_ascii_case(name))
}

/// A mechanism that blocks, and so runs inside a worker, one login at a time.
pub trait LocalMechanism {
    /// Checks one login. The login and password are not empty and hold no NUL.
    fn verify(&mut self, credentials: &Credentials) -> Verdict;
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
