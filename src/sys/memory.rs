//! This process's memory: kept out of core files and debuggers, and measured.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::str;
use std::sync::OnceLock;

/// Keeps this process's memory out of core files and from debuggers of the same account.
///
/// Both are asked for and neither is vital: a refusal leaves the system's own settings.
pub fn forbid_dumps() {
    let none = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `none` outlives the call; PR_SET_DUMPABLE takes a number.
    unsafe {
        libc::setrlimit(libc::RLIMIT_CORE, &raw const none);
        libc::prctl(libc::PR_SET_DUMPABLE, 0);
    }
}

/// The most bytes of memory that this process has had resident so far: one system call.
pub fn largest_resident() -> u64 {
    // SAFETY: `rusage` is a plain C structure for which all zeros is a value.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: `usage` is valid for the write.
    unsafe { libc::getrusage(libc::RUSAGE_SELF, &raw mut usage) };
    u64::try_from(usage.ru_maxrss).unwrap_or(0).saturating_mul(1024)
}

/// How many bytes of memory this process has resident; `None` without /proc. The file stays open: a sandbox may keep this
/// process from opening it again.
pub fn resident() -> Option<u64> {
    static COUNTS: OnceLock<Option<File>> = OnceLock::new();
    let file = COUNTS.get_or_init(|| File::open("/proc/self/statm").ok()).as_ref()?;
    // Seven numbers.
    let mut text = [0; 256];
    let length = file.read_at(&mut text, 0).ok()?;
    let counts = str::from_utf8(text.get(..length)?).ok()?;
    let pages: u64 = counts.split_whitespace().nth(1)?.parse().ok()?;
    // SAFETY: sysconf takes a number.
    let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    Some(pages.saturating_mul(u64::try_from(page).ok()?))
}

/// Whether this process can still get `bytes` of memory from the kernel; they are given back at once.
pub fn is_available(bytes: usize) -> bool {
    let (access, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
    // SAFETY: a new private mapping at an address of the kernel's choice touches no memory that is in use.
    let memory = unsafe { libc::mmap(std::ptr::null_mut(), bytes, access, flags, -1, 0) };
    if memory == libc::MAP_FAILED {
        return false;
    }
    // SAFETY: mapped above with this length, and nobody has the address.
    unsafe { libc::munmap(memory, bytes) };
    true
}

/// Gives what was freed back to the kernel, page by page: glibc by itself keeps what lies below a piece that is in use, for as long as
/// the process lives. For a process that has needed much and is going to rest.
pub fn give_back_freed() {
    // SAFETY: malloc_trim takes a number, and leaves alone what is allocated.
    #[cfg(target_env = "gnu")]
    unsafe {
        libc::malloc_trim(0);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::sys::testing::passes_in_own_process;

    const MEBIBYTE: usize = 1 << 20;

    #[test]
    fn what_is_resident_grows_and_shrinks_with_use_and_the_largest_stays() {
        passes_in_own_process(
            "sys::memory::tests::what_is_resident_grows_and_shrinks_with_use_and_the_largest_stays",
            || {
                let before = resident().unwrap();
                let used = vec![7_u8; 64 * MEBIBYTE];
                let between = resident().unwrap();
                assert!(between >= before + 60 * MEBIBYTE as u64, "{before} {between}");
                assert!(largest_resident() + MEBIBYTE as u64 >= between);
                drop(std::hint::black_box(used));
                assert!(resident().unwrap() < between - 60 * MEBIBYTE as u64);
                assert!(largest_resident() + MEBIBYTE as u64 >= between);
            },
        );
    }

    /// What is still in use lies above, so that libc gives nothing back by itself.
    #[cfg(target_env = "gnu")]
    #[test]
    fn what_was_freed_below_a_piece_in_use_is_given_back() {
        passes_in_own_process(
            "sys::memory::tests::what_was_freed_below_a_piece_in_use_is_given_back",
            || {
                let mut pieces: Vec<_> = (0..1024).map(|_| vec![7_u8; MEBIBYTE / 16]).collect();
                let in_use = pieces.pop();
                drop(pieces);
                let kept = resident().unwrap();
                give_back_freed();
                let left = resident().unwrap();
                assert!(left + 60 * MEBIBYTE as u64 <= kept, "{left} {kept}");
                assert_eq!(in_use, Some(vec![7; MEBIBYTE / 16]));
            },
        );
    }

    #[test]
    fn memory_is_available_up_to_the_limit_of_the_process() {
        passes_in_own_process(
            "sys::memory::tests::memory_is_available_up_to_the_limit_of_the_process",
            || {
                assert!(is_available(64 * MEBIBYTE));
                let none = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
                // SAFETY: `none` outlives the call.
                assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_AS, &raw const none) }, 0);
                assert!(!is_available(64 * MEBIBYTE));
            },
        );
    }
}
