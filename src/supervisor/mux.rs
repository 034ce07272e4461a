//! The mux socket in the run directory.
#![forbid(unsafe_code)]

use super::start_error::StartError;
use crate::sys::daemon::enlarge_backlog;
use std::fs::{self, Permissions};
use std::io::{self, ErrorKind};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;

const NAME: &str = "mux";
/// Where the socket is made, before it takes its place complete with mode and backlog.
const NAME_WHILE_MADE: &str = "mux.new";
/// Whoever may enter the run directory may ask, as with the C daemon, whatever the umask.
const MODE: u32 = 0o777;

/// The listening socket, and what to remove at the end.
pub(super) struct Mux {
    pub(super) listener: OwnedFd,
    inode: (u64, u64),
}

impl Mux {
    /// Listens at `mux` in the working directory, which is `directory`. A socket that nobody serves is replaced;
    /// nothing else is.
    pub(super) fn bind(directory: &Path) -> Result<Self, StartError> {
        let path = directory.join(NAME);
        make_way(&path)?;
        bind_in_place().map_err(|error| StartError::Socket(path, error))
    }

    /// Removes the socket, unless somebody else has put another there.
    pub(super) fn remove(&self) {
        if inode_of(NAME).is_ok_and(|inode| inode == self.inode) {
            let _ = fs::remove_file(NAME);
        }
    }
}

fn make_way(path: &Path) -> Result<(), StartError> {
    match fs::symlink_metadata(NAME) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(StartError::Socket(path.to_owned(), error)),
        Ok(found) if !found.file_type().is_socket() => Err(StartError::NotASocket(path.to_owned())),
        // Nobody holds the lock files, so a socket that is served belongs to another program.
        Ok(_) if UnixStream::connect(NAME).is_ok() => Err(StartError::SocketTaken(path.to_owned())),
        Ok(_) => Ok(()),
    }
}

fn bind_in_place() -> io::Result<Mux> {
    match fs::remove_file(NAME_WHILE_MADE) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(NAME_WHILE_MADE)?;
    enlarge_backlog(&listener)?;
    fs::set_permissions(NAME_WHILE_MADE, Permissions::from_mode(MODE))?;
    let inode = inode_of(NAME_WHILE_MADE)?;
    fs::rename(NAME_WHILE_MADE, NAME)?;
    Ok(Mux { listener: listener.into(), inode })
}

fn inode_of(name: &str) -> io::Result<(u64, u64)> {
    fs::symlink_metadata(name).map(|found| (found.dev(), found.ino()))
}
