//! Too little of what there is only so much of.

use super::Faults;
use crate::daemon::usage;
use crate::disturbances::Cause;
use crate::support::{Connection, Process, command};
use std::os::unix::net::UnixStream;
use std::process::Command;

impl Faults<'_> {
    /// A frontend gets no descriptors beyond those that it has.
    pub(super) fn take_descriptors(&mut self) {
        let Some(frontend) = self.one_of("frontend") else { return };
        let Some((descriptors, ..)) = usage(&frontend) else { return };
        let during = self.run.disturbances.begin(Cause::NoDescriptors);
        self.run.site.doubt_bans();
        limit_descriptors(&frontend, &format!("{descriptors}"));
        self.wait_a_moment();
        limit_descriptors(&frontend, &hard_limit(&frontend));
        self.wait_until_bans_are_back();
        self.end_when_all_is_back(during);
    }

    /// More connections than there is room for come at once, and say nothing. Not so many that a client who has not yet
    /// written finds no place among those, 64 of them, that are heard for a moment without room.
    pub(super) fn crowd(&mut self) {
        let during = self.run.disturbances.begin(Cause::Crowd);
        let (mux, auth) = (self.run.daemon.file("mux"), self.run.site.path("auth"));
        let silent: Vec<_> = (0..210).filter_map(|_| Connection::try_new(&mux).ok()).collect();
        let resting: Vec<_> = (0..60).filter_map(|_| UnixStream::connect(&auth).ok()).collect();
        self.wait_a_moment();
        drop((silent, resting));
        self.end_when_all_is_back(during);
    }
}

fn limit_descriptors(process: &Process, soft: &str) {
    let mut command = Command::new("prlimit");
    command.args(["--pid", &process.id.to_string(), &format!("--nofile={soft}:")]);
    // It may have ended meanwhile.
    command::run(command);
}

fn hard_limit(process: &Process) -> String {
    let limits = std::fs::read_to_string(process.file("limits")).unwrap_or_default();
    let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap_or_default();
    line.split_whitespace().nth(4).unwrap_or("1024").to_owned()
}
