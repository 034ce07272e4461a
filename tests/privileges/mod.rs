//! Who each process runs as, with which rights, and that logins are answered all the same.

mod accounts;
mod files;
mod logins;
mod processes;

use crate::support::{Answer, Daemon, Process, Request, System};
use std::fs;

/// Of the private account that a test gives a name.
const OWN: u32 = 54321;

const NOBODY: u32 = 65534;

/// A hash of `right`.
const HASH: &str = "$1$6IhhkS.2$UkOBxkF9pR21C6pHItme2.";

/// Where `saslauthd` is an account.
fn system_with_own_account() -> System {
    System::new().account("saslauthd", "x", None)
}

fn ask(daemon: &Daemon, login: &str, password: &str) -> Answer {
    daemon.ask(&Request::new(login, password).service("smtp"))
}

/// What /proc says of a process.
struct Status(String);

impl Status {
    fn of(process: &Process) -> Self {
        Self(fs::read_to_string(process.file("status")).unwrap())
    }

    fn field(&self, name: &str) -> Vec<&str> {
        let line = self.0.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.unwrap_or_else(|| panic!("{name} in {}", self.0)).split_whitespace().collect()
    }

    /// Real, effective, saved and that of files, if they are the same.
    fn user(&self) -> u32 {
        let ids = self.field("Uid");
        assert!(ids.iter().all(|id| *id == ids[0]), "{}", self.0);
        ids[0].parse().unwrap()
    }

    fn capabilities(&self, set: &str) -> u64 {
        u64::from_str_radix(self.field(set)[0], 16).unwrap()
    }

    /// Whether it is that account with that group alone, and neither has nor gets a capability.
    fn is_bare(&self, id: u32) -> bool {
        let id = id.to_string();
        let ids = ["Uid", "Gid", "Groups"].iter().flat_map(|name| self.field(name)).all(|one| one == id);
        let sets = ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"];
        ids && !self.field("Groups").is_empty() && sets.iter().all(|set| self.capabilities(set) == 0)
    }
}

/// How many processes there are in all of `roles`, after it was seen that each is the bare account `id`.
fn expect_bare(daemon: &Daemon, roles: &[&str], id: u32) -> usize {
    let processes = roles.iter().flat_map(|role| daemon.children(role));
    // One may have ended meanwhile.
    let living = processes.filter_map(|process| fs::read_to_string(process.file("status")).ok().map(Status));
    living.map(|status| assert!(status.is_bare(id), "{}", status.0)).count()
}
