//! The log of a worker: every line goes to the frontend, which has the sinks.
#![forbid(unsafe_code)]

use super::{Sinks, install};
use crate::config::log_level::LogLevel;

/// Takes a finished syslog datagram; must not log and must not wait longer than the worker may.
pub type Send = Box<dyn Fn(&[u8]) + core::marker::Send + Sync>;

/// Logs through `send` from now on, down to `level`. The frontend hands what it gets to [`super::relay`].
pub fn init(send: Send, level: LogLevel) {
    install(Sinks::Frontend(send), level);
}
