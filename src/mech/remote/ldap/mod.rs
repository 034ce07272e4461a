//! Logins checked by an LDAP directory.
#![forbid(unsafe_code)]

pub mod base64;
pub mod ber;
pub mod cipher;
pub mod dn;
pub mod exchange;
pub mod filter;
pub mod lanes;
pub mod ldap_conf;
pub mod message;
pub mod question;
pub mod referral;
pub mod response;
pub mod result_code;
pub mod sasl;
pub mod schemes;
pub mod scram;
pub mod session;
pub mod settings;
pub mod tokens;
pub mod uri;
