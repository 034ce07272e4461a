//! The syntax of `saslauthd.conf`, typed access to its keys, and what can be wrong in it. What the keys mean is not
//! known here.
#![forbid(unsafe_code)]

pub mod file;
pub mod keys;
pub mod raw_settings;
pub mod scope;
pub mod tls_files;
pub mod tokens;
