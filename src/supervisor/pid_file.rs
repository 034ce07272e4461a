//! The lock files that keep a second daemon out, under the C daemon's names and with its kind of lock.
#![forbid(unsafe_code)]

use super::start_error::StartError;
use crate::sys::daemon::try_lock;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Names the process that must be signalled; for everybody to read (C leaves it 0600).
const PID_FILE: &str = "saslauthd.pid";
const PID_FILE_MODE: u32 = 0o644;
/// Held while starting, and in the foreground for as long as the daemon runs.
const START_LOCK: &str = "saslauthd.pid.lock";

/// A locked file in the working directory that is removed when dropped by the process that made it.
pub(super) struct Locked {
    name: &'static str,
    file: File,
    owner: u32,
}

impl Locked {
    /// Keeps others from starting at the same time.
    pub(super) fn start_lock(directory: &Path) -> Result<Self, StartError> {
        Self::take(START_LOCK, directory)
    }

    /// Locks the pid file and writes this process's number into it.
    pub(super) fn pid_file(directory: &Path) -> Result<Self, StartError> {
        let locked = Self::take(PID_FILE, directory)?;
        locked
            .write_pid()
            .map_err(|error| StartError::File(directory.join(PID_FILE), "write to pid file", error))?;
        Ok(locked)
    }

    /// Whether a detached daemon runs here, for one that stays in the foreground and has no pid file of its own.
    pub(super) fn refuse_beside_pid_file(directory: &Path) -> Result<(), StartError> {
        match OpenOptions::new().write(true).custom_flags(libc::O_NOFOLLOW).open(PID_FILE) {
            Ok(file) => match try_lock(&file) {
                Ok(true) => Ok(()),
                Ok(false) => Err(StartError::AnotherInstance),
                Err(error) => Err(StartError::File(directory.join(PID_FILE), "lock pid file", error)),
            },
            Err(_) => Ok(()),
        }
    }

    fn take(name: &'static str, directory: &Path) -> Result<Self, StartError> {
        let path = || PathBuf::from(directory).join(name);
        loop {
            let file = open(name).map_err(|error| StartError::File(path(), "open pid file", error))?;
            match try_lock(&file) {
                Ok(true) => {}
                Ok(false) => return Err(StartError::AnotherInstance),
                Err(error) => return Err(StartError::File(path(), "lock pid file", error)),
            }
            // Whoever held it before may have removed it between our opening and locking it.
            if is_at(&file, name) {
                return Ok(Self { name, file, owner: std::process::id() });
            }
        }
    }

    fn write_pid(&self) -> io::Result<()> {
        let mut file = &self.file;
        file.set_permissions(Permissions::from_mode(PID_FILE_MODE))?;
        file.set_len(0)?;
        file.write_all(format!("{}\n", std::process::id()).as_bytes())?;
        file.sync_all()
    }
}

impl Drop for Locked {
    fn drop(&mut self) {
        // Not in a forked copy, and not what somebody else has put there meanwhile.
        if self.owner == std::process::id() && is_at(&self.file, self.name) {
            let _ = fs::remove_file(self.name);
        }
    }
}

fn open(name: &str) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(libc::O_NOFOLLOW)
        .open(name)
}

fn is_at(file: &File, name: &str) -> bool {
    match (file.metadata(), fs::symlink_metadata(name)) {
        (Ok(open), Ok(named)) => (open.dev(), open.ino()) == (named.dev(), named.ino()),
        _ => false,
    }
}
