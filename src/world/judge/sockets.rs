//! The daemon's sockets: who answers there, and whether the programs that ask find them and may connect.
#![forbid(unsafe_code)]

use super::client::Client;
use crate::world::finding::Finding;
use crate::world::shell_word::shell_word;
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

fn directory_word(path: &Path) -> String {
    shell_word(&path.parent().unwrap_or(path).to_string_lossy())
}

impl Listener {
    fn shown(&self) -> String {
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

/// What is to be said of the programs that ask.
pub fn judge_visits(machine: &Machine, visits: &[Visit]) -> Vec<Finding> {
    let somebody_is_served = visits.iter().any(|visit| visit.leads_to.is_some());
    visits.iter().map(|visit| judge_visit(machine, visit, somebody_is_served)).collect()
}

fn judge_visit(machine: &Machine, visit: &Visit, somebody_is_served: bool) -> Finding {
    let Visit { client, leads_to, reach, started_from } = visit;
    let (name, account, path) = (&client.name, &client.account, client.path());
    let shown = path.display();
    let Some(own) = leads_to else {
        return match (reach, started_from) {
            (Reach::Answered(listener), _) => {
                Finding::ok(format!("{name} asks another daemon, at {shown}: {}", listener.shown()))
            }
            (Reach::Missing(_) | Reach::Unserved, Some(file)) => {
                Finding::ok(format!("{name} asks another daemon, at {shown}, by {}", file.display()))
            }
            _ => leads_elsewhere(machine, client, somebody_is_served),
        };
    };
    match reach {
        Reach::Answered(_) => Finding::ok(format!("{name}: {account} can connect to {shown}")),
        Reach::Full | Reach::Unserved => Finding::ok(format!("{name}: {account} may connect to {shown}")),
        Reach::Missing(_) => Finding::ok(format!("{name}: {account} will find {}", own.display())),
        Reach::LinkOut(link) => link_out(client, own, link),
        Reach::Closed(inode) => {
            let place = outside(client, &inode.path);
            let what = if inode.is_directory { "enter" } else { "connect to" };
            Finding::error(
                format!(
                    "{name}: {account} may not {what} {} (mode {:04o}, group {}), and so cannot ask",
                    place.display(),
                    inode.mode,
                    inode.group.as_deref().unwrap_or("root"),
                ),
                opening(machine, client, inode, &place),
            )
        }
        Reach::Unknown(reason) => Finding::warning(
            format!("{name}: whether {account} can connect to {shown} was not tried: {reason}"),
            "run this as root, and see that the account exists",
        ),
    }
}

/// A link is followed below the root directory of whoever follows it.
fn link_out(client: &Client, own: &Path, link: &Path) -> Finding {
    let (link, directory) = (outside(client, link), shell_word(&client.directory().to_string_lossy()));
    Finding::error(
        format!(
            "{}: the link {} leads out of the chroot {}, where it cannot be followed, so {} is not found",
            client.name,
            link.display(),
            client.root.as_deref().unwrap_or_else(|| Path::new("/")).display(),
            own.display(),
        ),
        format!(
            "`rm {} && mkdir -p {directory} && mount --bind {} {directory}` until the next boot; for good, make the \
             directory and give the daemon the run directory `-m {directory}`",
            shell_word(&link.to_string_lossy()),
            directory_word(own),
        ),
    )
}

fn outside(client: &Client, path: &Path) -> PathBuf {
    match &client.root {
        Some(root) => root.join(path.strip_prefix("/").unwrap_or(path)),
        None => path.to_owned(),
    }
}

/// How the account gets in.
fn opening(machine: &Machine, client: &Client, inode: &Inode, place: &Path) -> String {
    let (bits, sign) = if inode.is_directory { (0o010, "x") } else { (0o020, "w") };
    let (word, restart) = (shell_word(&place.to_string_lossy()), client.restart);
    match &inode.group {
        Some(group) if inode.mode & bits != 0 => {
            format!("`{}`, then {restart}", machine.joining(&client.account, group))
        }
        _ if *place == client.directory() && machine.has_sasl_group => format!(
            "`chgrp sasl {word} && chmod 0710 {word} && {}`, then {restart}",
            machine.joining(&client.account, "sasl")
        ),
        _ => format!("`chmod o+{sign} {word}`"),
    }
}

impl Machine {
    fn joining(&self, account: &str, group: &str) -> String {
        let (account, group) = (shell_word(account), shell_word(group));
        match self.has_adduser {
            true => format!("adduser {account} {group}"),
            false => format!("usermod -a -G {group} {account}"),
        }
    }
}

/// The socket is not where it is looked for. Where this daemon serves nobody else it can move; else it needs one more.
fn leads_elsewhere(machine: &Machine, client: &Client, somebody_is_served: bool) -> Finding {
    let path = client.path();
    let is_mux = path.file_name().is_some_and(|name| name == "mux");
    let word = shell_word(&path.to_string_lossy());
    let place = match somebody_is_served || !is_mux {
        true => format!("one more socket, `--socket={word},mode=0777`"),
        false => format!("the run directory `-m {}`", directory_word(&path)),
    };
    let in_chroot =
        client.root.as_ref().map_or_else(String::new, |root| format!(", in its chroot {}", root.display()));
    let below = client.root.as_ref().and_then(|root| machine.run_directory.strip_prefix(root).ok());
    let own = match (&client.root, below) {
        (Some(_), Some(below)) => Path::new("/").join(below).join("mux"),
        _ => machine.run_directory.join("mux"),
    };
    let or_options = match &client.options {
        Some(options) if client.root.is_none() || below.is_some() => format!(
            ", or the program the path: `echo 'saslauthd_path: {}' >> {}`",
            own.display(),
            shell_word(&options.to_string_lossy())
        ),
        _ => String::new(),
    };
    Finding::error(
        format!(
            "{} looks for the socket at {}{in_chroot}, and this daemon has none there: it serves {}",
            client.name,
            path.display(),
            machine.run_directory.display()
        ),
        format!(
            "give the daemon {place} (Debian: in OPTIONS in /etc/default/saslauthd; the directory must exist){or_options}"
        ),
    )
}

#[cfg(test)]
#[path = "sockets_tests.rs"]
#[allow(clippy::indexing_slicing)]
mod tests;
