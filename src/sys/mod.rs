//! The only place for `unsafe`: safe signatures over system calls and C libraries, and no policy.

pub mod crypt;
pub mod harden;
pub mod pam;
pub mod shadow;
pub mod socket;
pub mod spawn;
pub mod terminal;
mod terminated;
pub mod unix_stream;
pub mod descriptor;
pub mod syslog;
pub mod time;
