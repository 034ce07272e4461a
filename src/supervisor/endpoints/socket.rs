//! One listening socket and its file. The file goes with it, unless somebody else has put another there.
#![forbid(unsafe_code)]

use super::accounts::Access;
use super::error::EndpointError;
use crate::sys::daemon::{enlarge_backlog, set_umask};
use crate::sys::inode;
use crate::sys::unix_listener;
use crate::sys::unix_stream;
use std::cell::Cell;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long a daemon that was killed may take to take its listening socket along: its frontend outlives it for as
/// long as the kernel needs to deliver a signal.
const LAST_BREATH: Duration = Duration::from_secs(1);

/// How often a socket that closes what it accepts is asked again; one that is coming down is gone by then.
const TRIES: usize = 5;

/// When a socket is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::supervisor) enum Occasion {
    /// The daemon before this one may be on its way out.
    Start,
    /// Clients are waiting meanwhile: whoever answers is another program.
    Reload,
}

/// A listening socket; its file is removed when it is dropped.
pub(super) struct Socket {
    listener: OwnedFd,
    path: PathBuf,
    /// `None` if it was handed in: then it is somebody else's.
    file: Option<SocketFile>,
}

/// Held open, so that its number is nobody else's and its owner can be changed whatever becomes of its name.
struct SocketFile {
    inode: File,
    identity: (u64, u64),
    access: Cell<Access>,
}

impl Socket {
    /// Listens at `path`, with that owner and mode from the first moment on. A socket that nobody serves is replaced;
    /// nothing else is, since no daemon holds the lock: somebody who answers all the same is another program, or
    /// worker processes that a C daemon left behind, and two services on one path would each get a part of the logins.
    ///
    /// The whole path goes to bind(2), since lsof, fuser and ss show and find a socket by these bytes only.
    pub(super) fn bind(path: &Path, access: Access, occasion: Occasion) -> Result<Self, EndpointError> {
        let failed = |error| EndpointError::Failed(path.to_owned(), error);
        let directory = open_directory(path)?;
        make_way(&directory, path, occasion)?;
        let listener = bind_with_mode(path, access.mode).map_err(failed)?;
        let socket = Self { file: Some(find(&directory, path, access)?), listener, path: path.to_owned() };
        socket.open_for_its_users(access)?;
        Ok(socket)
    }

    /// A socket that listens already.
    pub(super) fn handed_in(path: &Path, listener: OwnedFd) -> Self {
        Self { listener, path: path.to_owned(), file: None }
    }

    /// Nobody can connect before it listens, which is last.
    fn open_for_its_users(&self, access: Access) -> Result<(), EndpointError> {
        if let Some(file) = &self.file {
            let is_as_wanted = |found: fs::Metadata| found.mode() & 0o7777 == access.mode;
            let given = match (access.user, access.group) {
                (None, None) => Ok(()),
                (user, group) => inode::change_owner(&file.inode, user, group),
            };
            // Other than wanted where the directory has default access lists.
            let given = given.and_then(|()| match file.inode.metadata().map(is_as_wanted)? {
                true => Ok(()),
                false => inode::change_mode(&file.inode, access.mode),
            });
            given.map_err(|error| EndpointError::Access(self.path.clone(), error))?;
        }
        enlarge_backlog(&self.listener).map_err(|error| EndpointError::Failed(self.path.clone(), error))
    }

    /// Where it is, or for one that was handed in: as what it was configured.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// For a frontend.
    pub(super) fn descriptor(&self) -> BorrowedFd<'_> {
        self.listener.as_fd()
    }

    /// Whether the path leads to this very socket.
    pub(super) fn is_at(&self, path: &Path) -> bool {
        let found = fs::symlink_metadata(path).map(|found| (found.dev(), found.ino()));
        self.file.as_ref().is_some_and(|file| found.is_ok_and(|found| found == file.identity))
    }

    /// Whether its file has been removed, or another is in its place. Not one that cannot be looked at.
    pub(super) fn has_lost_file(&self) -> bool {
        let Some(file) = &self.file else { return false };
        match fs::symlink_metadata(&self.path) {
            Ok(found) => (found.dev(), found.ino()) != file.identity,
            Err(error) => error.kind() == ErrorKind::NotFound,
        }
    }

    /// Changes owner, group and mode where others are wanted than before. A socket that was handed in keeps its own.
    pub(super) fn change_access(&self, wanted: Access) -> Result<(), EndpointError> {
        let Some(file) = self.file.as_ref().filter(|file| file.access.get() != wanted) else { return Ok(()) };
        file.change_access(wanted).map_err(|error| EndpointError::Access(self.path.clone(), error))
    }

    /// Removes its file, unless somebody else has put another there.
    pub(super) fn remove(&self) {
        let (Some(file), Some((directory, name))) = (&self.file, split(&self.path)) else { return };
        // The name may lead elsewhere by now, which the identity tells.
        let Ok(directory) = inode::open_directory(directory) else { return };
        let found = inode::open_in(&directory, name).and_then(|found| inode::identity(&found));
        if found.is_ok_and(|found| found == file.identity) {
            let _ = inode::remove_in(&directory, name);
        }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.remove();
    }
}

