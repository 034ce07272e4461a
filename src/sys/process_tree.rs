//! The programs that PAM modules start: found, killed and collected with the worker below which they run.
//!
//! A worker is a *subreaper*: a program whose parent has ended becomes a child of the worker and not of init. So every
//! program below a worker is found by going from parents to children, whatever sessions and groups it has made. That takes
//! no right that a daemon may lack and no file system but /proc, unlike a control group, and hides no process ids from
//! modules, unlike a namespace.

use std::collections::HashSet;
use std::fs;
use std::process::Child;
use std::ptr;

/// Between two looks, in milliseconds.
const PAUSE: libc::c_int = 1;

/// How often it is looked whether the workers have stopped. One that waits for a disk may not.
const LOOKS_FOR_STOP: usize = 20;

/// How often it is looked for programs that still live. One look kills all there are; on a busy machine it may take long
/// until they are dead.
const LOOKS_FOR_PROGRAMS: usize = 50;

/// Makes this process the parent of every program below it whose own parent ends.
pub fn adopt_orphans() {
    // SAFETY: PR_SET_CHILD_SUBREAPER takes a number.
    unsafe { libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1) };
}

/// Whether this process has a child, living or dead: whoever started it has left it behind.
pub fn has_children() -> bool {
    // Looked at and left where it is.
    next_changed(libc::P_ALL, 0, libc::WEXITED | libc::__WALL).is_ok()
}

/// Kills a child of this process, which has called [`adopt_orphans`], together with all programs below it.
pub fn kill_with_children(child: &mut Child) {
    kill_all_with_children([child]);
}

/// The same for several at a time. Takes some 70 milliseconds at the most, however many they are and whatever they do,
/// and hardly more than one for those without programs.
///
/// Without /proc only those programs die that have stayed in their worker's group.
pub fn kill_all_with_children<'a>(children: impl IntoIterator<Item = &'a mut Child>) {
    let living = children.into_iter().filter_map(|child| match child.try_wait() {
        // Not collected yet, so the number is still its own.
        Ok(None) => Some((libc::pid_t::try_from(child.id()).ok()?, child)),
        _ => None,
    });
    let (pids, mut living): (Vec<_>, Vec<_>) = living.unzip();
    // Stopped it can neither start another program nor collect one whose number would then be somebody else's.
    pids.iter().for_each(|pid| signal(*pid, libc::SIGSTOP));
    wait_until(LOOKS_FOR_STOP, || pids.iter().all(|pid| has_stopped(*pid)));
    let mut trees: Vec<_> = pids.iter().copied().map(Programs::below).collect();
    // A look at all of them before the answer: each kills what it finds.
    wait_until(LOOKS_FOR_PROGRAMS, || trees.iter_mut().fold(true, |done, tree| tree.kill() & done));
    pids.iter().for_each(|pid| signal(-pid, libc::SIGKILL));
    for child in &mut living {
        // Fails when it has ended already.
        let _ = child.kill();
    }
}

/// Collects children that this process has not started and that have ended: those of whom the kernel makes it the
/// parent when it is the first process of a container. How many they were.
///
/// Leaves those that `is_own` says yes to, whose owner wants their status. It stops at the first of them, since the
/// kernel shows one at a time: call it again when that one has been collected, at the next SIGCHLD.
pub fn collect_adopted(is_own: impl Fn(u32) -> bool) -> usize {
    let mut collected = 0;
    while let Ok(Some(pid)) = next_changed(libc::P_ALL, 0, libc::WEXITED) {
        if u32::try_from(pid).is_ok_and(&is_own) {
            break;
        }
        // SAFETY: a null pointer asks for no status. The child has ended, so this does not wait.
        unsafe { libc::waitpid(pid, ptr::null_mut(), libc::WNOHANG) };
        collected += 1;
    }
    collected
}

/// What runs below a child that has stopped.
struct Programs {
    below: libc::pid_t,
    /// Those that have been seen dead. The stopped child cannot collect them, so their numbers are nobody else's.
    dead: HashSet<libc::pid_t>,
}

impl Programs {
    fn below(child: libc::pid_t) -> Self {
        Self { below: child, dead: HashSet::new() }
    }

    /// Kills all that are found. Says whether there are no others: each program that was found had been seen dead before this
    /// look, and so what it left behind would have been found, too.
    fn kill(&mut self) -> bool {
        let mut are_all_dead = true;
        let mut parents = vec![self.below];
        while let Some(parent) = parents.pop() {
            for program in children_of(parent) {
                if self.dead.contains(&program) {
                    continue;
                }
                are_all_dead = false;
                // Before its children are looked for: from here on it gets no others.
                signal(program, libc::SIGKILL);
                if is_alive(program) {
                    parents.push(program);
                } else {
                    self.dead.insert(program);
                }
            }
        }
        are_all_dead
    }
}

