//! Whether a worker may have another login after the one that it has just checked: nothing may be carried over.
#![forbid(unsafe_code)]

use crate::sys::process_state::ProcessState;
use crate::sys::{descriptor, memory, process_tree};
use std::fmt;
use std::time::{Duration, Instant};

const MEBIBYTE: u64 = 1 << 20;

/// What a login may need of memory at once, in bytes: a process that does not get it any more is of no use.
const USUAL_MEMORY: usize = 1 << 20;

/// How long a process that has failed from the start stays. Most likely another would fail too, and logins must not start
/// one process each; but it may be that its first login has spoiled it.
const TRIAL: Duration = Duration::from_secs(10);

/// How a task went, as far as it says something of the process; the worse the greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Completion {
    /// A login was accepted, an errand run.
    Done,
    /// Not so. Mostly for a wrong password, which says nothing; but a module may hide behind a refusal that it had no
    /// memory or descriptors.
    NotDone,
    /// The mechanism says that this process is to blame.
    Impaired,
}

/// What is known of this process, to judge it by.
pub(super) struct Fitness {
    /// What others' code may have changed; `None` where none runs.
    state: Option<ProcessState>,
    /// Bytes of resident memory when it was ready: the index of a large password file is no growth.
    size_at_start: u64,
    most_growth: u64,
    /// Whether memory and descriptors could be had at the start.
    had_room: bool,
    /// Whether it has ever done what it was asked without being to blame for anything.
    has_worked: bool,
    ready_since: Instant,
}

/// Why this process must not have another login.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unfit {
    /// It has other rights, or its paths begin elsewhere.
    Changed,
    /// A program that a module has started is still there, or waits to be collected.
    Programs,
    /// Mebibytes by which it has grown.
    Grown(u64),
    /// It could not check a login for a reason of its own, although it could before or another may.
    Impaired,
}

impl fmt::Display for Unfit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Changed => formatter
                .write_str("A mechanism has left this process with other rights or in another directory"),
            Self::Programs => formatter.write_str("A module has left a program behind"),
            Self::Grown(growth) => {
                write!(formatter, "This process has grown by {growth} MiB, more than --max-worker-growth")
            }
            Self::Impaired => formatter
                .write_str("This process is out of memory or descriptors, kept from a file by its sandbox, or one of its modules is broken"),
        }
    }
}

impl Unfit {
    /// What the log says of it. A program left behind is nobody's fault: scripts start some in the background.
    pub(super) fn level(&self) -> log::Level {
        match self {
            Self::Changed => log::Level::Error,
            Self::Grown(_) | Self::Impaired => log::Level::Warn,
            Self::Programs => log::Level::Debug,
        }
    }
}

impl Fitness {
    /// Of this process, which is ready and has done nothing yet. It may grow by `most_growth` bytes. `runs_modules`: others'
    /// code runs in it.
    pub(super) fn of_fresh_process(most_growth: u64, runs_modules: bool, now: Instant) -> Self {
        let size_at_start = memory::resident().unwrap_or_else(memory::largest_resident);
        let state = runs_modules.then(ProcessState::of_this_process);
        let had_room = has_room();
        Self { state, size_at_start, most_growth, had_room, has_worked: false, ready_since: now }
    }

    /// Looks at the process after each task, before it is answered. Puts right what can be.
    pub(super) fn judge(&mut self, completion: Completion, now: Instant) -> Option<Unfit> {
        if let Some(changed) = self.state.as_ref().and_then(what_has_changed) {
            return Some(changed);
        }
        if completion != Completion::Done && self.has_lost_room() {
            return Some(Unfit::Impaired);
        }
        if completion == Completion::Impaired {
            let was_tried = self.has_worked || now.duration_since(self.ready_since) >= TRIAL;
            return was_tried.then_some(Unfit::Impaired);
        }
        self.has_worked = true;
        self.growth()
            .filter(|growth| *growth > self.most_growth)
            .map(|growth| Unfit::Grown(growth / MEBIBYTE))
    }

    /// Where a fresh process has no room either, whoever sends wrong passwords would have processes started.
    fn has_lost_room(&self) -> bool {
        self.had_room && !has_room()
    }

    /// By how many bytes it has grown. What it had at the most is asked first, which costs less.
    fn growth(&self) -> Option<u64> {
        let most = memory::largest_resident().saturating_sub(self.size_at_start);
        if most <= self.most_growth {
            return None;
        }
        Some(memory::resident().map_or(most, |size| size.saturating_sub(self.size_at_start)))
    }
}

/// What others' code has left behind, apart from what is put right here.
fn what_has_changed(state: &ProcessState) -> Option<Unfit> {
    state.restore();
    if !state.is_intact() {
        return Some(Unfit::Changed);
    }
    process_tree::has_children().then_some(Unfit::Programs)
}

