//! Ends a connection when the time is over, while libmariadb negotiates TLS: that it does in one go, and a server that says
//! a byte now and then would keep it there for ever.
#![forbid(unsafe_code)]

use crate::sys::socket;
use crate::sys::sql::remaining;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Instant;

/// A thread that waits for the end of the time; dropping this ends it.
pub(super) struct Guard {
    /// Without it the thread ends.
    is_wanted: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Guard {
    /// Watches over this connection until `deadline`.
    ///
    /// # Errors
    /// When there is no descriptor or no thread to be had.
    pub(super) fn over(connection: BorrowedFd<'_>, deadline: Instant) -> io::Result<Self> {
        // It stays the same connection, whatever the library does with its own descriptor.
        let connection = connection.try_clone_to_owned()?;
        let (is_wanted, end) = channel();
        let thread = thread::Builder::new().spawn(move || watch(&connection, &end, deadline))?;
        Ok(Self { is_wanted: Some(is_wanted), thread: Some(thread) })
    }
}

fn watch(connection: &OwnedFd, end: &Receiver<()>, deadline: Instant) {
    if end.recv_timeout(remaining(deadline)) == Err(RecvTimeoutError::Timeout) {
        socket::end(connection.as_fd());
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        drop(self.is_wanted.take());
        let ended = self.thread.take().map(JoinHandle::join);
        debug_assert!(!matches!(ended, Some(Err(_))), "it does not panic");
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::os::unix::net::UnixStream;
    use std::time::Duration;

    #[test]
    fn a_read_ends_with_the_time_and_not_before() {
        let (mut reader, _writer) = UnixStream::pair().unwrap();
        let deadline = Instant::now() + Duration::from_millis(50);
        let _guard = Guard::over(reader.as_fd(), deadline).unwrap();
        assert_eq!(reader.read(&mut [0]).unwrap(), 0);
        assert!(Instant::now() >= deadline);
    }

    #[test]
    fn a_connection_that_was_made_in_time_is_left_alone() {
        let (mut reader, mut writer) = UnixStream::pair().unwrap();
        drop(Guard::over(reader.as_fd(), Instant::now() + Duration::from_secs(3600)).unwrap());
        io::Write::write_all(&mut writer, b"x").unwrap();
        assert_eq!(reader.read(&mut [0]).unwrap(), 1);
    }
}
