//! The supervisor: owns the run directory, the pid file and the socket, and the processes that serve it.
#![forbid(unsafe_code)]
mod children;
mod family;
mod signals;
pub use children::{FRONTEND_ROLE, WORKER_ROLE};
pub use signals::leave_to_supervisor;

use crate::config::Config;
use std::process::ExitCode;

/// Runs
pub fn run(config: Config) -> ExitCode {
    let _ = std::fs::create_dir(&config.run_directory);
    std::env::set_current_dir(&config.run_directory).unwrap();
    let _ = std::fs::remove_file("mux");
    crate::log::init(config.log, config.verbose);
    let l = std::os::unix::net::UnixListener::bind("mux").unwrap();
    let mut f = family::Family::found(config, l.into(), None).unwrap();
    println!("ready {:?}", f.await_ready().unwrap());
    f.serve().unwrap();
    f.disband();
    ExitCode::SUCCESS
}
