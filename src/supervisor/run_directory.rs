//! The run directory: made when missing, then the working directory of all processes.
#![forbid(unsafe_code)]

use super::start_error::StartError;
use crate::sys::daemon::set_umask;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

/// Everybody must be able to reach the socket; packages that want less make the directory themselves.
const MODE: u32 = 0o755;
/// The C daemon's: files are its own business unless their mode is set afterwards.
const UMASK: u32 = 0o077;

/// Makes the directory if it is missing (but not its parents), and enters it.
pub(super) fn enter(path: &Path) -> Result<(), StartError> {
    match fs::DirBuilder::new().mode(MODE).create(path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => {
            return Err(StartError::MakeDirectory(path.to_owned(), error));
        }
        _ => {}
    }
    set_umask(UMASK);
    std::env::set_current_dir(path).map_err(|error| StartError::EnterDirectory(path.to_owned(), error))
}
