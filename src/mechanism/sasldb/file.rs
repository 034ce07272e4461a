//! The database: read whole when it has changed, and kept as digests.
//!
//! Berkeley DB's writers lock nothing and write in place, so what was read counts only if the file says afterwards that it was
//! not written to meanwhile and, just after a change, if it reads the same again. A write within the same tick of the file system's clock would not show, and a writer may be in
//! between two pages, one of which has lost a user that the other does not have yet: what was read within [`UNSETTLED`] of a
//! change is read again at the next login, and before anybody is refused by it.
#![forbid(unsafe_code)]

use super::database::{Format, NotRead, format_of, revision, walk};
use super::users::{Found, Keyed, Users};
use crate::ipc::OpenError;
use crate::mechanism::file::{FileSource, Stamp, Watch, open_regular};
use crate::secret::{Secret, wipe_stack};
use crate::strerror::strerror;
use crate::sys::file_lock::SharedLock;
use std::fmt;
use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

/// How often a file that changes while it is read is read again for one login.
const MOST_READS: usize = 10;

/// How often a file that keeps changing is looked at before it refuses a login.
const MOST_LOOKS: usize = 6;

/// Between two looks: a writer is done with its pages long before.
const PAUSE: Duration = Duration::from_millis(25);

/// Bytes: some million users in Berkeley DB. A worker has it in memory while it reads it.
const LARGEST: u64 = 256 << 20;

/// The clock of file systems goes in steps, of up to ten milliseconds on common kernels.
const UNSETTLED: Duration = Duration::from_millis(100);

/// For how long a writer that locks the file is waited for.
const LOCK_WAIT: Duration = Duration::from_secs(2);

/// The permission bits of everybody to read or write a file.
const OPEN_TO_OTHERS: u32 = 0o006;

/// What tells the format, and in an lmdb file the last transaction: two pages of the largest size.
const BEGINNING: u64 = 2 << 16;

/// A database and, once it has been read, who is in it.
pub(super) struct Sasldb {
    /// For errors only.
    path: PathBuf,
    /// Opens what is there.
    source: Box<dyn FileSource>,
    watch: Watch,
    keyed: Keyed,
    loaded: Option<Loaded>,
}

struct Loaded {
    /// Kept open: that it has changed or was replaced shows in what fstat(2) says of it.
    file: File,
    stamp: Stamp,
    /// Whether any later change shows in the stamp.
    is_settled: bool,
    users: Users,
}

impl Sasldb {
    pub(super) fn new(path: PathBuf, source: Box<dyn FileSource>) -> io::Result<Self> {
        Ok(Self { path, source, watch: Watch::default(), keyed: Keyed::new()?, loaded: None })
    }

    /// Reads the database: what is to be told about it.
    pub(super) fn inspect(path: &Path) -> Result<Vec<String>, FileError> {
        let file = open_regular(path).map_err(|error| FileError::not_opened(path, error))?;
        let mode = file.metadata().map_err(|error| FileError::unreadable(path, &error))?.mode() & 0o7777;
        let keyed = Keyed::new().map_err(|error| FileError::unreadable(path, &error))?;
        let loaded = Loaded::read(file, path, &keyed)?;
        let mut told = Vec::new();
        if mode & OPEN_TO_OTHERS != 0 {
            told.push(format!(
                "it is open to everybody (mode {mode:04o}) and holds passwords in clear, make it 0600 or 0640"
            ));
        }
        if loaded.users.len() == 0 {
            told.push("it has no user with a password".to_owned());
        }
        Ok(told)
    }

    /// Whether the password is that of the login in that realm, in the file as it is now.
    pub(super) fn check(
        &mut self,
        login: &[u8],
        realm: &[u8],
        password: &Secret,
        now: Instant,
    ) -> Result<Found, FileError> {
        let mut found = Found::Unknown;
        for look in 0..MOST_LOOKS {
            if look > 0 {
                pause();
            }
            self.refresh(now)?;
            let loaded = self.loaded.as_ref().ok_or_else(|| FileError::Unsteady(self.path.clone()))?;
            found = loaded.users.check(&self.keyed, login, realm, password);
            wipe_stack();
            if found == Found::Right || loaded.is_settled {
                break;
            }
        }
        Ok(found)
    }