/// Each thread has children of its own.
fn children_of(parent: libc::pid_t) -> Vec<libc::pid_t> {
    let Ok(threads) = fs::read_dir(format!("/proc/{parent}/task")) else { return Vec::new() };
    let lists = threads.filter_map(|thread| fs::read_to_string(thread.ok()?.path().join("children")).ok());
    lists
        .flat_map(|list| list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>())
        .collect()
}

/// Whether a process runs; one that nobody has collected does not.
fn is_alive(pid: libc::pid_t) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The name in brackets may hold brackets.
    let state = status.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next());
    state.is_some_and(|state| !matches!(state, 'Z' | 'X'))
}

/// Whether all threads of a child have stopped, or it has ended.
fn has_stopped(pid: libc::pid_t) -> bool {
    let number = libc::id_t::try_from(pid).unwrap_or_default();
    !matches!(next_changed(libc::P_PID, number, libc::WSTOPPED | libc::WEXITED), Ok(None))
}

/// A child that has changed its state as `events` say, without collecting it: `None` when none has.
///
/// # Errors
/// ECHILD when there is no such child.
fn next_changed(
    kind: libc::idtype_t,
    number: libc::id_t,
    events: libc::c_int,
) -> Result<Option<libc::pid_t>, ()> {
    // SAFETY: `siginfo_t` is a plain C structure for which all zeros is a value.
    let mut found: libc::siginfo_t = unsafe { std::mem::zeroed() };
    // SAFETY: `found` is valid for the write.
    let result =
        unsafe { libc::waitid(kind, number, &raw mut found, events | libc::WNOHANG | libc::WNOWAIT) };
    if result == -1 {
        return Err(());
    }
    // SAFETY: zero if there is none, otherwise what waitid has filled in.
    let pid = unsafe { found.si_pid() };
    Ok((pid != 0).then_some(pid))
}

fn wait_until(looks: usize, mut done: impl FnMut() -> bool) {
    for _ in 0..looks {
        if done() {
            return;
        }
        // SAFETY: without descriptors poll only waits.
        unsafe { libc::poll(ptr::null_mut(), 0, PAUSE) };
    }
}

