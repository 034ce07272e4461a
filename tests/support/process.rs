//! Processes as /proc shows them.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

/// One process, told apart from a later one with the same id by its start time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// Its id.
    pub id: u32,
    started: u64,
}

impl Process {
    /// The process with this id, if it runs.
    pub fn find(id: u32) -> Option<Self> {
        let status = Status::of(id)?;
        (status.state != 'Z').then_some(Self { id, started: status.started })
    }

    /// Whether it still runs; one that waits to be reaped does not.
    pub fn is_running(&self) -> bool {
        Self::find(self.id).as_ref() == Some(self)
    }

    /// Whether it waits for something.
    pub fn is_asleep(&self) -> bool {
        Status::of(self.id).is_some_and(|status| status.state == 'S')
    }

    /// Sends the signal called `name`, such as `TERM`; nothing when the process is gone.
    pub fn signal(&self, name: &str) {
        if self.is_running() {
            send(name, &self.id.to_string());
        }
    }

    /// The process group it belongs to.
    pub fn group(&self) -> Option<ProcessGroup> {
        Status::of(self.id).map(|status| ProcessGroup(status.group))
    }

    /// The session it belongs to.
    pub fn session(&self) -> Option<u32> {
        Status::of(self.id).map(|status| status.session)
    }

    /// The processes it started and that still run.
    pub fn children(&self) -> Vec<Self> {
        all()
            .into_iter()
            .filter(|process| Status::of(process.id).is_some_and(|status| status.parent == self.id))
            .collect()
    }

    /// How many of its children have ended and are not collected yet.
    pub fn zombies(&self) -> usize {
        let statuses = ids().into_iter().filter_map(Status::of);
        statuses.filter(|status| status.parent == self.id && status.state == 'Z').count()
    }

    /// Its arguments, from /proc/PID/cmdline.
    pub fn arguments(&self) -> Vec<String> {
        let line = std::fs::read(self.file("cmdline")).unwrap_or_default();
        let words = line.strip_suffix(b"\0").unwrap_or(&line).split(|byte| *byte == 0);
        words.map(|word| String::from_utf8_lossy(word).into_owned()).collect()
    }

    /// Processor time used so far. /proc counts in hundredths of a second.
    pub fn processor_time(&self) -> Duration {
        Duration::from_millis(Status::of(self.id).map_or(0, |status| status.ticks * 10))
    }

    /// Its file `name` under /proc.
    pub fn file(&self, name: &str) -> PathBuf {
        format!("/proc/{}/{name}", self.id).into()
    }
}

/// The id of a process group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProcessGroup(u32);

impl ProcessGroup {
    /// Kills what is left of it.
    pub fn kill(self) {
        self.signal("KILL");
    }

    /// Whether a process of it still runs.
    pub fn is_running(self) -> bool {
        all().iter().any(|process| process.group() == Some(self))
    }

    /// Sends the signal called `name` to all of it.
    pub fn signal(self, name: &str) {
        assert_ne!(Process::find(std::process::id()).unwrap().group(), Some(self), "the tests' own group");
        send(name, &format!("-{}", self.0));
    }
}

/// What /proc/PID/stat says.
struct Status {
    state: char,
    parent: u32,
    group: u32,
    session: u32,
    ticks: u64,
    started: u64,
}

impl Status {
    fn of(id: u32) -> Option<Self> {
        let line = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
        // The name in brackets may hold blanks and brackets; what follows it is numbered from 3 in proc(5).
        let fields: Vec<&str> = line.rsplit_once(") ")?.1.split_whitespace().collect();
        let number = |index: usize| fields.get(index - 3)?.parse::<u64>().ok();
        Some(Self {
            state: fields.first()?.chars().next()?,
            parent: u32::try_from(number(4)?).ok()?,
            group: u32::try_from(number(5)?).ok()?,
            session: u32::try_from(number(6)?).ok()?,
            ticks: number(14)? + number(15)?,
            started: number(22)?,
        })
    }
}

/// Every process that runs.
pub fn all() -> Vec<Process> {
    ids().into_iter().filter_map(Process::find).collect()
}

fn ids() -> Vec<u32> {
    let entries = std::fs::read_dir("/proc").unwrap().map_while(Result::ok);
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

fn send(signal: &str, target: &str) {
    let mut kill = Command::new("sh");
    kill.args(["-c", "kill -s \"$1\" -- \"$2\" 2>/dev/null", "kill", signal, target]);
    kill.status().unwrap();
}
