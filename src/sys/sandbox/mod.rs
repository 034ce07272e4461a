//! The sandbox of a process that is set up: what it does not need any more is taken from it for good, as far as the kernel
//! can. Landlock keeps it from files, ports and other processes, a filter from system calls; `config::sandbox` says which.
//!
//! All of it is best effort. An old kernel, or a container whose own filter refuses these calls, has less of it, and the
//! daemon serves all the same: what is in force is told.

mod calls;
mod filter;
mod landlock;

use super::result::check;
use crate::config::sandbox::{Ports, Rules};
use crate::strerror::strerror;
use landlock::{Extent, Landlock};
use std::fmt;
use std::io;

/// What has been put in force, and why the rest has not.
#[derive(Debug)]
pub struct InForce {
    calls: Result<(), String>,
    landlock: Result<Landlock, String>,
    /// Whether the rules restrict connections at all.
    restricts_ports: bool,
}

/// Puts the rules in force for this thread, which is to be the only one of its process, and all that come after it. They
/// cannot be taken back.
pub fn enter(rules: &Rules) -> InForce {
    // Whoever could gain rights by executing a program could get rid of the rest; the kernel insists on it.
    let settled = give_up_new_privileges();
    let restricts_ports = rules.ports != Ports::Any;
    let landlock = settled.and_then(|()| landlock::enter(rules)).map_err(|error| strerror(&error));
    // Last, since it forbids what the other needs.
    let calls = install_filter(rules).map_err(|error| strerror(&error));
    InForce { calls, landlock, restricts_ports }
}

fn give_up_new_privileges() -> io::Result<()> {
    let (yes, unused): (libc::c_ulong, libc::c_ulong) = (1, 0);
    // SAFETY: PR_SET_NO_NEW_PRIVS takes numbers.
    check(unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, yes, unused, unused, unused) })
}

/// Has the kernel look at each system call from here on.
fn install_filter(rules: &Rules) -> io::Result<()> {
    let Some(architecture) = filter::HERE else {
        return Err(io::Error::from_raw_os_error(libc::EOPNOTSUPP));
    };
    let mut program = filter::program(architecture, &calls::rules(rules.role, std::process::id()));
    let length = u16::try_from(program.len()).map_err(io::Error::other)?;
    let described = libc::sock_fprog { len: length, filter: program.as_mut_ptr().cast() };
    // SAFETY: `program` outlives the call and has `length` instructions, laid out as the kernel's; it copies them.
    check(unsafe { libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const described) })
}

impl InForce {
    /// Whether anything is missing that the rules ask for.
    pub fn is_partial(&self) -> bool {
        self.parts().iter().any(|(_, holds)| !holds)
    }

    /// What there is to be in force, and whether it is.
    fn parts(&self) -> Vec<(&'static str, bool)> {
        let extent = self.landlock.as_ref().map_or_else(|_| Extent::default(), |landlock| landlock.extent);
        let mut parts = vec![("system calls", self.calls.is_ok()), ("files", extent.files)];
        parts.push((if self.restricts_ports { "TCP ports" } else { "listening" }, extent.ports));
        parts.extend([("signals", extent.scopes), ("abstract sockets", extent.scopes)]);
        parts
    }
}

impl fmt::Display for InForce {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (held, missing): (Vec<_>, Vec<_>) = self.parts().into_iter().partition(|(_, holds)| *holds);
        let names = |parts: &[(&'static str, bool)]| {
            parts.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
        };
        let held = if held.is_empty() { "nothing".to_owned() } else { names(&held) };
        match &self.landlock {
            Ok(landlock) => write!(formatter, "{held} (Landlock ABI {})", landlock.abi)?,
            Err(reason) => write!(formatter, "{held} (no Landlock: {reason})")?,
        }
        if !missing.is_empty() {
            write!(formatter, "; free are {}", names(&missing))?;
        }
        match &self.calls {
            Ok(()) => Ok(()),
            Err(reason) => write!(formatter, " (no filter: {reason})"),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
