//! What random bytes must never bring about: each module checks one reader of the programs, whatever it is fed.
//!
//! A check panics when something is broken. libFuzzer calls them from `fuzz_targets`, and the tests call them with
//! every file of `corpus`.

pub mod cache;
pub mod command_line;
pub mod conffile;
pub mod control;
pub mod dovecot;
pub mod fair_queue;
pub mod http_reply;
pub mod imap_reply;
pub mod input;
pub mod ipc;
pub mod ldap_filter;
pub mod ldap_message;
pub mod ldap_session;
pub mod log_text;
pub mod login_format;
pub mod memory;
pub mod mux_request;
pub mod operations;
pub mod penalties;
pub mod play;
pub mod policy_reply;
pub mod policy_session;
pub mod pool;
pub mod random;
pub mod sasl;
pub mod sasldb;
pub mod sql_select;
pub mod stored_passwords;
pub mod system_files;

use saslauthd::simulation;

/// A check, which takes any bytes.
pub type Check = fn(&[u8]);

/// All checks, by the names of the fuzz targets and of the folders in `corpus`.
pub const CHECKS: [(&str, Check); 28] = [
    ("cache", cache::check),
    ("command_line", command_line::check),
    ("conffile", conffile::check),
    ("control", control::check),
    ("dispatch", simulation::dispatch),
    ("dovecot", dovecot::check),
    ("dovecot_world", simulation::dovecot),
    ("fair_queue", fair_queue::check),
    ("http_reply", http_reply::check),
    ("imap_reply", imap_reply::check),
    ("ipc", ipc::check),
    ("ldap_filter", ldap_filter::check),
    ("ldap_message", ldap_message::check),
    ("ldap_session", ldap_session::check),
    ("log_text", log_text::check),
    ("login_format", login_format::check),
    ("mux_request", mux_request::check),
    ("penalties", penalties::check),
    ("policy_reply", policy_reply::check),
    ("policy_session", policy_session::check),
    ("pool", pool::check),
    ("sasl", sasl::check),
    ("sasldb", sasldb::check),
    ("sql_select", sql_select::check),
    ("stored_passwords", stored_passwords::check),
    ("succession", simulation::succession),
    ("system_files", system_files::check),
    ("upstream", simulation::upstream),
];
