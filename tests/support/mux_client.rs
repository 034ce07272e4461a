//! Clients of the socket that run as other users: the program `mux_client.c`.

use crate::support::background::Background;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// The compiled program, where every user can run it.
pub struct MuxClient {
    directory: TempDir,
}

impl MuxClient {
    /// Compiles it.
    pub fn new() -> Self {
        let directory = TempDir::new().unwrap();
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let client = Self { directory };
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/mux_client.c");
        let mut compiler = Command::new("cc");
        compiler.args(["-O1", "-Wall", "-o"]).arg(client.path()).arg(source);
        assert!(compiler.status().unwrap().success(), "{compiler:?} failed");
        client
    }

    /// Runs it as the user, until the end of the test.
    pub fn start(&self, uid: u32, socket: &Path, task: &str, words: &[&str]) -> Background {
        Background::start("mux_client", &mut self.command(uid, socket, task, words))
    }

    /// Logs in so often, one after the other, as the user: the time each took and its reply.
    pub fn log_in(&self, uid: u32, socket: &Path, login: &str, times: usize) -> Vec<(Duration, String)> {
        replies(&mut self.command(uid, socket, "log-in", &[login, "right", &times.to_string()]))
    }

    /// Logs in once as the user with a group of the same number and these others: the reply.
    pub fn log_in_with_groups(&self, uid: u32, groups: &[u32], socket: &Path, login: &str) -> Vec<String> {
        let mut command = Command::new("setpriv");
        command.args(["--reuid", &uid.to_string(), "--regid", &uid.to_string()]);
        let groups: Vec<_> = groups.iter().map(u32::to_string).collect();
        match &groups[..] {
            [] => command.arg("--clear-groups"),
            _ => command.args(["--groups", &groups.join(",")]),
        };
        command.arg(self.path()).arg("log-in").arg(socket).args([login, "right", "1"]);
        replies(&mut command).into_iter().map(|(_, reply)| reply).collect()
    }

    fn command(&self, uid: u32, socket: &Path, task: &str, words: &[&str]) -> Command {
        let mut command = Command::new(self.path());
        command.arg(task).arg(socket).args(words).uid(uid).gid(uid);
        command
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("mux_client")
    }
}

/// How long each login took, and its reply.
fn replies(command: &mut Command) -> Vec<(Duration, String)> {
    let output = command.stdin(Stdio::null()).output().unwrap();
    let line = |line: &str| {
        let (time, reply) = line.split_once(' ').unwrap();
        (Duration::from_micros(time.parse().unwrap()), reply.to_owned())
    };
    String::from_utf8(output.stdout).unwrap().lines().map(line).collect()
}
