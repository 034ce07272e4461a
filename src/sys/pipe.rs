//! Pipes as a way for bytes that are to be in memory once, and in no file.

use super::descriptor::pipe;
use super::result::check;
use super::socket::set_nonblocking;
use crate::secret::Secret;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

/// What one pipe is to hold, in bytes; Linux lets everybody ask for so much by default (pipe(7)).
const CAPACITY: usize = 1 << 20;

/// As many pipes as it takes to hold the bytes, with nobody at their other ends: they are read to the end one after the
/// other.
///
/// # Errors
/// When there are no descriptors left.
pub fn filled_with(mut bytes: &[u8]) -> io::Result<Vec<OwnedFd>> {
    let mut pipes = Vec::new();
    while !bytes.is_empty() {
        let (reader, writer) = pipe()?;
        enlarge(writer.as_fd(), bytes.len().min(CAPACITY));
        set_nonblocking(writer.as_fd())?;
        let mut writer = File::from(writer);
        bytes = bytes.get(fill(&mut writer, bytes)?..).unwrap_or_default();
        pipes.push(reader);
    }
    Ok(pipes)
}

/// Makes room for so much, if that may be; else it takes less, 64 KiB in general.
fn enlarge(pipe: BorrowedFd<'_>, size: usize) {
    let size = libc::c_int::try_from(size).unwrap_or(libc::c_int::MAX);
    // SAFETY: the descriptor is open for as long as it is borrowed; F_SETPIPE_SZ takes a number.
    let _ = check(unsafe { libc::fcntl(pipe.as_raw_fd(), libc::F_SETPIPE_SZ, size) });
}

/// How many of the bytes it has taken, which are not none.
fn fill(writer: &mut File, bytes: &[u8]) -> io::Result<usize> {
    let mut written = 0;
    while let Some(rest @ [_, ..]) = bytes.get(written..) {
        match writer.write(rest) {
            Ok(more) => written += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock && written > 0 => break,
            Err(error) => return Err(error),
        }
    }
    Ok(written)
}

/// Appends what is in the pipe.
///
/// # Errors
/// Those of read(2).
pub fn read_to_end(pipe: OwnedFd, bytes: &mut Secret) -> io::Result<()> {
    let mut pipe = File::from(pipe);
    let mut length = bytes.len();
    loop {
        bytes.resize(length + CAPACITY / 16);
        let room = bytes.as_mut_bytes().get_mut(length..).unwrap_or_default();
        match pipe.read(room) {
            Ok(0) => break,
            Ok(more) => length += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    bytes.resize(length);
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn however_many_bytes_there_are_they_come_out_as_they_went_in() {
        for size in [0, 1, 4096, CAPACITY - 1, CAPACITY, CAPACITY + 1, 3 * CAPACITY + 5] {
            let sent: Vec<u8> = (0..=255).cycle().take(size).collect();
            let pipes = filled_with(&sent).unwrap();
            assert!(pipes.len() >= size.div_ceil(CAPACITY), "{size}");
            let mut received = Secret::default();
            pipes.into_iter().for_each(|pipe| read_to_end(pipe, &mut received).unwrap());
            assert!(received.as_bytes() == sent, "{size}");
        }
    }
}
