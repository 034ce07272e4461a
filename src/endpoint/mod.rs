//! The protocols in which the daemon is asked: pure sessions, bytes and answers in, requests and bytes out.
#![forbid(unsafe_code)]

pub mod control;
pub mod dovecot;
