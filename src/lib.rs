//! A drop-in replacement for Cyrus SASL's saslauthd.
//!
//! [`credentials`], [`outcome`], [`secret`] and [`config`] are the nouns everyone shares. docs/ARCHITECTURE.md tells
//! how the rest hangs together.

pub mod cache;
pub mod cli;
pub mod client;
pub mod config;
pub mod credentials;
pub mod dispatch;
pub mod frontend;
pub mod ipc;
pub mod log;
pub mod mech;
pub mod outcome;
pub mod pool;
pub mod prompt;
pub mod secret;
pub mod supervisor;
pub mod sys;
pub mod testsaslauthd;
pub mod wire;
pub mod worker;

use std::ffi::OsStr;
use std::process::ExitCode;

/// The daemon's `main`. The supervisor starts the same binary again for its children, under another name.
pub fn saslauthd_main() -> ExitCode {
    let words: Vec<_> = std::env::args_os().collect();
    match words.first().map(|name| name.as_os_str()) {
        Some(name) if name == OsStr::new(supervisor::FRONTEND_ROLE) => frontend::run(),
        Some(name) if name == OsStr::new(supervisor::WORKER_ROLE) => worker::run(),
        _ => supervise(words),
    }
}

fn supervise(words: Vec<std::ffi::OsString>) -> ExitCode {
    match cli::saslauthd::parse(words) {
        Ok(cli::saslauthd::Parsed::Run(config)) => supervisor::run(*config),
        Ok(cli::saslauthd::Parsed::Help) => {
            eprint!("{}", cli::help());
            ExitCode::SUCCESS
        }
        Ok(cli::saslauthd::Parsed::Version) => {
            eprint!("{}", cli::version());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprint!("{}", error.report(std::process::id()));
            ExitCode::FAILURE
        }
    }
}

/// `main` of the client that asks the daemon one question.
pub fn testsaslauthd_main() -> ExitCode {
    testsaslauthd::main()
}
