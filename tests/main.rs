//! Drives the real binaries: the same promises asked of this daemon and of the C daemon beside it.
//!
//! One binary for all subjects, since every further one costs a link of the whole library. `cargo test ::ours::` and
//! `cargo test ::c::` run one side of the comparisons only.
#![forbid(unsafe_code)]
#![allow(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test is to fail loudly, and nothing here is reachable from outside"
)]

#[macro_use]
mod support;

mod active_directory;
mod cache;
mod chains;
mod check_system;
mod completions;
mod config;
mod confinement;
mod control;
mod documents;
mod dovecot;
mod endpoints;
mod fairness;
mod faults;
mod flags;
mod floods;
mod guessing;
mod httpform;
mod kerberos5;
mod layers;
mod ldap;
mod lifecycle;
mod log;
mod log_readers;
mod login_numbers;
mod memory;
mod modules;
mod outages;
mod pam;
mod passwdfile;
mod peers;
mod penalty;
mod places;
mod policy_server;
mod privileges;
mod rimap;
mod sandbox;
mod sasldb;
mod secrets;
mod server_faults;
mod service_manager;
mod shadow;
mod shadow_dates;
mod sql;
mod succession;
mod summed_outages;
mod supervisord;
mod surroundings;
mod testsaslauthd;
mod tls_files;
mod wire;
mod workers;
