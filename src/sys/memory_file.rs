//! Files without a name in any directory.

use super::result::check;
use std::fs::File;
use std::io::{self, Seek, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

/// A file in memory that holds `bytes` and never anything else, which every process that has it can open again by its number
/// below /proc/self/fd, whatever its account. It is gone, and its memory free, when nobody has it open.
///
/// # Errors
/// When there is no descriptor or memory left.
pub fn holding(bytes: &[u8]) -> io::Result<File> {
    // SAFETY: the name ends in NUL.
    let created =
        unsafe { libc::memfd_create(c"saslauthd".as_ptr(), libc::MFD_CLOEXEC | libc::MFD_ALLOW_SEALING) };
    check(created)?;
    // SAFETY: the descriptor has just been made, and nobody else has its number.
    let mut file = File::from(unsafe { OwnedFd::from_raw_fd(created) });
    file.write_all(bytes)?;
    file.rewind()?;
    let seals = libc::F_SEAL_WRITE | libc::F_SEAL_GROW | libc::F_SEAL_SHRINK | libc::F_SEAL_SEAL;
    // SAFETY: the call takes a descriptor, which is open, and numbers.
    check(unsafe { libc::fcntl(file.as_raw_fd(), libc::F_ADD_SEALS, seals) })?;
    Ok(file)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_a_file_in_memory_can_be_read_by_its_number_and_not_changed() {
        let mut file = holding(b"\x05\x02key").unwrap();
        let path = format!("/proc/self/fd/{}", file.as_raw_fd());
        assert_eq!(std::fs::read(path).unwrap(), b"\x05\x02key");
        assert!(file.write_all(b"x").is_err() && file.set_len(0).is_err());
    }
}
