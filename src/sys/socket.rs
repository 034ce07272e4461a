//! Message sockets between the daemon's processes: SEQPACKET pairs that can carry a descriptor.

use super::result::{check, check_size};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::ptr;

/// Room for the largest message, a request with a password of 64 KiB; the kernel's default is smaller on some hosts.
const SEND_BUFFER: libc::c_int = 512 * 1024;

/// As little as the kernel allows, which is a handful of short messages.
const SMALL_SEND_BUFFER: libc::c_int = 0;

/// A connected pair of message sockets, close-on-exec, blocking.
///
/// # Errors
/// Those of socketpair(2): no descriptors or memory left.
pub fn pair() -> io::Result<(OwnedFd, OwnedFd)> {
    pair_with_buffers_of(SEND_BUFFER)
}

/// The same for short messages, of which few are to be on their way at a time: each may hold a file open.
///
/// # Errors
/// As [`pair`].
pub fn small_pair() -> io::Result<(OwnedFd, OwnedFd)> {
    pair_with_buffers_of(SMALL_SEND_BUFFER)
}

fn pair_with_buffers_of(size: libc::c_int) -> io::Result<(OwnedFd, OwnedFd)> {
    let mut ends: [RawFd; 2] = [-1; 2];
    // SAFETY: `ends` has room for the two descriptors that the call writes.
    let result = unsafe {
        libc::socketpair(libc::AF_UNIX, libc::SOCK_SEQPACKET | libc::SOCK_CLOEXEC, 0, ends.as_mut_ptr())
    };
    check(result)?;
    let [one, other] = ends;
    // SAFETY: the call succeeded, so both are open and nobody else owns them.
    let ends = unsafe { (OwnedFd::from_raw_fd(one), OwnedFd::from_raw_fd(other)) };
    for end in [&ends.0, &ends.1] {
        set_option(end.as_fd(), libc::SOL_SOCKET, libc::SO_SNDBUF, size)?;
    }
    Ok(ends)
}

/// Makes reads and writes on the socket return at once. Concerns this end of a pair only.
///
/// # Errors
/// Those of fcntl(2).
pub fn set_nonblocking(socket: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: the descriptor is open for as long as it is borrowed; F_GETFL takes no pointer.
    let flags = unsafe { libc::fcntl(socket.as_raw_fd(), libc::F_GETFL) };
    check(flags)?;
    // SAFETY: as above.
    check(unsafe { libc::fcntl(socket.as_raw_fd(), libc::F_SETFL, flags | libc::O_NONBLOCK) })
}

/// Ends the connection in both directions: whoever reads finds its end, even one who has begun to wait. It may have ended before.
pub(super) fn end(socket: BorrowedFd<'_>) {
    // SAFETY: the descriptor is open for as long as it is borrowed; the call takes no pointer.
    unsafe { libc::shutdown(socket.as_raw_fd(), libc::SHUT_RDWR) };
}

/// Whether the descriptor is a message socket: the children refuse to run on anything else.
pub fn is_message_socket(descriptor: BorrowedFd<'_>) -> bool {
    option(descriptor.as_raw_fd(), libc::SO_TYPE) == Some(libc::SOCK_SEQPACKET)
}

/// Sends one message. Never raises SIGPIPE.
///
/// # Errors
/// `WouldBlock` on a non-blocking socket whose peer does not read; `BrokenPipe` when the peer is gone.
pub fn send(socket: BorrowedFd<'_>, message: &[u8]) -> io::Result<()> {
    loop {
        // SAFETY: the pointer and length are those of `message`.
        let sent = unsafe {
            libc::send(socket.as_raw_fd(), message.as_ptr().cast(), message.len(), libc::MSG_NOSIGNAL)
        };
        match check_size(sent) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result.map(drop),
        }
    }
}

