//! A drop-in replacement for Cyrus SASL's saslauthd.
//!
//! [`credentials`], [`outcome`], [`secret`] and [`config`] are the nouns everyone shares. docs/ARCHITECTURE.md tells
//! how the rest hangs together.

pub mod config;
pub mod credentials;
pub mod log;
pub mod mech;
pub mod outcome;
pub mod secret;
pub mod sys;

use std::process::ExitCode;

/// The daemon's `main`.
pub fn saslauthd_main() -> ExitCode {
    ExitCode::FAILURE
}

/// `main` of the client that asks the daemon one question.
pub fn testsaslauthd_main() -> ExitCode {
    ExitCode::FAILURE
}
