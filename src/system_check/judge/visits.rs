//! Whether the programs that ask find a socket of this daemon, and may connect.
#![forbid(unsafe_code)]

use super::client::Client;
use super::sockets::{Inode, Machine, Reach, Visit, directory_word};
use crate::system_check::finding::Finding;
use crate::system_check::shell_word::shell_word;
use std::path::{Path, PathBuf};

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
        // This daemon makes it at each start.
        _ if !inode.is_directory && place.file_name().is_none_or(|name| name != "mux") => format!(
            "add `owner={}` to the socket, in --socket or in its section, and restart the daemon",
            client.account
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
