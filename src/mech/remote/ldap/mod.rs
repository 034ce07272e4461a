//! Logins checked by an LDAP directory.
#![forbid(unsafe_code)]

pub mod ber;
pub mod tokens;
