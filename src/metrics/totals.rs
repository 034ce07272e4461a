//! Counters since the daemon was started. Each frontend counts for itself; the supervisor adds up what they report, and
//! tells each new frontend what those before it have counted.
#![forbid(unsafe_code)]

use super::histogram::Histogram;
use std::collections::BTreeMap;

/// All counters.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Totals {
    /// By the name of the instance that decided: the one that accepted, otherwise the last that was asked. What was
    /// answered without asking any has an empty name.
    pub mechanisms: BTreeMap<String, Verdicts>,
    /// Acceptances from the cache, which `mechanisms` does not count.
    pub cache_hits: u64,
    /// Requests that the cache could not answer; 0 without a cache.
    pub cache_misses: u64,
    /// Entries that were removed by hand.
    pub cache_flushed: u64,
    /// From the complete request to its reply, for all requests.
    pub durations: Histogram,
    /// From the wish for a worker to the moment that one took the job.
    pub waits: Histogram,
    /// Connections that were closed without a verdict on purpose, by reason: a word of the metric's label.
    pub clients_refused: BTreeMap<String, u64>,
    /// Requests that were not understood, by reason: a word of the metric's label.
    pub invalid_requests: BTreeMap<String, u64>,
    /// Workers that ended without being told to, by reason: `crash`, `timeout`, `killed`.
    pub worker_deaths: BTreeMap<String, u64>,
    /// By instance and server, as the log names it.
    pub servers: BTreeMap<(String, String), ServerTotals>,
    /// Reloads that were taken into use, and that were refused.
    pub reloads: Reloads,
    /// Log lines that could not be delivered and were given up.
    pub log_lines_dropped: u64,
}

/// How logins ended.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Verdicts {
    /// Accepted.
    pub accept: u64,
    /// Refused.
    pub reject: u64,
    /// Could not be decided.
    pub unavailable: u64,
}

/// What became of questions to a server.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct ServerTotals {
    /// Questions that it answered.
    pub answered: u64,
    /// Connections and questions that failed.
    pub failed: u64,
}

/// Reloads.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Reloads {
    /// Taken into use.
    pub succeeded: u64,
    /// Refused; the daemon went on with what it had.
    pub failed: u64,
}
