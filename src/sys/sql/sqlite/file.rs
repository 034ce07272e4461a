//! The file of a database, looked at from outside.
#![forbid(unsafe_code)]

use crate::strerror::strerror;
use std::fs::{self, File, Metadata};
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// Which file it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Identity {
    device: u64,
    inode: u64,
}

/// Which file it is, and when it was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct State {
    identity: Identity,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

/// For so long a file must not have changed: the times of a file advance in steps, of 4 ms mostly.
const AT_REST: Duration = Duration::from_millis(100);

/// The file at that path, which this process can read.
///
/// # Errors
/// Why it cannot, as a phrase that names who would have to be allowed to.
pub(super) fn identity(path: &Path) -> Result<Identity, String> {
    let described = File::open(path).and_then(|file| file.metadata());
    match described {
        Ok(metadata) if metadata.is_file() => Ok(identity_of(&metadata)),
        Ok(_) => Err("it is not a file".to_owned()),
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
            let user = crate::sys::inode::own_user_and_group().0;
            Err(format!(
                "{}; workers run as user {user}, who must be allowed to read it and to enter its directory",
                strerror(&error)
            ))
        }
        Err(error) => Err(strerror(&error)),
    }
}

fn identity_of(metadata: &Metadata) -> Identity {
    Identity { device: metadata.dev(), inode: metadata.ino() }
}

/// Whether the file's changes are written to another beside it first: WAL mode is 2 in both bytes that tell the versions
/// of the format (sqlite.org/fileformat2.html, 1.3.3).
pub(super) fn is_wal(path: &Path) -> bool {
    let mut start = [0; 20];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut start));
    read.is_ok() && start.ends_with(&[2, 2])
}

/// The state of a file that nobody has been writing to of late: there are no changes beside it, and it is as it has been
/// for a while.
pub(super) fn at_rest(path: &Path) -> Option<State> {
    let beside = |suffix: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        fs::metadata(PathBuf::from(name)).is_ok_and(|metadata| metadata.len() > 0)
    };
    let metadata = fs::metadata(path).ok()?;
    let age = SystemTime::now().duration_since(metadata.modified().ok()?).ok()?;
    if age < AT_REST || beside("-wal") || beside("-journal") {
        return None;
    }
    Some(State {
        identity: identity_of(&metadata),
        size: metadata.len(),
        modified: (metadata.mtime(), metadata.mtime_nsec()),
        changed: (metadata.ctime(), metadata.ctime_nsec()),
    })
}
