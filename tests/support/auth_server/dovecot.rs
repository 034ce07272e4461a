//! Dovecot with its `auth` service alone and everything of its own.

use super::{AuthLaunch, Backend};
use crate::support::command::run;
use crate::support::dovecot::{PROGRAM, Version};
use openssl::base64::encode_block;
use std::fs;
use std::net::SocketAddr;
use std::process::Command;

/// Where nobody listens: the port of the discard service.
const DEAD_PORT: u16 = 9;

/// The command that starts it in the foreground; writes its configuration.
pub(super) fn command(launch: &AuthLaunch) -> Command {
    let file = launch.directory.path().join("dovecot.conf");
    fs::write(&file, configuration(launch)).unwrap();
    let mut command = Command::new(PROGRAM);
    command.args(["-F", "-c"]).arg(file);
    command
}

/// The user of its `auth` processes.
pub(super) fn user_id() -> Option<u32> {
    let mut id = Command::new("id");
    id.args(["-u", "dovecot"]);
    run(id).output.trim().parse().ok()
}

fn configuration(launch: &AuthLaunch) -> String {
    let version = Version::installed();
    let (directory, socket) = (launch.directory.path().display(), launch.socket.display());
    let (first, user) = (version.head(), version.login());
    let cleartext = match version {
        Version::Old => "disable_plaintext_auth = no",
        Version::New => "auth_allow_cleartext = yes",
    };
    format!(
        // Without the penalty, which delays whoever has failed before.
        "{first}\
         base_dir = {directory}/run\n\
         state_dir = {directory}/state\n\
         log_path = /dev/stderr\n\
         protocols =\n\
         ssl = no\n\
         {cleartext}\n\
         auth_mechanisms = plain login\n\
         auth_verbose = yes\n\
         auth_failure_delay = {delay} secs\n\
         auth_username_chars =\n\
         auth_username_format = {user}\n\
         {policy}\
         {passwords}\
         service auth {{\nunix_listener {socket} {{\n mode = 0666\n}}\n}}\n\
         service anvil {{\nunix_listener anvil-auth-penalty {{\n mode = 0\n}}\n}}\n",
        delay = launch.failure_delay,
        policy = launch.policy_server.map(policy).unwrap_or_default(),
        passwords = passwords(version, launch),
    )
}

/// Without the second question, which it asks when the password was right.
fn policy(server: SocketAddr) -> String {
    let account = encode_block(b"wforce:super");
    format!(
        "auth_policy_server_url = http://{server}/\n\
         auth_policy_server_api_header = Authorization:Basic {account}\n\
         auth_policy_hash_nonce = localnonce\n\
         auth_policy_check_after_auth = no\n"
    )
}

fn passwords(version: Version, launch: &AuthLaunch) -> String {
    let users = launch.users();
    let users = users.display();
    match (&launch.backend, version) {
        (Backend::File, Version::Old) => {
            format!("passdb {{\n driver = passwd-file\n args = username_format=%u {users}\n}}\n")
        }
        (Backend::File, Version::New) => {
            format!("passdb passwd-file {{\n passwd_file_path = {users}\n}}\n")
        }
        (Backend::DeadServer, Version::Old) => {
            format!("passdb {{\n driver = imap\n args = host=127.0.0.1 port={DEAD_PORT}\n}}\n")
        }
        (Backend::DeadServer, Version::New) => {
            format!("passdb imap {{\n imapc_host = 127.0.0.1\n imapc_port = {DEAD_PORT}\n}}\n")
        }
    }
}
