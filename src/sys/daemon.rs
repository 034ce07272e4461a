//! Leaving the terminal: fork, session, standard streams, umask, file locks, backlog.

use super::result::check;
use std::fs;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

/// Which of the two processes after a fork this is.
pub enum Forked {
    /// The one that went on, with the new one.
    Parent(Child),
    /// The new one.
    Child,
}

/// A process that [`fork`] made.
pub struct Child(libc::pid_t);

impl Child {
    /// Waits for its end.
    ///
    /// # Errors
    /// When nobody keeps its status: SIGCHLD was ignored by whoever started this process.
    pub fn wait(self) -> io::Result<ExitStatus> {
        let mut status = 0;
        loop {
            // SAFETY: `status` outlives the call.
            match check(unsafe { libc::waitpid(self.0, &raw mut status, 0) }) {
                Ok(()) => return Ok(ExitStatus::from_raw(status)),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// Splits the process in two.
///
/// # Errors
/// Those of fork(2): no processes or memory left. Also when the process has more than one thread: the new process
/// would have only this one, and the locks that the others held.
pub fn fork() -> io::Result<Forked> {
    // In a test the runner's thread only waits.
    if !cfg!(test) && fs::read_dir("/proc/self/task").is_ok_and(|threads| threads.count() > 1) {
        return Err(io::Error::other("the process has more than one thread"));
    }
    // SAFETY: the process has one thread, so no lock is held by another at this moment.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => Ok(Forked::Child),
        child => Ok(Forked::Parent(Child(child))),
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
