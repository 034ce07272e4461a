//! Notices that another program has taken the place of the running one, whose children are of the old one until then.
#![forbid(unsafe_code)]

use crate::sys::own_binary::{Change, OnDisk};
use std::time::{Duration, Instant};

/// How often the file is looked at while nothing asks for it. Whoever puts another one there mostly restarts the daemon
/// right after that, and needs no advice.
const INTERVAL: Duration = Duration::from_secs(60);

/// Says once that a restart is due.
pub(super) struct UpgradeWatch {
    /// Nothing when there is no more to be said.
    file: Option<OnDisk>,
    look_at: Instant,
}

impl UpgradeWatch {
    pub(super) fn new(now: Instant) -> Self {
        Self { file: OnDisk::find(), look_at: now + INTERVAL }
    }

    /// Looks at the file if that is due.
    pub(super) fn look_now_and_then(&mut self, now: Instant) {
        if self.look_at <= now {
            self.look_at = now + INTERVAL;
            self.look();
        }
    }

    /// Looks at the file.
    pub(super) fn look(&mut self) {
        let Some((file, change)) = self.file.as_ref().and_then(|file| Some((file, file.change()?))) else {
            return;
        };
        let (path, what) = (file.path().display(), words(change));
        log::warn!(
            target: "supervisor",
            "The program {path} has been {what} since the daemon was started, which goes on with the old one; restart \
             the daemon to use the new version"
        );
        self.file = None;
    }
}

fn words(change: Change) -> &'static str {
    match change {
        Change::Replaced => "replaced",
        Change::Removed => "removed",
    }
}
