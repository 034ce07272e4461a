//! This process: its name, its end.

/// Names the process in `ps` and `/proc/PID/comm`: exec'd through /proc/self/exe it would be called `exe`.
pub fn set_name() {
    // SAFETY: the pointer is to a NUL-terminated string of at most 16 bytes.
    unsafe { libc::prctl(libc::PR_SET_NAME, c"saslauthd".as_ptr()) };
}

/// Ends this process without running what libraries have registered for its end: a PAM module that dawdles there
/// must not keep it.
pub fn end_at_once(status: u8) -> ! {
    // SAFETY: _exit takes a number and does not return.
    unsafe { libc::_exit(i32::from(status)) }
}
