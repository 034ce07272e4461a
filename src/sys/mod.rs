//! The only place for `unsafe`: safe signatures over system calls and C libraries, and no policy.

pub mod activation;
pub mod capabilities;
pub mod confinement;
pub mod crypt;
pub mod daemon;
pub mod descriptor;
pub mod file_lock;
pub mod host_name;
pub mod impersonation;
pub mod inherited;
pub mod inode;
mod library;
pub mod memory;
pub mod openssl;
pub mod own_binary;
pub mod pam;
pub mod pipe;
pub mod process;
pub mod process_state;
pub mod process_tree;
pub mod random;
pub mod resolve;
mod result;
pub mod sandbox;
pub mod shadow;
pub mod signals;
pub mod socket;
pub mod spawn;
pub mod sql;
pub mod syslog;
pub mod terminal;
mod terminated;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
pub(crate) mod testing;
pub mod time;
pub mod unix_listener;
pub mod unix_stream;
