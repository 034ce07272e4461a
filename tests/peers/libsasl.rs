//! Debian's libsasl with `pwcheck_method: saslauthd`, in the sample server that comes with it: what Cyrus IMAP, slapd
//! and every other server linked with it hears.

use super::bounded;
use super::daemon::{Daemon, Program};
use super::needs::Need;
use super::pam::PamService;
use super::smtp::base64;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Stdio;
use tempfile::TempDir;

const SERVER: &str = "/usr/sbin/sasl-sample-server";
pub(super) const NEEDS: [Need; 1] = [Need::File(SERVER, "of the package sasl2-bin")];

pub(super) const ACCEPTED: &str = "Username: alice@example.test";
/// SASL_BADAUTH: the password is wrong.
pub(super) const REFUSED: &str =
    "Performing SASL negotiation: authentication failure (authentication failure)";
/// SASL_FAIL: nobody knows.
const NO_VERDICT: &str = "Performing SASL negotiation: generic failure (generic failure)";

scenarios! {
    super::NEEDS;
    both:
        right_wrong_and_unknown_are_told_apart,
        no_verdict_is_not_a_wrong_password;
    ours:
        a_password_of_400_bytes_is_accepted;
}

fn right_wrong_and_unknown_are_told_apart(program: Program) {
    let host = Host::new(program, "right horse");
    host.expect(ACCEPTED, "alice", "right horse");
    host.expect(REFUSED, "alice", "wrong horse");
    host.expect(REFUSED, "nobody", "right horse");
}

fn no_verdict_is_not_a_wrong_password(program: Program) {
    let mut host = Host::new(program, "right horse");
    host.daemon.take().unwrap().stop();
    host.expect(NO_VERDICT, "alice", "right horse");
    host.start_daemon(program);
    host.expect(NO_VERDICT, "crash", "anything");
    host.expect(ACCEPTED, "alice", "right horse");
}

/// Tokens are longer than the 256 bytes of the C daemon.
fn a_password_of_400_bytes_is_accepted(program: Program) {
    let password = "0123456789".repeat(40);
    let host = Host::new(program, &password);
    host.expect(ACCEPTED, "alice", &password);
    host.expect(REFUSED, "alice", &password[1..]);
    host.expect(REFUSED, "alice", &password[..399]);
}

/// A host with one user.
struct Host {
    directory: TempDir,
    server: SampleServer,
    service: PamService,
    daemon: Option<Daemon>,
}

impl Host {
    fn new(program: Program, password: &str) -> Self {
        let directory = TempDir::new().unwrap();
        let service = PamService::new(&[("alice@example.test", password)]);
        let server = SampleServer::new(&directory.path().join("run/mux"));
        let mut host = Self { directory, server, service, daemon: None };
        host.start_daemon(program);
        host
    }

    fn start_daemon(&mut self, program: Program) {
        let run_directory = self.directory.path().join("run");
        self.daemon = Some(Daemon::start(program, &run_directory, &["-a", "pam", "-r", "-n", "5"]));
    }

    #[track_caller]
    fn expect(&self, line: &str, login: &str, password: &str) {
        let lines = self.server.authenticate(self.service.name(), login, password);
        let found = lines.lines().any(|own| own.ends_with(line));
        assert!(found, "{login:?}: no {line:?} in\n{lines}");
    }
}

/// The sample server, started for each login.
pub(super) struct SampleServer {
    directory: TempDir,
}

impl SampleServer {
    /// One that asks at the socket `mux`.
    pub(super) fn new(mux: &Path) -> Self {
        let directory = TempDir::new().unwrap();
        let options =
            format!("pwcheck_method: saslauthd\nmech_list: PLAIN\nsaslauthd_path: {}\n", mux.display());
        fs::write(directory.path().join("sample.conf"), options).unwrap();
        Self { directory }
    }

    /// Everything that it prints when it is told these with PLAIN.
    pub(super) fn authenticate(&self, service: &str, login: &str, password: &str) -> String {
        let mut server = bounded(SERVER)
            .args(["-m", "PLAIN", "-u", "example.test", "-s", service])
            .env("SASL_CONF_PATH", self.directory.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let response = base64(format!("\0{login}\0{password}").as_bytes());
        let lines = format!("C: {}\nC: {response}\n", base64(b"PLAIN"));
        server.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
        let output = server.wait_with_output().unwrap();
        String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
    }
}