fn has_room() -> bool {
    descriptor::is_available() && memory::is_available(USUAL_MEMORY)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::sys::daemon::set_umask;
    use crate::sys::testing::passes_in_own_process;
    use std::fs::File;
    use std::process::{Command, Stdio};

    fn alone(test: &str, body: impl FnOnce()) {
        passes_in_own_process(&format!("worker::fitness::tests::{test}"), body);
    }

    #[test]
    fn a_failure_of_its_own_ends_a_process_that_has_worked_and_one_that_never_does_after_a_while() {
        alone(
            "a_failure_of_its_own_ends_a_process_that_has_worked_and_one_that_never_does_after_a_while",
            || {
                let begin = Instant::now();
                let mut fitness = Fitness::of_fresh_process(u64::MAX, true, begin);
                assert_eq!(fitness.judge(Completion::Impaired, begin), None);
                let almost = begin + TRIAL - Duration::from_millis(1);
                assert_eq!(fitness.judge(Completion::Impaired, almost), None);
                assert_eq!(fitness.judge(Completion::Impaired, begin + TRIAL), Some(Unfit::Impaired));
                assert_eq!(fitness.judge(Completion::Done, begin), None);
                assert_eq!(fitness.judge(Completion::Impaired, begin), Some(Unfit::Impaired));
            },
        );
    }

    #[test]
    fn a_process_that_runs_out_of_descriptors_is_unfit_once_it_matters() {
        alone("a_process_that_runs_out_of_descriptors_is_unfit_once_it_matters", || {
            let mut fitness = Fitness::of_fresh_process(u64::MAX, true, Instant::now());
            assert_eq!(fitness.judge(Completion::Done, Instant::now()), None);
            assert_eq!(fitness.judge(Completion::NotDone, Instant::now()), None, "a wrong password");
            let leaked: Vec<_> = std::iter::from_fn(|| File::open("/dev/null").ok()).take(1 << 20).collect();
            assert_eq!(fitness.judge(Completion::Done, Instant::now()), None, "it got along");
            assert_eq!(fitness.judge(Completion::NotDone, Instant::now()), Some(Unfit::Impaired));
            let mut cramped = Fitness::of_fresh_process(u64::MAX, true, Instant::now());
            drop(leaked);
            assert_eq!(cramped.judge(Completion::Done, Instant::now()), None);
            let _leaked: Vec<_> = std::iter::from_fn(|| File::open("/dev/null").ok()).take(1 << 20).collect();
            assert_eq!(cramped.judge(Completion::NotDone, Instant::now()), None, "it never had room");
        });
    }

    #[test]
    fn a_process_that_grows_beyond_the_bound_is_unfit_and_one_that_shrinks_again_is_not() {
        alone("a_process_that_grows_beyond_the_bound_is_unfit_and_one_that_shrinks_again_is_not", || {
            let mut fitness = Fitness::of_fresh_process(32 * MEBIBYTE, true, Instant::now());
            let much = std::hint::black_box(vec![7_u8; 64 << 20]);
            let grown = fitness.judge(Completion::Done, Instant::now());
            assert!(matches!(grown, Some(Unfit::Grown(60..=70))), "{grown:?}");
            drop(much);
            assert_eq!(fitness.judge(Completion::Done, Instant::now()), None);
        });
    }

    #[test]
    fn a_program_that_is_still_there_makes_a_process_unfit_and_so_does_a_dead_one() {
        alone("a_program_that_is_still_there_makes_a_process_unfit_and_so_does_a_dead_one", || {
            let mut fitness = Fitness::of_fresh_process(u64::MAX, true, Instant::now());
            // With the output of this process it would keep whoever reads that, should this test fail.
            let mut program = Command::new("sleep")
                .arg("1000")
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            assert_eq!(fitness.judge(Completion::Done, Instant::now()), Some(Unfit::Programs));
            program.kill().unwrap();
            assert_eq!(fitness.judge(Completion::Done, Instant::now()), Some(Unfit::Programs));
            program.wait().unwrap();
            assert_eq!(fitness.judge(Completion::Done, Instant::now()), None);
        });
    }

    #[test]
    fn a_umask_that_a_module_has_left_is_put_right() {
        alone("a_umask_that_a_module_has_left_is_put_right", || {
            let mut fitness = Fitness::of_fresh_process(u64::MAX, true, Instant::now());
            let own = set_umask(0o777);
            assert_ne!(own, 0o777);
            assert_eq!(fitness.judge(Completion::Done, Instant::now()), None);
            assert_eq!(set_umask(own), own);
        });
    }

    #[test]
    fn where_no_code_of_others_runs_it_is_not_asked_what_that_has_changed_but_memory_is() {
        alone("where_no_code_of_others_runs_it_is_not_asked_what_that_has_changed_but_memory_is", || {
            let mut fitness = Fitness::of_fresh_process(16 * MEBIBYTE, false, Instant::now());
            std::env::set_current_dir("/tmp").unwrap();
            assert_eq!(fitness.judge(Completion::Done, Instant::now()), None);
            let _much = std::hint::black_box(vec![7_u8; 64 << 20]);
            assert!(matches!(fitness.judge(Completion::Done, Instant::now()), Some(Unfit::Grown(_))));
        });
    }

    #[test]
    fn another_working_directory_makes_a_process_unfit() {
        alone("another_working_directory_makes_a_process_unfit", || {
            std::env::set_current_dir("/tmp").unwrap();
            let mut fitness = Fitness::of_fresh_process(u64::MAX, true, Instant::now());
            assert_eq!(fitness.judge(Completion::Done, Instant::now()), None);
            std::env::set_current_dir("/").unwrap();
            assert_eq!(fitness.judge(Completion::Done, Instant::now()), Some(Unfit::Changed));
        });
    }
}
