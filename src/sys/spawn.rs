//! Starting the daemon's own binary again as one of its children.

pub use super::descriptor::{CONTROL, inherited};

use super::capabilities::{empty_bounding_set, give_up_all};
use super::descriptor::{SUPERVISOR, has_no_owner, is_readable_within, pipe};
use super::own_binary::{self, Execution};
use super::result::check;
use super::socket;
use std::env;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

/// fcntl(2): the signal to send in place of SIGIO. The number is that of <asm-generic/fcntl.h>; `libc` has none.
const F_SETSIG: libc::c_int = 10;

/// What libc's clock is set by: the log lines of all processes are to carry the same time.
const TIME_ZONE: [&str; 2] = ["TZ", "TZDIR"];

/// What a service manager tells one process, and none that it starts: sockets that were handed in (see
/// [`super::activation`]), where to say how it is, and which run of which unit it is. A program of a PAM module that found
/// these would speak for the daemon.
const FOR_ONE_PROCESS: [&str; 8] = [
    "LISTEN_PID",
    "LISTEN_FDS",
    "LISTEN_FDNAMES",
    "LISTEN_PIDFDID",
    "NOTIFY_SOCKET",
    "WATCHDOG_PID",
    "WATCHDOG_USEC",
    "INVOCATION_ID",
];

/// The account a child runs as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
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
    /// The account to change to; `None` keeps the parent's.
    pub account: Option<&'a Account>,
    /// Whether the child may write to the parent's standard error stream.
    pub inherit_stderr: bool,
    /// Whether the child runs code of others, PAM modules for one. They want the parent's environment, of which other children
    /// get the time zone only; what a service manager tells one process is never passed on. And they may change credentials, so
    /// that the kernel forgets whom the process is to die with: it is tied to the parent in another way, too, and calls
    /// [`outlive_nobody`].
    pub runs_modules: bool,
}

