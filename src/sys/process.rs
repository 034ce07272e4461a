//! This process: its name, its group, its end.

use super::result::check;
use std::io;

/// Names the process in `ps` and `/proc/PID/comm`: exec'd through /proc/self/exe it would be called `exe`.
pub fn set_name() {
    // SAFETY: the pointer is to a NUL-terminated string of at most 16 bytes.
    unsafe { libc::prctl(libc::PR_SET_NAME, c"saslauthd".as_ptr()) };
}

/// Gives this process a group of its own, unless whoever started it has done so.
///
/// # Errors
/// Those of setpgid(2); SELinux's policies refuse it.
pub fn lead_own_group() -> io::Result<()> {
    // SAFETY: getpgrp and getpid take nothing and cannot fail; setpgid takes numbers.
    unsafe {
        if libc::getpgrp() == libc::getpid() {
            return Ok(());
        }
        check(libc::setpgid(0, 0))
    }
}

/// Ends this process without running what libraries have registered for its end: a PAM module that dawdles there
/// must not keep it.
pub fn end_at_once(status: u8) -> ! {
    // SAFETY: _exit takes a number and does not return.
    unsafe { libc::_exit(i32::from(status)) }
}
