//! Leaving the terminal: fork, session, standard streams, umask, file locks, backlog.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

/// Which of the two processes after a fork this is.
pub enum Forked {
    /// The one that went on; the number is the new process's.
    Parent(u32),
    /// The new one.
    Child,
}

/// Splits the process in two. Only for a process with one thread, which both then are.
///
/// # Errors
/// Those of fork(2): no processes or memory left.
pub fn fork() -> io::Result<Forked> {
    // SAFETY: the process has one thread, so no lock is held by another at this moment.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => Ok(Forked::Child),
        child => Ok(Forked::Parent(u32::try_from(child).unwrap_or_default())),
    }
}

/// Makes this process the leader of a session without a terminal.
///
/// # Errors
/// Those of setsid(2).
pub fn start_session() -> io::Result<()> {
    // SAFETY: setsid takes nothing.
    check(unsafe { libc::setsid() })
}

/// Lets `file` take the place of standard input, output and error.
///
/// # Errors
/// Those of dup2(2).
pub fn replace_standard_streams(file: BorrowedFd<'_>) -> io::Result<()> {
    for stream in 0..=2 {
        // SAFETY: both numbers are open descriptors; nothing in this program owns 0 to 2.
        check(unsafe { libc::dup2(file.as_raw_fd(), stream) })?;
    }
    Ok(())
}

/// Sets the mode bits that new files do not get; returns those before.
pub fn set_umask(mask: libc::mode_t) -> libc::mode_t {
    // SAFETY: umask takes a number and always succeeds.
    unsafe { libc::umask(mask) }
}

/// Locks the whole file for writing, as the C daemon does, so that the two see each other. `false` if another
/// process holds it. The lock ends with this process, or when it closes any descriptor of the file.
///
/// # Errors
/// Those of fcntl(2).
#[allow(clippy::cast_possible_truncation)] // small constants of a type too wide
pub fn try_lock(file: impl AsFd) -> io::Result<bool> {
    // SAFETY: `flock` is a plain C structure for which all zeros is a value: the whole file.
    let mut lock: libc::flock = unsafe { std::mem::zeroed() };
    (lock.l_type, lock.l_whence) = (libc::F_WRLCK as libc::c_short, libc::SEEK_SET as libc::c_short);
    // SAFETY: `lock` outlives the call.
    match check(unsafe { libc::fcntl(file.as_fd().as_raw_fd(), libc::F_SETLK, &raw const lock) }) {
        Err(error) if matches!(error.raw_os_error(), Some(libc::EAGAIN | libc::EACCES)) => Ok(false),
        result => result.map(|()| true),
    }
}

/// Lets as many connections wait for being accepted as the system allows.
///
/// # Errors
/// Those of listen(2).
pub fn enlarge_backlog(listener: impl AsFd) -> io::Result<()> {
    // SAFETY: listen takes numbers; the kernel cuts the backlog at its own limit.
    check(unsafe { libc::listen(listener.as_fd().as_raw_fd(), libc::c_int::MAX) })
}

fn check(result: libc::c_int) -> io::Result<()> {
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
