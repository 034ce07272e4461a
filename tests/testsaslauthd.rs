//! The client program: what it sends, prints and returns, beside C's.

use crate::support::client::counted;
use crate::support::command::{run, run_with_input, wait};
use crate::support::lines::Lines;
use crate::support::server::FakeDaemon;
use crate::support::{Finished, Probed, Process, Program, Request, eventually};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;
use tempfile::TempDir;

for_both!(
    an_accepted_login_is_a_success,
    a_refused_login_is_a_failure,
    only_the_first_two_bytes_of_a_reply_count,
    without_a_daemon_the_error_is_told,
    a_close_without_a_reply_is_told,
    a_reply_that_is_too_short_is_told,
    a_reply_that_is_cut_off_is_told,
    rounds_are_counted_and_the_last_one_decides,
    a_request_has_four_fields_and_the_service_imap,
    wrong_flags_show_the_usage,
    both_daemons_are_asked_alike,
);

const SUCCESS: &str = "0: OK \"Success.\"\n";
const FAILURE: &str = "0: NO \"authentication failed\"\n";

fn an_accepted_login_is_a_success(program: Program) {
    for reply in ["OK", "OK remote authentication successful", "OK "] {
        let server = FakeDaemon::answering(&[&counted(reply.as_bytes())]);
        assert_eq!(ask(program, &server.socket(), &[]), finished(0, SUCCESS, ""), "{reply}");
    }
}

fn a_refused_login_is_a_failure(program: Program) {
    for reply in ["NO", "NO PAM auth error", "NO "] {
        let server = FakeDaemon::answering(&[&counted(reply.as_bytes())]);
        assert_eq!(ask(program, &server.socket(), &[]), finished(255, FAILURE, ""), "{reply}");
    }
}

fn only_the_first_two_bytes_of_a_reply_count(program: Program) {
    for (reply, expected) in [
        ("OKAY", finished(0, SUCCESS, "")),
        ("ok", finished(255, FAILURE, "")),
        (" OK", finished(255, FAILURE, "")),
    ] {
        let server = FakeDaemon::answering(&[&counted(reply.as_bytes())]);
        assert_eq!(ask(program, &server.socket(), &[]), expected, "{reply}");
    }
    // Some servers count one byte too few and send a NUL after it.
    let server = FakeDaemon::answering(&[b"\0\x02OK\0"]);
    assert_eq!(ask(program, &server.socket(), &[]), finished(0, SUCCESS, ""));
    let long = [b"NO ".to_vec(), vec![b'x'; 1020]].concat();
    let server = FakeDaemon::answering(&[&counted(&long)]);
    assert_eq!(ask(program, &server.socket(), &[]), finished(255, FAILURE, ""));
}

fn without_a_daemon_the_error_is_told(program: Program) {
    let directory = TempDir::new().unwrap();
    let missing = ask(program, &directory.path().join("mux"), &[]);
    assert_eq!(missing, finished(255, "0: ", "connect() : No such file or directory\n"));
    let stale = directory.path().join("stale");
    drop(std::os::unix::net::UnixListener::bind(&stale).unwrap());
    assert_eq!(ask(program, &stale, &[]), finished(255, "0: ", "connect() : Connection refused\n"));
}

fn a_close_without_a_reply_is_told(program: Program) {
    for reply in [&b""[..], b"\0"] {
        let server = FakeDaemon::answering(&[reply]);
        assert_eq!(
            ask(program, &server.socket(), &[]),
            finished(255, "0: ", "size read failed\n"),
            "{reply:?}"
        );
    }
}

fn a_reply_that_is_too_short_is_told(program: Program) {
    for reply in [&b"\0\0"[..], b"\0\x01O"] {
        let server = FakeDaemon::answering(&[reply]);
        let expected = finished(255, "0: ", "bad response from saslauthd\n");
        assert_eq!(ask(program, &server.socket(), &[]), expected, "{reply:?}");
    }
}

