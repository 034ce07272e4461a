//! A saslauthd that runs in the background, as an init script starts it.

use super::needs::Need;
use super::{PATIENCE, bounded, eventually, succeed};
use crate::support::within;
use std::fs::{self, File};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Whose programs a test runs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Program {
    /// Those of this project.
    Ours,
    /// Those of Cyrus SASL 2.1, as Debian packages them.
    C,
}

const DAEMON_OF_C: &str = "/usr/sbin/saslauthd";
/// The client of C.
pub const CLIENT_OF_C: &str = "/usr/sbin/testsaslauthd";

impl Program {
    /// The daemon.
    pub fn daemon(self) -> &'static str {
        match self {
            Self::Ours => env!("CARGO_BIN_EXE_saslauthd"),
            Self::C => DAEMON_OF_C,
        }
    }

    /// The client that asks one question.
    pub fn client(self) -> &'static str {
        match self {
            Self::Ours => env!("CARGO_BIN_EXE_testsaslauthd"),
            Self::C => CLIENT_OF_C,
        }
    }

    /// What it takes to run them.
    pub fn needs(self) -> Vec<Need> {
        match self {
            Self::Ours => Vec::new(),
            Self::C => vec![Need::File(DAEMON_OF_C, "of the package sasl2-bin")],
        }
    }
}

/// A daemon in the background; dropping it stops it.
pub struct Daemon {
    run_directory: PathBuf,
    pid: String,
}

impl Daemon {
    /// Starts `program` with `-m run_directory` and these flags, and waits until it can be asked.
    pub fn start(program: Program, run_directory: &Path, flags: &[&str]) -> Self {
        // A file and not a pipe, which a daemon that keeps it would hold open.
        let errors = run_directory.with_extension("errors");
        let status = bounded(program.daemon())
            .args(if program == Program::Ours { &["--failure-delay=0"][..] } else { &[] })
            .args(flags)
            .arg("-m")
            .arg(run_directory)
            .stderr(File::create(&errors).unwrap())
            .status()
            .unwrap();
        assert!(status.success(), "the daemon did not start: {}", fs::read_to_string(errors).unwrap());
        let pid = fs::read_to_string(run_directory.join("saslauthd.pid")).unwrap();
        let daemon = Self { run_directory: run_directory.to_owned(), pid: pid.trim().to_owned() };
        eventually("the socket accepts", || UnixStream::connect(daemon.socket()).is_ok());
        daemon
    }

    /// Its socket.
    pub fn socket(&self) -> PathBuf {
        self.run_directory.join("mux")
    }

    /// Stops it as an init script does, and waits until it is gone.
    pub fn stop(self) {
        succeed(Command::new("kill").arg(&self.pid));
        eventually("the daemon is gone after TERM", || !self.is_running());
        eventually("the socket is gone with the daemon", || !self.socket().exists());
    }

    /// Whether its process runs: where nobody collects it, it stays behind as a zombie.
    fn is_running(&self) -> bool {
        fs::read_to_string(format!("/proc/{}/stat", self.pid))
            .is_ok_and(|stat| stat.rsplit_once(") ").is_some_and(|(_, state)| !state.starts_with('Z')))
    }
}

impl Drop for Daemon {
    /// The master of the C daemon serves requests too: where a check killed it, its children have to be ended by
    /// their group.
    fn drop(&mut self) {
        if self.is_running() {
            let _ = Command::new("kill").arg(&self.pid).status();
        }
        let _ = within(PATIENCE, || (!self.is_running()).then_some(()));
        let group = format!("-{}", self.pid);
        let _ = Command::new("kill").args(["-s", "KILL", "--", &group]).output();
    }
}
