//! Starting the daemon's own binary again as one of its children.

use super::result::check;
use std::env;
use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

/// The descriptor on which a child talks to its parent or, a worker, to the frontend.
pub const CONTROL: RawFd = 3;
/// The descriptor on which a frontend finds the listening mux socket.
pub const LISTENER: RawFd = 4;

/// The lowest number to which descriptors are moved out of the way before they take their fixed places.
const OUT_OF_THE_WAY: RawFd = 16;

/// The running binary, even if another one has taken its place on disk.
const OWN_BINARY: &str = "/proc/self/exe";

/// What libc's clock is set by: the log lines of all processes are to carry the same time.
const TIME_ZONE: [&str; 2] = ["TZ", "TZDIR"];

/// The account a child runs as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// User.
    pub uid: libc::uid_t,
    /// Primary group.
    pub gid: libc::gid_t,
    /// All groups.
    pub groups: Vec<libc::gid_t>,
}

/// A child about to be started.
pub struct Spawn<'a> {
    /// The name in `ps`, by which the binary knows its role.
    pub role: &'a OsStr,
    /// Becomes [`CONTROL`].
    pub control: BorrowedFd<'a>,
    /// Becomes [`LISTENER`].
    pub listener: Option<BorrowedFd<'a>>,
    /// The account to change to; `None` keeps the parent's.
    pub identity: Option<&'a Identity>,
    /// Whether the child may write to the parent's standard error stream.
    pub inherit_stderr: bool,
    /// Whether the child gets the parent's environment, or of it the time zone only.
    pub inherit_environment: bool,
}

impl Spawn<'_> {
    /// Starts the child. It is killed when this process dies, has a process group of its own, and inherits
    /// nothing but the descriptors named here.
    ///
    /// # Errors
    /// Those of fork(2), execve(2) and of changing the account.
    pub fn start(self) -> io::Result<Child> {
        let control = duplicate(self.control)?;
        let listener = self.listener.map(duplicate).transpose()?;
        let identity = self.identity.cloned();
        let mut command = Command::new(OWN_BINARY);
        command.arg0(self.role).stdin(Stdio::null()).stdout(Stdio::null());
        command.stderr(if self.inherit_stderr { Stdio::inherit() } else { Stdio::null() });
        if !self.inherit_environment {
            let kept = TIME_ZONE.into_iter().filter_map(|name| Some((name, env::var_os(name)?)));
            command.env_clear().envs(kept);
        }
        let parent = std::process::id();
        let places =
            [Some((control.as_raw_fd(), CONTROL)), listener.as_ref().map(|fd| (fd.as_raw_fd(), LISTENER))];
        // SAFETY: between fork and exec the closure only makes system calls, allocates nothing and takes no lock.
        unsafe {
            command.pre_exec(move || {
                for (from, to) in places.into_iter().flatten() {
                    check(libc::dup2(from, to))?;
                }
                check(libc::setpgid(0, 0))?;
                if let Some(identity) = &identity {
                    become_account(identity)?;
                }
                die_with(parent)
            });
        }
        command.spawn()
    }
}

/// Has the kernel kill this process when the parent dies.
///
/// # Errors
/// Those of prctl(2); `NotConnected` if `parent` is dead already.
fn die_with(parent: u32) -> io::Result<()> {
    // SAFETY: PR_SET_PDEATHSIG takes a signal number; getppid takes nothing.
    let alive = unsafe {
        check(libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL))?;
        libc::getppid()
    };
    // Dead before the call above, it would never be noticed.
    if u32::try_from(alive) == Ok(parent) {
        Ok(())
    } else {
        Err(io::Error::from_raw_os_error(libc::ENOTCONN))
    }
}

/// Asks again for the kernel's signal at the parent's death: PAM modules that change credentials clear it.
pub fn renew_death_signal() {
    // SAFETY: PR_SET_PDEATHSIG takes a signal number.
    unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
}

fn become_account(identity: &Identity) -> io::Result<()> {
    // SAFETY: the pointer and length are those of `groups`; the other calls take numbers. Groups first, while
    // there is still the right to set them.
    unsafe {
        check(libc::setgroups(identity.groups.len(), identity.groups.as_ptr()))?;
        check(libc::setresgid(identity.gid, identity.gid, identity.gid))?;
        check(libc::setresuid(identity.uid, identity.uid, identity.uid))
    }
}

fn duplicate(descriptor: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    // SAFETY: F_DUPFD_CLOEXEC takes a number and makes a new descriptor, which then belongs to us alone.
    unsafe {
        let copy = libc::fcntl(descriptor.as_raw_fd(), libc::F_DUPFD_CLOEXEC, OUT_OF_THE_WAY);
        check(copy)?;
        Ok(OwnedFd::from_raw_fd(copy))
    }
}

/// Takes over a descriptor that the parent has put at its fixed place, and keeps it from further children.
///
/// # Errors
/// `NotFound` when there is nothing at that place.
pub fn inherited(place: RawFd) -> io::Result<OwnedFd> {
    // SAFETY: F_SETFD takes a number; it fails on a descriptor that is not open.
    if unsafe { libc::fcntl(place, libc::F_SETFD, libc::FD_CLOEXEC) } == -1 {
        return Err(io::Error::from(io::ErrorKind::NotFound));
    }
    // SAFETY: it is open, and the children call this once for each place before they open anything.
    Ok(unsafe { OwnedFd::from_raw_fd(place) })
}

/// Closes whatever the launcher left open beside the standard streams: a daemon that kept the end of a pipe would
/// keep the script at its other end waiting for ever. To be called before anything else is opened.
pub fn close_inherited_descriptors() {
    const FIRST: libc::c_uint = 3;
    const FLAGS: libc::c_uint = 0;
    // SAFETY: nothing in this process owns a descriptor yet; an old kernel without the call fails harmlessly.
    unsafe { libc::syscall(libc::SYS_close_range, FIRST, libc::c_uint::MAX, FLAGS) };
}
