//! The file that a mechanism reads, and that its worker may have no right to open.
#![forbid(unsafe_code)]

use crate::ipc::OpenError;
use std::fs::{File, Metadata, OpenOptions, metadata};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::time::{Duration, Instant};

/// For how long a file that is kept open counts for what is at its path, if it does not say itself that it has changed.
pub const LOOK: Duration = Duration::from_secs(1);

/// Where a worker has the file of its mechanism from.
pub trait FileSource {
    /// The file that is at its path now, to be read.
    ///
    /// # Errors
    /// Why it cannot be had.
    fn open(&mut self) -> Result<File, OpenError>;
}

/// Opens what is at `path` if it is a regular file, for reading.
///
/// # Errors
/// Those of stat(2) and open(2), and [`OpenError::NotRegular`].
pub fn open_regular(path: &Path) -> Result<File, OpenError> {
    // Before it is opened: some devices act on that.
    regular(metadata(path))?;
    // A FIFO that has taken the file's place by now would wait for a writer, and a terminal become ours; regular files
    // ignore the flags.
    let flags = libc::O_NONBLOCK | libc::O_NOCTTY;
    let file =
        OpenOptions::new().read(true).custom_flags(flags).open(path).map_err(|error| system(&error))?;
    regular(file.metadata())?;
    Ok(file)
}

fn regular(metadata: io::Result<Metadata>) -> Result<(), OpenError> {
    let metadata = metadata.map_err(|error| system(&error))?;
    if metadata.is_file() { Ok(()) } else { Err(OpenError::NotRegular) }
}

/// An error of the system as one that can be told to another process.
pub fn system(error: &io::Error) -> OpenError {
    OpenError::System(error.raw_os_error().unwrap_or(libc::EIO))
}

/// When what is at the path was opened.
#[derive(Debug, Default)]
pub struct Watch {
    opened: Option<Instant>,
}

impl Watch {
    /// Whether it has to be opened anew: the file that is kept open has changed, or it is [`LOOK`] since the last time.
    pub fn is_due(&self, is_unchanged: bool, now: Instant) -> bool {
        !is_unchanged || self.opened.is_none_or(|opened| now.saturating_duration_since(opened) >= LOOK)
    }

    /// It is opened now, whatever comes of it.
    pub fn note_opened(&mut self, now: Instant) {
        self.opened = Some(now);
    }
}

/// What differs when a file is another one, or has been written to, unless that was within one step of the file system's clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    device: u64,
    inode: u64,
    /// One less when the file was removed or another has taken its name.
    names: u64,
    size: u64,
    modified: (i64, i64),
    /// Cannot be set back, as the time of modification can.
    changed: (i64, i64),
}

impl Stamp {
    /// Of what fstat(2) says.
    pub fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            names: metadata.nlink(),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

#[cfg(test)]
pub(super) mod testing {
    use super::{FileSource, open_regular};
    use crate::ipc::OpenError;
    use std::cell::Cell;
    use std::fs::File;
    use std::path::{Path, PathBuf};
    use std::rc::Rc;

    /// The supervisor's part, in this process.
    pub(in crate::mechanism) struct OpenedHere {
        path: PathBuf,
        count: Rc<Cell<usize>>,
    }

    impl OpenedHere {
        pub(in crate::mechanism) fn at(path: &Path) -> Self {
            Self { path: path.to_owned(), count: Rc::default() }
        }

        /// How often it was asked, also later.
        pub(in crate::mechanism) fn count(&self) -> Rc<Cell<usize>> {
            Rc::clone(&self.count)
        }
    }

    impl FileSource for OpenedHere {
        fn open(&mut self) -> Result<File, OpenError> {
            self.count.set(self.count.get() + 1);
            open_regular(&self.path)
        }
    }
}