fn a_reply_that_is_cut_off_is_told(program: Program) {
    for reply in [&b"\0\x02"[..], b"\0\x02O", b"\0\x10OK"] {
        let server = FakeDaemon::answering(&[reply]);
        assert_eq!(ask(program, &server.socket(), &[]), finished(255, "0: ", "read failed\n"), "{reply:?}");
    }
}

fn rounds_are_counted_and_the_last_one_decides(program: Program) {
    let (ok, no) = (counted(b"OK"), counted(b"NO"));
    let server = FakeDaemon::answering(&[&ok, &no, b"", &ok]);
    let rounds = ask(program, &server.socket(), &["-R", "4"]);
    let output = "0: OK \"Success.\"\n1: NO \"authentication failed\"\n2: 3: OK \"Success.\"\n";
    assert_eq!(rounds, finished(0, output, "size read failed\n"));
    let server = FakeDaemon::answering(&[&ok, &no]);
    assert_eq!(ask(program, &server.socket(), &["-R2"]).code, Some(255));
    let server = FakeDaemon::answering(&[&ok]);
    assert_eq!(ask(program, &server.socket(), &["-R", "0"]), finished(0, SUCCESS, ""));
}

fn a_request_has_four_fields_and_the_service_imap(program: Program) {
    let server = FakeDaemon::answering(&[&counted(b"OK")]);
    ask(program, &server.socket(), &[]);
    assert_eq!(server.request(), Request::new("anna", "secret").service("imap").bytes());
    ask(program, &server.socket(), &["-s", "smtp", "-rexample.org"]);
    assert_eq!(server.request(), Request::new("anna", "secret").service("smtp").realm("example.org").bytes());
    ask(program, &server.socket(), &["-s", "", "-r", "", "-u", "", "-p", ""]);
    assert_eq!(server.request(), Request::new("", "").bytes());
    ask(program, &server.socket(), &["-u", "jürgen@example.org", "-p", "pässwörd", "operand"]);
    assert_eq!(server.request(), Request::new("jürgen@example.org", "pässwörd").service("imap").bytes());
}

fn wrong_flags_show_the_usage(program: Program) {
    let usage = format!(
        "{0}: usage: {0} -u username -p password\n              [-r realm] [-s servicename]\n              [-f socket \
         path] [-R repeatnum]\n",
        program.client().display()
    );
    let fault = |text: &str| format!("{}: {text}\n{usage}", program.client().display());
    for (arguments, errors) in [
        (&[][..], usage.clone()),
        (&["-p", "secret"], usage.clone()),
        (&["-u", "anna"], usage.clone()),
        (&["-u", "anna", "-p", "secret", "-Z"], fault("invalid option -- 'Z'")),
        (&["-u", "anna", "-p"], fault("option requires an argument -- 'p'")),
        (&["-u", "anna", "-p", "secret", "-f"], fault("option requires an argument -- 'f'")),
    ] {
        assert_eq!(testsaslauthd(program, arguments), finished(1, "", &errors), "{arguments:?}");
    }
}

/// The daemon is the one under test here, and both clients ask it.
fn both_daemons_are_asked_alike(program: Program) {
    require!(Root, Compiler, CDaemon);
    let site = Probed::start(program, &["-r"]);
    for client in Program::BOTH {
        let ask = |arguments: &[&str]| {
            let all = [&["-s", site.probe.name()], arguments].concat();
            ask(client, &site.daemon.socket(), &all)
        };
        assert_eq!(ask(&["-p", "right"]), finished(0, SUCCESS, ""), "{client:?}");
        assert_eq!(ask(&["-p", "wrong"]), finished(255, FAILURE, ""), "{client:?}");
        assert_eq!(ask(&["-p", ""]), finished(255, FAILURE, ""), "{client:?}");
        assert_eq!(ask(&["-u", "expired", "-p", "right"]), finished(255, FAILURE, ""), "{client:?}");
        let rounds = "0: OK \"Success.\"\n1: OK \"Success.\"\n";
        assert_eq!(
            ask(&["-p", "right", "-R", "2", "-r", "example.org"]),
            finished(0, rounds, ""),
            "{client:?}"
        );
        assert_eq!(site.probe.calls().pop().unwrap().login, "anna@example.org");
    }
}

