//! Random bytes.

use std::io;

/// 32 random bytes from the kernel.
///
/// # Errors
/// Those of getrandom(2).
pub fn key() -> io::Result<[u8; 32]> {
    let mut key = [0; 32];
    // SAFETY: the pointer and length are those of `key`. Up to 256 bytes are never cut short.
    let got = unsafe { libc::getrandom(key.as_mut_ptr().cast(), key.len(), 0) };
    if usize::try_from(got) == Ok(key.len()) { Ok(key) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    #[test]
    fn two_keys_are_never_the_same() {
        assert_ne!(super::key().unwrap(), super::key().unwrap());
    }
}
