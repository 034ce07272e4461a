//! Descriptors: where a child finds its own, how many there may be, pipes, waiting for one of several, and writing to what others share without
//! changing it for them.

use super::result::{check, check_size};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::time::Duration;

/// The descriptor on which a child talks to its parent or, a worker, to the frontend.
pub const CONTROL: RawFd = 3;

/// The last of the standard streams.
pub(super) const LAST_STREAM: RawFd = 2;

/// Takes over a descriptor that the parent has put at its fixed place, and keeps it from further children.
///
/// # Errors
/// `NotFound` when nothing is at that place, or something that has an owner.
pub fn inherited(place: RawFd) -> io::Result<OwnedFd> {
    if !has_no_owner(place) {
        return Err(io::Error::from(io::ErrorKind::NotFound));
    }
    // SAFETY: F_SETFD takes a number. From here on the descriptor counts as owned.
    check(unsafe { libc::fcntl(place, libc::F_SETFD, libc::FD_CLOEXEC) })?;
    // SAFETY: it is open, and nobody owned it until now.
    Ok(unsafe { OwnedFd::from_raw_fd(place) })
}

/// Whether this program was started with this descriptor and nobody has taken it over yet. Whatever a program
/// inherits is not close-on-exec, or it would not be there; whatever is opened here is, by the standard library, by
/// mio and in src/sys. Modules and libraries in C may do otherwise, but none has run when a process of ours starts.
pub(super) fn has_no_owner(descriptor: RawFd) -> bool {
    // SAFETY: F_GETFD takes a number; it fails on a descriptor that is not open.
    let flags = unsafe { libc::fcntl(descriptor, libc::F_GETFD) };
    descriptor > LAST_STREAM && flags != -1 && flags & libc::FD_CLOEXEC == 0
}

/// Raises the limit on open descriptors as far as it may go; returns the limit then in force.
pub fn raise_limit() -> usize {
    raise_limit_to(usize::MAX)
}

/// Raises the limit on open descriptors to `least` where it is lower and may be raised, and leaves it alone where it
/// is not: programs of others go through all the numbers below it. Returns how far it may go.
pub fn raise_limit_to(least: usize) -> usize {
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

/// Whether this process can open one more.
pub fn is_available() -> bool {
    // SAFETY: eventfd takes numbers.
    let descriptor = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC) };
    if descriptor == -1 {
        return false;
    }
    // SAFETY: eventfd has just made it, and nobody else owns it.
    drop(unsafe { OwnedFd::from_raw_fd(descriptor) });
    true
}

/// A pipe, closed when another program is executed: the end to read from and the end to write to.
///
/// # Errors
/// When the limit of open descriptors is reached.
pub fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    let mut ends = [-1; 2];
    // SAFETY: pipe2 writes two descriptors into the array of two.
    check(unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC) })?;
    // SAFETY: pipe2 has just made both descriptors, and nobody else owns them.
    Ok(ends.map(|end| unsafe { OwnedFd::from_raw_fd(end) }).into())
}

/// Sends `bytes` on a socket without waiting, whatever the mode of the socket; no SIGPIPE.
///
/// # Errors
/// [`io::ErrorKind::WouldBlock`] when the peer does not read, else what send(2) says.
pub fn send_now(socket: BorrowedFd<'_>, bytes: &[u8]) -> io::Result<usize> {
    let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
    // SAFETY: the pointer and the length are those of a live slice, which send only reads.
    check_size(unsafe { libc::send(socket.as_raw_fd(), bytes.as_ptr().cast(), bytes.len(), flags) })
}

/// Waits until one of two descriptors can be read (or has ended) and tells which.
///
/// # Errors
/// Those of poll(2); an interruption by a signal is none.
pub fn wait_readable(first: BorrowedFd<'_>, second: BorrowedFd<'_>) -> io::Result<(bool, bool)> {
    let mut watched = [first, second].map(|descriptor| watch(descriptor, libc::POLLIN));
    loop {
        match poll(&mut watched, FOREVER) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result.map(|_| watched.map(|descriptor| descriptor.revents != 0).into()),
        }
    }
}

