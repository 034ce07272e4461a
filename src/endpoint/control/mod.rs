//! The control socket: one line asks, one reply comes, and the connection ends. What `saslauthdctl` speaks, and whoever else
//! wants to; docs/PROTOCOL.md has it.
//!
//! Tables and metrics are made here and not by the program that shows them, so that an old one shows what a new daemon
//! knows.
#![forbid(unsafe_code)]

mod command;
mod json;
mod listing;
mod metrics;
mod penalties;
mod session;
mod status;
#[cfg(test)]
mod testing;
mod words;

pub use command::{Command, Format, NotACommand};
pub use json::status as status_as_json;
pub use listing::{CachedLogin, Listing};
pub use metrics::NAMES as METRIC_NAMES;
pub use metrics::text as metrics_text;
pub use penalties::{Penalty, PenaltyListing, Punished};
pub use session::{LongReply, Reply, Session};
pub use status::table as status_table;
pub use words::unprintable;
