//! Landlock: a process forbids itself files, TCP ports, signals and abstract sockets. Three system calls.
//!
//! What a kernel has of it is a number, the version of its ABI. Only rights that it knows may be asked for.

use super::super::result::check;
use crate::config::sandbox::{Ports, Rules};
use std::ffi::CString;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// What this kernel has done.
#[derive(Debug)]
pub(super) struct Landlock {
    pub(super) abi: u32,
    pub(super) extent: Extent,
}

/// How far it goes.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Extent {
    pub(super) files: bool,
    pub(super) ports: bool,
    pub(super) scopes: bool,
}

/// `struct landlock_ruleset_attr` of linux/landlock.h. Older kernels take it as long as what they do not know is zero.
#[repr(C)]
#[derive(Debug, PartialEq, Eq)]
struct Handled {
    files: u64,
    network: u64,
    scopes: u64,
}

/// `struct landlock_path_beneath_attr`.
#[repr(C, packed)]
struct Beneath {
    rights: u64,
    directory: i32,
}

/// `struct landlock_net_port_attr`.
#[repr(C)]
struct Port {
    rights: u64,
    number: u64,
}

// LANDLOCK_ACCESS_FS_…
const READ_FILE: u64 = 1 << 2;
const READ_DIRECTORY: u64 = 1 << 3;
/// All that ABI 1 knows: execute, write, read, remove and make of each kind.
const FIRST_RIGHTS: u64 = (1 << 13) - 1;
/// To link and rename from one directory into another: ABI 2.
const REFER: u64 = 1 << 13;
/// ABI 3.
const TRUNCATE: u64 = 1 << 14;
/// Requests to devices that are opened from here on: ABI 5.
const DEVICE_REQUESTS: u64 = 1 << 15;

// LANDLOCK_ACCESS_NET_…: ABI 4.
const BIND_TCP: u64 = 1;
const CONNECT_TCP: u64 = 1 << 1;

/// LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET and LANDLOCK_SCOPE_SIGNAL: only to processes that are in the same sandbox. ABI 6.
const SCOPES: u64 = 0b11;

// enum landlock_rule_type
const RULE_BENEATH: libc::c_long = 1;
const RULE_PORT: libc::c_long = 2;

const NO_FLAGS: libc::c_long = 0;
/// LANDLOCK_CREATE_RULESET_VERSION
const VERSION: libc::c_long = 1;

/// Puts the rules about files, ports and other processes in force.
///
/// # Errors
/// Why nothing of it is: the kernel is too old, was started without it, or a filter refuses the calls.
pub(super) fn enter(rules: &Rules) -> io::Result<Landlock> {
    let abi = version()?;
    let handled = Handled::by(abi, &rules.ports);
    let set = create(&handled)?;
    for path in &rules.readable {
        // What is not there cannot be read either.
        let _ = allow_reading(set.as_fd(), path);
    }
    if let (Ports::Only(numbers), true) = (&rules.ports, handled.network != 0) {
        numbers.iter().try_for_each(|number| allow_port(set.as_fd(), *number))?;
    }
    // SAFETY: takes a descriptor, which is open, and a number.
    check_long(unsafe { libc::syscall(libc::SYS_landlock_restrict_self, set.as_raw_fd(), NO_FLAGS) })?;
    Ok(Landlock { abi, extent: handled.extent() })
}

impl Handled {
    /// What is forbidden unless a rule allows it, as far as the kernel knows of it. Rights of ABI 9 and later are left:
    /// one would cut off /dev/log, at whatever path its socket is.
    fn by(abi: u32, ports: &Ports) -> Self {
        let from = |least, rights| if abi >= least { rights } else { 0 };
        let connect = if *ports == Ports::Any { 0 } else { CONNECT_TCP };
        Self {
            files: FIRST_RIGHTS | from(2, REFER) | from(3, TRUNCATE) | from(5, DEVICE_REQUESTS),
            network: from(4, BIND_TCP | connect),
            scopes: from(6, SCOPES),
        }
    }

