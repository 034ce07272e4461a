//! glibc's syslog(3), which PAM modules call, led away from `/dev/log`.
//!
//! syslog(3) blocks while the reader of `/dev/log` is stalled. glibc keeps one descriptor connected to `/dev/log`;
//! putting a socket of ours in its place makes each message a datagram to whoever holds the other end.

use super::result::check;
use super::{socket, unix_stream};
use std::ffi::CStr;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::path::Path;
use std::time::Duration;

/// What glibc calls us in each message; it keeps the pointer, so it lives for ever.
const IDENT: &CStr = c"saslauthd";

/// Gives syslog(3) the daemon's name and facility, as the C daemon does, and connects it to `/dev/log` if that is
/// there and it is not connected yet.
pub fn open() {
    open_with(libc::LOG_NDELAY);
}

/// The same without connecting it: the first line does.
fn name() {
    open_with(0);
}

fn open_with(option: libc::c_int) {
    // SAFETY: the name is valid for ever; openlog has no other condition.
    unsafe { libc::openlog(IDENT.as_ptr(), libc::LOG_PID | option, libc::LOG_AUTH) }
}

/// syslog(3) writes to a socket of ours instead of `/dev/log`.
///
/// For a process with one thread. The socket must not be non-blocking and must keep the borders of messages
/// (SOCK_DGRAM, SOCK_SEQPACKET); whoever holds the other end must read all the time.
pub struct SyslogRedirect {
    socket: OwnedFd,
    /// The descriptor that glibc takes for its connection to `/dev/log`.
    descriptor: RawFd,
    identity: Identity,
}

impl SyslogRedirect {
    /// Connects syslog(3) anew and puts `socket` in place of the connection. `None` when `/dev/log` is missing, since
    /// glibc then has no descriptor that could be replaced: try again later. Where `/dev/log` is a stream, each message
    /// has a NUL byte at its end; while nobody accepts there, it counts as missing. Name and facility are the daemon's in
    /// any case.
    pub fn install(socket: BorrowedFd<'_>) -> Option<Self> {
        close();
        // Closing has made glibc forget both. Nothing below may end without them.
        name();
        let socket = socket.try_clone_to_owned().ok()?;
        let identity = Identity::of(socket.as_raw_fd())?;
        if holds_up_whoever_connects() {
            return None;
        }
        let descriptor = lowest_free_descriptor(socket.as_fd()).ok()?;
        open();
        if !is_local_socket(descriptor) {
            return None;
        }
        replace(descriptor, socket.as_fd()).ok()?;
        Some(Self { socket, descriptor, identity })
    }

    /// Whether nobody has taken our socket out again, as a module does that calls closelog(3).
    pub fn is_intact(&self) -> bool {
        Identity::of(self.descriptor).as_ref() == Some(&self.identity)
    }

    /// Makes it so again, name and facility included. Says whether it is: not while `/dev/log` is missing.
    pub fn ensure(&mut self) -> bool {
        if self.is_intact() {
            open();
            return true;
        }
        Self::install(self.socket.as_fd()).map(|again| *self = again).is_some()
    }
}

fn close() {
    // SAFETY: closelog has no condition.
    unsafe { libc::closelog() }
}

/// Whether `/dev/log` is a stream whose backlog is full: glibc would wait there without end.
fn holds_up_whoever_connects() -> bool {
    let connected = unix_stream::connect(Path::new("/dev/log"), Duration::from_millis(1));
    connected.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
}

fn replace(descriptor: RawFd, socket: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: `descriptor` is glibc's own connection to syslog, which it only ever sends on and closes; both can be
    // done with the socket that takes its number.
    check(unsafe { libc::dup3(socket.as_raw_fd(), descriptor, libc::O_CLOEXEC) })
}

/// The one that the kernel gives to whoever asks next, which POSIX promises.
fn lowest_free_descriptor(any: BorrowedFd<'_>) -> io::Result<RawFd> {
    // SAFETY: F_DUPFD_CLOEXEC takes a number and makes a new descriptor, which then belongs to us alone, and is closed
    // again.
    unsafe {
        let copy = libc::fcntl(any.as_raw_fd(), libc::F_DUPFD_CLOEXEC, 0);
        check(copy)?;
        drop(OwnedFd::from_raw_fd(copy));
        Ok(copy)
    }
}

fn is_local_socket(descriptor: RawFd) -> bool {
    socket::option(descriptor, libc::SO_DOMAIN) == Some(libc::AF_UNIX)
}