/// Receives one message into `buffer`: its length, or `None` when the peer is gone and everything it has said is
/// received.
///
/// # Errors
/// `WouldBlock` when there is none on a non-blocking socket; `InvalidData` when it is larger than `buffer`.
pub fn receive(socket: BorrowedFd<'_>, buffer: &mut [u8]) -> io::Result<Option<usize>> {
    loop {
        // SAFETY: the pointer and length are those of `buffer`.
        let received = unsafe {
            libc::recv(socket.as_raw_fd(), buffer.as_mut_ptr().cast(), buffer.len(), libc::MSG_TRUNC)
        };
        match check_size(received) {
            Err(error) if is_to_be_asked_again(&error) => {}
            Err(error) => return Err(error),
            // No message of ours is empty, so zero is always the end.
            Ok(0) => return Ok(None),
            Ok(length) if length > buffer.len() => return Err(too_large(length)),
            Ok(length) => return Ok(Some(length)),
        }
    }
}

/// A signal came, or the peer has ended without reading all that it was sent. The kernel tells the latter once and
/// before what the peer has said, which may be why it has ended.
fn is_to_be_asked_again(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::Interrupted | io::ErrorKind::ConnectionReset)
}

/// Room for one descriptor in a control message, aligned as the kernel wants it.
#[repr(C, align(8))]
struct Control([u8; 64]);

/// Sends one message together with a descriptor.
///
/// # Errors
/// As [`send`].
pub fn send_with_descriptor(
    socket: BorrowedFd<'_>,
    message: &[u8],
    descriptor: BorrowedFd<'_>,
) -> io::Result<()> {
    let mut part = libc::iovec { iov_base: message.as_ptr().cast_mut().cast(), iov_len: message.len() };
    let mut control = Control([0; 64]);
    let mut header = header_of(&mut part, &mut control);
    header.msg_controllen = control_space() as _;
    // SAFETY: `header` describes a control buffer of at least CMSG_SPACE bytes for one descriptor, so the first
    // control header and its data lie inside `control`.
    unsafe {
        let first = libc::CMSG_FIRSTHDR(&raw const header);
        (*first).cmsg_level = libc::SOL_SOCKET;
        (*first).cmsg_type = libc::SCM_RIGHTS;
        (*first).cmsg_len = libc::CMSG_LEN(size_of_descriptor()) as _;
        ptr::write_unaligned(libc::CMSG_DATA(first).cast::<RawFd>(), descriptor.as_raw_fd());
    }
    // SAFETY: `header`, `part` and `control` live until the call returns.
    let sent = unsafe { libc::sendmsg(socket.as_raw_fd(), &raw const header, libc::MSG_NOSIGNAL) };
    check_size(sent).map(drop)
}

/// Receives one message and the descriptor that may come with it, close-on-exec. `None` when the peer is gone.
///
/// # Errors
/// As [`receive`].
pub fn receive_with_descriptor(
    socket: BorrowedFd<'_>,
    buffer: &mut [u8],
) -> io::Result<Option<(usize, Option<OwnedFd>)>> {
    let mut part = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
    let mut control = Control([0; 64]);
    let mut header = header_of(&mut part, &mut control);
    let flags = libc::MSG_CMSG_CLOEXEC | libc::MSG_TRUNC;
    let received = loop {
        header.msg_controllen = control_space() as _;
        // SAFETY: `header`, `part`, `control` and `buffer` live until the call returns.
        match check_size(unsafe { libc::recvmsg(socket.as_raw_fd(), &raw mut header, flags) }) {
            Err(error) if is_to_be_asked_again(&error) => {}
            result => break result?,
        }
    };
    let descriptor = descriptor_in(&header);
    match received {
        0 => Ok(None),
        length if length > buffer.len() => Err(too_large(length)),
        length => Ok(Some((length, descriptor))),
    }
}

