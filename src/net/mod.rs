//! One driver for all mechanisms that ask servers: names, connections, TLS, deadlines, pools, second tries.
#![forbid(unsafe_code)]

mod connection;
pub mod driver;
pub mod exchange;
pub mod probe;
mod socket;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod testing;
pub mod tls;
pub mod tls_files;
mod tls_sessions;
mod transport;
pub mod upstream;

pub use upstream::ConnectionId;

use crate::credentials::Credentials;
use crate::job::JobId;
use crate::job::{Errand, ErrandId, ErrandResult};
use crate::metrics::snapshot::ServerNow;
use crate::metrics::totals::ServerTotals;
use crate::outcome::Verdict;
use crate::policy::origin::Origin;
use crate::settings::tls_files::TlsFiles;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Instant;

/// A mechanism that asks servers, as the event loop sees it; or what else asks servers about a `Request`.
pub trait Network<Request = Credentials, Decided = Verdict> {
    /// Decides one login; answered by [`NetworkAction::Decided`], unless it is abandoned.
    fn ask(&mut self, login: JobId, origin: Origin, request: Request, now: Instant);

    /// Nobody waits for the login any more.
    fn abandon(&mut self, login: JobId, now: Instant);

    /// All who waited for the login have hung up: it ends as unavailable if its question only waits for a connection.
    /// What is being asked is asked to the end.
    fn withdraw(&mut self, login: JobId, now: Instant);

    /// The event loop has seen something on a connection.
    fn handle_event(&mut self, connection: ConnectionId, event: &mio::event::Event, now: Instant);

    /// What came of an errand.
    fn handle_errand(&mut self, errand: ErrandId, result: ErrandResult, now: Instant);

    /// The time that [`Self::next_timeout`] named has come.
    fn handle_timeout(&mut self, now: Instant);

    /// When [`Self::handle_timeout`] must be called at the latest.
    fn next_timeout(&self) -> Option<Instant>;

    /// Writes what is to be written; called once after each round of events, so that questions travel together.
    fn flush(&mut self, now: Instant);

    /// The next thing to do.
    fn next_action(&mut self) -> Option<NetworkAction<Decided>>;

    /// Every TCP port that it may connect to, as a number or a name from /etc/services.
    fn ports(&self) -> Vec<String>;

    /// The directories in which OpenSSL looks for the authority of a server's certificate when it is there.
    fn authorities(&self) -> Vec<PathBuf>;

    /// How each of its servers is, sorted by their names.
    fn servers(&self, now: Instant) -> Vec<ServerNow>;

    /// What was counted of its servers since this was asked last, by their names.
    fn take_server_counts(&mut self) -> BTreeMap<String, ServerTotals>;
}

/// What the event loop must do for the driver.
pub enum NetworkAction<Decided = Verdict> {
    /// A login is decided.
    Decided(JobId, Decided),
    /// A worker is to do this, for one login or for all; answered by [`Network::handle_errand`].
    Errand(ErrandId, Errand, Option<JobId>),
    /// Nobody waits for that errand any more: it need not be done if no worker has begun it.
    Withdraw(ErrandId),
}

/// What a driver needs of the event loop.
pub struct EventLoopHandle {
    /// Where connections are registered.
    pub registry: mio::Registry,
    /// Under which token: it must tell the connections of all drivers apart.
    pub token: Box<dyn Fn(ConnectionId) -> mio::Token>,
    /// The name of the mechanism's instance, the target of its log lines.
    pub instance: String,
    /// What the settings name for TLS, as far as it was handed over.
    pub tls_files: Rc<TlsFiles>,
}
