//! What the supervisor knows of the daemon as a whole, and tells the frontend that serves.
#![forbid(unsafe_code)]

use std::time::Duration;

/// The daemon, apart from what its frontends count.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Daemon {
    /// The process id of the supervisor.
    pub pid: u32,
    /// Seconds since the epoch at which it was started.
    pub started: u64,
    /// Seconds since the epoch at which the configuration in use was read.
    pub configured: u64,
    /// How long it runs.
    pub uptime: Duration,
    /// Frontends that still answer what they have taken.
    pub draining: usize,
    /// Whether the last reload was refused, so that the files are not what is in use.
    pub reload_failed: bool,
}
