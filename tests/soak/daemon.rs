//! The daemon: started as administrators start it in the foreground, with its log in a file, and looked at from outside.

use super::site::{MARK, Site};
use crate::support::{Process, Program, within};
use std::collections::HashMap;
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::Duration;

/// How long a login may take at `mux`.
pub const MUX_TIMEOUT: Duration = Duration::from_secs(20);

/// And at the socket with Dovecot's protocol.
pub const AUTH_TIMEOUT: Duration = Duration::from_secs(15);

/// How long a client may take to ask.
pub const READ_TIMEOUT: Duration = Duration::from_secs(10);

/// How long an accepted login is remembered, and how much longer it counts while nobody can be asked.
pub const MEMORY: Duration = Duration::from_secs(2);
pub const STALE: Duration = Duration::from_secs(60);

/// How long a refusal is remembered.
pub const NEGATIVE_MEMORY: Duration = Duration::from_secs(2);

/// Of the default of `--failure-delay`, two seconds, a quarter less.
pub const SHORTEST_FAILURE_DELAY: Duration = Duration::from_millis(1500);

/// Processes of each pool.
pub const WORKERS: usize = 3;

/// Pools with such processes: of passwdfile, of shadow, of errands.
pub const POOLS: usize = 3;

/// The flags it is started with; everything that they do not name is as administrators have it: an account without
/// privileges, the sandbox, the delay of failures, penalties. All of the time-outs above are among them.
const FLAGS: &[&str] = &[
    "-f",
    "-V",
    "-c",
    "-t",
    "2",
    "-n",
    "3",
    "--log=stderr",
    "--request-timeout=20",
    "--read-timeout=10",
    "--max-connections=200",
    "--max-auth-connections=40",
    "--requests-per-worker=500",
    "--retry-interval=1",
    "--idle-time=3",
    "--connect-timeout=15",
    "--operation-timeout=20",
    "--total-timeout=20",
    "--stale-if-unavailable=60",
    "--negative-cache-ttl=2",
    "--trusted-networks=127.0.0.0/8,::1,192.0.2.0/24",
];

/// How long it may take to end after TERM; it gives its clients four seconds.
const PATIENCE_AT_THE_END: Duration = Duration::from_secs(30);

/// A running daemon; dropping it kills it.
pub struct Daemon {
    /// The supervisor.
    pub process: Process,
    child: Mutex<Child>,
    run_directory: PathBuf,
    log_file: PathBuf,
    log: Mutex<Log>,
    seen: Mutex<HashMap<u32, Process>>,
}

impl Daemon {
    /// Starts it.
    pub fn start(site: &Site) -> Self {
        let run_directory = site.path("run");
        let log_file = site.path("log");
        let prefix = site.system.prefix();
        let mut command = Command::new(&prefix[0]);
        command.args(&prefix[1..]).arg(Program::Ours.daemon()).args(FLAGS);
        command.arg("-m").arg(&run_directory).arg("--config").arg(site.path("conf"));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(File::create(&log_file).unwrap());
        let child = command.process_group(0).spawn().unwrap();
        let process = Process::find(child.id()).expect("it runs");
        let log = Log { file: File::open(&log_file).unwrap(), part: Vec::new(), lines: Vec::new() };
        let (child, log) = (Mutex::new(child), Mutex::new(log));
        Self { process, child, run_directory, log_file, log, seen: Mutex::default() }
    }

    /// A file in its run directory: `mux`, `control`.
    pub fn file(&self, name: &str) -> PathBuf {
        self.run_directory.join(name)
    }

    /// Its processes of a role: `frontend` or `worker`.
    pub fn children(&self, role: &str) -> Vec<Process> {
        let name = format!("saslauthd: {role}");
        let children = self.process.children();
        self.seen.lock().unwrap().extend(children.iter().map(|child| (child.id, child.clone())));
        children.into_iter().filter(|child| child.arguments().first() == Some(&name)).collect()
    }

