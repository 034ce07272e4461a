//! Logins checked by an LDAP directory.
#![forbid(unsafe_code)]

pub mod base64;
pub mod ber;
pub mod cipher;
pub mod dn;
pub mod filter;
pub mod ldap_conf;
pub mod message;
pub mod response;
pub mod result_code;
pub mod sasl;
pub mod schemes;
pub mod scram;
pub mod tokens;
