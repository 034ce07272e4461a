//! Goes to a socket as a program would: with its account and its root directory.
#![forbid(unsafe_code)]

use super::accounts::group_name;
use super::within::{PATIENCE, within};
use crate::strerror::strerror;
use crate::sys::impersonation::{Wish, access, become_other};
use crate::sys::socket::peer;
use crate::sys::spawn::Account;
use crate::sys::unix_stream::connect;
use crate::system_check::judge::sockets::{Inode, Listener, Reach};
use std::fs;
use std::io::{self, ErrorKind};
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

/// A socket whose listener does not accept holds up connect(2).
const CONNECT: Duration = Duration::from_secs(2);

/// What comes of going to `path` and connecting, from that root directory and with that account.
pub fn reach(root: Option<&Path>, account: Option<&Account>, path: &Path) -> Reach {
    let (root, account, path) = (root.map(Path::to_owned), account.cloned(), path.to_owned());
    let of_root = root.clone();
    let look = move || {
        if root.is_some() || account.is_some() {
            become_other(root.as_deref(), account.as_ref()).map_err(|error| strerror(&error))?;
        }
        Ok(walk(&path))
    };
    match within(PATIENCE, look) {
        Some(Ok(reach)) => name_groups(tell_link_out(of_root.as_deref(), reach)),
        Some(Err(reason)) => Reach::Unknown(reason),
        None => Reach::Unknown(format!("it took longer than {} s", PATIENCE.as_secs())),
    }
}

/// Whether that account can do that with `path`.
///
/// # Errors
/// Why it cannot, or why that is not known.
pub fn may(account: Option<&Account>, path: &Path, wish: Wish) -> Result<(), String> {
    let (account, path) = (account.cloned(), path.to_owned());
    let look = move || {
        account.map_or(Ok(()), |account| become_other(None, Some(&account)))?;
        access(&path, wish)
    };
    let too_long = || Err(ErrorKind::TimedOut.into());
    within(PATIENCE, look).unwrap_or_else(too_long).map_err(|error| strerror(&error))
}

/// What is missing below a root directory and there from outside of it is a link that leads out.
fn tell_link_out(root: Option<&Path>, reach: Reach) -> Reach {
    let (Some(root), Reach::Missing(path)) = (root, &reach) else { return reach };
    let seen = root.join(path.strip_prefix("/").unwrap_or(path));
    match within(PATIENCE, move || seen.is_symlink() && seen.exists()) {
        Some(true) => Reach::LinkOut(path.clone()),
        _ => reach,
    }
}

/// Names are looked up outside of the thread, whose root directory may have no /etc.
fn name_groups(reach: Reach) -> Reach {
    match reach {
        Reach::Closed(inode) => {
            let number = inode.group.as_deref().and_then(|group| group.parse().ok()).unwrap_or(0);
            let group = within(PATIENCE, move || group_name(number)).flatten();
            Reach::Closed(Inode { group, ..inode })
        }
        reach => reach,
    }
}

/// Places are told by the names that they have in `path`; what cannot be passed is at the end of the links on the way.
fn walk(path: &Path) -> Reach {
    let mut named = PathBuf::from("/");
    for name in path.components().filter(|part| !matches!(part, Component::RootDir)) {
        if let Err(error) = access(&named, Wish::Search) {
            return failed(&named, &error);
        }
        named.push(name);
        // Links are followed, to see what is missing or closed behind them.
        if let Err(error) = fs::canonicalize(&named) {
            return failed(&named, &error);
        }
    }
    connect_to(&named)
}

fn failed(path: &Path, error: &io::Error) -> Reach {
    match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => Reach::Missing(path.to_owned()),
        // A link out of a root directory may lead to itself below it.
        _ if error.raw_os_error() == Some(libc::ELOOP) => Reach::Missing(path.to_owned()),
        ErrorKind::PermissionDenied => closed(path),
        _ => Reach::Unknown(format!("{}: {}", path.display(), strerror(error))),
    }
}

/// The group is a number until [`name_groups`].
fn closed(path: &Path) -> Reach {
    match fs::metadata(path) {
        Ok(found) => Reach::Closed(Inode {
            path: path.to_owned(),
            mode: found.mode() & 0o7777,
            group: Some(found.gid().to_string()),
            is_directory: found.is_dir(),
        }),
        Err(error) => Reach::Unknown(format!("{}: {}", path.display(), strerror(&error))),
    }
}

fn connect_to(path: &Path) -> Reach {
    match connect(path, CONNECT) {
        Ok(stream) => {
            let process = peer(stream.as_fd()).map_or(0, |peer| peer.process);
            Reach::Answered(listener(process))
        }
        Err(error) => match error.kind() {
            ErrorKind::ConnectionRefused => Reach::Unserved,
            ErrorKind::WouldBlock => Reach::Full,
            _ => failed(path, &error),
        },
    }
}

fn listener(process: i32) -> Listener {
    Listener { process, executable: None, is_own: false }
}

/// Whether the process runs this program, from outside of any root directory. One that was replaced on disk counts.
pub fn identify(listener: Listener) -> Listener {
    const INIT: i32 = 1;
    let executable = fs::read_link(format!("/proc/{}/exe", listener.process)).ok();
    let executable = executable.map(|path| match path.to_string_lossy().strip_suffix(" (deleted)") {
        Some(path) => PathBuf::from(path),
        None => path,
    });
    let own = std::env::current_exe().ok();
    let is_own = executable.is_some() && executable == own || listener.process == INIT;
    Listener { executable, is_own, ..listener }
}
