//! Servers and how they are to be connected to: what a mechanism wants of the driver.
#![forbid(unsafe_code)]

use crate::config::{NetworkSettings, ServerOrder};
use std::fmt;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

/// A group of interchangeable connections: any of them can be asked the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolSettings {
    /// Where to connect; at least one.
    pub servers: Vec<Server>,
    /// Which server comes first.
    pub order: ServerOrder,
    /// How many questions a connection carries.
    pub sharing: Sharing,
    /// How many connections to one server are open at the most.
    pub most_connections: usize,
    /// How long an unused connection is kept.
    pub idle_time: Duration,
    /// How long each step may take.
    pub timeouts: Timeouts,
    /// For servers that want TLS.
    pub tls: Rc<TlsSettings>,
    /// As whom and with what TLS it is connected, as a number of the mechanism's own. That a server fails within one
    /// scope, which may have a wrong password or certificate, says nothing of the others.
    pub credential_scope: usize,
}

/// How many questions a connection carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sharing {
    /// One, and then it is closed.
    OneShot,
    /// One at a time.
    Sequential,
    /// Up to so many at a time.
    Pipelined(usize),
}

/// How long each step may take. The whole login is bounded by [`NetworkSettings::total_timeout`] beside these.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// From the decision to connect to the connection.
    pub connect: Duration,
    /// The TLS handshake.
    pub tls: Duration,
    /// From a question to its answer; also for everything between the connection and [`SessionEvent::Ready`].
    ///
    /// [`SessionEvent::Ready`]: super::SessionEvent::Ready
    pub operation: Duration,
}

impl From<&NetworkSettings> for Timeouts {
    fn from(settings: &NetworkSettings) -> Self {
        Self {
            connect: settings.connect_timeout,
            tls: settings.tls_timeout,
            operation: settings.operation_timeout,
        }
    }
}

/// A server. What is known of its health is shared by all pools that name it and have the same [`PoolSettings::credential_scope`].
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Server {
    /// Where it is.
    pub address: Address,
    /// Whether and how TLS is used.
    pub tls: TlsMode,
    /// As the administrator wrote it, for the log: a URI without anything secret.
    pub name: String,
}

/// Where a server is.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Address {
    /// Over TCP.
    Host {
        /// A name, or an address without brackets.
        host: String,
        /// A port number or a name from /etc/services.
        service: String,
    },
    /// Over a unix stream socket.
    Path(PathBuf),
}

/// Whether and how TLS is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TlsMode {
    /// Not at all.
    Off,
    /// From the first byte.
    Implicit,
    /// After the protocol's command for it, which the session sends; without it nothing secret is sent.
    StartTls,
}

/// What TLS must prove, and with which means. Paths are read by the frontend when it starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsSettings {
    /// Whether the server's certificate must be valid and name the host.
    pub check_peer: bool,
    /// Authorities to trust instead of the system's: a PEM file.
    pub authorities_file: Option<PathBuf>,
    /// Authorities to trust instead of the system's: a directory as `openssl rehash` makes it.
    pub authorities_directory: Option<PathBuf>,
    /// The client's certificate chain: a PEM file.
    pub certificate: Option<PathBuf>,
    /// The client's private key: a PEM file; `None` when it is in the certificate's file.
    pub key: Option<PathBuf>,
    /// OpenSSL's cipher list for TLS 1.2 and older; `None` is OpenSSL's own choice.
    pub ciphers: Option<String>,
    /// OpenSSL's list of TLS 1.3 suites.
    pub cipher_suites: Option<String>,
    /// OpenSSL's list of the groups of key exchanges; those that it has not are passed over.
    pub groups: Option<String>,
    /// OpenSSL's list of signatures, likewise.
    pub signatures: Option<String>,
    /// The least of OpenSSL's security levels; that of the system holds if it is higher.
    pub least_security_level: u32,
    /// The oldest version to speak; `None` is OpenSSL's own choice.
    pub oldest_version: Option<TlsVersion>,
    /// The newest version to speak.
    pub newest_version: Option<TlsVersion>,
}

/// Versions of TLS, oldest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsVersion {
    /// 1.0, RFC 2246.
    Tls10,
    /// 1.1, RFC 4346.
    Tls11,
    /// 1.2, RFC 5246.
    Tls12,
    /// 1.3, RFC 8446.
    Tls13,
}

impl Default for TlsSettings {
    /// The system's authorities, and everything checked.
    fn default() -> Self {
        Self {
            check_peer: true,
            authorities_file: None,
            authorities_directory: None,
            certificate: None,
            key: None,
            ciphers: None,
            cipher_suites: None,
            groups: None,
            signatures: None,
            least_security_level: 0,
            oldest_version: None,
            newest_version: None,
        }
    }
}

impl Server {
    /// Whether nobody can listen: it has TLS or is on this machine, behind a path.
    pub fn is_private(&self) -> bool {
        self.tls != TlsMode::Off || self.host().is_none()
    }

    /// The name that the certificate must carry; a server behind a path has none.
    pub fn host(&self) -> Option<&str> {
        match &self.address {
            Address::Host { host, .. } => Some(host),
            Address::Path(_) => None,
        }
    }
}

impl fmt::Display for Server {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.name)
    }
}
