//! The file that a mechanism reads, and that its worker may have no right to open.
#![forbid(unsafe_code)]

use crate::ipc::OpenError;
use std::fs::{File, Metadata, OpenOptions, metadata};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

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