    /// Reads the file if that has not been done since it changed.
    ///
    /// When it cannot be read, what was known of it is forgotten: nobody is let in by a file that has been removed.
    pub(super) fn refresh(&mut self, now: Instant) -> Result<(), FileError> {
        let is_unchanged = self.loaded.as_ref().is_some_and(Loaded::is_unchanged);
        if !self.watch.is_due(is_unchanged, now) {
            return Ok(());
        }
        self.watch.note_opened(now);
        let opened = self.source.open().map_err(|error| FileError::not_opened(&self.path, error));
        if let (Ok(file), Some(loaded)) = (&opened, &self.loaded) {
            if loaded.is_settled && file.metadata().is_ok_and(|metadata| Stamp::of(&metadata) == loaded.stamp)
            {
                return Ok(());
            }
        }
        self.loaded = None;
        self.loaded = Some(Loaded::read(opened?, &self.path, &self.keyed)?);
        Ok(())
    }
}

impl Loaded {
    /// Whether the file has the names and the contents that it had when it was read, as far as it tells.
    fn is_unchanged(&self) -> bool {
        self.is_settled && self.file.metadata().is_ok_and(|metadata| Stamp::of(&metadata) == self.stamp)
    }

    /// Reads the file until it was of one piece.
    fn read(file: File, path: &Path, keyed: &Keyed) -> Result<Self, FileError> {
        let mut last = FileError::Unsteady(path.to_owned());
        for read in 0..MOST_READS {
            if read > 0 {
                pause();
            }
            let stamp = read_stamp(&file, path)?;
            let is_settled = !has_just_changed(&file);
            let Some(bytes) = read_steady(&file, path, &stamp, is_settled)? else { continue };
            match users_of(bytes.as_bytes(), keyed) {
                Ok(users) => return Ok(Self { file, stamp, is_settled, users }),
                // Half of a change may look like damage.
                Err(why) => last = FileError::NotRead(path.to_owned(), why),
            }
            if is_settled {
                break;
            }
        }
        Err(last)
    }
}

#[allow(clippy::disallowed_methods, reason = "only the logins of one batch wait for this process")]
fn pause() {
    thread::sleep(PAUSE);
}

fn read_stamp(file: &File, path: &Path) -> Result<Stamp, FileError> {
    file.metadata().map(|metadata| Stamp::of(&metadata)).map_err(|error| FileError::unreadable(path, &error))
}

/// Whether it was changed so lately that a further change might not show.
fn has_just_changed(file: &File) -> bool {
    let Ok(metadata) = file.metadata() else { return true };
    let changed = u64::try_from(metadata.ctime()).ok().zip(u32::try_from(metadata.ctime_nsec()).ok());
    let Some((seconds, nanoseconds)) = changed else { return false };
    let changed = SystemTime::UNIX_EPOCH.checked_add(Duration::new(seconds, nanoseconds));
    // In the future: somebody has set the clock, and it may be long until then.
    changed.and_then(|changed| changed.elapsed().ok()).is_some_and(|age| age < UNSETTLED)
}

/// The whole file, which had that stamp before; `None` if it was written to meanwhile.
fn read_steady(
    file: &File,
    path: &Path,
    stamp: &Stamp,
    is_settled: bool,
) -> Result<Option<Secret>, FileError> {
    if file.metadata().is_ok_and(|metadata| metadata.len() > LARGEST) {
        return Err(FileError::TooLarge(path.to_owned()));
    }
    // What it is if it is no database is told by the walk through it.
    let format = format_of(read(file, path, BEGINNING)?.as_bytes()).ok();
    let _lock = lock(file, format).map_err(|error| FileError::locked(path, &error))?;
    let bytes = read(file, path, LARGEST)?;
    // Just after a change another one need not show.
    let is_same = is_settled || read(file, path, LARGEST)? == bytes;
    let revision = |bytes: &Secret| format.and_then(|format| revision(format, bytes.as_bytes()));
    let is_steady = is_same
        && read_stamp(file, path)? == *stamp
        && revision(&read(file, path, BEGINNING)?) == revision(&bytes);
    Ok(is_steady.then_some(bytes))
}

