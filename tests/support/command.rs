//! Programs that are expected to end by themselves.

use crate::support::{PATIENCE, within};
use std::io::{Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};

/// How a program ended and what it wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finished {
    /// The exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// Its standard output.
    pub output: String,
    /// Its standard error.
    pub errors: String,
}

/// Runs `command` without input until it has ended and closed its output.
pub fn run(command: Command) -> Finished {
    run_with_input(command, b"")
}

/// Runs `command` with `input`. One that does not end, or leaves a process behind that keeps its output open,
/// fails the test.
pub fn run_with_input(mut command: Command, input: &[u8]) -> Finished {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|error| panic!("cannot run {command:?}: {error}"));
    let output = collect(child.stdout.take().unwrap());
    let errors = collect(child.stderr.take().unwrap());
    // A program that does not read its input may be gone already.
    let _ = child.stdin.take().unwrap().write_all(input);
    let status = wait(&mut child).unwrap_or_else(|| {
        let _ = child.kill();
        panic!("{command:?} did not end within {PATIENCE:?}");
    });
    let text = |receiver: Receiver<String>| {
        receiver
            .recv_timeout(PATIENCE)
            .unwrap_or_else(|_| panic!("{command:?} ended, but its output is still open"))
    };
    Finished { code: status.code(), output: text(output), errors: text(errors) }
}

/// Waits for the end of `child`, within the tests' patience.
pub fn wait(child: &mut Child) -> Option<ExitStatus> {
    within(PATIENCE, || child.try_wait().unwrap())
}

fn collect(mut source: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = source.read_to_end(&mut bytes);
        let _ = sender.send(String::from_utf8_lossy(&bytes).into_owned());
    });
    receiver
}
