//! testsaslauthd of either project as a client of either daemon: scripts read its words and its exit status.

use super::bounded;
use super::daemon::{CLIENT_OF_C, Daemon, Program};
use super::needs::Need;
use super::pam::PamService;
use std::path::PathBuf;
use tempfile::TempDir;

const NEEDS: [Need; 1] = [Need::File(CLIENT_OF_C, "of the package sasl2-bin")];

scenarios! {
    super::NEEDS;
    both:
        right_wrong_and_unknown_are_told_apart,
        a_daemon_that_is_not_there_is_said_so,
        service_and_realm_reach_the_daemon;
    ours:;
}

fn right_wrong_and_unknown_are_told_apart(program: Program) {
    let host = Host::new(program, &["-a", "pam"]);
    for client in CLIENTS {
        assert_eq!(host.ask(client, "alice", "right horse", &[]), success());
        assert_eq!(host.ask(client, "alice", "wrong horse", &[]), failure());
        assert_eq!(host.ask(client, "nobody", "right horse", &[]), failure());
        assert_eq!(host.ask(client, "alice", "", &[]), failure());
    }
}

fn a_daemon_that_is_not_there_is_said_so(program: Program) {
    let mut host = Host::new(program, &["-a", "pam"]);
    host.daemon.take().unwrap().stop();
    for client in CLIENTS {
        let answer = host.ask(client, "alice", "right horse", &[]);
        assert_eq!(answer, (Some(255), "0: connect() : No such file or directory\n".to_owned()));
    }
}

fn service_and_realm_reach_the_daemon(program: Program) {
    let host = Host::new(program, &["-a", "pam", "-r"]);
    for client in CLIENTS {
        assert_eq!(host.ask(client, "bob", "other horse", &["-r", "example.test"]), success());
        assert_eq!(host.ask(client, "bob", "other horse", &[]), failure());
        assert_eq!(
            host.ask(client, "bob", "other horse", &["-r", "example.test", "-s", "no-such"]),
            failure()
        );
    }
}

const CLIENTS: [Program; 2] = [Program::Ours, Program::C];

fn success() -> (Option<i32>, String) {
    (Some(0), "0: OK \"Success.\"\n".to_owned())
}

fn failure() -> (Option<i32>, String) {
    (Some(255), "0: NO \"authentication failed\"\n".to_owned())
}

struct Host {
    directory: TempDir,
    service: PamService,
    daemon: Option<Daemon>,
}

impl Host {
    fn new(program: Program, flags: &[&str]) -> Self {
        let directory = TempDir::new().unwrap();
        let service = PamService::new(&[("alice", "right horse"), ("bob@example.test", "other horse")]);
        let daemon = Some(Daemon::start(program, &run_directory(&directory), flags));
        Self { directory, service, daemon }
    }

    /// Exit status and everything that `client` says.
    fn ask(&self, client: Program, login: &str, password: &str, more: &[&str]) -> (Option<i32>, String) {
        let output = bounded(client.client())
            .arg("-f")
            .arg(run_directory(&self.directory).join("mux"))
            .args(["-u", login, "-p", password, "-s", self.service.name()])
            .args(more)
            .output()
            .unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(text).unwrap())
    }
}

/// The daemon makes it.
fn run_directory(directory: &TempDir) -> PathBuf {
    directory.path().join("run")
}
