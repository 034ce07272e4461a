//! What workers do: check logins, and run errands that would block the event loop (name resolution, slow hashes).
#![forbid(unsafe_code)]

mod gssapi;

pub use gssapi::{ConversationId, GssapiStep, GssapiToken, Layer, SecurityProperties};

use crate::credentials::Credentials;
use crate::outcome::Verdict;
use crate::secret::Secret;
use std::fmt;
use std::net::SocketAddr;

/// A worker process, numbered by the supervisor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WorkerId(pub u64);

/// A job of a worker or of the servers, numbered by the dispatcher.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct JobId(pub u64);

impl JobId {
    /// The number before the first of that process: no two that run one after the other number a job alike.
    pub fn before_first_of(process: u32) -> Self {
        Self(u64::from(process) << 32)
    }
}

/// The process and which of its jobs.
impl fmt::Display for JobId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}", self.0 >> 32, self.0 & u64::from(u32::MAX))
    }
}

/// One piece of such work, numbered by whoever wants it done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ErrandId(pub u64);

/// What a worker is asked to do.
pub enum Errand {
    /// Find the addresses of a host: getaddrinfo(3), with everything that nsswitch.conf says.
    Resolve {
        /// A name or an address.
        host: String,
        /// A port number or a name from /etc/services.
        service: String,
    },
    /// Compare a password with a stored one that begins with its `{SCHEME}`, or is the plain password.
    CheckPassword {
        /// What the client sent.
        password: Secret,
        /// What the directory holds.
        stored: Secret,
    },
    /// PBKDF2, for SCRAM.
    DeriveKey {
        /// The hash function.
        digest: Digest,
        /// The password, prepared as the mechanism wants it.
        password: Secret,
        /// The salt, as the server sent it.
        salt: Vec<u8>,
        /// How many rounds.
        rounds: u32,
    },
    /// A step of a login by GSSAPI.
    Gssapi(GssapiStep),
}

impl Errand {
    /// Why it may take long, for the log: a phrase that goes on with what was not done in time.
    pub fn why_late(&self) -> &'static str {
        match self {
            Self::Gssapi(GssapiStep::Wrap { .. } | GssapiStep::Unwrap { .. }) => {
                "what protects it by SASL waits for a worker of this daemon"
            }
            Self::Gssapi(_) => {
                "its login by GSSAPI waits for Kerberos, and no server (KDC) that krb5.conf leads to answers"
            }
            Self::Resolve { .. } | Self::CheckPassword { .. } | Self::DeriveKey { .. } => {
                "its login waits for a worker of this daemon, which has more to do than it can"
            }
        }
    }
}

/// The hash functions of SCRAM.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Digest {
    /// RFC 5802.
    Sha1,
    /// RFC 7677.
    Sha256,
    /// As `Sha256`, with the longer hash.
    Sha512,
}

/// What came of it.
pub enum ErrandResult {
    /// The addresses with the port, in the resolver's order; at least one.
    Addresses(Vec<SocketAddr>),
    /// Whether the password is the stored one.
    PasswordChecked(bool),
    /// The derived key.
    Key(Secret),
    /// The next token of a login by GSSAPI.
    Gssapi(GssapiToken),
    /// It could not be done, and why: for the log, without a full stop.
    Failed(String),
}

/// What the job of a worker is for.
pub enum Purpose {
    /// Check a login.
    CheckLogin(Credentials),
    /// Do what would block the event loop.
    Errand(Errand),
}

/// What a worker answers.
pub enum Answer {
    /// To [`Purpose::CheckLogin`].
    Verdict(Verdict),
    /// To [`Purpose::Errand`].
    Errand(ErrandResult),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_is_shown_by_its_process_and_its_number_there() {
        let JobId(before_first) = JobId::before_first_of(4_194_304);
        assert_eq!(JobId(before_first + 17).to_string(), "4194304.17");
        assert_eq!(JobId(5).to_string(), "0.5");
    }
}
