//! A daemon, ours or the C one, in a private run directory and gone at the end of the test.

use crate::support::command::{self, Finished};
use crate::support::lines::Lines;
use crate::support::process::{self, ProcessGroup};
use crate::support::{Answer, Connection, Process, Program, Request, System, eventually, within};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

/// How a daemon is to be started.
pub struct Launch {
    program: Program,
    arguments: Vec<String>,
    prefix: Vec<String>,
    system: Option<System>,
    directory: Arc<TempDir>,
    run_directory: PathBuf,
    socket: Option<PathBuf>,
}

impl Launch {
    /// With these flags; `-m` is added, and `-d` in the foreground.
    pub fn new(program: Program, arguments: &[&str]) -> Self {
        let arguments = arguments.iter().copied().map(str::to_owned).collect();
        let directory = Arc::new(TempDir::new().unwrap());
        let run_directory = directory.path().join("run");
        Self { program, arguments, prefix: Vec::new(), system: None, directory, run_directory, socket: None }
    }

    /// Gives it the run directory of another daemon.
    pub fn in_directory_of(mut self, daemon: &Daemon) -> Self {
        self.directory = Arc::clone(&daemon.directory);
        self.run_directory = daemon.run_directory();
        self
    }

    /// Looks for it at another socket than `mux`.
    pub fn at(mut self, socket: PathBuf) -> Self {
        self.socket = Some(socket);
        self
    }

    /// Gives it another run directory below its private one.
    pub fn in_run_directory(mut self, name: &str) -> Self {
        self.run_directory = self.directory.path().join(name);
        self
    }

    /// Adds flags.
    pub fn with(mut self, arguments: &[&str]) -> Self {
        self.arguments.extend(arguments.iter().copied().map(str::to_owned));
        self
    }

    /// Writes `text` into a file that only this daemon has, and names it after `flag`.
    pub fn with_file(self, flag: &str, text: &str) -> Self {
        let file = self.directory.path().join(flag.trim_start_matches('-'));
        fs::write(&file, text).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        self.with(&[flag, file.to_str().unwrap()])
    }

    /// Starts it within a private view of the system.
    pub fn inside(mut self, system: &System) -> Self {
        self.system = Some(system.clone());
        self.behind(&system.prefix())
    }

    /// Puts words before the command that become it in the end, as `prlimit` does.
    pub fn behind<T: AsRef<str>>(mut self, prefix: &[T]) -> Self {
        self.prefix.extend(prefix.iter().map(|word| word.as_ref().to_owned()));
        self
    }

    /// Runs shell commands first, such as `umask 0`.
    pub fn after(self, commands: &str) -> Self {
        self.behind(&["sh", "-c", &format!("{commands}; exec \"$@\""), "after"])
    }

    /// Lets other users than the test's own make and reach the run directory.
    pub fn with_open_directory(self) -> Self {
        fs::set_permissions(self.directory.path(), fs::Permissions::from_mode(0o777)).unwrap();
        self
    }

    /// The run directory, which the daemon makes if the test does not.
    pub fn run_directory(&self) -> PathBuf {
        self.run_directory.clone()
    }

    /// Every process that was started with this run directory.
    pub fn processes(&self) -> Vec<Process> {
        let directory = self.run_directory.display().to_string();
        process::all().into_iter().filter(|process| process.arguments().contains(&directory)).collect()
    }

    /// Starts it in the foreground and waits until it serves.
    pub fn start(self) -> Daemon {
        let mut command = self.command();
        command.arg("-d");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let process = Process::find(child.id()).unwrap();
        let log = Lines::of(child.stderr.take().unwrap());
        let group = process.group().unwrap();
        let mut daemon = Daemon {
            program: self.program,
            process,
            group,
            log,
            child: Some(child),
            _system: self.system,
            directory: self.directory,
            run_directory: self.run_directory,
            socket: self.socket,
        };
        daemon.wait_until_ready();
        daemon
    }

    /// Starts it the usual way, which leaves it in the background, and waits until it serves.
    pub fn start_detached(self) -> Daemon {
        let finished = self.run();
        assert_eq!(finished.code, Some(0), "{finished:?}");
        let mut daemon = self.detached();
        daemon.wait_until_ready();
        daemon
    }

    /// Runs it until the launching process has ended.
    pub fn run(&self) -> Finished {
        command::run(self.command())
    }

