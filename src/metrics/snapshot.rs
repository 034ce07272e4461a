//! The daemon at one moment.
#![forbid(unsafe_code)]

use super::histogram::Histogram;
use super::totals::Totals;
use std::time::Duration;

/// Everything that `saslauthdctl status` and `saslauthdctl metrics` show.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// The version and the commit of the build.
    pub version: String,
    /// The process id of the supervisor, which the pid file names.
    pub pid: u32,
    /// Seconds since the epoch at which the daemon was started.
    pub started: u64,
    /// Seconds since the epoch at which the configuration in use was read.
    pub configured: u64,
    /// How long it runs.
    pub uptime: Duration,
    /// Whether the last reload was refused, so that the files are not what is in use.
    pub reload_failed: bool,
    /// What was counted since then, by all frontends.
    pub totals: Totals,
    /// In the order of the site.
    pub mechanisms: Vec<MechanismNow>,
    /// In the order of the site; the pool for names and hashes last.
    pub pools: Vec<PoolNow>,
    /// Sorted by instance and server.
    pub servers: Vec<ServerNow>,
    /// What mechanisms that block ask and that answers nobody.
    pub open_circuits: OpenCircuitsNow,
    /// `None` without `-c`.
    pub cache: Option<CacheNow>,
    /// `None` without `--negative-cache-ttl`.
    pub negative_cache: Option<NegativeCacheNow>,
    /// Those that are in force; `None` with `--penalty=no`.
    pub penalties: Option<PenaltiesNow>,
    /// Whether logins are put to a policy server.
    pub has_policy_server: bool,
    /// Connections that are open, at all sockets but this one.
    pub clients: usize,
    /// Requests without a reply: those that wait for a worker or a server and those that are held back.
    pub requests: usize,
    /// Frontends of earlier configurations that still answer what they have taken, as far as is known.
    pub draining: usize,
    /// Logins that were decided in the last minute or so, for a rate: how many, in how long.
    pub recent_logins: (u64, Duration),
    /// What they took.
    pub recent_durations: Histogram,
}

/// A mechanism's instance.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct MechanismNow {
    /// Its name in routes and in the log.
    pub name: String,
    /// Its type: `pam`, `ldap` …
    pub mechanism: String,
    /// What its checks took in the last minutes.
    pub recent_durations: Histogram,
}

/// Backends that are left alone, since they answer nobody.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct OpenCircuitsNow {
    /// The first of them: the instance that asks, and what it calls the backend (for kerberos5 the realm), empty for its default.
    pub named: Vec<(String, String)>,
    /// How many more there are.
    pub others: usize,
}

/// A pool of workers.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct PoolNow {
    /// The instance that it works for, with one that asks servers by logging in at these by GSSAPI; `None` for names and
    /// hashes of those that ask servers.
    pub instance: Option<String>,
    /// Waiting for a job.
    pub idle: usize,
    /// At work.
    pub busy: usize,
    /// Started, but not ready yet.
    pub starting: usize,
    /// How many there may be.
    pub most: usize,
    /// Jobs that wait for a worker.
    pub queued: usize,
    /// How long the first of them waits.
    pub longest_wait: Duration,
}

/// A server that a mechanism asks.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct ServerNow {
    /// The instance that asks it.
    pub instance: String,
    /// As the log names it.
    pub server: String,
    /// Whether it answers, as far as is known.
    pub state: ServerState,
    /// Why it does not, in words; empty while it does.
    pub reason: String,
    /// Open connections to it.
    pub connections: usize,
    /// Questions that it has not answered yet.
    pub in_flight: usize,
}

/// Whether a server answers.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub enum ServerState {
    /// As far as is known.
    #[default]
    Up,
    /// It leaves questions unanswered.
    Silent,
    /// It cannot be connected to.
    Down,
}

/// The negative cache.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct NegativeCacheNow {
    /// Refusals that are in it.
    pub entries: usize,
    /// How long each lives.
    pub lifetime: Duration,
}

/// Penalties of those who guess.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct PenaltiesNow {
    /// Client addresses that have one.
    pub addresses: usize,
    /// Logins that have one.
    pub logins: usize,
    /// Answers that are held back for one.
    pub held: usize,
}

/// The credential cache.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct CacheNow {
    /// Entries that are in it.
    pub entries: usize,
    /// How many it can hold, if their names are as long as those that are in it.
    pub most: usize,
    /// How long each lives.
    pub lifetime: Duration,
    /// What they take.
    pub bytes: usize,
    /// What they may take: `-s`.
    pub most_bytes: usize,
}
