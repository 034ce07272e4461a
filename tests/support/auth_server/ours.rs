//! Our daemon with a socket for Dovecot's protocol alone.

use super::{AuthLaunch, Backend};
use crate::support::Program;
use std::fs;
use std::os::unix::fs::PermissionsExt;
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
    if let Some(server) = launch.policy_server {
        let file = launch.directory.path().join("saslauthd.conf");
        let keys = "policy_nonce: localnonce\npolicy_user: wforce\npolicy_password: super\n";
        fs::write(&file, format!("policy_url: http://{server}/\n{keys}")).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        command.arg("--config").arg(file);
    }
    command
}
