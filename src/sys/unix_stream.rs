//! Connecting to a Unix socket with a time limit, which the standard library cannot.

use super::result::check;
use super::socket::socklen_of;
use std::io;
use std::mem::{offset_of, size_of, zeroed};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// Connects to the listening socket at `path`; the stream has `timeout` as its write time-out.
///
/// A Unix socket's connect(2) waits while the backlog of the listener is full, for as long as the write time-out
/// says (unix(7)); then the error is [`io::ErrorKind::WouldBlock`].
pub fn connect(path: &Path, timeout: Duration) -> io::Result<UnixStream> {
    let address = address_of(path)?;
    let stream = unconnected()?;
    stream.set_write_timeout(Some(timeout))?;
    let length = socklen_of::<libc::sockaddr_un>();
    // SAFETY: `address` is a whole sockaddr_un that outlives the call, and `length` is its size.
    check(unsafe { libc::connect(stream.as_raw_fd(), (&raw const address).cast(), length) })?;
    Ok(stream)
}

pub(super) fn unconnected() -> io::Result<UnixStream> {
    // SAFETY: no memory is passed.
    let descriptor = unsafe { libc::socket(libc::AF_UNIX, libc::SOCK_STREAM | libc::SOCK_CLOEXEC, 0) };
    check(descriptor)?;
    // SAFETY: the descriptor was just made and nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) }.into())
}

pub(super) fn address_of(path: &Path) -> io::Result<libc::sockaddr_un> {
    // SAFETY: all zeros is a valid sockaddr_un.
    let mut address = unsafe { zeroed::<libc::sockaddr_un>() };
    let bytes = path.as_os_str().as_bytes();
    let room = size_of::<libc::sockaddr_un>() - offset_of!(libc::sockaddr_un, sun_path) - 1;
    if bytes.is_empty() || bytes.len() > room || bytes.contains(&0) {
        let text = format!(
            "a socket's path has 1 to {room} bytes and no NUL; {:?} has {} bytes",
            path.display(),
            bytes.len()
        );
        return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
    }
    address.sun_family = libc::sa_family_t::try_from(libc::AF_UNIX).unwrap_or_default();
    for (to, from) in address.sun_path.iter_mut().zip(bytes) {
        *to = libc::c_char::from_ne_bytes([*from]);
    }
    Ok(address)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixListener;
    use tempfile::TempDir;

    #[test]
    fn a_full_backlog_ends_with_the_time_out() {
        let directory = TempDir::new().unwrap();
        let path = directory.path().join("mux");
        let listener = UnixListener::bind(&path).unwrap();
        // SAFETY: no memory is passed.
        assert_eq!(unsafe { libc::listen(listener.as_raw_fd(), 0) }, 0);
        let short = Duration::from_millis(50);
        let _waiting = connect(&path, short).unwrap();
        let kind = connect(&path, short).map_err(|error| error.kind());
        assert_eq!(kind.err(), Some(io::ErrorKind::WouldBlock));
    }
}