fn users_of(bytes: &[u8], keyed: &Keyed) -> Result<Users, NotRead> {
    let mut users = Users::default();
    let walked = walk(bytes, &mut |key, value| users.add(keyed, key, value));
    wipe_stack();
    walked?;
    users.sort();
    Ok(users)
}

/// gdbm's writers lock the file, and map it, so that its times do not tell when it is written to.
fn lock(file: &File, format: Option<Format>) -> io::Result<Option<SharedLock<'_>>> {
    match format {
        Some(Format::Gdbm) => SharedLock::within(LOCK_WAIT, file).map(Some),
        Some(Format::Berkeley | Format::Lmdb) | None => Ok(None),
    }
}

/// The file from its start, up to so many bytes.
fn read(file: &File, path: &Path, most: u64) -> Result<Secret, FileError> {
    let unreadable = |error: io::Error| FileError::unreadable(path, &error);
    let size = file.metadata().map_err(unreadable)?.len().min(most);
    let mut bytes = Secret::default();
    // A byte more, to see whether it has grown.
    bytes.resize(usize::try_from(size).unwrap_or(usize::MAX).saturating_add(1));
    let mut length = 0;
    loop {
        let room = bytes.as_mut_bytes().get_mut(length..).unwrap_or_default();
        match file.read_at(room, length as u64) {
            Ok(0) => break,
            Ok(read) => length += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(unreadable(error)),
        }
    }
    bytes.resize(length);
    Ok(bytes)
}

/// Why the database cannot be used.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum FileError {
    Unreadable(PathBuf, String),
    NotAFile(PathBuf),
    NotRead(PathBuf, NotRead),
    Locked(PathBuf, String),
    TooLarge(PathBuf),
    Unsteady(PathBuf),
}

impl FileError {
    fn not_opened(path: &Path, error: OpenError) -> Self {
        match error {
            OpenError::System(number) => Self::unreadable(path, &io::Error::from_raw_os_error(number)),
            OpenError::NotRegular => Self::NotAFile(path.to_owned()),
        }
    }

    fn unreadable(path: &Path, error: &io::Error) -> Self {
        Self::Unreadable(path.to_owned(), strerror(error))
    }

    fn locked(path: &Path, error: &io::Error) -> Self {
        Self::Locked(path.to_owned(), strerror(error))
    }

    /// Whether nobody has made one yet.
    pub(super) fn is_missing(&self) -> bool {
        let missing = strerror(&io::Error::from_raw_os_error(libc::ENOENT));
        matches!(self, Self::Unreadable(_, error) if *error == missing)
    }
}

impl fmt::Display for FileError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = match self {
            Self::Unreadable(path, _)
            | Self::NotAFile(path)
            | Self::NotRead(path, _)
            | Self::Locked(path, _)
            | Self::TooLarge(path)
            | Self::Unsteady(path) => path.display(),
        };
        match self {
            Self::Unreadable(_, error) => write!(formatter, "The sasldb {path} cannot be read: {error}"),
            Self::NotAFile(_) => write!(formatter, "The sasldb {path} is not a regular file"),
            Self::NotRead(_, why) => write!(formatter, "The sasldb {path} cannot be read: {why}"),
            Self::Locked(_, error) => {
                write!(formatter, "The sasldb {path} is locked by a program that writes to it: {error}")
            }
            Self::TooLarge(_) => write!(formatter, "The sasldb {path} is larger than {} MiB", LARGEST >> 20),
            Self::Unsteady(_) => write!(formatter, "The sasldb {path} keeps changing while it is read"),
        }
    }
}

#[cfg(test)]
#[path = "file_tests.rs"]
mod tests;
