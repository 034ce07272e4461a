//! Files without a name in any directory.

use super::result::check;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{FromRawFd, OwnedFd};

/// A file in memory that holds `bytes` and belongs to the account of this process, which can open it by its number below
/// /proc/self/fd. It is gone, and its memory free, when nobody has it open.
///
/// # Errors
/// When there is no descriptor or memory left.
pub fn holding(bytes: &[u8]) -> io::Result<File> {
    // SAFETY: the name ends in NUL.
    let created = unsafe { libc::memfd_create(c"saslauthd".as_ptr(), libc::MFD_CLOEXEC) };
    check(created)?;
    // SAFETY: the descriptor has just been made, and nobody else has its number.
    let mut file = File::from(unsafe { OwnedFd::from_raw_fd(created) });
    file.write_all(bytes)?;
    Ok(file)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::os::fd::AsRawFd;

    #[test]
    fn what_is_put_into_a_file_in_memory_can_be_read_by_its_number() {
        let file = holding(b"\x05\x02key").unwrap();
        let path = format!("/proc/self/fd/{}", file.as_raw_fd());
        assert_eq!(std::fs::read(path).unwrap(), b"\x05\x02key");
    }
}
