//! The only place for `unsafe`: safe signatures over system calls and C libraries, and no policy.

pub mod terminal;
pub mod unix_stream;
