//! The control socket and the program that asks it.

mod commands;
pub mod contrib;
mod counters;
mod faults;
mod levels;
mod overload;
mod start;

use crate::support::{Daemon, Finished, PATIENCE, Probed, Process, Program, command, eventually};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The program.
fn program() -> PathBuf {
    env!("CARGO_BIN_EXE_saslauthdctl").into()
}

/// What it makes of these words, and nothing else.
fn run(words: &[&str]) -> Finished {
    let mut command = Command::new(program());
    command.args(words);
    command::run(command)
}

/// What it makes of them with the run directory of that daemon.
pub fn ask(daemon: &Daemon, words: &[&str]) -> Finished {
    let directory = daemon.run_directory().display().to_string();
    run(&[&["-m", &directory], words].concat())
}

/// What it shows; it must have succeeded.
fn shown(daemon: &Daemon, words: &[&str]) -> String {
    let finished = ask(daemon, words);
    assert_eq!((finished.code, finished.errors.as_str()), (Some(0), ""), "{words:?}: {finished:?}");
    finished.output
}

/// The value of a metric, with its labels in front of it.
fn metric(daemon: &Daemon, name: &str) -> f64 {
    let text = shown(daemon, &["metrics"]);
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    value.unwrap_or_else(|| panic!("{name} is missing in {text}")).parse().unwrap()
}

/// It serves logins, and not only takes connections.
fn ready(daemon: Daemon) -> Daemon {
    daemon.log.wait_for("listening on socket");
    daemon
}

/// The same with the probe.
fn probed(flags: &[&str]) -> Probed {
    let site = Probed::start(Program::Ours, flags);
    site.daemon.log.wait_for("listening on socket");
    site
}

/// A connection that does as it is told.
struct Connection(UnixStream);

impl Connection {
    fn new(daemon: &Daemon) -> Self {
        Self::at(&daemon.run_directory().join("control"))
    }

    fn at(path: &Path) -> Self {
        let stream = UnixStream::connect(path).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self(stream)
    }

    /// What does not arrive is no matter: the answer tells.
    fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = self.0.write_all(bytes.as_ref());
    }

    /// All until the end.
    fn receive(&mut self) -> String {
        let mut bytes = Vec::new();
        self.0.read_to_end(&mut bytes).unwrap();
        String::from_utf8(bytes).unwrap()
    }
}

/// The one frontend of a daemon.
fn frontend(daemon: &Daemon) -> Process {
    eventually("there is one frontend", || match &daemon.children("frontend")[..] {
        [only] => Some(only.clone()),
        _ => None,
    })
}
