//! The log of a worker: every line goes to the frontend, which has the sinks.
#![forbid(unsafe_code)]

use super::{Sinks, install};

/// Takes a finished syslog datagram; must not log and must not wait longer than the worker may.
pub type Send = Box<dyn Fn(&[u8]) + core::marker::Send + Sync>;

/// Logs through `send` from now on, with `verbose` down to what is only worth knowing when something is searched
/// for. The frontend hands what it gets to [`super::relay`].
pub fn init(send: Send, verbose: bool) {
    install(Sinks::Frontend(send), verbose);
}
