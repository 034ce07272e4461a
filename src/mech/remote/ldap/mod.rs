//! Logins checked by an LDAP directory.
#![forbid(unsafe_code)]

pub mod ber;
pub mod dn;
pub mod filter;
pub mod message;
pub mod response;
pub mod result_code;
pub mod tokens;
pub mod uri;