fn descriptor_in(header: &libc::msghdr) -> Option<OwnedFd> {
    // SAFETY: the kernel has filled the control buffer that `header` describes.
    let first = unsafe { libc::CMSG_FIRSTHDR(header).as_ref() }?;
    if first.cmsg_level != libc::SOL_SOCKET || first.cmsg_type != libc::SCM_RIGHTS {
        return None;
    }
    // SAFETY: an SCM_RIGHTS message holds at least one descriptor, which the kernel has just made for us.
    unsafe {
        let descriptor = ptr::read_unaligned(libc::CMSG_DATA(first).cast::<RawFd>());
        Some(OwnedFd::from_raw_fd(descriptor))
    }
}

fn header_of(part: &mut libc::iovec, control: &mut Control) -> libc::msghdr {
    // SAFETY: msghdr is plain data for which all zeros is valid (null pointers, no lengths).
    let mut header: libc::msghdr = unsafe { MaybeUninit::zeroed().assume_init() };
    header.msg_iov = part;
    header.msg_iovlen = 1;
    header.msg_control = control.0.as_mut_ptr().cast();
    header
}

fn control_space() -> libc::c_uint {
    // SAFETY: CMSG_SPACE only calculates.
    unsafe { libc::CMSG_SPACE(size_of_descriptor()) }
}

const fn size_of_descriptor() -> libc::c_uint {
    socklen_of::<RawFd>()
}

/// What a socket's `option` of the level SOL_SOCKET is; `None` when the descriptor is closed or no socket.
pub(super) fn option(descriptor: RawFd, option: libc::c_int) -> Option<libc::c_int> {
    let mut value: libc::c_int = -1;
    let mut length = socklen_of::<libc::c_int>();
    // SAFETY: `value` has the size that `length` tells; a descriptor that is closed or no socket only makes it fail.
    let result = unsafe {
        libc::getsockopt(descriptor, libc::SOL_SOCKET, option, (&raw mut value).cast(), &raw mut length)
    };
    (result == 0).then_some(value)
}

/// Who connected to a unix socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer {
    /// The process; 0 for one that cannot be seen from here, as in another container.
    pub process: i32,
    /// Its effective user.
    pub user: u32,
    /// Its effective group; for the others see [`peer_groups`].
    pub group: u32,
}

/// The process that connected to a unix socket, as it was then: SO_PEERCRED, unix(7).
///
/// # Errors
/// Those of getsockopt(2); none on a connected unix socket.
pub fn peer(socket: BorrowedFd<'_>) -> io::Result<Peer> {
    let mut peer = libc::ucred { pid: 0, uid: u32::MAX, gid: u32::MAX };
    let mut length = socklen_of::<libc::ucred>();
    // SAFETY: `peer` has the size that `length` tells.
    let result = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_PEERCRED,
            (&raw mut peer).cast(),
            &raw mut length,
        )
    };
    check(result).map(|()| Peer { process: peer.pid, user: peer.uid, group: peer.gid })
}

/// The supplementary groups of the process that connected to a unix socket, as they were then: SO_PEERGROUPS.
///
/// # Errors
/// Those of getsockopt(2): before Linux 4.13 there is no such option.
pub fn peer_groups(socket: BorrowedFd<'_>) -> io::Result<Vec<u32>> {
    // Few processes have more groups; whoever has is asked about with as much room as the kernel then says it takes.
    let mut groups: Vec<libc::gid_t> = vec![0; 64];
    loop {
        let room = groups.len() * size_of::<libc::gid_t>();
        let mut length = libc::socklen_t::try_from(room).map_err(|_| io::ErrorKind::InvalidData)?;
        // SAFETY: `groups` has room for as many bytes as `length` tells.
        let result = unsafe {
            libc::getsockopt(
                socket.as_raw_fd(),
                libc::SOL_SOCKET,
                libc::SO_PEERGROUPS,
                groups.as_mut_ptr().cast(),
                &raw mut length,
            )
        };
        let length = usize::try_from(length).map_err(|_| io::ErrorKind::InvalidData)?;
        match check(result) {
            Err(error) if error.raw_os_error() == Some(libc::ERANGE) && length > room => {}
            result => result?,
        }
        groups.resize(length / size_of::<libc::gid_t>(), 0);
        if length <= room {
            return Ok(groups);
        }
    }
}

