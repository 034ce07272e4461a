//! What a system call returns, as a `Result`.
#![forbid(unsafe_code)]

use std::io;

/// For calls that return -1 when they fail; what else they return is the caller's business. Allocates nothing.
pub(super) fn check(result: libc::c_int) -> io::Result<()> {
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// For calls that return how many bytes they have dealt with.
pub(super) fn check_size(result: libc::ssize_t) -> io::Result<usize> {
    usize::try_from(result).map_err(|_| io::Error::last_os_error())
}
