//! A server of somebody else that a test starts, in the foreground and gone at the end of the test.

use crate::support::lines::Lines;
use crate::support::process::ProcessGroup;
use crate::support::{PATIENCE, Process, eventually, within};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

/// A running program with everything it started.
pub struct Background {
    name: &'static str,
    child: Child,
    group: ProcessGroup,
    /// What it wrote to its standard error.
    pub log: Lines,
}

impl Background {
    /// Starts `command`; `name` is for the messages of failing tests.
    pub fn start(name: &'static str, command: &mut Command) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).process_group(0);
        let mut child = command.spawn().unwrap_or_else(|error| panic!("cannot run {command:?}: {error}"));
        let log = Lines::of(child.stderr.take().unwrap());
        let group = Process::find(child.id()).and_then(|process| process.group());
        let group = group.unwrap_or_else(|| panic!("{name} ended at once: {:#?}", log.all()));
        Self { name, child, group, log }
    }

    /// Waits until somebody listens at each of these addresses.
    pub fn wait_until_listening(&mut self, addresses: &[SocketAddr]) {
        for address in addresses {
            eventually(&format!("{} listens at {address}", self.name), || {
                self.expect_running();
                TcpStream::connect(address).ok()
            });
        }
    }

    /// The number of the program's process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether the program itself still runs.
    pub fn is_running(&self) -> bool {
        Process::find(self.child.id()).is_some()
    }

    /// The processes that the program has started.
    pub fn children(&self) -> Vec<Process> {
        Process::find(self.child.id()).map_or_else(Vec::new, |process| process.children())
    }

    /// Sends a signal to the program itself.
    pub fn signal(&self, name: &str) {
        if let Some(process) = Process::find(self.child.id()) {
            process.signal(name);
        }
    }

    /// Stops all its processes where they stand, or lets them go on: `STOP` and `CONT`.
    pub fn signal_all(&self, signal: &str) {
        self.group.signal(signal);
    }

    /// Fails the test if it has ended.
    pub fn expect_running(&mut self) {
        let ended = self.child.try_wait().unwrap();
        assert_eq!(ended, None, "{} ended: {:#?}", self.name, self.log.all());
    }
}

/// What it had is in a directory of the test, so there is no need to ask. After it nobody listens any more.
impl Drop for Background {
    fn drop(&mut self) {
        self.group.kill();
        let _ = self.child.wait();
        let _ = within(PATIENCE, || (!self.group.is_running()).then_some(()));
        if std::thread::panicking() {
            eprintln!("{}'s log: {:#?}", self.name, self.log.all());
        }
    }
}