/// 2.1.28 writes past its buffer there.
#[test]
fn a_long_reply_is_read_whole() {
    for length in [1024, 1025, 5000, 65535] {
        let reply = [b"OK ".to_vec(), vec![b'x'; length - 3]].concat();
        let server = FakeDaemon::answering(&[&counted(&reply)]);
        assert_eq!(ask(Program::Ours, &server.socket(), &[]), finished(0, SUCCESS, ""), "{length}");
    }
}

#[test]
fn the_client_address_is_a_fifth_field() {
    let server = FakeDaemon::answering(&[&counted(b"OK")]);
    ask(Program::Ours, &server.socket(), &["-a", "192.0.2.7;25"]);
    let expected = Request::new("anna", "secret").service("imap").address("192.0.2.7;25");
    assert_eq!(server.request(), expected.bytes());
}

#[test]
fn the_password_can_come_from_the_standard_input() {
    let server = FakeDaemon::answering(&[&counted(b"OK")]);
    for input in ["from input\n", "from input", "from input\nsecond line\n"] {
        let mut command = Command::new(Program::Ours.client());
        command.args(["-u", "anna", "--password-stdin", "-f"]).arg(server.socket());
        assert_eq!(run_with_input(command, input.as_bytes()), finished(0, SUCCESS, ""), "{input:?}");
        assert_eq!(server.request(), Request::new("anna", "from input").service("imap").bytes(), "{input:?}");
    }
}

#[test]
fn a_daemon_that_never_answers_is_given_up() {
    let server = FakeDaemon::silent();
    let start = Instant::now();
    let given_up = ask(Program::Ours, &server.socket(), &["--timeout=1"]);
    assert_eq!((given_up.code, given_up.output.as_str()), (Some(255), "0: "));
    assert!(given_up.errors.contains(server.socket().to_str().unwrap()), "{}", given_up.errors);
    assert_eq!(given_up.errors.lines().count(), 1, "{}", given_up.errors);
    assert!(start.elapsed().as_millis() >= 990);
}

#[test]
fn on_a_terminal_the_password_is_asked_for_without_echo() {
    require!(Tool("script"));
    let server = FakeDaemon::answering(&[&counted(b"OK")]);
    let line = format!("exec {} -u anna -f {}", Program::Ours.client().display(), server.socket().display());
    let mut command = Command::new("script");
    command.args(["--quiet", "--return", "--echo", "always", "--command", &line, "/dev/null"]);
    let mut script = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let seen = Lines::of(script.stdout.take().unwrap());
    let mut keyboard = script.stdin.take().unwrap();
    let terminal = Process::find(script.id()).unwrap();
    eventually("the terminal shows nothing of what is typed", || {
        terminal.children().iter().any(hides_its_input).then_some(())
    });
    keyboard.write_all(b"typed secret\n").unwrap();
    assert_eq!(server.request(), Request::new("anna", "typed secret").service("imap").bytes());
    assert_eq!(wait(&mut script).unwrap().code(), Some(0));
    seen.wait_for("0: OK");
    seen.wait_for("Password: ");
    assert!(!seen.all().iter().any(|line| line.contains("typed secret")), "{:?}", seen.all());
}

/// Whether the terminal of `process` has its echo off while it waits for a line.
fn hides_its_input(process: &Process) -> bool {
    let mut stty = Command::new("stty");
    stty.arg("--all").arg("--file").arg(process.file("fd/0"));
    let settings = run(stty).output;
    settings.contains(" -echo ") && settings.contains(" icanon ")
}

fn ask(program: Program, socket: &Path, arguments: &[&str]) -> Finished {
    let all = [&["-u", "anna", "-p", "secret", "-f", socket.to_str().unwrap()], arguments].concat();
    testsaslauthd(program, &all)
}

fn testsaslauthd(program: Program, arguments: &[&str]) -> Finished {
    let mut command = Command::new(program.client());
    command.args(arguments);
    run(command)
}

fn finished(code: i32, output: &str, errors: &str) -> Finished {
    Finished { code: Some(code), output: output.to_owned(), errors: errors.to_owned() }
}