/// Waits until one of `descriptors` takes bytes again (or has failed), for at most `limit`; says whether one does.
/// An interruption by a signal counts as "none yet".
pub fn wait_writable(descriptors: &[BorrowedFd<'_>], limit: Duration) -> bool {
    let mut watched: Vec<_> =
        descriptors.iter().map(|descriptor| watch(*descriptor, libc::POLLOUT)).collect();
    poll(&mut watched, milliseconds(limit)).is_ok_and(|ready| ready)
}

/// Waits until the descriptor can be read, or takes bytes if `writing`, or has failed, for at most `limit`; says whether it
/// can. An interruption by a signal counts as "not yet".
///
/// # Errors
/// Those of poll(2).
pub(super) fn wait_for(descriptor: BorrowedFd<'_>, writing: bool, limit: Duration) -> io::Result<bool> {
    let events = if writing { libc::POLLIN | libc::POLLOUT } else { libc::POLLIN };
    match poll(&mut [watch(descriptor, events)], milliseconds(limit)) {
        Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(false),
        result => result,
    }
}

fn milliseconds(limit: Duration) -> libc::c_int {
    libc::c_int::try_from(limit.as_micros().div_ceil(1000)).unwrap_or(libc::c_int::MAX)
}

/// Whether something can be read within `limit`, or the other end has ended. A signal ends the wait.
pub(super) fn is_readable_within(descriptor: BorrowedFd<'_>, limit: Duration) -> bool {
    poll(&mut [watch(descriptor, libc::POLLIN)], milliseconds(limit)).is_ok_and(|ready| ready)
}

/// poll(2)'s time limit for none.
const FOREVER: libc::c_int = -1;

fn watch(descriptor: BorrowedFd<'_>, events: libc::c_short) -> libc::pollfd {
    libc::pollfd { fd: descriptor.as_raw_fd(), events, revents: 0 }
}

/// One poll(2): whether any of `watched` is ready, and in their `revents` which.
fn poll(watched: &mut [libc::pollfd], milliseconds: libc::c_int) -> io::Result<bool> {
    let count = libc::nfds_t::try_from(watched.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
    // SAFETY: the pointer and count are those of `watched`.
    let ready = unsafe { libc::poll(watched.as_mut_ptr(), count, milliseconds) };
    check(ready).map(|()| ready > 0)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::sys::testing::passes_in_own_process;
    use std::os::fd::AsFd;
    use std::os::unix::net::UnixStream;

    fn fill(socket: &UnixStream) {
        while send_now(socket.as_fd(), &[0; 4096]).is_ok() {}
    }

    #[test]
    fn descriptors_are_available_up_to_the_limit_of_the_process() {
        passes_in_own_process(
            "sys::descriptor::tests::descriptors_are_available_up_to_the_limit_of_the_process",
            || {
                assert!(is_available());
                let few = libc::rlimit { rlim_cur: 3, rlim_max: 3 };
                // SAFETY: `few` outlives the call.
                assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const few) }, 0);
                assert!(!is_available());
            },
        );
    }

    #[test]
    fn sending_to_a_full_blocking_socket_returns_at_once() {
        let (ours, _theirs) = UnixStream::pair().unwrap();
        fill(&ours);
        let refused = send_now(ours.as_fd(), b"x").unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::WouldBlock);
    }

    #[test]
    fn what_can_be_read_and_what_has_ended_is_told_apart_from_what_is_silent() {
        let (silent, _silent_peer) = UnixStream::pair().unwrap();
        let (spoken_to, speaker) = UnixStream::pair().unwrap();
        send_now(speaker.as_fd(), b"x").unwrap();
        assert_eq!(wait_readable(silent.as_fd(), spoken_to.as_fd()).unwrap(), (false, true));
        let (ended, peer) = UnixStream::pair().unwrap();
        drop(peer);
        assert_eq!(wait_readable(ended.as_fd(), silent.as_fd()).unwrap(), (true, false));
        assert_eq!(wait_readable(ended.as_fd(), spoken_to.as_fd()).unwrap(), (true, true));
    }

    #[test]
    fn a_full_socket_is_not_writable_and_an_empty_one_is() {
        let (full, _reader) = UnixStream::pair().unwrap();
        let (empty, _other) = UnixStream::pair().unwrap();
        fill(&full);
        assert!(!wait_writable(&[full.as_fd()], Duration::ZERO));
        assert!(wait_writable(&[full.as_fd(), empty.as_fd()], Duration::ZERO));
    }
}
