//! The file of a mechanism, from the supervisor, which has the rights to open it.
#![forbid(unsafe_code)]

use crate::ipc::{FILE_ANSWER, FILE_WANTED, OpenError, decode_opened};
use crate::mechanism::file::{FileSource, system};
use crate::sys::socket;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

/// A socket at whose other end the supervisor opens the file.
pub(super) struct FromSupervisor(pub(super) OwnedFd);

impl FromSupervisor {
    fn ask(&self) -> io::Result<Result<File, OpenError>> {
        socket::send(self.0.as_fd(), FILE_WANTED)?;
        let mut answer = [0; FILE_ANSWER];
        let (length, file) = socket::receive_with_descriptor(self.0.as_fd(), &mut answer)?
            .ok_or(io::ErrorKind::BrokenPipe)
            .map_err(|_| io::Error::from_raw_os_error(libc::EPIPE))?;
        let opened = decode_opened(answer.get(..length).unwrap_or_default()).map_err(io::Error::other)?;
        match (opened, file) {
            (Ok(()), Some(file)) => Ok(Ok(file.into())),
            // This process has no descriptor left for it.
            (Ok(()), None) => Err(io::Error::from_raw_os_error(libc::EMFILE)),
            (Err(error), _) => Ok(Err(error)),
        }
    }
}

impl FileSource for FromSupervisor {
    fn open(&mut self) -> Result<File, OpenError> {
        self.ask().unwrap_or_else(|error| Err(system(&error)))
    }
}
