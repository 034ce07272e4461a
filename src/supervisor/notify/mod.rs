//! Tells the service manager how the daemon is: sd_notify(3), if it was started by one that listens.
#![forbid(unsafe_code)]

mod channel;
mod report;

pub(super) use report::Reloaded;

use super::succession::FrontendId;
use crate::metrics::activity::Activity;
use crate::strerror::strerror;
use crate::sys::time::monotonic_microseconds;
use channel::Channel;
use report::Report;
use std::env;
use std::time::{Duration, Instant};

/// What tells the service manager.
pub(super) struct Notifier {
    channel: Option<Channel>,
    report: Report,
    watchdog: Option<Duration>,
}

impl Notifier {
    /// By `NOTIFY_SOCKET`, `WATCHDOG_USEC` and `WATCHDOG_PID`: to be called by the process that was started, since the last
    /// one names it.
    pub(super) fn from_environment() -> Self {
        let socket = env::var_os("NOTIFY_SOCKET").filter(|socket| !socket.is_empty());
        let channel = socket.and_then(|socket| {
            let unusable = |error| {
                log::warn!(target: "supervisor", "NOTIFY_SOCKET cannot be used: {}", strerror(&error));
            };
            Channel::to(&socket).map_err(unusable).ok()
        });
        let watchdog = watchdog(|name| env::var(name).ok()).filter(|_| channel.is_some());
        Self { channel, report: Report::new(watchdog.is_some()), watchdog }
    }

    /// How often a sign of life is expected.
    pub(super) fn watchdog(&self) -> Option<Duration> {
        self.watchdog
    }

    /// Logins are served. `is_detached`: another process was started and is still there, to be told after this.
    pub(super) fn handle_ready(&mut self, is_detached: bool) {
        let main = is_detached.then(std::process::id);
        let Some(channel) = &mut self.channel else { return };
        for message in self.report.handle_ready(main, monotonic_microseconds()) {
            if is_detached {
                channel.send_patiently(message, Instant::now());
            } else {
                channel.send(message, Instant::now());
            }
        }
    }

    /// The files are about to be read again.
    pub(super) fn handle_reload_begins(&mut self) {
        let message = self.report.handle_reload_begins(monotonic_microseconds());
        self.send(message);
    }

    /// It has come to an end.
    pub(super) fn handle_reload_ends(&mut self, reloaded: Reloaded) {
        let message = self.report.handle_reload_ends(reloaded);
        self.send(message);
    }

    /// The frontend that serves has ended, though it was not to.
    pub(super) fn handle_frontend_ended(&mut self) {
        let message = self.report.handle_frontend_ended();
        self.send(message);
    }

    /// The next one serves.
    pub(super) fn handle_frontend_serves(&mut self) {
        let message = self.report.handle_frontend_serves();
        self.send(message);
    }

    /// The frontend that serves has answered. A sign of life is not kept for later.
    pub(super) fn handle_pong(&mut self, frontend: FrontendId, activity: Activity, now: Instant) {
        if self.channel.as_ref().is_some_and(|channel| !channel.is_full()) {
            let message = self.report.handle_pong(frontend.0, activity, now);
            self.send(message);
        }
    }

    /// The daemon ends.
    pub(super) fn handle_stop(&mut self) {
        let message = self.report.handle_stop();
        self.send(message);
    }

    /// When [`Self::handle_timeout`] must be called at the latest.
    pub(super) fn next_timeout(&self) -> Option<Instant> {
        self.channel.as_ref().and_then(Channel::next_timeout)
    }

    /// Sends what there was no room for.
    pub(super) fn handle_timeout(&mut self, now: Instant) {
        if let Some(channel) = self.channel.as_mut().filter(|channel| channel.is_full()) {
            channel.flush(now);
        }
    }

    fn send(&mut self, message: Option<String>) {
        if let (Some(channel), Some(message)) = (&mut self.channel, message) {
            channel.send(message, Instant::now());
        }
    }
}

/// `WATCHDOG_USEC`, unless it is meant for another process.
fn watchdog(variable: impl Fn(&str) -> Option<String>) -> Option<Duration> {
    let number = |name: &str| variable(name)?.parse::<u64>().ok();
    let is_ours = match variable("WATCHDOG_PID") {
        Some(_) => number("WATCHDOG_PID") == Some(u64::from(std::process::id())),
        None => true,
    };
    number("WATCHDOG_USEC").filter(|time| is_ours && *time > 0).map(Duration::from_micros)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_watchdog_is_for_the_process_that_it_names() {
        let with = |microseconds: &'static str, pid: Option<u32>| {
            watchdog(move |name| match name {
                "WATCHDOG_USEC" => Some(microseconds.to_owned()),
                _ => pid.map(|pid| pid.to_string()),
            })
        };
        let own = std::process::id();
        assert_eq!(with("3000000", Some(own)), Some(Duration::from_secs(3)));
        assert_eq!(with("3000000", None), Some(Duration::from_secs(3)));
        assert_eq!(with("3000000", Some(own + 1)), None);
        for none in ["0", "-1", "", "soon"] {
            assert_eq!(with(none, Some(own)), None, "{none}");
        }
        assert_eq!(watchdog(|_| None), None);
    }
}
