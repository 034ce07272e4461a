//! Logins checked by an LDAP directory.
#![forbid(unsafe_code)]

pub mod base64;
pub mod ber;
pub mod cipher;
pub mod ldap_conf;
pub mod sasl;
pub mod schemes;
pub mod scram;