/// Whether the other end is closed, so that nobody can read what is written. One that has only finished writing is not.
pub fn has_hung_up(socket: BorrowedFd<'_>) -> bool {
    let mut polled = libc::pollfd { fd: socket.as_raw_fd(), events: 0, revents: 0 };
    // SAFETY: the pointer is that of one pollfd, which outlives the call; it does not wait.
    let ready = unsafe { libc::poll(&raw mut polled, 1, 0) };
    ready > 0 && polled.revents & (libc::POLLHUP | libc::POLLERR) != 0
}

/// After how many seconds of silence the kernel asks whether the peer is still there, how often and how many times.
/// Within [`NetworkSettings::idle_time`](crate::config::NetworkSettings::idle_time) by default.
const KEEP_ALIVE: [(libc::c_int, libc::c_int); 3] =
    [(libc::TCP_KEEPIDLE, 20), (libc::TCP_KEEPINTVL, 5), (libc::TCP_KEEPCNT, 3)];

/// For how long what was sent may go unacknowledged, in milliseconds; RFC 5482.
const USER_TIMEOUT: libc::c_int = 10_000;

/// Has the kernel break a TCP connection whose peer is gone without a word: forgotten by a firewall, crashed, moved.
///
/// # Errors
/// Those of setsockopt(2).
pub fn watch_peer(socket: BorrowedFd<'_>) -> io::Result<()> {
    set_option(socket, libc::SOL_SOCKET, libc::SO_KEEPALIVE, 1)?;
    for (option, value) in KEEP_ALIVE {
        set_option(socket, libc::IPPROTO_TCP, option, value)?;
    }
    set_option(socket, libc::IPPROTO_TCP, libc::TCP_USER_TIMEOUT, USER_TIMEOUT)
}

fn set_option(
    socket: BorrowedFd<'_>,
    level: libc::c_int,
    option: libc::c_int,
    value: libc::c_int,
) -> io::Result<()> {
    // SAFETY: the pointer and length are those of `value`.
    check(unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            level,
            option,
            ptr::from_ref(&value).cast(),
            socklen_of::<libc::c_int>(),
        )
    })
}

/// The size of a `T` as socket calls want it.
#[allow(clippy::cast_possible_truncation)] // a handful of bytes
pub(super) const fn socklen_of<T>() -> libc::socklen_t {
    size_of::<T>() as libc::socklen_t
}

