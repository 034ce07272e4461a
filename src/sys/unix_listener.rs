//! A Unix socket that is bound and does not listen yet: until it does nobody can connect, whatever its mode.

use super::result::check;
use super::socket::{option, socklen_of};
use super::unix_stream::{address_of, unconnected};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;

/// Makes a stream socket at `path`, close-on-exec. listen(2) is [`super::daemon::enlarge_backlog`].
///
/// # Errors
/// Those of socket(2) and bind(2); `InvalidInput` for a path that no socket can have.
pub fn bind(path: &Path) -> io::Result<OwnedFd> {
    let address = address_of(path)?;
    let socket: OwnedFd = unconnected()?.into();
    let length = socklen_of::<libc::sockaddr_un>();
    // SAFETY: `address` is a whole sockaddr_un that outlives the call, and `length` is its size. The path in it ends
    // with a NUL byte.
    check(unsafe { libc::bind(socket.as_raw_fd(), (&raw const address).cast(), length) })?;
    Ok(socket)
}

/// Whether connections can be taken from it: a Unix stream socket that listens.
pub fn is_listener(descriptor: BorrowedFd<'_>) -> bool {
    let is = |name, value| option(descriptor.as_raw_fd(), name) == Some(value);
    is(libc::SO_DOMAIN, libc::AF_UNIX) && is(libc::SO_TYPE, libc::SOCK_STREAM) && is(libc::SO_ACCEPTCONN, 1)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::sys::daemon::enlarge_backlog;
    use std::fs;
    use std::io::ErrorKind;
    use std::os::fd::AsFd;
    use std::os::unix::net::{UnixDatagram, UnixStream};

    #[test]
    fn nobody_connects_before_it_listens() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("socket");
        let socket = bind(&path).unwrap();
        assert!(!is_listener(socket.as_fd()));
        assert_eq!(UnixStream::connect(&path).unwrap_err().kind(), ErrorKind::ConnectionRefused);
        enlarge_backlog(&socket).unwrap();
        assert!(is_listener(socket.as_fd()));
        UnixStream::connect(&path).unwrap();
        assert_eq!(bind(&path).unwrap_err().kind(), ErrorKind::AddrInUse);
        let shown = fs::read_to_string("/proc/net/unix").unwrap();
        assert!(shown.lines().any(|line| line.ends_with(path.to_str().unwrap())), "without a NUL byte");
    }

    #[test]
    fn only_stream_sockets_that_listen_are_taken_for_one() {
        let directory = tempfile::tempdir().unwrap();
        let datagrams = UnixDatagram::bind(directory.path().join("datagrams")).unwrap();
        assert!(!is_listener(datagrams.as_fd()));
        assert!(!is_listener(fs::File::open("/dev/null").unwrap().as_fd()));
        assert!(!is_listener(std::net::TcpListener::bind("127.0.0.1:0").unwrap().as_fd()));
    }
}
