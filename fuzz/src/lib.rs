//! What random bytes must never bring about: each module checks one reader of the programs, whatever it is fed.
//!
//! A check panics when something is broken. libFuzzer calls them from `fuzz_targets`, and the tests call them with
//! every file of `corpus`.

pub mod conffile;
pub mod dovecot;
pub mod http_reply;
pub mod imap_reply;
pub mod input;
pub mod ldap_filter;
pub mod ldap_message;
pub mod ldap_session;
pub mod memory;
pub mod mux_request;
pub mod play;
pub mod policy_reply;
pub mod random;

/// A check, which takes any bytes.
pub type Check = fn(&[u8]);

/// All checks, by the names of the fuzz targets and of the folders in `corpus`.
pub const CHECKS: [(&str, Check); 9] = [
    ("conffile", conffile::check),
    ("dovecot", dovecot::check),
    ("http_reply", http_reply::check),
    ("imap_reply", imap_reply::check),
    ("ldap_filter", ldap_filter::check),
    ("ldap_message", ldap_message::check),
    ("ldap_session", ldap_session::check),
    ("mux_request", mux_request::check),
    ("policy_reply", policy_reply::check),
];