fn too_large(length: usize) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("a message of {length} bytes is too large"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;
    use crate::sys::testing::passes_in_own_process;
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream;

    #[test]
    fn messages_keep_their_borders() {
        let (one, other) = pair().unwrap();
        send(one.as_fd(), b"first").unwrap();
        send(one.as_fd(), b"second").unwrap();
        let mut buffer = [0; 64];
        assert_eq!(receive(other.as_fd(), &mut buffer).unwrap(), Some(5));
        assert_eq!(receive(other.as_fd(), &mut buffer).unwrap(), Some(6));
        assert_eq!(&buffer[..6], b"second");
    }

    #[test]
    fn the_end_of_a_peer_is_neither_an_error_nor_a_message() {
        let (one, other) = pair().unwrap();
        drop(one);
        assert_eq!(receive(other.as_fd(), &mut [0; 8]).unwrap(), None);
        assert_eq!(send(other.as_fd(), b"x").unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    }

    #[test]
    fn the_last_words_of_a_peer_that_did_not_listen_are_heard() {
        let mut buffer = [0; 16];
        for with_descriptor in [false, true] {
            let (one, other) = pair().unwrap();
            send(other.as_fd(), b"never read").unwrap();
            send(one.as_fd(), b"why").unwrap();
            drop(one);
            let mut next = || {
                if with_descriptor {
                    receive_with_descriptor(other.as_fd(), &mut buffer).unwrap().map(|(length, _)| length)
                } else {
                    receive(other.as_fd(), &mut buffer).unwrap()
                }
            };
            assert_eq!([next(), next()], [Some(3), None]);
        }
    }

    #[test]
    fn a_message_larger_than_the_buffer_is_an_error_and_never_cut() {
        let (one, other) = pair().unwrap();
        send(one.as_fd(), &[1; 100]).unwrap();
        assert_eq!(receive(other.as_fd(), &mut [0; 99]).unwrap_err().kind(), io::ErrorKind::InvalidData);
    }

    #[test]
    fn a_descriptor_arrives_open() {
        let (one, other) = pair().unwrap();
        let (mut stays, travels) = UnixStream::pair().unwrap();
        send_with_descriptor(one.as_fd(), b"here", travels.as_fd()).unwrap();
        drop(travels);
        let mut buffer = [0; 16];
        let (length, descriptor) = receive_with_descriptor(other.as_fd(), &mut buffer).unwrap().unwrap();
        assert_eq!(&buffer[..length], b"here");
        let mut arrived = UnixStream::from(descriptor.unwrap());
        stays.write_all(b"!").unwrap();
        let mut byte = [0];
        arrived.read_exact(&mut byte).unwrap();
        assert_eq!(&byte, b"!");
    }

    #[test]
    fn the_user_at_the_other_end_is_known() {
        use std::os::unix::fs::MetadataExt;
        let (one, _other) = UnixStream::pair().unwrap();
        let own = std::fs::metadata("/proc/self").unwrap().uid();
        let peer = peer(one.as_fd()).unwrap();
        assert_eq!(peer.user, own);
        assert_eq!(u32::try_from(peer.process), Ok(std::process::id()));
        assert!(super::peer(std::fs::File::open("/dev/null").unwrap().as_fd()).is_err());
    }

    #[test]
    fn the_groups_at_the_other_end_are_known_however_many_they_are() {
        let name = "sys::socket::tests::the_groups_at_the_other_end_are_known_however_many_they_are";
        passes_in_own_process(name, || {
            for count in [0, 1, 64, 65, 1000] {
                let groups: Vec<libc::gid_t> = (0..count).map(|number| 70_000 + number).collect();
                // SAFETY: the pointer and length are those of `groups`.
                if check(unsafe { libc::setgroups(groups.len(), groups.as_ptr()) }).is_err() {
                    // Only root may; what everybody has is still to be had.
                    peer_groups(UnixStream::pair().unwrap().0.as_fd()).unwrap();
                    return;
                }
                let (one, _other) = UnixStream::pair().unwrap();
                assert_eq!(peer_groups(one.as_fd()).unwrap(), groups);
            }
        });
    }

    #[test]
    fn a_peer_that_has_finished_writing_has_not_hung_up() {
        let (one, other) = UnixStream::pair().unwrap();
        assert!(!has_hung_up(one.as_fd()));
        other.shutdown(std::net::Shutdown::Write).unwrap();
        assert!(!has_hung_up(one.as_fd()));
        drop(other);
        assert!(has_hung_up(one.as_fd()));
    }

    #[test]
    fn the_kernel_watches_the_peer_of_a_connection() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        assert_eq!(option(stream.as_raw_fd(), libc::SO_KEEPALIVE), Some(0));
        watch_peer(stream.as_fd()).unwrap();
        assert_eq!(option(stream.as_raw_fd(), libc::SO_KEEPALIVE), Some(1));
        let (one, _other) = UnixStream::pair().unwrap();
        assert!(watch_peer(one.as_fd()).is_err());
    }

    #[test]
    fn only_message_sockets_are_taken_for_one() {
        let (one, _other) = pair().unwrap();
        let (stream, _end) = UnixStream::pair().unwrap();
        assert!(is_message_socket(one.as_fd()));
        assert!(!is_message_socket(stream.as_fd()));
        assert!(!is_message_socket(std::fs::File::open("/dev/null").unwrap().as_fd()));
    }
}
