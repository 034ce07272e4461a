//! The socket at `/dev/log`: of datagrams, or a stream in which a record ends with a NUL byte. glibc's syslog(3) takes
//! either, and so do we. Nothing here waits.
#![forbid(unsafe_code)]

use super::spool::Taken;
use crate::sys::descriptor::send_now;
use std::io::{self, ErrorKind::Interrupted, ErrorKind::WouldBlock};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixDatagram;
use std::path::Path;

/// The end of a record in a stream.
pub(super) const END: u8 = 0;

/// A connection to syslog.
pub(super) enum DevLog {
    Datagrams(UnixDatagram),
    Stream(mio::net::UnixStream),
}

impl DevLog {
    /// Connects to whoever listens at `path`.
    pub(super) fn connect(path: &Path) -> io::Result<Self> {
        match datagrams(path) {
            Err(error) if error.raw_os_error() == Some(libc::EPROTOTYPE) => {
                // Whose connect(2) does not wait, unlike that of the standard library.
                mio::net::UnixStream::connect(path).map(Self::Stream)
            }
            connected => connected.map(Self::Datagrams),
        }
    }

    /// Offers what is left of a record.
    pub(super) fn hand_over(&self, record: &[u8]) -> Taken {
        let sent = match self {
            Self::Datagrams(socket) => socket.send(record),
            Self::Stream(stream) => send_now(stream.as_fd(), &[record, &[END]].concat()),
        };
        match sent {
            // Of a stream's record perhaps all but its end.
            Ok(length) if matches!(self, Self::Stream(_)) && length <= record.len() => Taken::Part(length),
            Ok(_) => Taken::Whole,
            Err(error) => refused(&error),
        }
    }
}

fn datagrams(path: &Path) -> io::Result<UnixDatagram> {
    let socket = UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    socket.connect(path)?;
    Ok(socket)
}

fn refused(error: &io::Error) -> Taken {
    match error.raw_os_error() {
        _ if matches!(error.kind(), WouldBlock | Interrupted) => Taken::Later,
        Some(libc::ENOBUFS | libc::ENOMEM) => Taken::Later,
        Some(libc::EMSGSIZE) => Taken::Never,
        _ => Taken::Gone,
    }
}

impl AsFd for DevLog {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Datagrams(socket) => socket.as_fd(),
            Self::Stream(stream) => stream.as_fd(),
        }
    }
}
