//! The only place for `unsafe`: safe signatures over system calls and C libraries, and no policy.

pub mod crypt;
pub mod pam;
pub mod shadow;
mod terminated;
