//! One run: what all threads of it share.

use super::daemon::Daemon;
use super::disturbances::Disturbances;
use super::report::Report;
use super::site::Site;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How much longer than promised an answer may take before it counts as lost: the machine may have other work to do.
pub const MARGIN: Duration = Duration::from_secs(30);

/// Everything about a run.
pub struct Run {
    /// What the daemon is set up with.
    pub site: Site,
    /// The daemon.
    pub daemon: Daemon,
    /// What was done to it.
    pub disturbances: Disturbances,
    /// What was seen.
    pub report: Report,
    /// From it all chance comes.
    pub seed: u64,
    begin: OnceLock<Instant>,
    duration: Duration,
    is_over: AtomicBool,
}

impl Run {
    /// Starts the servers and the daemon.
    pub fn start(seed: u64, duration: Duration) -> Self {
        let site = Site::new();
        let daemon = Daemon::start(&site);
        let start = Instant::now();
        Self {
            site,
            daemon,
            disturbances: Disturbances::default(),
            report: Report::new(start),
            seed,
            begin: OnceLock::new(),
            duration,
            is_over: AtomicBool::new(false),
        }
    }

    /// The load begins now, and with it the time of the run.
    pub fn begin(&self) {
        self.begin.get_or_init(Instant::now);
    }

    /// Whether to go on.
    pub fn goes_on(&self) -> bool {
        !self.is_over.load(Ordering::Relaxed) && self.elapsed() < self.duration
    }

    /// Whether this part of the run, in percent, is over.
    pub fn is_beyond(&self, percent: u32) -> bool {
        self.elapsed() >= self.duration * percent / 100
    }

    /// How much of it is over, from 0 to 1.
    pub fn progress(&self) -> f64 {
        self.elapsed().as_secs_f64() / self.duration.as_secs_f64()
    }

    fn elapsed(&self) -> Duration {
        self.begin.get().map_or(Duration::ZERO, Instant::elapsed)
    }

    /// Ends it before its time.
    pub fn give_up(&self) {
        self.is_over.store(true, Ordering::Relaxed);
    }
}

/// Clients take their time, and disturbances theirs.
#[allow(clippy::disallowed_methods, reason = "it waits for nothing: the time itself is what is wanted")]
pub fn pause(time: Duration) {
    std::thread::sleep(time);
}
