//! Programs that are run to their end, and what the kernel tells about the processes of a server: who they are, their
//! CPU time, their memory.

use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::Fallible;

/// The unit of the times in /proc/PID/stat: USER_HZ, 100 a second on Linux.
const CLOCK_TICK: Duration = Duration::from_millis(10);

/// Runs a command to its end; its complaints are the error.
pub(crate) fn run_with_input(command: &mut Command, input: &str) -> Fallible<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("{program} could not be started: {error}."))?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(input.as_bytes())?;
    }
    let output = child.wait_with_output()?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("{program} failed ({}): {}", output.status, said.trim()).into())
}

/// A process and all its descendants that are alive now.
pub(crate) fn tree(root: u32) -> Vec<u32> {
    let parents: Vec<(u32, u32)> =
        all_processes().filter_map(|pid| Some((pid, Stat::of(pid)?.parent))).collect();
    let mut found = vec![root];
    let mut next = 0;
    while let Some(parent) = found.get(next).copied() {
        found.extend(parents.iter().filter(|(_, its_parent)| *its_parent == parent).map(|(pid, _)| *pid));
        next += 1;
    }
    found
}

/// Whether a process is there and not a zombie.
pub(crate) fn is_running(pid: u32) -> bool {
    Stat::of(pid).is_some_and(|stat| stat.state != 'Z')
}

/// CPU time a process and all its descendants, dead ones included, have used so far.
///
/// Of the living it is the scheduler's count in nanoseconds, of the dead that were waited for clock ticks.
pub(crate) fn cpu_of_tree(root: u32) -> Duration {
    tree(root)
        .into_iter()
        .map(|pid| cpu_of_living(pid) + Stat::of(pid).map(|stat| stat.dead_children).unwrap_or_default())
        .sum()
}

/// CPU time of the calling thread so far.
pub(crate) fn cpu_of_this_thread() -> Duration {
    run_time("/proc/thread-self/schedstat").unwrap_or_default()
}

/// Memory of a process and all its descendants together.
pub(crate) fn memory_of_tree(root: u32) -> Memory {
    let rollups =
        tree(root).into_iter().filter_map(|pid| fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok());
    rollups.fold(Memory::default(), |sum, rollup| Memory {
        pss: sum.pss + kib(&rollup, "Pss:"),
        anonymous: sum.anonymous + kib(&rollup, "Pss_Anon:"),
    })
}

/// Proportional set sizes in KiB: what several processes share counts once.
#[derive(Clone, Copy, Default)]
pub(crate) struct Memory {
    /// All of it. Depends a little on who else on the machine maps the same libraries.
    pub(crate) pss: i64,
    /// Heaps and stacks: nothing outside the server moves this one.
    pub(crate) anonymous: i64,
}

fn kib(rollup: &str, key: &str) -> i64 {
    let value = rollup.lines().find_map(|line| line.strip_prefix(key)?.trim().strip_suffix("kB"));
    value.and_then(|number| number.trim().parse().ok()).unwrap_or_default()
}

fn cpu_of_living(pid: u32) -> Duration {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let nanoseconds: Option<Duration> =
        threads.map(|thread| run_time(&format!("{}/schedstat", thread.path().display()))).sum();
    // A kernel without schedstat still counts ticks.
    nanoseconds.unwrap_or_else(|| Stat::of(pid).map(|stat| stat.own).unwrap_or_default())
}

/// The first number of a schedstat file: nanoseconds on a CPU.
fn run_time(schedstat: &str) -> Option<Duration> {
    let text = fs::read_to_string(schedstat).ok()?;
    text.split_whitespace().next()?.parse().ok().map(Duration::from_nanos)
}

fn all_processes() -> impl Iterator<Item = u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// The fields of /proc/PID/stat that count here.
struct Stat {
    state: char,
    parent: u32,
    own: Duration,
    dead_children: Duration,
}

impl Stat {
    /// None if the process is gone.
    fn of(pid: u32) -> Option<Self> {
        let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name before the last parenthesis may contain anything; state is the third field, utime the 14th.
        let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
        let time = |index: usize| fields.get(index)?.parse().ok().map(|ticks: u32| CLOCK_TICK * ticks);
        Some(Self {
            state: fields.first()?.chars().next()?,
            parent: fields.get(1)?.parse().ok()?,
            own: time(11)? + time(12)?,
            dead_children: time(13)? + time(14)?,
        })
    }
}
