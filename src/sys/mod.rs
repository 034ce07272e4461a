//! The only place for `unsafe`: safe signatures over system calls and C libraries, and no policy.

pub mod crypt;
pub mod daemon;
pub mod descriptor;
pub mod harden;
pub mod pam;
pub mod resolve;
mod result;
pub mod shadow;
pub mod socket;
pub mod spawn;
pub mod syslog;
pub mod terminal;
mod terminated;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
pub(crate) mod testing;
pub mod time;
pub mod tls_session;
pub mod unix_stream;