    fn extent(&self) -> Extent {
        Extent { files: self.files != 0, ports: self.network != 0, scopes: self.scopes != 0 }
    }
}

fn version() -> io::Result<u32> {
    let (nothing, length): (*const libc::c_void, libc::size_t) = (std::ptr::null(), 0);
    // SAFETY: with this flag the call reads nothing and returns the version.
    let version = unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, nothing, length, VERSION) };
    check_long(version)?;
    u32::try_from(version).map_err(io::Error::other)
}

fn create(handled: &Handled) -> io::Result<OwnedFd> {
    let length = size_of::<Handled>();
    // SAFETY: `handled` outlives the call and is as long as it says; the kernel reads it.
    let set = unsafe {
        libc::syscall(libc::SYS_landlock_create_ruleset, std::ptr::from_ref(handled), length, NO_FLAGS)
    };
    check_long(set)?;
    let descriptor = i32::try_from(set).map_err(io::Error::other)?;
    // SAFETY: the call succeeded, so it is open, close-on-exec, and nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
}

fn allow_reading(set: BorrowedFd<'_>, path: &Path) -> io::Result<()> {
    let (file, is_directory) = open(path)?;
    let rights = if is_directory { READ_FILE | READ_DIRECTORY } else { READ_FILE };
    let rule = Beneath { rights, directory: file.as_raw_fd() };
    add(set, RULE_BENEATH, &rule)
}

/// Opens what is at a path to name it, following links; says whether it is a directory.
fn open(path: &Path) -> io::Result<(OwnedFd, bool)> {
    let path = CString::new(path.as_os_str().as_bytes())?;
    // SAFETY: `path` ends in NUL.
    let descriptor = unsafe { libc::open(path.as_ptr(), libc::O_PATH | libc::O_CLOEXEC) };
    check(descriptor)?;
    // SAFETY: the call succeeded, so it is open and nobody else owns it.
    let file = std::fs::File::from(unsafe { OwnedFd::from_raw_fd(descriptor) });
    let is_directory = file.metadata()?.is_dir();
    Ok((file.into(), is_directory))
}

fn allow_port(set: BorrowedFd<'_>, number: u16) -> io::Result<()> {
    add(set, RULE_PORT, &Port { rights: CONNECT_TCP, number: number.into() })
}

fn add<R>(set: BorrowedFd<'_>, kind: libc::c_long, rule: &R) -> io::Result<()> {
    // SAFETY: `rule` outlives the call and is the structure of that kind; the kernel reads it.
    check_long(unsafe {
        libc::syscall(libc::SYS_landlock_add_rule, set.as_raw_fd(), kind, std::ptr::from_ref(rule), NO_FLAGS)
    })
}

fn check_long(result: libc::c_long) -> io::Result<()> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_kernel_is_asked_for_what_it_does_not_know() {
        let none = Ports::Only([].into());
        for (abi, files, network, scopes) in [
            (1, 0x1fff, 0, 0),
            (2, 0x3fff, 0, 0),
            (3, 0x7fff, 0, 0),
            (4, 0x7fff, 3, 0),
            (5, 0xffff, 3, 0),
            (6, 0xffff, 3, 3),
            (10, 0xffff, 3, 3),
        ] {
            assert_eq!(Handled::by(abi, &none), Handled { files, network, scopes }, "{abi}");
        }
    }

    #[test]
    fn a_process_that_may_connect_anywhere_may_still_listen_nowhere() {
        assert_eq!(Handled::by(7, &Ports::Any).network, BIND_TCP);
    }

    #[test]
    fn structures_are_as_long_as_the_kernels() {
        assert_eq!((size_of::<Handled>(), size_of::<Beneath>(), size_of::<Port>()), (24, 12, 16));
    }
}
