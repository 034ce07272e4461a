//! The daemon's sockets: who answers there, and whether the programs that ask find them and may connect.
#![forbid(unsafe_code)]

use super::client::Client;
use crate::system_check::finding::Finding;
use crate::system_check::shell_word::shell_word;
use std::path::{Path, PathBuf};

/// What came of a try to connect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reach {
    /// Somebody listens there.
    Answered(Listener),
    /// There is a socket, and nobody listens.
    Unserved,
    /// There is a listener who takes no more connections.
    Full,
    /// This is missing on the way, or is the socket itself.
    Missing(PathBuf),
    /// A link that leads to a place outside of the root directory, where the program cannot follow it.
    LinkOut(PathBuf),
    /// The account may not go on here.
    Closed(Inode),
    /// It could not be looked at, and why.
    Unknown(String),
}

/// The process that listens at a socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listener {
    /// Its number; 0 if it cannot be seen from here.
    pub process: i32,
    /// What it runs, as far as that can be seen.
    pub executable: Option<PathBuf>,
    /// Whether that is this program, or systemd, which hands its sockets to this program.
    pub is_own: bool,
}

/// A directory or socket that an account cannot use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inode {
    /// Below the root directory of the program that looked.
    pub path: PathBuf,
    /// Permission bits.
    pub mode: u32,
    /// The name of its group, if it has one that is not root's.
    pub group: Option<String>,
    /// Whether it is a directory.
    pub is_directory: bool,
}

/// One of the daemon's own sockets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnSocket {
    /// The path.
    pub path: PathBuf,
    /// What came of connecting to it.
    pub reach: Reach,
}

/// A program that asks, and how far it gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visit {
    /// The program.
    pub client: Client,
    /// The socket of this daemon to which the path of the client leads; `None` if it leads elsewhere.
    pub leads_to: Option<PathBuf>,
    /// What came of going there with its account and root directory.
    pub reach: Reach,
    /// The file from which init starts another daemon, at whose socket the client looks.
    pub started_from: Option<PathBuf>,
}

/// What the findings need to know of the machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    /// `-m`
    pub run_directory: PathBuf,
    /// Whether there is a group called sasl.
    pub has_sasl_group: bool,
    /// Whether there is adduser(8), as on Debian; usermod(8) is everywhere.
    pub has_adduser: bool,
}

/// What is to be said of the daemon's own sockets.
pub fn judge_own(machine: &Machine, sockets: &[OwnSocket]) -> Vec<Finding> {
    sockets.iter().map(|socket| judge_socket(machine, socket)).collect()
}

fn judge_socket(machine: &Machine, OwnSocket { path, reach }: &OwnSocket) -> Finding {
    let shown = path.display();
    match reach {
        Reach::Answered(listener) if listener.is_own => {
            Finding::ok(format!("{shown}: {} listens", listener.shown()))
        }
        Reach::Answered(listener) => Finding::warning(
            format!("{shown}: {} listens, and this daemon cannot start there beside it", listener.shown()),
            listener.remedy(),
        ),
        Reach::Unserved => Finding::warning(
            format!("{shown} is the socket of a daemon that is gone"),
            "start the daemon, which replaces it: `systemctl start saslauthd` or `service saslauthd start`",
        ),
        Reach::Full => Finding::warning(
            format!("{shown}: the daemon there takes no more connections"),
            "look for what holds it up in its log; `systemctl restart saslauthd` ends the logins that wait",
        ),
        Reach::Missing(missing) if missing == path => {
            Finding::ok(format!("{shown}: the directory is there, and the daemon will make the socket"))
        }
        Reach::Missing(missing) if *missing == machine.run_directory => {
            Finding::ok(format!("{} is missing; the daemon makes it with mode 0755", missing.display()))
        }
        Reach::Missing(missing) | Reach::LinkOut(missing) => Finding::error(
            format!("{shown} cannot be made: {} is missing", missing.display()),
            format!("`mkdir -p {}`", directory_word(path)),
        ),
        Reach::Closed(inode) => Finding::warning(
            format!("{shown} was not tried, for want of the right to pass {}", inode.path.display()),
            "run this as root",
        ),
        Reach::Unknown(reason) => {
            Finding::warning(format!("{shown} was not tried: {reason}"), "run this as root")
        }
    }
}

pub(super) fn directory_word(path: &Path) -> String {
    shell_word(&path.parent().unwrap_or(path).to_string_lossy())
}

impl Listener {
    pub(super) fn shown(&self) -> String {
        match (&self.executable, self.process) {
            (Some(path), process) => format!("{} (process {process})", path.display()),
            (None, 0) => "a process of another container".to_owned(),
            (None, process) => format!("process {process}"),
        }
    }

    fn remedy(&self) -> String {
        match self.process {
            0 => "stop it where it runs".to_owned(),
            process => format!(
                "stop it before this one is started: `systemctl stop saslauthd`, or `kill {process}` if it is no service"
            ),
        }
    }
}

#[cfg(test)]
#[path = "sockets_tests.rs"]
#[allow(clippy::indexing_slicing)]
mod tests;
