//! What a process that holds passwords asks of the kernel, and the limits it needs.

use std::io;

/// Keeps this process's memory out of core files and from debuggers of the same account.
///
/// Both are asked for and neither is vital: a refusal leaves the system's own settings.
pub fn forbid_memory_dumps() {
    let none = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `none` outlives the call; PR_SET_DUMPABLE takes a number.
    unsafe {
        libc::setrlimit(libc::RLIMIT_CORE, &raw const none);
        libc::prctl(libc::PR_SET_DUMPABLE, 0);
    }
}

/// Names the process in `ps` and `/proc/PID/comm`: exec'd from a descriptor it would have its number for a name.
pub fn name_process() {
    // SAFETY: the pointer is to a NUL-terminated string of at most 16 bytes.
    unsafe { libc::prctl(libc::PR_SET_NAME, c"saslauthd".as_ptr()) };
}

/// Raises the limit on open descriptors as far as it may go; returns the limit then in force.
pub fn raise_descriptor_limit() -> usize {
    raise_descriptor_limit_to(usize::MAX)
}

/// Raises the limit on open descriptors to `least` where it is lower and may be raised, and leaves it alone where it
/// is not: programs of others go through all the numbers below it. Returns how far it may go.
pub fn raise_descriptor_limit_to(least: usize) -> usize {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` is valid for the write.
    if unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) } == -1 {
        return 1024;
    }
    let least = libc::rlim_t::try_from(least).unwrap_or(libc::rlim_t::MAX).min(limit.rlim_max);
    if limit.rlim_cur < least {
        let raised = libc::rlimit { rlim_cur: least, ..limit };
        // SAFETY: `raised` outlives the call.
        if unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const raised) } == -1 {
            limit.rlim_max = limit.rlim_cur;
        }
    }
    usize::try_from(limit.rlim_max).unwrap_or(usize::MAX)
}

/// Ends this process without running what libraries have registered for its end: a PAM module that dawdles there
/// must not keep it.
pub fn end_at_once(status: u8) -> ! {
    // SAFETY: _exit takes a number and does not return.
    unsafe { libc::_exit(i32::from(status)) }
}

/// Lets all signals through, whatever the launcher had blocked: with TERM blocked the daemon could not be stopped.
pub fn unblock_signals() {
    // SAFETY: `none` is valid for the write, and read after it was made an empty set.
    unsafe {
        let mut none = std::mem::zeroed();
        libc::sigemptyset(&raw mut none);
        libc::sigprocmask(libc::SIG_SETMASK, &raw const none, std::ptr::null_mut());
    }
}

/// The user whose rights this process has at the moment. A PAM module that changes them for its work and fails on the
/// way leaves the process with another user's.
pub fn effective_user() -> libc::uid_t {
    // SAFETY: geteuid takes nothing and always succeeds.
    unsafe { libc::geteuid() }
}

/// 32 random bytes from the kernel.
///
/// # Errors
/// Those of getrandom(2).
pub fn random_key() -> io::Result<[u8; 32]> {
    let mut key = [0; 32];
    // SAFETY: the pointer and length are those of `key`. Up to 256 bytes are never cut short.
    let got = unsafe { libc::getrandom(key.as_mut_ptr().cast(), key.len(), 0) };
    if usize::try_from(got) == Ok(key.len()) { Ok(key) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    #[test]
    fn the_effective_user_owns_the_files_that_are_made() {
        let file = tempfile::tempfile().unwrap();
        assert_eq!(file.metadata().unwrap().uid(), super::effective_user());
    }

    #[test]
    fn two_keys_are_never_the_same() {
        assert_ne!(super::random_key().unwrap(), super::random_key().unwrap());
    }
}
