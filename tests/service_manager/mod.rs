//! What a service manager is told, and what it tells: sd_notify(3) and the variables that come with it.

mod reloads;
mod surroundings;
mod upgrade;
mod watchdog;

use crate::support::lines::Lines;
use crate::support::{Daemon, Launch, Program};
use std::fs;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::PathBuf;
use tempfile::TempDir;

const GOOD: &str = "ldap_servers: ldap://127.0.0.1:1\nldap_search_base: dc=x\n";
const BAD: &str = "ldap_servers: ldap://127.0.0.1:1\nldap_version: x\n";

/// Something that is told, as systemd is.
struct Manager {
    directory: TempDir,
    socket: UnixDatagram,
    address: String,
}

impl Manager {
    /// At a path.
    fn new() -> Self {
        let directory = TempDir::new().unwrap();
        let path = directory.path().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        Self { directory, socket, address: path.display().to_string() }
    }

    /// At a name without a file.
    fn without_a_file() -> Self {
        let directory = TempDir::new().unwrap();
        let name = format!("saslauthd-test-{}-{}", std::process::id(), directory.path().display());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        let socket = UnixDatagram::bind_addr(&address).unwrap();
        Self { directory, socket, address: format!("@{name}") }
    }

    /// Makes the daemon one that it has started.
    fn starts(&self, launch: Launch) -> Launch {
        launch.after(&format!("export NOTIFY_SOCKET='{}'", self.address))
    }

    /// All that is told from now on, a message a line, in which `|` stands for the ends of its lines.
    fn listen(&self) -> Lines {
        let (socket, lines) = (self.socket.try_clone().unwrap(), Lines::default());
        let collected = lines.clone();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(length) = socket.recv(&mut buffer) {
                collected.push(String::from_utf8_lossy(&buffer[..length]).replace('\n', "|"));
            }
        });
        lines
    }

    /// What has been told and not been read.
    fn told(&self) -> Vec<String> {
        self.socket.set_nonblocking(true).unwrap();
        let mut buffer = [0; 4096];
        let mut one = || self.socket.recv(&mut buffer).ok().map(|length| buffer[..length].to_vec());
        let all = std::iter::from_fn(&mut one).map(|bytes| String::from_utf8(bytes).unwrap());
        all.map(|message| message.replace('\n', "|")).collect()
    }

    /// A file of its own.
    fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }
}

/// A daemon with a configuration that can be reloaded.
fn launch(manager: &Manager) -> Launch {
    let config = manager.file("config");
    fs::write(&config, GOOD).unwrap();
    let launch = Launch::new(Program::Ours, &["-a", "ldap", "--config", config.to_str().unwrap()]);
    manager.starts(launch)
}

/// The first assignments of all messages so far: what they are about.
fn subjects(lines: &Lines) -> Vec<String> {
    let subject = |line: String| line.split(['=', '|']).next().unwrap_or_default().to_owned();
    lines.all().into_iter().map(subject).collect()
}

#[test]
fn it_is_ready_when_logins_are_served_and_tells_when_it_stops() {
    for manager in [Manager::new(), Manager::without_a_file()] {
        let lines = manager.listen();
        let mut daemon: Daemon = launch(&manager).start();
        assert_eq!(lines.wait_for("READY=1"), "READY=1|STATUS=Serving logins");
        assert_eq!(daemon.end_with("TERM"), Some(0));
        lines.wait_for("STOPPING=1|STATUS=");
        assert_eq!(subjects(&lines), ["READY", "STOPPING"]);
    }
}

/// systemd takes the launching process for the daemon until it is told, and believes no other when it has ended.
#[test]
fn a_daemon_that_detaches_has_named_itself_when_the_launching_process_ends() {
    let manager = Manager::new();
    let daemon = launch(&manager).start_detached();
    let expected = format!("MAINPID={}|READY=1|STATUS=Serving logins", daemon.process.id);
    assert_eq!(manager.told().first(), Some(&expected));
}

#[test]
fn a_daemon_that_does_not_start_was_never_ready() {
    let manager = Manager::new();
    let finished = launch(&manager).with(&["--user", "nobody-has-this-name"]).run();
    assert_eq!(finished.code, Some(1), "{finished:?}");
    assert_eq!(manager.told(), [""; 0]);
}
