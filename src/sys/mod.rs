//! The only place for `unsafe`: safe signatures over system calls and C libraries, and no policy.

pub mod descriptor;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
pub(crate) mod private_dev;
pub mod syslog;
pub mod time;
