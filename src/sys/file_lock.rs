//! flock(2), for files whose writers lock them.

use super::descriptor::wait_writable;
use super::result::check;
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

/// How often a lock that somebody else holds is tried for: a writer holds it for some milliseconds.
const PAUSE: Duration = Duration::from_millis(5);

/// A lock that is shared with other readers, until it is dropped.
pub struct SharedLock<'a>(&'a File);

impl<'a> SharedLock<'a> {
    /// Waits for writers for so long at the most.
    ///
    /// # Errors
    /// Those of flock(2): `WouldBlock` if a writer has it all the time.
    pub fn within(limit: Duration, file: &'a File) -> io::Result<Self> {
        let start = Instant::now();
        loop {
            // SAFETY: flock takes numbers.
            match check(unsafe { libc::flock(file.as_raw_fd(), libc::LOCK_SH | libc::LOCK_NB) }) {
                Ok(()) => return Ok(Self(file)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock && start.elapsed() < limit => {
                    // Of no descriptor: it takes the time that it is given.
                    wait_writable(&[], PAUSE);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

impl Drop for SharedLock<'_> {
    fn drop(&mut self) {
        // SAFETY: flock takes numbers.
        unsafe { libc::flock(self.0.as_raw_fd(), libc::LOCK_UN) };
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn readers_share_a_lock_and_wait_for_a_writer_for_a_bounded_time() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("db");
        std::fs::write(&path, "").unwrap();
        let open = || File::open(&path).unwrap();
        let (one, other, writer) = (open(), open(), open());
        {
            let _one = SharedLock::within(Duration::ZERO, &one).unwrap();
            let _other = SharedLock::within(Duration::ZERO, &other).unwrap();
        }
        // SAFETY: flock takes numbers.
        check(unsafe { libc::flock(writer.as_raw_fd(), libc::LOCK_EX | libc::LOCK_NB) }).unwrap();
        let refused = SharedLock::within(Duration::from_millis(20), &one).err().unwrap();
        assert_eq!(refused.kind(), io::ErrorKind::WouldBlock);
        drop(writer);
        assert!(SharedLock::within(Duration::from_secs(10), &one).is_ok());
    }
}
