//! Who the daemon's processes are, and whether they have given up what they do not need.

use super::daemon::{Daemon, WORKERS};
use crate::support::Process;
use std::fs;

/// What /proc says of a process.
pub struct Status {
    text: String,
}

impl Status {
    /// `None` once it has ended.
    pub fn of(process: &Process) -> Option<Self> {
        fs::read_to_string(process.file("status")).ok().map(|text| Self { text })
    }

    fn field(&self, name: &str) -> impl Iterator<Item = &str> {
        let line = self.text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.unwrap_or_default().split_whitespace()
    }

    /// How many threads it has.
    pub fn threads(&self) -> u64 {
        self.field("Threads").next().and_then(|threads| threads.parse().ok()).unwrap_or(0)
    }

    /// Whether nothing of it is root's: no user, no group, no capability.
    pub fn is_bare(&self) -> bool {
        let ids = ["Uid", "Gid", "Groups"].into_iter().flat_map(|name| self.field(name)).all(|id| id != "0");
        let sets = ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"];
        ids && sets
            .into_iter()
            .flat_map(|name| self.field(name))
            .all(|set| set.bytes().all(|digit| digit == b'0'))
    }

    /// Whether it has a filter of system calls, and no program that it executes gets more rights.
    fn is_confined(&self) -> bool {
        self.field("NoNewPrivs").eq(["1"]) && self.field("Seccomp").eq(["2"])
    }
}

/// What is not as it should be with a daemon that nobody uses, and whose processes have all begun their work.
pub fn complaints(daemon: &Daemon) -> Vec<String> {
    let mut complaints = Vec::new();
    let mut with_rights = 0;
    for role in ["frontend", "worker"] {
        for status in daemon.children(role).iter().filter_map(Status::of) {
            if !status.is_bare() {
                with_rights += 1;
            } else if !status.is_confined() {
                complaints.push(format!("a {role} is not confined:\n{}", status.text));
            }
        }
    }
    // Those of shadow.
    if with_rights > WORKERS {
        complaints.push(format!("{with_rights} processes have root's rights"));
    }
    complaints
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRONTEND: &str = "Uid:\t65534\t65534\t65534\t65534\nGid:\t65534\t65534\t65534\t65534\nGroups:\t65534 \n\
                            Threads:\t3\nCapInh:\t0000000000000000\nCapPrm:\t0000000000000000\n\
                            CapEff:\t0000000000000000\nCapBnd:\t0000000000000000\nCapAmb:\t0000000000000000\n\
                            NoNewPrivs:\t1\nSeccomp:\t2\nSeccomp_filters:\t1\n";

    fn status(text: &str) -> Status {
        Status { text: text.to_owned() }
    }

    #[test]
    fn whatever_is_left_of_root_is_seen() {
        let bare = status(FRONTEND);
        assert!(bare.is_bare() && bare.is_confined());
        assert_eq!(bare.threads(), 3);
        for (from, to) in [
            ("Uid:\t65534", "Uid:\t0"),
            ("Gid:\t65534\t65534", "Gid:\t65534\t0"),
            ("Groups:\t65534 ", "Groups:\t0 65534 "),
            ("CapBnd:\t0", "CapBnd:\t4"),
        ] {
            assert!(!status(&FRONTEND.replace(from, to)).is_bare(), "{to}");
        }
        assert!(!status(&FRONTEND.replace("Seccomp:\t2", "Seccomp:\t0")).is_confined());
        assert!(!status(&FRONTEND.replace("NoNewPrivs:\t1", "NoNewPrivs:\t0")).is_confined());
    }
}
