//! Small text files of other programs.
#![forbid(unsafe_code)]

use std::fs::OpenOptions;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Larger than any file that an administrator writes by hand.
const LARGEST: u64 = 1 << 20;

/// The text of a file, up to a MiB of it. What is no UTF-8 is replaced.
///
/// # Errors
/// Those of opening and reading it; `InvalidInput` for what is no regular file.
pub fn read(path: &Path) -> io::Result<String> {
    // A FIFO would wait for a writer.
    let file = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let mut bytes = Vec::new();
    file.take(LARGEST).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
