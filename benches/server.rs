//! Starts and stops the servers under measurement, the two saslauthd as an init script would.

use std::fs::{self, File};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::auth_socket::dovecot::{self, Source};
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

/// One of the servers.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// The daemon of this project.
    Ours,
    /// The C saslauthd.
    C,
    /// The bare server in `echo`.
    Echo,
    /// Dovecot's `auth` service, which has no mux.
    Dovecot,
}

impl Kind {
    /// All.
    pub(crate) const ALL: [Self; 4] = [Self::Ours, Self::C, Self::Echo, Self::Dovecot];
    /// Those with a mux, in the order they take turns.
    pub(crate) const WITH_MUX: [Self; 3] = [Self::Ours, Self::C, Self::Echo];
    /// Those that speak Dovecot's auth protocol, in the order they take turns.
    pub(crate) const WITH_AUTH_SOCKET: [Self; 2] = [Self::Ours, Self::Dovecot];

    /// As printed.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::C => "C",
            Self::Echo => "echo",
            Self::Dovecot => "Dovecot",
        }
    }

    /// Processes with `-n 5`: ours has supervisor, frontend and five workers, the C daemon five equals.
    fn processes(self) -> usize {
        match self {
            Self::Ours => 7,
            Self::C => 5,
            Self::Echo => 1,
            // Its master, anvil, log, config and auth.
            Self::Dovecot => 5,
        }
    }
}

/// A running server with a run directory of its own; dropping it stops it.
pub(crate) struct Server {
    kind: Kind,
    run_directory: TempDir,
    socket: PathBuf,
    pid: u32,
    /// The echo server and Dovecot are our children; the daemons detach.
    child: Option<Child>,
}

impl Server {
    /// Starts a server with five processes; `flags` are the daemons'. It accepts connections on return.
    pub(crate) fn start(kind: Kind, flags: &[&str]) -> Fallible<Self> {
        Self::start_behind(&[], kind, flags)
    }

    /// The same; `prefix` is a command that becomes the daemon in the end.
    pub(crate) fn start_behind(prefix: &[&str], kind: Kind, flags: &[&str]) -> Fallible<Self> {
        let mut server = Self::not_started(kind, "mux")?;
        match kind {
            Kind::Ours => server.start_daemon(prefix, OUR_DAEMON, flags)?,
            Kind::C => server.start_daemon(prefix, C_DAEMON, flags)?,
            Kind::Echo => server.start_echo()?,
            Kind::Dovecot => return Err("Dovecot has no mux.".into()),
        }
        server.wait_until_serving()?;
        Ok(server)
    }

    /// Starts a server of Dovecot's auth protocol; `flags` are those of ours beside what the source needs.
    pub(crate) fn start_on_auth_socket(kind: Kind, source: &Source<'_>, flags: &[&str]) -> Fallible<Self> {
        let mut server = Self::not_started(kind, "auth")?;
        let users = server.run_directory.path().join("users");
        let text = match (source, kind) {
            (Source::File(text), _) => text,
            (Source::Sql { ours, .. }, Kind::Ours) => ours,
            (Source::Sql { dovecot, .. }, _) => dovecot,
            (Source::Pam(_), _) => "",
        };
        fs::write(&users, text)?;
        match kind {
            Kind::Ours => {
                let (file, socket) = (users.display().to_string(), server.socket.display());
                let (mechanism, socket) = match source {
                    Source::File(_) => {
                        (&["passwdfile", "-O", &file][..], format!("{socket},protocol=dovecot"))
                    }
                    Source::Sql { .. } => {
                        (&["sql", "--config", &file][..], format!("{socket},protocol=dovecot"))
                    }
                    Source::Pam(service) => {
                        (&["pam"][..], format!("{socket},protocol=dovecot,service={service}"))
                    }
                };
                let own = [&["--no-mux", "--socket", &socket, "-a"], mechanism, flags].concat();
                server.start_daemon(&[], OUR_DAEMON, &own)?;
            }
            Kind::Dovecot => {
                server.start_child(&mut dovecot::command(server.run_directory.path(), source, &users)?)?;
            }
            Kind::C | Kind::Echo => return Err(format!("{} has no auth socket.", kind.name()).into()),
        }
        server.wait_until_serving()?;
        Ok(server)
    }

    fn not_started(kind: Kind, socket: &str) -> Fallible<Self> {
        let run_directory = tempfile::Builder::new().prefix("saslauthd-bench-").tempdir()?;
        let socket = run_directory.path().join(socket);
        Ok(Self { kind, run_directory, socket, pid: 0, child: None })
    }

    /// The socket clients connect to.
    pub(crate) fn socket(&self) -> PathBuf {
        self.socket.clone()
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

    fn start_daemon(&mut self, prefix: &[&str], program: &str, flags: &[&str]) -> Fallible<()> {
        let directory = self.run_directory.path();
        // A file, not a pipe: the detached daemon may keep it open.
        let complaints = directory.join("stderr");
        // C answers failures at once, and so does Dovecot here.
        let as_c: &[&str] = if program == OUR_DAEMON { &["--failure-delay=0"] } else { &[] };
        let words = [prefix, &[program]].concat();
        let (first, others) = words.split_first().ok_or("There is no command.")?;
        let status = Command::new(first)
            .args(others)
            .args(as_c)
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
        self.start_child(Command::new(std::env::current_exe()?).arg(ECHO_SERVER).arg(self.socket()))
    }

    fn start_child(&mut self, command: &mut Command) -> Fallible<()> {
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn()?;
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
        if let Some(mut child) = self.child.take() {
            drop(child.wait());
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
