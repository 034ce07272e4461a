//! Sockets that systemd, or whoever speaks as it does, has opened for this process: sd_listen_fds(3).
#![forbid(unsafe_code)]

use super::descriptor::inherited;
use std::env;
use std::ffi::OsString;
use std::os::fd::{OwnedFd, RawFd};

/// The first descriptor that is handed in.
const FIRST: RawFd = 3;

/// More than anybody has sockets for: a number from outside that something is counted by.
const MOST: RawFd = 1024;

/// The name of a descriptor that has none, as in systemd.
const UNKNOWN: &str = "unknown";

/// A descriptor that was handed in.
pub struct HandedIn {
    /// Its name: `FileDescriptorName=`, or that of the unit.
    pub name: String,
    /// What it is must still be looked at.
    pub descriptor: OwnedFd,
}

/// Takes them over, once, before anything else is opened and before what else was inherited is closed. None if they
/// are meant for another process.
///
/// # Errors
/// A sentence that says why they cannot be had: their number is none, or one of them is not open.
pub fn take() -> Result<Vec<HandedIn>, String> {
    let is_ours = number("LISTEN_PID").is_some_and(|pid| u32::try_from(pid) == Ok(std::process::id()));
    if !is_ours {
        return Ok(Vec::new());
    }
    let count = number("LISTEN_FDS").filter(|count| (0..=MOST).contains(count));
    let count = count.ok_or_else(|| format!("LISTEN_FDS is not a number from 0 to {MOST}"))?;
    let names = env::var_os("LISTEN_FDNAMES").map(OsString::into_encoded_bytes).unwrap_or_default();
    let mut names = names.split(|byte| *byte == b':').map(String::from_utf8_lossy);
    let handed_in = |descriptor| {
        let name = names.next().filter(|name| !name.is_empty());
        let name = name.map_or_else(|| UNKNOWN.to_owned(), |name| name.into_owned());
        let opened = inherited(descriptor);
        let descriptor = opened.map_err(|_| {
            format!(
                "LISTEN_FDS says that {count} sockets were handed in, and descriptor {descriptor} is not open"
            )
        })?;
        Ok(HandedIn { name, descriptor })
    };
    (FIRST..FIRST + count).map(handed_in).collect()
}

fn number(variable: &str) -> Option<i32> {
    env::var(variable).ok()?.parse().ok()
}