    /// The daemon that a successful [`Self::run`] left in the background.
    pub fn detached(self) -> Daemon {
        let file = self.run_directory().join("saslauthd.pid");
        let text = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let process =
            Process::find(text.trim().parse().unwrap()).expect("the pid file names a process that runs");
        let group = process.group().unwrap();
        Daemon {
            program: self.program,
            process,
            group,
            log: Lines::default(),
            child: None,
            _system: self.system,
            directory: self.directory,
            run_directory: self.run_directory,
            socket: self.socket,
        }
    }

    fn command(&self) -> Command {
        let words = self.prefix.iter().map(PathBuf::from).chain([self.program.daemon()]).collect::<Vec<_>>();
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]);
        if self.program == Program::Ours {
            // As C; a test that says something else says it behind that.
            command.args(["--failure-delay=0", "--penalty=no"]);
        }
        command.args(&self.arguments).arg("-m").arg(self.run_directory());
        // With `-d` C ends its whole process group when it ends.
        command.process_group(0);
        command
    }
}

/// A running daemon; dropping it ends it and everything it started.
pub struct Daemon {
    /// Which program it is.
    pub program: Program,
    /// The process that stays until all is down: C's master, our supervisor.
    pub process: Process,
    /// What it wrote to its standard error; nothing when detached.
    pub log: Lines,
    group: ProcessGroup,
    child: Option<Child>,
    _system: Option<System>,
    directory: Arc<TempDir>,
    run_directory: PathBuf,
    socket: Option<PathBuf>,
}

impl Daemon {
    /// Starts `program` in the foreground with these flags.
    pub fn start(program: Program, arguments: &[&str]) -> Self {
        Launch::new(program, arguments).start()
    }

    /// Its run directory.
    pub fn run_directory(&self) -> PathBuf {
        self.run_directory.clone()
    }

    /// Its socket.
    pub fn socket(&self) -> PathBuf {
        self.socket.clone().unwrap_or_else(|| self.run_directory().join("mux"))
    }

    /// A connection to it.
    pub fn connect(&self) -> Connection {
        Connection::new(&self.socket())
    }

    /// Its answer to one request, sent in one write.
    pub fn ask(&self, request: &Request) -> Answer {
        self.connect().send(request.bytes()).receive()
    }

    /// Its processes whose argv[0] is `saslauthd: ROLE`: ours only.
    pub fn children(&self, role: &str) -> Vec<Process> {
        let name = format!("saslauthd: {role}");
        self.process.children().into_iter().filter(|child| child.arguments().first() == Some(&name)).collect()
    }

    /// Waits until all its processes wait for something to do.
    pub fn wait_until_idle(&self) {
        let all_sleep = || {
            let all = self.process.children().into_iter().chain([self.process.clone()]);
            all.into_iter().all(|process| process.is_asleep())
        };
        eventually("all its processes wait", || {
            within(Duration::from_millis(60), || (!all_sleep()).then_some(())).is_none().then_some(())
        });
    }

    /// Sends a signal and gives the exit code with which it ends. Not for C, which may hang: its handlers of TERM
    /// and CHLD both log with `-d`, and one interrupts the other.
    pub fn end_with(&mut self, signal: &str) -> Option<i32> {
        assert_eq!(self.program, Program::Ours);
        self.process.signal(signal);
        let child = self.child.as_mut().expect("only a daemon in the foreground has an exit code to see");
        command::wait(child).unwrap_or_else(|| panic!("SIG{signal} did not end the daemon")).code()
    }

    fn wait_until_ready(&mut self) {
        let socket = self.socket();
        eventually("the daemon serves", || {
            let ended = self.child.as_mut().and_then(|child| child.try_wait().unwrap());
            assert_eq!(ended, None, "the daemon ended: {:#?}", self.log.all());
            Connection::try_new(&socket).ok()
        });
    }
}

/// Nothing is outside the private directory, so there is no need to ask: a login that hangs would hold up the end.
impl Drop for Daemon {
    fn drop(&mut self) {
        self.group.kill();
        if let Some(child) = &mut self.child {
            let _ = child.wait();
        }
        if std::thread::panicking() {
            eprintln!("the {:?} daemon's log: {:#?}", self.program, self.log.all());
        }
    }
}
