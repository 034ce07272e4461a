//! Our daemon with a socket for Dovecot's protocol alone.

use super::{AuthLaunch, Backend};
use crate::support::Program;
use std::process::Command;

/// The command that starts it in the foreground.
pub(super) fn command(launch: &AuthLaunch) -> Command {
    let mut command = Command::new(Program::Ours.daemon());
    command.args(["-d", "--no-mux", "-m"]).arg(launch.directory.path().join("run"));
    command.arg("--socket").arg(format!("{},protocol=dovecot,mode=0666", launch.socket.display()));
    command.arg(format!("--failure-delay={}", launch.failure_delay));
    match launch.backend {
        Backend::File => command.args(["-a", "passwdfile", "-O"]).arg(launch.users()),
        Backend::DeadServer => command.args(["-a", "rimap", "-O", "127.0.0.1/9"]),
    };
    command
}
