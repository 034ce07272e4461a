//! What the service manager is told, and when: the assignments of sd_notify(3). No I/O.
#![forbid(unsafe_code)]

use crate::metrics::activity::Activity;
use std::time::Instant;

/// How a reload ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::supervisor) enum Reloaded {
    /// The new configuration is in use.
    InUse,
    /// It is not; the log says why.
    Refused,
}

/// What was said and what is to be said. Each method returns the messages that are due, in their order.
pub(super) struct Report {
    watchdog: bool,
    is_ready: bool,
    is_stopping: bool,
    is_reloading: bool,
    /// The frontend has ended and none has taken its place yet.
    has_no_frontend: bool,
    last_reload: Reloaded,
    counted: Counted,
    /// In the last `STATUS=`.
    shown: String,
}

/// What one frontend has last said, `F` being its name.
#[derive(Default)]
struct Counted {
    by: Option<(usize, u64, Instant)>,
    activity: Option<Activity>,
    /// Logins in ten seconds.
    rate: u64,
}

impl Report {
    /// `watchdog`: whether signs of life are expected.
    pub(super) fn new(watchdog: bool) -> Self {
        Self {
            watchdog,
            is_ready: false,
            is_stopping: false,
            is_reloading: false,
            has_no_frontend: false,
            last_reload: Reloaded::InUse,
            counted: Counted::default(),
            shown: String::new(),
        }
    }

    /// Logins are served. `main` is the process to watch if it is not the one that was started. A reload that was asked for
    /// before that is told now, unless it has ended.
    pub(super) fn handle_ready(&mut self, main: Option<u32>, microseconds: u64) -> Vec<String> {
        self.is_ready = true;
        let main = main.map(|pid| format!("MAINPID={pid}\n")).unwrap_or_default();
        let mut messages = vec![format!("{main}READY=1\n{}", self.status())];
        if self.is_reloading {
            messages.push(self.reloading(microseconds));
        }
        messages
    }

    /// The files are about to be read again; `microseconds` is the monotonic clock, without which `Type=notify-reload`
    /// does not believe it.
    pub(super) fn handle_reload_begins(&mut self, microseconds: u64) -> Option<String> {
        self.is_reloading = true;
        self.says_anything().then(|| self.reloading(microseconds))
    }

    /// Ready again, whatever became of it: the service manager waits for that.
    pub(super) fn handle_reload_ends(&mut self, reloaded: Reloaded) -> Option<String> {
        let was_reloading = std::mem::take(&mut self.is_reloading);
        self.last_reload = reloaded;
        (was_reloading && self.says_anything()).then(|| format!("READY=1\n{}", self.status()))
    }

    /// The frontend that serves has ended, though it was not to; logins wait for the next one.
    pub(super) fn handle_frontend_ended(&mut self) -> Option<String> {
        self.has_no_frontend = true;
        self.says_anything().then(|| self.status())
    }

    /// The next one serves.
    pub(super) fn handle_frontend_serves(&mut self) -> Option<String> {
        let was_missed = std::mem::take(&mut self.has_no_frontend);
        (was_missed && self.says_anything()).then(|| self.status())
    }

    /// The frontend that serves, called `name`, has answered.
    pub(super) fn handle_pong(&mut self, name: usize, activity: Activity, now: Instant) -> Option<String> {
        self.counted.note(name, activity, now);
        if !self.says_anything() {
            return None;
        }
        let watchdog = self.watchdog.then(|| "WATCHDOG=1".to_owned());
        let is_news = self.text() != self.shown;
        let status = is_news.then(|| self.status());
        let lines: Vec<_> = watchdog.into_iter().chain(status).collect();
        (!lines.is_empty()).then(|| lines.join("\n"))
    }

    /// The daemon ends.
    pub(super) fn handle_stop(&mut self) -> Option<String> {
        let is_first = !std::mem::replace(&mut self.is_stopping, true);
        is_first.then(|| "STOPPING=1\nSTATUS=Answering the last logins".to_owned())
    }

    fn says_anything(&self) -> bool {
        self.is_ready && !self.is_stopping
    }

    fn reloading(&mut self, microseconds: u64) -> String {
        format!("RELOADING=1\nMONOTONIC_USEC={microseconds}\n{}", self.status())
    }

    fn status(&mut self) -> String {
        self.shown = self.text();
        format!("STATUS={}", self.shown)
    }

    fn text(&self) -> String {
        let before = match (self.is_reloading, self.last_reload) {
            (true, _) => "Reading the configuration again; ",
            (false, Reloaded::Refused) => "The last reload was refused, see the log; ",
            (false, Reloaded::InUse) => "",
        };
        if self.has_no_frontend {
            return format!("{before}Logins wait for a new frontend, see the log");
        }
        format!("{before}{}", self.counted.text())
    }
}

impl Counted {
    /// A frontend counts from 0 when it starts, which is after the last word of the one before.
    fn note(&mut self, name: usize, activity: Activity, now: Instant) {
        if let Some((before, decided, at)) = self.by {
            let decided = if before == name { decided } else { 0 };
            let milliseconds = now.saturating_duration_since(at).as_millis().max(1);
            let logins = u128::from(activity.decided.saturating_sub(decided));
            self.rate = u64::try_from(logins * 10_000 / milliseconds).unwrap_or(u64::MAX);
        }
        self.by = Some((name, activity.decided, now));
        self.activity = Some(activity);
    }

    fn text(&self) -> String {
        let Some(activity) = self.activity else {
            return "Serving logins".to_owned();
        };
        let (whole, tenth) = (self.rate / 10, self.rate % 10);
        let busy = counted(activity.busy_workers, "busy worker");
        let waiting = counted(activity.waiting_logins, "login");
        let at_servers = match activity.at_servers {
            0 => String::new(),
            number => format!(", {number} at servers"),
        };
        format!("{whole}.{tenth} logins/s, {busy}, {waiting} waiting{at_servers}")
    }
}

fn counted(number: usize, thing: &str) -> String {
    let ending = if number == 1 { "" } else { "s" };
    format!("{number} {thing}{ending}")
}

#[cfg(test)]
#[path = "report_tests.rs"]
mod tests;
