//! Dovecot's own client, which works against any server.

use super::start;
use crate::support::command::{Finished, run};
use crate::support::dovecot::Version;
use crate::support::{AuthLaunch, AuthServer};
use std::fs;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

/// EX_NOPERM of sysexits.h.
const REFUSED: i32 = 77;
/// EX_TEMPFAIL, after a close and not where nobody listens.
const NO_ANSWER: i32 = 75;

for_both_auth_servers!(
    with Dovecot:
    doveadm_tells_right_wrong_and_unknown_apart,
    doveadm_tells_a_server_that_is_not_there,
    doveadm_in_an_outage,
);

fn doveadm_tells_right_wrong_and_unknown_apart(program: AuthServer) {
    let server = start(program);
    for (login, password, code) in [
        ("anna", "secret", 0),
        ("anna", "wrong", REFUSED),
        ("nobody", "secret", REFUSED),
        ("bert@example.org", "hush hush", 0),
        ("anna@example.org", "secret", REFUSED),
    ] {
        let finished = ask(server.socket(), login, password);
        assert_eq!(finished.code, Some(code), "{finished:?}");
        let verdict = if code == 0 { "auth succeeded" } else { "auth failed" };
        assert!(finished.output.contains(&format!("{login} {verdict}")), "{finished:?}");
        assert!(finished.output.contains(&format!("user={login}")), "{finished:?}");
    }
}

fn doveadm_tells_a_server_that_is_not_there(program: AuthServer) {
    let mut server = start(program);
    server.stop();
    let finished = ask(server.socket(), "anna", "secret");
    assert_ne!(finished.code, Some(0), "{finished:?}");
    assert!(finished.errors.contains("auth-client: conn unix:"), "{finished:?}");
    server.start_again();
    assert_eq!(ask(server.socket(), "anna", "secret").code, Some(0));
}

fn doveadm_in_an_outage(program: AuthServer) {
    let server = AuthLaunch::in_an_outage(program).start();
    let finished = ask(server.socket(), "anna", "secret");
    let why = "nobody is told that the password is wrong";
    assert_eq!(finished.code, Some(program.better(why, REFUSED, NO_ANSWER)), "{finished:?}");
}

/// `doveadm auth test`, with settings that say nothing.
fn ask(socket: &Path, login: &str, password: &str) -> Finished {
    let directory = TempDir::new().unwrap();
    let settings = directory.path().join("dovecot.conf");
    fs::write(&settings, Version::installed().head()).unwrap();
    let mut command = Command::new("doveadm");
    command.arg("-c").arg(settings).args(["auth", "test", "-a"]).arg(socket);
    command.args(["-x", "service=smtp", "-x", "rip=192.0.2.7", login, password]);
    run(command)
}
