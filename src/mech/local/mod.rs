//! The mechanisms that block and therefore run inside a worker.
#![forbid(unsafe_code)]

pub mod getpwent;
pub mod pam;
pub mod passwdfile;
pub(in crate::mech) mod password;
pub mod shadow;

#[cfg(test)]
mod databases_tests;
