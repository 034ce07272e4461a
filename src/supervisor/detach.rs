//! Detaching from the terminal: the launching process stays until the daemon can tell how its start went.
#![forbid(unsafe_code)]

use super::start_error::StartError;
use crate::sys::daemon::{Forked, fork, replace_standard_streams, start_session};
use std::fs::OpenOptions;
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::process::ExitCode;

/// Which of the two processes this is.
pub(super) enum Detached {
    /// The one that was launched: it ends with this status.
    Launcher(ExitCode),
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
        Forked::Parent(_) => {
            drop(daemon);
            Ok(Detached::Launcher(await_report(&mut launcher)))
        }
        Forked::Child => {
            start_session().map_err(|error| StartError::System("failed to set session id", error))?;
            Ok(Detached::Daemon(Launch { line: Some(daemon) }))
        }
    }
}

/// A daemon that dies without a word has closed its end: that is status 1.
fn await_report(daemon: &mut UnixStream) -> ExitCode {
    let mut status = [1];
    let told = daemon.read_exact(&mut status);
    ExitCode::from(if told.is_ok() { status[0] } else { 1 })
}