/// Which file a descriptor stands for.
#[derive(PartialEq, Eq)]
struct Identity {
    device: libc::dev_t,
    inode: libc::ino_t,
}

impl Identity {
    fn of(descriptor: RawFd) -> Option<Self> {
        // SAFETY: `stat` is a plain C structure for which all zeros is a value.
        let mut status: libc::stat = unsafe { std::mem::zeroed() };
        // SAFETY: `status` is live and of the right type; a closed descriptor only makes the call fail.
        let failed = unsafe { libc::fstat(descriptor, &raw mut status) };
        (failed == 0).then_some(Self { device: status.st_dev, inode: status.st_ino })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::sys::testing::{listen_at_dev_log, mount, next, stall_dev_log, with_private_dev};
    use std::fs;
    use std::io::Read;
    use std::os::unix::net::{UnixDatagram, UnixListener};

    fn in_private_dev(test: &str, body: impl FnOnce()) {
        with_private_dev(&format!("sys::syslog::tests::{test}"), body);
    }

    fn say(text: &CStr) {
        // SAFETY: a constant format and the one string it asks for.
        unsafe { libc::syslog(libc::LOG_AUTHPRIV | libc::LOG_INFO, c"%s".as_ptr(), text.as_ptr()) }
    }

    /// As a module that names no facility.
    fn say_plainly(text: &CStr) {
        // SAFETY: as above.
        unsafe { libc::syslog(libc::LOG_NOTICE, c"%s".as_ptr(), text.as_ptr()) }
    }

    fn nothing_arrived(socket: &UnixDatagram) -> bool {
        socket.set_nonblocking(true).unwrap();
        socket.recv(&mut [0; 1024]).is_err()
    }

    #[test]
    fn messages_of_modules_come_to_us_and_not_to_dev_log() {
        in_private_dev("messages_of_modules_come_to_us_and_not_to_dev_log", || {
            let dev_log = listen_at_dev_log();
            let (ours, theirs) = UnixDatagram::pair().unwrap();
            let redirect = SyslogRedirect::install(theirs.as_fd()).unwrap();
            say(c"pam_unix(smtp:auth): authentication failure");
            let text = next(&ours);
            let sender =
                format!("saslauthd[{}]: pam_unix(smtp:auth): authentication failure", std::process::id());
            assert!(text.starts_with("<86>") && text.ends_with(&sender), "{text}");
            assert!(nothing_arrived(&dev_log));
            assert!(redirect.is_intact());
        });
    }

    #[test]
    fn messages_of_modules_come_to_us_where_dev_log_is_a_stream() {
        in_private_dev("messages_of_modules_come_to_us_where_dev_log_is_a_stream", || {
            let dev_log = UnixListener::bind("/dev/log").unwrap();
            let (ours, theirs) = UnixDatagram::pair().unwrap();
            let mut redirect = SyslogRedirect::install(theirs.as_fd()).unwrap();
            for text in [c"first", c"second"] {
                say(text);
                let expected = format!(": {}\0", text.to_str().unwrap());
                assert!(next(&ours).ends_with(&expected), "{expected:?}");
                assert!(redirect.ensure());
            }
            let mut nothing = Vec::new();
            let mut connection = dev_log.accept().unwrap().0;
            connection.set_nonblocking(true).unwrap();
            let _ = connection.read_to_end(&mut nothing);
            assert_eq!(nothing, b"", "nothing arrived");
        });
    }

    /// Seen: with such a syslog every login waited for its deadline.
    #[test]
    fn a_stream_at_which_nobody_accepts_does_not_hold_up_the_redirection() {
        in_private_dev("a_stream_at_which_nobody_accepts_does_not_hold_up_the_redirection", || {
            let dev_log = UnixListener::bind("/dev/log").unwrap();
            while !holds_up_whoever_connects() {}
            let (ours, theirs) = UnixDatagram::pair().unwrap();
            assert!(SyslogRedirect::install(theirs.as_fd()).is_none());
            dev_log.set_nonblocking(true).unwrap();
            while dev_log.accept().is_ok() {}
            let _redirect = SyslogRedirect::install(theirs.as_fd()).unwrap();
            say(c"again");
            assert!(next(&ours).ends_with("again\0"));
        });
    }

    /// Seen: lines of the facility user, from "saslauthd: worker", that no log reader found.
    #[test]
    fn modules_write_under_our_name_and_facility_where_nothing_can_be_replaced() {
        in_private_dev("modules_write_under_our_name_and_facility_where_nothing_can_be_replaced", || {
            let (_ours, theirs) = UnixDatagram::pair().unwrap();
            let sender = format!("saslauthd[{}]: found", std::process::id());
            let is_ours = |text: &str| text.starts_with("<37>") && text.contains(&sender);

            assert!(SyslogRedirect::install(theirs.as_fd()).is_none());
            let missing_before = listen_at_dev_log();
            say_plainly(c"found");
            let text = next(&missing_before);
            assert!(is_ours(&text), "{text}");

            fs::remove_file("/dev/log").unwrap();
            let stream = UnixListener::bind("/dev/log").unwrap();
            while !holds_up_whoever_connects() {}
            assert!(SyslogRedirect::install(theirs.as_fd()).is_none());
            stream.set_nonblocking(true).unwrap();
            while stream.accept().is_ok() {}
            say_plainly(c"found");
            let mut text = String::new();
            let mut connection = stream.accept().unwrap().0;
            close();
            connection.read_to_string(&mut text).unwrap();
            assert!(is_ours(&text), "{text}");
        });
    }

    #[test]
    fn messages_of_modules_come_to_us_without_proc() {
        in_private_dev("messages_of_modules_come_to_us_without_proc", || {
            mount(&["-t", "tmpfs", "none", "/proc"].map(Path::new));
            assert!(fs::read_dir("/proc/self/fd").is_err());
            let _dev_log = listen_at_dev_log();
            let (ours, theirs) = UnixDatagram::pair().unwrap();
            let _redirect = SyslogRedirect::install(theirs.as_fd()).unwrap();
            say_plainly(c"here");
            let text = next(&ours);
            assert!(text.starts_with("<37>") && text.ends_with(": here"), "{text}");
        });
    }

    #[test]
    fn a_stalled_dev_log_does_not_hold_up_modules() {
        in_private_dev("a_stalled_dev_log_does_not_hold_up_modules", || {
            let _dev_log = listen_at_dev_log();
            stall_dev_log();
            let (ours, theirs) = UnixDatagram::pair().unwrap();
            let _redirect = SyslogRedirect::install(theirs.as_fd()).unwrap();
            for _ in 0..100 {
                say(c"still going");
                assert!(next(&ours).ends_with("still going"));
            }
        });
    }

    #[test]
    fn a_module_that_opens_and_closes_the_log_is_noticed_and_undone() {
        in_private_dev("a_module_that_opens_and_closes_the_log_is_noticed_and_undone", || {
            let dev_log = listen_at_dev_log();
            let (ours, theirs) = UnixDatagram::pair().unwrap();
            let mut redirect = SyslogRedirect::install(theirs.as_fd()).unwrap();
            let change_name = || {
                // SAFETY: the name is a constant.
                unsafe { libc::openlog(c"pam_foo".as_ptr(), libc::LOG_NDELAY, libc::LOG_MAIL) }
            };

            close();
            assert!(!redirect.is_intact());
            change_name();
            assert!(!redirect.is_intact(), "the number was taken by another socket");
            say(c"away");
            assert!(next(&dev_log).ends_with("pam_foo: away"));
            assert!(redirect.ensure() && redirect.is_intact());

            change_name();
            assert!(redirect.is_intact() && redirect.ensure());
            say(c"back");
            let text = next(&ours);
            assert!(text.contains(" saslauthd[") && text.ends_with(": back"), "{text}");
            assert!(nothing_arrived(&dev_log));
        });
    }

    #[test]
    fn without_dev_log_nothing_is_replaced_until_it_is_there() {
        in_private_dev("without_dev_log_nothing_is_replaced_until_it_is_there", || {
            let (ours, theirs) = UnixDatagram::pair().unwrap();
            assert!(SyslogRedirect::install(theirs.as_fd()).is_none());
            say(c"lost");
            let first = listen_at_dev_log();
            let mut redirect = SyslogRedirect::install(theirs.as_fd()).unwrap();
            fs::remove_file("/dev/log").unwrap();
            close();
            assert!(!redirect.ensure());
            drop(first);
            let _second = listen_at_dev_log();
            assert!(redirect.ensure());
            say(c"found");
            assert!(next(&ours).ends_with("found"));
            assert!(nothing_arrived(&ours));
        });
    }
}
