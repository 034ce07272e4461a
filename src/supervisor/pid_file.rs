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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::sys::daemon::{Forked, fork, set_umask};
    use crate::sys::testing::{in_own_mounts, mount, passes_in_own_process};
    use std::os::unix::fs::symlink;

    /// Runs `body` with a run directory as its working directory, in a process of its own: locks belong to processes.
    fn in_run_directory(test: &str, body: fn(&Path)) {
        passes_in_own_process(&format!("supervisor::pid_file::tests::{test}"), || {
            let directory = tempfile::tempdir().unwrap();
            std::env::set_current_dir(&directory).unwrap();
            set_umask(0o077);
            body(directory.path());
        });
    }

    /// What another process gets: 0 for a lock, else the exit status of the error.
    fn elsewhere(attempt: impl FnOnce() -> Result<(), StartError>) -> Option<i32> {
        match fork().unwrap() {
            Forked::Parent(child) => child.wait().unwrap().code(),
            Forked::Child => {
                let status = attempt().map_or_else(|error| error.exit_status(), |()| 0);
                std::process::exit(status.into())
            }
        }
    }

    #[test]
    fn the_pid_file_tells_everybody_which_process_to_signal_and_goes_with_it() {
        in_run_directory(
            "the_pid_file_tells_everybody_which_process_to_signal_and_goes_with_it",
            |directory| {
                let locked = Locked::pid_file(directory).unwrap();
                assert_eq!(fs::read_to_string(PID_FILE).unwrap(), format!("{}\n", std::process::id()));
                assert_eq!(fs::metadata(PID_FILE).unwrap().permissions().mode() & 0o7777, 0o644);
                drop(locked);
                assert!(!Path::new(PID_FILE).exists());
            },
        );
    }

    #[test]
    fn only_one_process_gets_a_lock_and_the_next_one_once_it_is_free() {
        in_run_directory("only_one_process_gets_a_lock_and_the_next_one_once_it_is_free", |directory| {
            for take in [Locked::pid_file, Locked::start_lock] {
                let locked = take(directory).unwrap();
                assert_eq!(elsewhere(|| take(directory).map(drop)), Some(2));
                drop(locked);
                assert_eq!(elsewhere(|| take(directory).map(drop)), Some(0));
            }
        });
    }

    #[test]
    fn a_refused_process_leaves_the_files_of_the_other_alone() {
        in_run_directory("a_refused_process_leaves_the_files_of_the_other_alone", |directory| {
            let _locked = Locked::pid_file(directory).unwrap();
            elsewhere(|| Locked::pid_file(directory).map(drop));
            elsewhere(|| Locked::refuse_beside_pid_file(directory));
            assert_eq!(elsewhere(|| Locked::pid_file(directory).map(drop)), Some(2), "still locked");
            // Last, since closing the file gives the lock up.
            assert_eq!(fs::read_to_string(PID_FILE).unwrap(), format!("{}\n", std::process::id()));
        });
    }

    #[test]
    fn a_forked_copy_does_not_remove_the_files_of_the_daemon() {
        in_run_directory("a_forked_copy_does_not_remove_the_files_of_the_daemon", |directory| {
            let mut locked = Some(Locked::pid_file(directory).unwrap());
            elsewhere(|| {
                drop(locked.take());
                Ok(())
            });
            assert!(locked.is_some());
            assert!(Path::new(PID_FILE).exists());
        });
    }

    #[test]
    fn the_pid_file_of_a_dead_daemon_is_written_anew() {
        in_run_directory("the_pid_file_of_a_dead_daemon_is_written_anew", |directory| {
            fs::write(PID_FILE, "123456789123456789\nand more\n").unwrap();
            assert_eq!(elsewhere(|| Locked::refuse_beside_pid_file(directory)), Some(0));
            let _locked = Locked::pid_file(directory).unwrap();
            assert_eq!(fs::read_to_string(PID_FILE).unwrap(), format!("{}\n", std::process::id()));
        });
    }

    #[test]
    fn a_daemon_in_the_foreground_does_not_start_beside_a_detached_one() {
        in_run_directory("a_daemon_in_the_foreground_does_not_start_beside_a_detached_one", |directory| {
            assert_eq!(elsewhere(|| Locked::refuse_beside_pid_file(directory)), Some(0));
            let _locked = Locked::pid_file(directory).unwrap();
            assert_eq!(elsewhere(|| Locked::refuse_beside_pid_file(directory)), Some(2));
        });
    }

    #[test]
    fn a_link_or_directory_in_place_of_a_file_is_an_error_that_names_it() {
        in_run_directory("a_link_or_directory_in_place_of_a_file_is_an_error_that_names_it", |directory| {
            fs::write("precious", "precious").unwrap();
            symlink("precious", PID_FILE).unwrap();
            fs::create_dir(START_LOCK).unwrap();
            for (take, name) in
                [(Locked::pid_file as fn(&_) -> _, PID_FILE), (Locked::start_lock, START_LOCK)]
            {
                let error = take(directory).err().unwrap();
                assert!(error.to_string().contains(directory.join(name).to_str().unwrap()), "{error}");
                assert_eq!(error.exit_status(), 1);
            }
            assert_eq!(fs::read_to_string("precious").unwrap(), "precious");
        });
    }

    #[test]
    fn a_file_that_somebody_put_in_its_place_is_not_removed() {
        in_run_directory("a_file_that_somebody_put_in_its_place_is_not_removed", |directory| {
            let locked = Locked::pid_file(directory).unwrap();
            fs::rename(PID_FILE, "moved").unwrap();
            fs::write(PID_FILE, "theirs").unwrap();
            drop(locked);
            assert_eq!(fs::read_to_string(PID_FILE).unwrap(), "theirs");
        });
    }

    #[test]
    fn a_full_disk_is_an_error_that_names_the_file_and_leaves_none() {
        let name = "supervisor::pid_file::tests::a_full_disk_is_an_error_that_names_the_file_and_leaves_none";
        in_own_mounts(name, || {
            let directory = tempfile::tempdir().unwrap();
            let options = ["-t", "tmpfs", "-o", "size=64k", "none"].map(Path::new);
            mount(&[options.as_slice(), &[directory.path()]].concat());
            std::env::set_current_dir(&directory).unwrap();
            fs::write("filler", [0; 1 << 17]).unwrap_err();
            let error = Locked::pid_file(directory.path()).err().unwrap().to_string();
            assert!(error.contains(directory.path().join(PID_FILE).to_str().unwrap()), "{error}");
            assert!(error.contains("No space left"), "{error}");
            assert!(!Path::new(PID_FILE).exists());
            std::env::set_current_dir("/").unwrap();
            std::process::Command::new("umount").arg(directory.path()).status().unwrap();
        });
    }
}
