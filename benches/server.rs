//! Starts and stops the servers under measurement, the two daemons as an init script would.

use std::fs::{self, File};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::process::Memory;
use crate::{Fallible, process};

/// Where Debian's sasl2-bin puts the C daemon.
pub(crate) const C_DAEMON: &str = "/usr/sbin/saslauthd";
/// The daemon of this project, built for release.
pub(crate) const OUR_DAEMON: &str = env!("CARGO_BIN_EXE_saslauthd");

/// The hidden argument with which the benchmark runs itself as the echo server.
pub(crate) const ECHO_SERVER: &str = "--echo-server";

const START_LIMIT: Duration = Duration::from_secs(10);
const STOP_LIMIT: Duration = Duration::from_secs(10);
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// One of the three servers.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// The daemon of this project.
    Ours,
    /// The C saslauthd.
    C,
    /// The bare server in `echo`.
    Echo,
}

impl Kind {
    /// All, in the order they take turns.
    pub(crate) const ALL: [Self; 3] = [Self::Ours, Self::C, Self::Echo];

    /// As printed.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::C => "C",
            Self::Echo => "echo",
        }
    }

    /// Processes with `-n 5`: ours has supervisor, frontend and five workers, the C daemon five equals.
    fn processes(self) -> usize {
        match self {
            Self::Ours => 7,
            Self::C => 5,
            Self::Echo => 1,
        }
    }
}

/// A running server with a run directory of its own; dropping it stops it.
pub(crate) struct Server {
    kind: Kind,
    run_directory: TempDir,
    pid: u32,
    /// The echo server is our child; the daemons detach.
    child: Option<Child>,
}

impl Server {
    /// Starts a server with five processes; `flags` are the daemons'. It accepts connections on return.
    pub(crate) fn start(kind: Kind, flags: &[&str]) -> Fallible<Self> {
        let run_directory = tempfile::Builder::new().prefix("saslauthd-bench-").tempdir()?;
        let mut server = Self { kind, run_directory, pid: 0, child: None };
        match kind {
            Kind::Ours => server.start_daemon(OUR_DAEMON, flags)?,
            Kind::C => server.start_daemon(C_DAEMON, flags)?,
            Kind::Echo => server.start_echo()?,
        }
        server.wait_until_serving()?;
        Ok(server)
    }

    /// The socket clients connect to.
    pub(crate) fn socket(&self) -> PathBuf {
        self.run_directory.path().join("mux")
    }

    /// The number of its processes now.
    pub(crate) fn processes(&self) -> usize {
        process::tree(self.pid).len()
    }

    /// CPU time of all its processes so far.
    pub(crate) fn cpu(&self) -> Duration {
        process::cpu_of_tree(self.pid)
    }

    /// Memory of all its processes together.
    pub(crate) fn memory(&self) -> Memory {
        process::memory_of_tree(self.pid)
    }

    fn start_daemon(&mut self, program: &str, flags: &[&str]) -> Fallible<()> {
        let directory = self.run_directory.path();
        // A file, not a pipe: the detached daemon may keep it open.
        let complaints = directory.join("stderr");
        let status = Command::new(program)
            .args(flags)
            .arg("-m")
            .arg(directory)
            .args(["-n", "5"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&complaints)?)
            .status()
            .map_err(|error| format!("{program} could not be started: {error}."))?;
        let pid_file = directory.join("saslauthd.pid");
        let found = || status.success().then(|| read_pid(&pid_file)).flatten();
        wait_for(START_LIMIT, || !status.success() || found().is_some());
        self.pid = found().ok_or_else(|| {
            let said = fs::read_to_string(&complaints).unwrap_or_default();
            format!("{program} {} did not start ({status}): {}", flags.join(" "), said.trim())
        })?;
        Ok(())
    }

    fn start_echo(&mut self) -> Fallible<()> {
        let child = Command::new(std::env::current_exe()?)
            .arg(ECHO_SERVER)
            .arg(self.socket())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()?;
        self.pid = child.id();
        self.child = Some(child);
        Ok(())
    }

    fn wait_until_serving(&self) -> Fallible<()> {
        let socket = self.socket();
        if !wait_for(START_LIMIT, || UnixStream::connect(&socket).is_ok()) {
            return Err(format!("Nothing accepts on {} of {}.", socket.display(), self.kind.name()).into());
        }
        // The table shows how many there were, so a missing one is no reason to stop here.
        wait_for(Duration::from_secs(1), || self.processes() >= self.kind.processes());
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            drop(child.kill());
            drop(child.wait());
            return;
        }
        if self.pid == 0 {
            return;
        }
        let processes = process::tree(self.pid);
        let gone = || processes.iter().all(|pid| !process::is_running(*pid));
        send("-TERM", self.pid);
        if !wait_for(STOP_LIMIT, gone) {
            eprintln!("daemons: {} ignored TERM for {STOP_LIMIT:?} and is killed", self.kind.name());
            processes.iter().filter(|pid| process::is_running(**pid)).for_each(|pid| send("-KILL", *pid));
        }
    }
}

fn send(signal: &str, pid: u32) {
    drop(Command::new("kill").args([signal, &pid.to_string()]).stderr(Stdio::null()).status());
}

fn read_pid(file: &Path) -> Option<u32> {
    fs::read_to_string(file).ok()?.trim().parse().ok()
}

/// Looks every few milliseconds until the condition holds; false if it did not within the limit.
pub(crate) fn wait_for(limit: Duration, condition: impl Fn() -> bool) -> bool {
    let deadline = Instant::now() + limit;
    loop {
        if condition() {
            return true;
        }
        if Instant::now() >= deadline {
            return false;
        }
        std::thread::park_timeout(LOOK_AGAIN);
    }
}