    /// Lines of its log that are not about logins and contain `text`, beginning with the `skipped`th of these lines.
    pub fn logged(&self, text: &str, skipped: usize) -> bool {
        let mut log = self.log.lock().unwrap();
        log.read_on();
        log.lines.iter().skip(skipped).any(|line| line.contains(text))
    }

    /// How many lines of its log were not about logins.
    pub fn log_length(&self) -> usize {
        let mut log = self.log.lock().unwrap();
        log.read_on();
        log.lines.len()
    }

    /// Lines of the log that nothing that was done to it explains.
    pub fn suspicious_lines(&self) -> Vec<String> {
        let mut log = self.log.lock().unwrap();
        log.read_on();
        log.lines.iter().filter(|line| is_suspicious(line)).cloned().collect()
    }

    /// Puts its whole log where it stays.
    pub fn keep_log(&self) -> PathBuf {
        let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join("soak.log");
        fs::copy(&self.log_file, &kept).unwrap();
        kept
    }

    /// Whether it still runs.
    pub fn is_running(&self) -> bool {
        self.child.lock().unwrap().try_wait().unwrap().is_none()
    }

    /// Ends it as an administrator does; returns what is not as it should be afterwards.
    pub fn end(&self) -> Vec<String> {
        let mut complaints = Vec::new();
        self.children("frontend");
        self.process.signal("TERM");
        let code = within(PATIENCE_AT_THE_END, || self.child.lock().unwrap().try_wait().unwrap());
        if code.and_then(|status| status.code()) != Some(0) {
            complaints.push(format!("TERM ended it with {code:?}"));
        }
        let left = ["mux", "control", "saslauthd.pid", "../auth"].map(|name| self.file(name));
        complaints.extend(left.iter().filter(|file| file.exists()).map(|file| format!("{file:?} is left")));
        let alive = || {
            let seen = self.seen.lock().unwrap();
            let alive: Vec<_> = seen.values().filter(|process| process.is_running()).cloned().collect();
            (!alive.is_empty()).then_some(alive)
        };
        if within(PATIENCE_AT_THE_END, || alive().is_none().then_some(())).is_none() {
            complaints.push(format!("processes are left: {:?}", alive()));
        }
        complaints
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let mut child = self.child.lock().unwrap();
        let _ = child.kill();
        let _ = child.wait();
    }
}

/// A panic, a crash, a password, a process that talks nonsense.
fn is_suspicious(line: &str) -> bool {
    let killed_otherwise = line.contains("was killed by signal ") && !line.contains("was killed by signal 9");
    line.contains(MARK)
        || line.contains("panicked")
        || line.contains("exited with status")
        || killed_otherwise
}

fn is_about_a_login(line: &str) -> bool {
    [" :auth ", ":DEBUG: login "].iter().any(|words| line.contains(words))
}

/// The file of the log, read as it grows. Lines about logins are forgotten, unless they have a password.
struct Log {
    file: File,
    part: Vec<u8>,
    lines: Vec<String>,
}

impl Log {
    fn read_on(&mut self) {
        self.file.read_to_end(&mut self.part).unwrap();
        let Some(end) = self.part.iter().rposition(|byte| *byte == b'\n') else { return };
        let rest = self.part.split_off(end + 1);
        let whole = std::mem::replace(&mut self.part, rest);
        for line in String::from_utf8_lossy(&whole).lines() {
            if !is_about_a_login(line) || is_suspicious(line) {
                self.lines.push(line.to_owned());
            }
        }
    }
}

/// What /proc says of a process: open descriptors, resident memory and its own part of it (RSS, PSS) in KiB.
pub fn usage(process: &Process) -> Option<(u64, u64, u64)> {
    let descriptors = fs::read_dir(process.file("fd")).ok()?.count();
    let memory = fs::read_to_string(process.file("smaps_rollup")).ok()?;
    let value = |name: &str| {
        let line = memory.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim().trim_end_matches(" kB").parse().ok()
    };
    Some((u64::try_from(descriptors).ok()?, value("Rss:")?, value("Pss:")?))
}