fn signal(pid: libc::pid_t, signal: libc::c_int) {
    // SAFETY: kill takes numbers. `pid` is a child that this process has not collected yet, its group, or a program below
    // a child that is stopped, whose parent is that or killed, and thus does not collect it.
    unsafe { libc::kill(pid, signal) };
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::sys::testing::passes_in_own_process;
    use std::io::{BufRead, BufReader};
    use std::os::unix::process::CommandExt;
    use std::process::{Command, Stdio};
    use std::time::{Duration, Instant};

    const LONG: Duration = Duration::from_secs(20);

    fn alone(test: &str, body: impl FnOnce()) {
        passes_in_own_process(&format!("sys::process_tree::tests::{test}"), body);
    }

    /// Runs, as the parent of all orphans below it, a script of the shell whose first line of output says that it has done what it was to do.
    fn started(script: &str) -> Child {
        let mut command = Command::new("sh");
        // SAFETY: between fork and exec only one system call is made.
        unsafe {
            command.pre_exec(|| {
                adopt_orphans();
                Ok(())
            });
        }
        let mut child = command.args(["-c", script]).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        child
    }

    fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
        let begin = Instant::now();
        while !condition() {
            assert!(begin.elapsed() < LONG, "waited in vain: {what}");
            wait_until(2, || false);
        }
    }

    /// How many processes sleep for as many seconds as a number that only one test has.
    fn sleepers(seconds: u32) -> usize {
        let wanted = format!("sleep\0{seconds}\0");
        let processes = fs::read_dir("/proc").unwrap().map_while(Result::ok);
        let lines = processes.filter_map(|process| fs::read(process.path().join("cmdline")).ok());
        lines.filter(|line| line == wanted.as_bytes()).count()
    }

    /// A number of seconds by which the sleepers of one test are known.
    fn seconds(test: u32) -> u32 {
        100_000 + 100 * (std::process::id() % 10_000) + test
    }

    #[test]
    fn programs_die_with_the_child_wherever_they_have_gone() {
        alone("programs_die_with_the_child_wherever_they_have_gone", || {
            let seconds = seconds(1);
            let script = format!(
                "sleep {seconds} & setsid sleep {seconds} & \
                 setsid sh -c 'sleep {seconds} & setsid sleep {seconds} & exit' & \
                 echo; exec sleep {LONGER}"
            );
            let mut worker = started(&script);
            eventually("all sleep", || sleepers(seconds) == 4);
            kill_with_children(&mut worker);
            eventually("all are dead", || sleepers(seconds) == 0);
            assert!(!worker.wait().unwrap().success());
        });
    }

    /// A machine may be so busy that what was killed first is not dead before the last look. Where it is dead before its
    /// children have been looked for, they are the worker's, which this look has passed already: so not each time.
    #[test]
    fn one_look_can_be_the_death_of_all_generations() {
        alone("one_look_can_be_the_death_of_all_generations", || {
            let nested = |seconds: u32| {
                format!("sleep {seconds} & setsid sh -c 'sleep {seconds} & sh -c \"sleep {seconds}; :\"; :'")
                    .replace('\'', "'\\''")
            };
            let one_look_suffices = |attempt: u32| {
                let seconds = seconds(2 + attempt);
                let script = format!("sh -c '{}; :' & echo; exec sleep {LONGER}", nested(seconds));
                let mut worker = started(&script);
                eventually("all sleep", || sleepers(seconds) == 3);
                let pid = libc::pid_t::try_from(worker.id()).unwrap();
                signal(pid, libc::SIGSTOP);
                eventually("it has stopped", || has_stopped(pid));
                assert!(!Programs::below(pid).kill(), "there were some");
                let suffices = (0..500).any(|_| {
                    wait_until(2, || false);
                    sleepers(seconds) == 0
                });
                kill_with_children(&mut worker);
                assert!(!worker.wait().unwrap().success());
                eventually("all are dead", || sleepers(seconds) == 0);
                suffices
            };
            assert!((0..50).any(one_look_suffices));
        });
    }

    /// Whoever is found dead may have left a child behind a moment before.
    #[test]
    fn programs_that_start_another_and_end_do_not_get_away() {
        alone("programs_that_start_another_and_end_do_not_get_away", || {
            let directory = tempfile::tempdir().unwrap();
            let script = directory.path().join("hare");
            fs::write(&script, "sh \"$0\" & exit\n").unwrap();
            let hares = || {
                let wanted = format!("sh\0{}\0", script.display());
                let processes = fs::read_dir("/proc").unwrap().map_while(Result::ok);
                processes
                    .filter(|process| {
                        fs::read(process.path().join("cmdline")).is_ok_and(|line| line == wanted.as_bytes())
                    })
                    .count()
            };
            for _ in 0..20 {
                let mut worker = started(&format!("sh {} & echo; exec sleep {LONGER}", script.display()));
                eventually("they run", || hares() > 0);
                kill_with_children(&mut worker);
                worker.wait().unwrap();
                wait_until(20, || false);
                assert_eq!(hares(), 0);
            }
        });
    }

    /// Longer than any test.
    const LONGER: u32 = 99_999;

    #[test]
    fn many_are_killed_in_the_time_of_one() {
        alone("many_are_killed_in_the_time_of_one", || {
            let mut workers: Vec<_> = (0..30).map(|_| started("echo; exec sleep 99998")).collect();
            let begin = Instant::now();
            kill_all_with_children(&mut workers);
            let taken = begin.elapsed();
            assert!(workers.iter_mut().all(|worker| !worker.wait().unwrap().success()));
            assert!(taken < Duration::from_secs(1), "{taken:?}");
        });
    }

    #[test]
    fn a_child_that_has_ended_is_not_signalled() {
        let mut ended = started("echo; exit 3");
        ended.wait().unwrap();
        kill_with_children(&mut ended);
        assert_eq!(ended.wait().unwrap().code(), Some(3));
    }

    #[test]
    fn adopted_children_are_collected_and_the_daemons_own_are_not() {
        alone("adopted_children_are_collected_and_the_daemons_own_are_not", || {
            adopt_orphans();
            assert!(!has_children());
            let leaves_an_orphan = || Command::new("sh").args(["-c", "sleep 0.2 & exit 7"]).spawn().unwrap();
            let mut parents: Vec<_> = (0..5).map(|_| leaves_an_orphan()).collect();
            assert!(has_children());
            let own: Vec<_> = parents.iter().map(Child::id).collect();
            let mut collected = 0;
            eventually("the daemon's own are seen", || {
                collected += collect_adopted(|pid| own.contains(&pid));
                parents.iter().all(|parent| !is_alive(libc::pid_t::try_from(parent.id()).unwrap()))
            });
            assert!(
                parents.iter_mut().all(|parent| parent.wait().unwrap().code() == Some(7)),
                "none was stolen"
            );
            eventually("all orphans are collected", || {
                collected += collect_adopted(|_| false);
                collected == 5
            });
            assert!(!has_children());
        });
    }
}