impl SocketFile {
    /// Nobody has, in between, what neither the old nor the new owner and mode give.
    fn change_access(&self, wanted: Access) -> io::Result<()> {
        let old = self.access.get();
        let (own_user, own_group) = inode::own_user_and_group();
        let changed = |old, new: Option<u32>, own| (old != new).then(|| new.unwrap_or(own));
        let user = changed(old.user, wanted.user, own_user);
        let group = changed(old.group, wanted.group, own_group);
        if user.is_some() || group.is_some() {
            inode::change_mode(&self.inode, old.mode & wanted.mode)?;
            inode::change_owner(&self.inode, user, group)?;
        }
        inode::change_mode(&self.inode, wanted.mode)?;
        self.access.set(wanted);
        Ok(())
    }
}

/// The directory and the name in it.
fn split(path: &Path) -> Option<(&Path, &OsStr)> {
    path.parent().zip(path.file_name())
}

fn open_directory(path: &Path) -> Result<File, EndpointError> {
    inode::open_directory(path.parent().unwrap_or(path)).map_err(|error| match error.kind() {
        ErrorKind::NotFound => EndpointError::NoDirectory(path.to_owned()),
        _ => EndpointError::Failed(path.to_owned(), error),
    })
}

/// What keeps a socket from being made here, as far as looking tells: nobody is asked whether the directory may be
/// written to, and where this process may not look there is nothing to tell.
pub(super) fn look_at(path: &Path) -> Result<(), EndpointError> {
    match fs::symlink_metadata(path) {
        Ok(found) if !found.file_type().is_socket() => Err(EndpointError::NotASocket(path.to_owned())),
        Err(error) if error.kind() == ErrorKind::NotADirectory => {
            Err(EndpointError::Failed(path.to_owned(), error))
        }
        Err(error) if error.kind() == ErrorKind::NotFound && !has_directory(path) => {
            Err(EndpointError::NoDirectory(path.to_owned()))
        }
        _ => Ok(()),
    }
}

fn has_directory(path: &Path) -> bool {
    path.parent().is_none_or(Path::is_dir)
}

fn make_way(directory: &File, path: &Path, occasion: Occasion) -> Result<(), EndpointError> {
    let failed = |error| EndpointError::Failed(path.to_owned(), error);
    let Some((_, name)) = split(path) else { return Ok(()) };
    let found = match inode::open_in(directory, name) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        found => found.and_then(|found| found.metadata()).map_err(failed)?,
    };
    if !found.file_type().is_socket() {
        return Err(EndpointError::NotASocket(path.to_owned()));
    }
    if is_served(path, occasion).map_err(failed)? {
        return Err(EndpointError::Taken(path.to_owned()));
    }
    inode::remove_in(directory, name).map_err(failed)
}

/// Fails where this process may not connect, which says nothing about whether somebody listens.
fn is_served(path: &Path, occasion: Occasion) -> io::Result<bool> {
    for _ in 0..TRIES {
        match unix_stream::connect(path, LAST_BREATH) {
            Ok(probe) if occasion == Occasion::Start && closes_soon(&probe) => {}
            Err(error) if matches!(error.kind(), ErrorKind::ConnectionRefused | ErrorKind::NotFound) => {
                return Ok(false);
            }
            Err(error) if error.kind() == ErrorKind::PermissionDenied => return Err(error),
            // It stays, has no room for one more, or is no stream socket.
            _ => return Ok(true),
        }
    }
    Ok(true)
}

/// A server waits for the request that never comes; one that is being killed closes the connection.
fn closes_soon(probe: &UnixStream) -> bool {
    let waiting = probe.set_read_timeout(Some(LAST_BREATH)).and_then(|()| (&*probe).read(&mut [0]));
    !matches!(waiting, Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut))
}

/// The mode is there from the first moment on, whatever the umask.
fn bind_with_mode(path: &Path, mode: u32) -> io::Result<OwnedFd> {
    let umask = set_umask(0o777 & !mode);
    let bound = unix_listener::bind(path);
    set_umask(umask);
    bound
}

/// The file that bind(2) has just made. In a directory of somebody else, such as Postfix's, a name may lead elsewhere a
/// moment later, and what is done to that file is done as root: so it is looked for in the directory as it was before,
/// its owner and mode are changed by descriptor, and it must be what a fresh socket of this process is.
fn find(directory: &File, path: &Path, access: Access) -> Result<SocketFile, EndpointError> {
    let exchanged = || EndpointError::Exchanged(path.to_owned());
    let failed = |error| EndpointError::Failed(path.to_owned(), error);
    let (_, name) = split(path).ok_or_else(exchanged)?;
    let inode = match inode::open_in(directory, name) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Err(exchanged()),
        opened => opened.map_err(failed)?,
    };
    let found = inode.metadata().map_err(failed)?;
    let (own_user, _) = inode::own_user_and_group();
    if !found.file_type().is_socket() || found.uid() != own_user || found.nlink() != 1 {
        return Err(exchanged());
    }
    Ok(SocketFile { inode, identity: (found.dev(), found.ino()), access: Cell::new(access) })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
#[path = "socket_tests.rs"]
mod tests;
