//! PAM services of the tests' own, and the module that does what a test needs.

use crate::support::{Answer, Connection, Daemon, Launch, Process, Program, Request, eventually};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use tempfile::TempDir;

const DIRECTORY: &str = "/etc/pam.d";
const PREFIX: &str = "saslauthd-test-";

/// A service file under a name that nothing else uses, removed at the end of the test.
pub struct PamService {
    name: String,
}

impl PamService {
    /// A service with these lines in its file.
    pub fn new(lines: &str) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        remove_leftovers();
        let name = format!("{PREFIX}{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let service = Self { name };
        fs::write(service.path(), lines).unwrap();
        service
    }

    /// A service whose login and account are decided by these two modules.
    pub fn of(auth: &str, account: &str) -> Self {
        Self::new(&format!("auth required {auth}\naccount required {account}\n"))
    }

    /// What a client sends as its service.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The service file.
    pub fn path(&self) -> PathBuf {
        Path::new(DIRECTORY).join(&self.name)
    }
}

impl Drop for PamService {
    fn drop(&mut self) {
        let _ = fs::remove_file(self.path());
    }
}

/// Removes service files of test runs that were killed.
fn remove_leftovers() {
    static DONE: OnceLock<()> = OnceLock::new();
    DONE.get_or_init(|| {
        for entry in fs::read_dir(DIRECTORY).unwrap().map_while(Result::ok) {
            let name = entry.file_name().to_string_lossy().into_owned();
            let owner = name.strip_prefix(PREFIX).and_then(|rest| rest.split_once('-')?.0.parse().ok());
            if owner.is_some_and(|id| Process::find(id).is_none()) {
                let _ = fs::remove_file(entry.path());
            }
        }
    });
}

/// A service with the module `pam_probe.c`: the login says what it does, and it notes every call.
pub struct Probe {
    service: PamService,
    directory: TempDir,
}

/// What the module saw when it was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The process that asked.
    pub process: u32,
    /// PAM_USER.
    pub login: String,
    /// PAM_SERVICE.
    pub service: String,
    /// PAM_RHOST; empty when it is not set.
    pub client: String,
}

impl Call {
    fn from_line(line: &str) -> Self {
        let fields: Vec<&str> = line.split(' ').collect();
        let [process, login, service, client] = fields[..] else { panic!("not a call: {line}") };
        let text = str::to_owned;
        Self {
            process: process.parse().unwrap(),
            login: text(login),
            service: text(service),
            client: text(client),
        }
    }
}

impl Probe {
    /// A service on which the right password is `right`.
    pub fn new() -> Self {
        Self::with("")
    }

    /// The same for the logins in `map` only, each of which becomes another account; see `pam_probe.c`.
    pub fn mapping(map: &str) -> Self {
        Self::with(map)
    }

    fn with(map: &str) -> Self {
        let directory = TempDir::new().unwrap();
        let path = |name: &str| directory.path().join(name).display().to_string();
        fs::write(path("password"), "right").unwrap();
        fs::write(path("gate"), "").unwrap();
        let module = module().display();
        let mut arguments =
            format!("calls={} gate={} password={}", path("calls"), path("gate"), path("password"));
        if !map.is_empty() {
            fs::write(path("map"), map).unwrap();
            arguments += &format!(" map={}", path("map"));
        }
        let service = PamService::of(&format!("{module} {arguments}"), &module.to_string());
        Self { service, directory }
    }

    /// What a client sends as its service.
    pub fn name(&self) -> &str {
        self.service.name()
    }

    /// Every call so far.
    pub fn calls(&self) -> Vec<Call> {
        let lines = fs::read_to_string(self.directory.path().join("calls")).unwrap_or_default();
        lines.lines().map(Call::from_line).collect()
    }

    /// The processes that asked, each once.
    pub fn processes(&self) -> Vec<u32> {
        let mut processes: Vec<_> = self.calls().iter().map(|call| call.process).collect();
        processes.sort_unstable();
        processes.dedup();
        processes
    }

    /// Waits until the mechanism has been asked `count` times.
    pub fn wait_for_calls(&self, count: usize) {
        eventually("the mechanism is asked", || (self.calls().len() >= count).then_some(()));
    }

    /// Makes `password` the right one from now on.
    pub fn change_password(&self, password: &str) {
        fs::write(self.directory.path().join("password"), password).unwrap();
    }

    /// Lets every login called `gate` go on that waits, or will. The end of the test does so too.
    pub fn open_gate(&self) {
        fs::remove_file(self.directory.path().join("gate")).unwrap();
    }

    /// A request for this service.
    pub fn request(&self, login: impl AsRef<[u8]>, password: impl AsRef<[u8]>) -> Request {
        Request::new(login, password).service(self.name())
    }
}

impl Default for Probe {
    fn default() -> Self {
        Self::new()
    }
}

/// A daemon whose mechanism is the probe. The probe goes first at the end, which lets waiting logins go on.
pub struct Probed {
    /// What the mechanism saw.
    pub probe: Probe,
    /// The daemon.
    pub daemon: Daemon,
}

impl Probed {
    /// Starts `program` with `-a pam` and these flags.
    pub fn start(program: Program, flags: &[&str]) -> Self {
        Self::launch(Launch::new(program, flags))
    }

    /// Starts a daemon as told, with `-a pam`.
    pub fn launch(launch: Launch) -> Self {
        Self { probe: Probe::new(), daemon: launch.with(&["-a", "pam"]).start() }
    }

    /// Starts a detached daemon as told, with `-a pam`.
    pub fn launch_detached(launch: Launch) -> Self {
        Self { probe: Probe::new(), daemon: launch.with(&["-a", "pam"]).start_detached() }
    }

    /// The answer to a login for the probe's service.
    pub fn ask(&self, login: impl AsRef<[u8]>, password: impl AsRef<[u8]>) -> Answer {
        self.daemon.ask(&self.probe.request(login, password))
    }

    /// The answer to a login of a daemon that may refuse to read it.
    pub fn ask_roughly(&self, login: impl AsRef<[u8]>, password: impl AsRef<[u8]>) -> Answer {
        let mut connection = self.daemon.connect();
        // When it has closed already, the close is the answer.
        let _ = connection.try_send(&self.probe.request(login, password).bytes());
        connection.receive()
    }

    /// Sends a login to a daemon that may refuse to read it, and leaves its answer for later.
    pub fn begin_roughly(&self, login: impl AsRef<[u8]>, password: impl AsRef<[u8]>) -> Connection {
        let mut connection = self.daemon.connect();
        let _ = connection.try_send(&self.probe.request(login, password).bytes());
        connection
    }

    /// Sends a login and leaves its answer for later.
    pub fn begin(&self, login: impl AsRef<[u8]>, password: impl AsRef<[u8]>) -> Connection {
        let mut connection = self.daemon.connect();
        connection.send(self.probe.request(login, password).bytes());
        connection
    }
}

/// The compiled module.
fn module() -> &'static Path {
    static MODULE: OnceLock<PathBuf> = OnceLock::new();
    MODULE.get_or_init(|| compiled("pam_probe"))
}

/// The shared object made of the file in tests/support with this name.
pub fn compiled(name: &str) -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let fresh = directory.join(format!("{name}.{}", std::process::id()));
    let object = directory.join(format!("{name}.so"));
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/support/{name}.c"));
    let mut compiler = Command::new("cc");
    compiler.args(["-shared", "-fPIC", "-pthread", "-O1", "-Wall", "-o"]).arg(&fresh).arg(source);
    assert!(compiler.status().unwrap().success(), "{compiler:?} failed");
    fs::rename(fresh, &object).unwrap();
    object
}