impl Spawn<'_> {
    /// Starts the child. It is killed when this process dies, has a process group of its own if the
    /// system allows that, and inherits nothing but the descriptors named here.
    ///
    /// # Errors
    /// Those of fork(2), execveat(2) and of changing the account; `NotFound` without the running binary.
    pub fn start(self) -> io::Result<Child> {
        let execution = self.execution()?;
        // Neither the copy nor a descriptor of the library's own may be where it is to go.
        let mut in_the_way = Vec::new();
        let control = duplicate(self.control, &mut in_the_way)?;
        let tie = if self.runs_modules { tie() } else { None };
        let tie = tie.map(|tie| duplicate(tie.as_fd(), &mut in_the_way)).transpose()?;
        let account = self.account.cloned();
        // The library makes the child and tells of its errors; it executes nothing unless the kernel has no execveat.
        let mut command = Command::new(own_binary::BY_PROC);
        command.arg0(self.role).stdin(Stdio::null()).stdout(Stdio::null());
        command.stderr(if self.inherit_stderr { Stdio::inherit() } else { Stdio::null() });
        command.env_clear().envs(self.environment());
        let parent = std::process::id();
        let place = control.as_raw_fd();
        let tie = tie.as_ref().map(AsRawFd::as_raw_fd);
        // SAFETY: between fork and exec the closure only makes system calls, allocates nothing and takes no lock.
        unsafe {
            command.pre_exec(move || {
                check(libc::dup2(place, CONTROL))?;
                if let Some(tie) = tie {
                    check(libc::dup2(tie, SUPERVISOR))?;
                    // Where that is refused the signal at the parent's death has to do.
                    let _ = be_killed_at_end_of(SUPERVISOR);
                }
                // Where that is refused the daemon serves all the same, and the frontend says so.
                libc::setpgid(0, 0);
                if let Some(account) = &account {
                    become_account(account)?;
                }
                die_with(parent)?;
                match execution.execute() {
                    error if error.raw_os_error() == Some(libc::ENOSYS) => Ok(()),
                    error => Err(error),
                }
            });
        }
        command.spawn()
    }

    fn execution(&self) -> io::Result<Execution> {
        let binary = own_binary::open().map_err(|not_found| not_found.error)?;
        Execution::of(binary, self.role, self.environment())
    }

    fn environment(&self) -> impl Iterator<Item = (OsString, OsString)> + use<> {
        let everything = self.runs_modules;
        let is_among = |names: &[&str], name: &OsString| names.iter().any(|one| name == one);
        env::vars_os().filter(move |(name, _)| {
            is_among(&TIME_ZONE, name) || everything && !is_among(&FOR_ONE_PROCESS, name)
        })
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

/// A pipe into which nobody writes: its ends are closed when this process ends, however it does.
static PIPE: OnceLock<(OwnedFd, OwnedFd)> = OnceLock::new();

/// The end of [`PIPE`] to read from, opened anew for one child: whom the kernel tells of the end is noted where it is open, and not
/// with the pipe. `None` without /proc or a descriptor, and then the signal at the parent's death has to do.
fn tie() -> Option<OwnedFd> {
    if PIPE.get().is_none() {
        let _ = PIPE.set(pipe().ok()?);
    }
    let (reader, _) = PIPE.get()?;
    fs::File::open(format!("/proc/self/fd/{}", reader.as_raw_fd())).ok().map(OwnedFd::from)
}

/// Has the kernel kill this process when the other end of a pipe is closed. Unlike the signal at the parent's death this
/// outlives a change of credentials, by a PAM module or by an execve(2) that gives root its capabilities back: nobody need ask
/// for it again, also while the process is still in the hands of the dynamic loader.
///
/// To be called before credentials change: with those of now the signal is sent.
fn be_killed_at_end_of(pipe: RawFd) -> io::Result<()> {
    // SAFETY: getpid takes nothing; the commands of fcntl take numbers.
    unsafe {
        check(libc::fcntl(pipe, libc::F_SETOWN, libc::getpid()))?;
        check(libc::fcntl(pipe, F_SETSIG, libc::SIGKILL))?;
        check(libc::fcntl(pipe, libc::F_SETFL, libc::O_RDONLY | libc::O_ASYNC))?;
    }
    Ok(())
}

/// In a child that runs modules: keeps what ties it to its parent open as long as the process lives, and from programs. The signal at
/// the parent's death, which execve(2) has cleared where it gave root its capabilities back, is asked for again, for systems
/// on which there is no tie.
pub fn outlive_nobody() {
    // SAFETY: PR_SET_PDEATHSIG takes a signal number.
    unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
    let _ = inherited(SUPERVISOR).map(IntoRawFd::into_raw_fd);
}

/// Changes to the account, without a capability of any kind left, whatever securebits say, nor one to be had from a
/// program: the kernel would leave those that a launcher has made inheritable.
fn become_account(account: &Account) -> io::Result<()> {
    empty_bounding_set();
    // SAFETY: the pointer and length are those of `groups`; the other calls take numbers. Groups first, while
    // there is still the right to set them.
    unsafe {
        check(libc::setgroups(account.groups.len(), account.groups.as_ptr()))?;
        check(libc::setresgid(account.gid, account.gid, account.gid))?;
        check(libc::setresuid(account.uid, account.uid, account.uid))?;
    }
    give_up_all()
}

/// How long a child may take that is started for a trial.
const TRIAL: Duration = Duration::from_secs(10);

/// Whether a child can be started as that account, executes this binary and can be killed from here. It has the name
/// `role`, by which it is to know that it is [`be_tried`].
///
/// # Errors
/// Those of [`Spawn::start`] and kill(2); `TimedOut`, or how it ended, when it does not come so far.
pub fn try_account(role: &OsStr, account: &Account) -> io::Result<()> {
    let (ours, theirs) = socket::pair()?;
    let control = theirs.as_fd();
    let account = Some(account);
    let mut child = Spawn { role, control, account, inherit_stderr: false, runs_modules: false }.start()?;
    drop(theirs);
    let word = if is_readable_within(ours.as_fd(), TRIAL) {
        socket::receive(ours.as_fd(), &mut [0])
    } else {
        Err(io::ErrorKind::TimedOut.into())
    };
    // That it has ended is no error here.
    let killed = child.kill();
    // One that cannot be killed ends with this, unless it hangs.
    drop(ours);
    if word.is_err() && killed.is_err() {
        return killed;
    }
    let status = child.wait()?;
    match word? {
        Some(_) => killed,
        None => Err(io::Error::other(format!("a process of it ended: {status}"))),
    }
}

/// The child of a trial: says that it runs, and waits for its end.
pub fn be_tried() -> ExitCode {
    let Ok(socket) = inherited(CONTROL) else { return ExitCode::FAILURE };
    let said = socket::send(socket.as_fd(), b"!");
    let _ = socket::receive(socket.as_fd(), &mut [0]);
    if said.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// A copy above the fixed places. A copy that lands there stays until the child is started.
fn duplicate(descriptor: BorrowedFd<'_>, in_the_way: &mut Vec<OwnedFd>) -> io::Result<OwnedFd> {
    loop {
        // SAFETY: F_DUPFD_CLOEXEC takes a number and makes a new descriptor, which then belongs to us alone.
        let copy = unsafe {
            let copy = libc::fcntl(descriptor.as_raw_fd(), libc::F_DUPFD_CLOEXEC, CONTROL);
            check(copy)?;
            OwnedFd::from_raw_fd(copy)
        };
        if copy.as_raw_fd() > SUPERVISOR {
            return Ok(copy);
        }
        in_the_way.push(copy);
    }
}

/// Closes whatever the launcher left open beside the standard streams: a daemon that kept the end of a pipe would
/// keep the script at its other end waiting for ever. What this program has opened itself stays open.
pub fn close_inherited_descriptors() {
    for descriptor in open_descriptors().into_iter().filter(|descriptor| has_no_owner(*descriptor)) {
        // SAFETY: nobody owns it, so nobody will miss it.
        unsafe { libc::close(descriptor) };
    }
}

/// The numbers of all open descriptors. Without /proc of all that may be open, within reason.
fn open_descriptors() -> Vec<RawFd> {
    const WITHIN_REASON: RawFd = 65536;
    match fs::read_dir("/proc/self/fd") {
        Ok(entries) => entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect(),
        Err(_) => (0..WITHIN_REASON).collect(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::descriptor::LAST_STREAM;
    use super::*;
    use crate::sys::socket::set_nonblocking;
    use crate::sys::testing::passes_in_own_process;
    use std::io::{Read, Write};
    use std::os::unix::process::ExitStatusExt;

    /// As a launcher leaves it behind: open, and nobody's.
    fn left_behind(descriptor: OwnedFd) -> RawFd {
        let number = descriptor.into_raw_fd();
        // SAFETY: F_SETFD takes numbers.
        check(unsafe { libc::fcntl(number, libc::F_SETFD, 0) }).unwrap();
        number
    }

    #[test]
    fn a_descriptor_is_taken_over_once_and_never_from_an_owner() {
        let owned = fs::File::open("/dev/null").unwrap();
        assert_eq!(inherited(owned.as_raw_fd()).unwrap_err().kind(), io::ErrorKind::NotFound);
        let place = left_behind(owned.into());
        let taken = inherited(place).unwrap();
        assert_eq!(inherited(place).unwrap_err().kind(), io::ErrorKind::NotFound);
        assert_eq!(taken.as_raw_fd(), place);
        for stream in 0..=LAST_STREAM {
            assert!(inherited(stream).is_err(), "{stream}");
        }
    }

    #[test]
    fn what_the_launcher_left_open_is_closed_and_what_was_opened_here_is_not() {
        passes_in_own_process(
            "sys::spawn::tests::what_the_launcher_left_open_is_closed_and_what_was_opened_here_is_not",
            || {
                let (reader, writer) = pipe().unwrap();
                left_behind(writer);
                let (_kept, still_owned) = pipe().unwrap();
                close_inherited_descriptors();
                assert_eq!(fs::File::from(reader).read(&mut [0]).unwrap(), 0, "its other end has ended");
                fs::File::from(still_owned).write_all(b"x").unwrap();
            },
        );
    }

    #[test]
    fn a_process_is_killed_at_the_end_of_its_pipe_whatever_it_has_executed() {
        let (reader, writer) = pipe().unwrap();
        let tie = reader.as_raw_fd();
        // One that is not killed ends by itself.
        let mut command = Command::new("sleep");
        command.arg("20");
        // SAFETY: between fork and exec only system calls are made.
        unsafe { command.pre_exec(move || be_killed_at_end_of(tie)) };
        let mut child = command.spawn().unwrap();
        assert_eq!(child.try_wait().unwrap(), None, "not before");
        drop(writer);
        assert_eq!(child.wait().unwrap().signal(), Some(libc::SIGKILL));
    }

    #[test]
    fn each_child_has_a_tie_of_its_own_to_the_same_process() {
        let [one, other] = [tie().unwrap(), tie().unwrap()];
        // Of an open file, not of the pipe.
        set_nonblocking(one.as_fd()).unwrap();
        // SAFETY: F_GETFL takes nothing.
        let flags = [&one, &other].map(|tie| unsafe { libc::fcntl(tie.as_raw_fd(), libc::F_GETFL) });
        assert_eq!(flags.map(|flags| flags & libc::O_NONBLOCK != 0), [true, false]);
        let mut byte = [0];
        let nothing = fs::File::from(one).read(&mut byte).unwrap_err();
        assert_eq!(nothing.kind(), io::ErrorKind::WouldBlock, "its end has not come");
    }

    #[test]
    fn copies_for_a_child_are_out_of_the_way_of_its_fixed_places() {
        let (one, other) = pipe().unwrap();
        let mut in_the_way = Vec::new();
        for descriptor in [one.as_fd(), other.as_fd()] {
            assert!(duplicate(descriptor, &mut in_the_way).unwrap().as_raw_fd() > SUPERVISOR);
        }
        assert!(in_the_way.iter().all(|copy| (CONTROL..=SUPERVISOR).contains(&copy.as_raw_fd())));
    }
}
