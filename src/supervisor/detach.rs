//! Detaching from the terminal: the launching process stays until the daemon can tell how its start went.
#![forbid(unsafe_code)]

use super::start_error::StartError;
use crate::sys::daemon::{Child, Forked, fork, replace_standard_streams, start_session};
use std::fs::OpenOptions;
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;

/// Which of the two processes this is.
pub(super) enum Detached {
    /// The one that was launched: it ends with this status.
    Launcher(u8),
    /// The daemon.
    Daemon(Launch),
}

/// The daemon's line to the process that launched it.
pub(super) struct Launch {
    line: Option<UnixStream>,
}

impl Launch {
    /// For a daemon that stays in the foreground: nobody waits.
    pub(super) fn foreground() -> Self {
        Self { line: None }
    }

    /// Whether the launching process waits.
    pub(super) fn is_awaited(&self) -> bool {
        self.line.is_some()
    }

    /// Sends the launching process home: the daemon serves. Its terminal is left alone from here on.
    pub(super) fn report_ready(self) -> Result<(), StartError> {
        let Some(mut line) = self.line else { return Ok(()) };
        let null = OpenOptions::new().read(true).write(true).open("/dev/null");
        null.and_then(|null| replace_standard_streams(null.as_fd()))
            .map_err(|error| StartError::System("failed to open /dev/null", error))?;
        // A launcher that was killed needs no answer.
        let _ = line.write_all(&[0]);
        Ok(())
    }

    /// Tells the launching process the status to end with; the reason has been shown.
    pub(super) fn report_failure(self, status: u8) {
        if let Some(mut line) = self.line {
            let _ = line.write_all(&[status]);
        }
    }
}

/// Splits off the daemon.
pub(super) fn detach() -> Result<Detached, StartError> {
    let (mut launcher, daemon) =
        UnixStream::pair().map_err(|error| StartError::System("can't create startup pipe", error))?;
    match fork().map_err(|error| StartError::System("saslauthd master fork failed", error))? {
        Forked::Parent(child) => {
            drop(daemon);
            await_report(&mut launcher, child).map(Detached::Launcher)
        }
        Forked::Child => {
            start_session().map_err(|error| StartError::System("failed to set session id", error))?;
            Ok(Detached::Daemon(Launch { line: Some(daemon) }))
        }
    }
}

/// A daemon that dies without a word has closed its end. One that ended with a status of its own has shown why.
fn await_report(daemon: &mut UnixStream, child: Child) -> Result<u8, StartError> {
    let mut status = [0];
    if daemon.read_exact(&mut status).is_ok() {
        return Ok(status[0]);
    }
    let ended = child.wait().ok();
    match ended.and_then(|status| u8::try_from(status.code()?).ok()) {
        Some(status) if status != 0 => Ok(status),
        _ => Err(StartError::Died(ended)),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::sys::testing::{in_own_process, text_of};
    use std::process::{self, Output};
    use std::time::{Duration, Instant};
    use std::{fs, thread};

    /// The status of a launching process that has to tell itself what went wrong.
    const TOLD: i32 = 77;

    /// How long the daemon of a test lives at the most.
    const LONG: Duration = Duration::from_secs(10);

    /// Launches `daemon` and returns what it and the launching process, which share their streams, have said until
    /// nobody has these streams any more, and how the launching process ended. Does not return in these two.
    fn launch(test: &str, daemon: fn(Launch)) -> Output {
        let launched = in_own_process(&format!("supervisor::detach::tests::{test}"), || match detach() {
            Ok(Detached::Daemon(launch)) => {
                daemon(launch);
                process::exit(0)
            }
            Ok(Detached::Launcher(status)) => process::exit(status.into()),
            Err(error) => {
                eprintln!("{error}");
                process::exit(TOLD)
            }
        });
        launched.unwrap()
    }

    fn leads_a_session() -> bool {
        let status = fs::read_to_string("/proc/self/stat").unwrap();
        let after_name = status.rsplit(')').next().unwrap();
        after_name.split_whitespace().nth(3) == Some(&process::id().to_string())
    }

    #[test]
    fn the_launching_process_ends_with_0_once_the_daemon_is_ready() {
        let start = Instant::now();
        let ran = launch("the_launching_process_ends_with_0_once_the_daemon_is_ready", |launch| {
            eprintln!("session of its own: {}", leads_a_session());
            launch.report_ready().unwrap();
            eprintln!("too late");
            thread::park_timeout(LONG);
        });
        let said = text_of(&ran);
        assert_eq!(ran.status.code(), Some(0), "{said}");
        assert!(said.contains("session of its own: true") && !said.contains("too late"), "{said}");
        assert!(start.elapsed() < LONG / 2, "the daemon held on to its terminal");
    }

    #[test]
    fn a_failed_start_is_the_status_of_the_launching_process() {
        let ran = launch("a_failed_start_is_the_status_of_the_launching_process", |launch| {
            eprintln!("Another instance");
            launch.report_failure(2);
        });
        assert_eq!(ran.status.code(), Some(2));
        assert!(
            text_of(&ran).contains("Another instance"),
            "errors reach the terminal until the daemon is ready"
        );
    }

    #[test]
    fn a_daemon_that_crashes_does_not_leave_the_launching_process_waiting() {
        let ran = launch("a_daemon_that_crashes_does_not_leave_the_launching_process_waiting", |_| {
            process::abort()
        });
        assert_eq!(ran.status.code(), Some(TOLD));
        assert!(
            text_of(&ran).contains("The daemon ended before it was ready: signal: 6"),
            "{}",
            text_of(&ran)
        );
    }

    #[test]
    fn a_daemon_that_ends_without_a_word_is_no_success() {
        let ran = launch("a_daemon_that_ends_without_a_word_is_no_success", drop);
        assert_eq!(ran.status.code(), Some(TOLD));
    }

    #[test]
    fn a_daemon_that_has_shown_an_error_itself_passes_on_its_status() {
        let ran =
            launch("a_daemon_that_has_shown_an_error_itself_passes_on_its_status", |_| process::exit(3));
        assert_eq!(ran.status.code(), Some(3));
    }

    #[test]
    fn a_launching_process_that_was_killed_does_not_take_the_daemon_along() {
        let ran = launch("a_launching_process_that_was_killed_does_not_take_the_daemon_along", |launch| {
            let launcher = std::os::unix::process::parent_id().to_string();
            assert!(process::Command::new("kill").args(["-KILL", &launcher]).status().unwrap().success());
            let line = launch.line.as_ref().unwrap().try_clone().unwrap();
            assert_eq!((&line).read(&mut [0]).unwrap_or(0), 0, "the launching process is gone");
            let told = std::io::stderr().as_fd().try_clone_to_owned().unwrap();
            launch.report_ready().unwrap();
            fs::File::from(told).write_all(b"still there").unwrap();
        });
        assert_eq!(ran.status.code(), None);
        assert!(text_of(&ran).contains("still there"), "{}", text_of(&ran));
    }
}
