//! The name of this machine.

use super::result::check;
use std::io;

/// The longest name in bytes: the C daemon's buffer; Linux has 64.
const LONGEST: usize = 1024;

/// gethostname(2), which is not always the full name: as C's sasldb takes it for the realm of logins without one.
///
/// # Errors
/// Those of gethostname(2).
pub fn host_name() -> io::Result<Vec<u8>> {
    let mut name = vec![0; LONGEST];
    // SAFETY: the pointer is to that many bytes, the last of which is left alone.
    check(unsafe { libc::gethostname(name.as_mut_ptr().cast(), LONGEST - 1) })?;
    let length = name.iter().position(|byte| *byte == 0).unwrap_or(LONGEST);
    name.truncate(length);
    Ok(name)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_name_that_the_kernel_tells() {
        let told = std::fs::read("/proc/sys/kernel/hostname").unwrap();
        assert_eq!(host_name().unwrap(), told.trim_ascii_end());
    }
}
