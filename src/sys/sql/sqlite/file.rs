//! The file of a database, looked at from outside.
#![forbid(unsafe_code)]

use crate::strerror::strerror;
use crate::sys::inode::own_user_and_group;
use std::fs::{self, File, Metadata};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// Which file it is, and when it was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct State {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

/// For so long a file must not have changed: the times of a file advance in steps, of 4 ms mostly.
const AT_REST: Duration = Duration::from_millis(100);

/// The file at that path as it is now; `None` if there is none. It is not opened: to close it would take away the locks that
/// SQLite has there (sqlite.org/howtocorrupt.html, 2.2).
pub(super) fn state(path: &Path) -> Option<State> {
    fs::metadata(path).ok().map(|metadata| state_of(&metadata))
}

fn state_of(metadata: &Metadata) -> State {
    State {
        device: metadata.dev(),
        inode: metadata.ino(),
        size: metadata.len(),
        modified: (metadata.mtime(), metadata.mtime_nsec()),
        changed: (metadata.ctime(), metadata.ctime_nsec()),
    }
}

/// Whether this process can read the file. Not to be asked while SQLite has it open.
///
/// # Errors
/// Why it cannot, as a phrase that names who would have to be allowed to.
pub(super) fn check_readable(path: &Path) -> Result<(), Unreadable> {
    let metadata = fs::metadata(path).map_err(|error| Unreadable::Refused(reason(&error)))?;
    if !metadata.is_file() {
        // A FIFO would be waited for.
        return Err(Unreadable::Refused("it is not a file".to_owned()));
    }
    match File::open(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::PermissionDenied && may_read(&metadata) => {
            Err(Unreadable::KeptOut)
        }
        Err(error) => Err(Unreadable::Refused(reason(&error))),
    }
}

/// Why a file cannot be read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unreadable {
    /// For anybody's reasons.
    Refused(String),
    /// Its owner and mode let this process read it: it is the sandbox that does not.
    KeptOut,
}

fn reason(error: &std::io::Error) -> String {
    if error.kind() != ErrorKind::PermissionDenied {
        return strerror(error);
    }
    let user = own_user_and_group().0;
    format!(
        "{}; workers run as user {user}, who must be allowed to read it and to enter its directory",
        strerror(error)
    )
}

fn may_read(metadata: &Metadata) -> bool {
    let (user, group) = own_user_and_group();
    let right = match metadata {
        metadata if metadata.uid() == user => 0o400,
        metadata if metadata.gid() == group => 0o040,
        _ => 0o004,
    };
    metadata.mode() & right != 0
}

/// Whether the file's changes are written to a log beside it first: WAL mode is 2 in both bytes that tell the versions of
/// the format (sqlite.org/fileformat2.html, 1.3.3). Not to be asked while SQLite has it open.
pub(super) fn has_wal_mode(path: &Path) -> bool {
    let mut start = [0; 20];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut start));
    read.is_ok() && start.ends_with(&[2, 2])
}

/// Whether there is a log beside it, if only an empty one.
pub(super) fn has_log(path: &Path) -> bool {
    fs::metadata(beside(path, "-wal")).is_ok()
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Whether somebody writes to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rest {
    /// Nobody has for a while, and there is nothing beside it that is not in it.
    Quiet(State),
    /// Somebody has just now.
    Soon,
    /// There are changes beside it, or it is gone.
    No,
}

/// Whether somebody writes to the file.
pub(super) fn rest(path: &Path) -> Rest {
    let Ok(metadata) = fs::metadata(path) else { return Rest::No };
    if left_over(path).is_some() {
        return Rest::No;
    }
    let age = metadata.modified().map(|then| SystemTime::now().duration_since(then).unwrap_or_default());
    if age.is_ok_and(|age| age < AT_REST) {
        return Rest::Soon;
    }
    Rest::Quiet(state_of(&metadata))
}

/// The file beside it that has changes which are not in it, or what to take back of it.
pub(super) fn left_over(path: &Path) -> Option<PathBuf> {
    let mut beside = ["-wal", "-journal"].into_iter().map(|suffix| beside(path, suffix));
    beside.find(|path| fs::metadata(path).is_ok_and(|metadata| metadata.len() > 0))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn a_file_is_at_rest_when_nobody_has_written_to_it_or_beside_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("users.db");
        assert_eq!(rest(&path), Rest::No);
        fs::write(&path, "x").unwrap();
        assert_eq!(rest(&path), Rest::Soon);
        let set_age = |age| {
            let then = SystemTime::now() - Duration::from_secs(age);
            File::options().write(true).open(&path).unwrap().set_modified(then).unwrap();
        };
        set_age(60);
        let before = rest(&path);
        assert!(matches!(before, Rest::Quiet(_)), "{before:?}");
        set_age(30);
        assert_ne!(rest(&path), before, "another time is another state");
        fs::write(beside(&path, "-wal"), "").unwrap();
        assert!(has_log(&path) && matches!(rest(&path), Rest::Quiet(_)), "an empty log has no changes");
        fs::write(beside(&path, "-wal"), "x").unwrap();
        assert_eq!(rest(&path), Rest::No);
    }

    #[test]
    fn why_a_file_cannot_be_read_is_told() {
        let directory = tempfile::tempdir().unwrap();
        let refused = |path: &Path| match check_readable(path) {
            Err(Unreadable::Refused(reason)) => reason,
            other => panic!("{other:?}"),
        };
        assert_eq!(refused(directory.path()), "it is not a file");
        let missing = directory.path().join("none");
        assert_eq!(refused(&missing), "No such file or directory");
        assert_eq!(state(&missing), None);
        let fifo = directory.path().join("fifo");
        assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
        assert_eq!(refused(&fifo), "it is not a file");
    }
}
