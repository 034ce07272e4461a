//! The only place for `unsafe`: safe signatures over system calls and C libraries, and no policy.

pub mod harden;
pub mod socket;
pub mod spawn;
pub mod terminal;
pub mod unix_stream;
