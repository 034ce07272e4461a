//! Looks at the system and changes nothing. Every look has an end, whatever hangs: it is taken by a thread that is left
//! behind if it takes too long.
#![forbid(unsafe_code)]

pub mod accounts;
pub mod clients;
pub mod defaults;
pub mod files;
pub mod host;
pub mod pam;
pub mod reach;
pub mod servers;
pub mod within;
