//! What a frontend is doing, in a few numbers: said with every sign of life.
#![forbid(unsafe_code)]

/// What a frontend does now.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Activity {
    /// Logins that were decided since that frontend started, those of the cache included.
    pub decided: u64,
    /// Workers that have a login or an errand.
    pub busy_workers: usize,
    /// Logins, or errands for them, that wait for a free worker.
    pub waiting_logins: usize,
    /// Logins that servers are being asked about.
    pub at_servers: usize,
}
