//! Why there is no answer, what to do about it, and the exit code: those of sysexits.h, so that a script tells a daemon that
//! is not there from one that says no.
#![forbid(unsafe_code)]

use crate::strerror::strerror;
use std::fmt;
use std::io::{self, ErrorKind};
use std::path::PathBuf;
use std::time::Duration;

/// Why it does not go on.
#[derive(Debug)]
pub(super) enum Failure {
    /// The daemon says no, and why.
    Refused(String),
    /// Nobody can be connected to there. `has_mux`: a daemon without a control socket may be.
    Connect { path: PathBuf, error: io::Error, has_mux: bool },
    /// It says nothing.
    Silent { path: PathBuf, timeout: Duration },
    /// It broke off.
    BrokenOff(PathBuf),
    /// What it says is no answer.
    NoAnswer(PathBuf),
    /// The answer cannot be written.
    Output(io::Error),
    /// Nobody reads it.
    NoReader,
}

impl Failure {
    pub(super) fn exit_code(&self) -> u8 {
        match self {
            Self::NoReader => 0,
            Self::Refused(_) => 1,
            // EX_NOPERM
            Self::Connect { error, .. } if error.kind() == ErrorKind::PermissionDenied => 77,
            // EX_UNAVAILABLE
            Self::Connect { .. } | Self::BrokenOff(_) => 69,
            // EX_TEMPFAIL
            Self::Silent { .. } => 75,
            // EX_PROTOCOL
            Self::NoAnswer(_) => 76,
            // EX_IOERR
            Self::Output(_) => 74,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(sentence) => formatter.write_str(sentence),
            Self::Connect { path, error, has_mux } => {
                let path = path.display();
                match error.kind() {
                    ErrorKind::NotFound if *has_mux => write!(
                        formatter,
                        "there is no control socket {path}, although there is one for clients beside it: that daemon is \
                         another program, an older one that still runs after an upgrade (restart it), or was started with \
                         --control"
                    ),
                    ErrorKind::NotFound => write!(
                        formatter,
                        "no daemon answers at {path}: is it running, with another -m or --control?"
                    ),
                    ErrorKind::ConnectionRefused => {
                        write!(formatter, "no daemon answers at {path}: the one that was there has ended")
                    }
                    ErrorKind::PermissionDenied => write!(
                        formatter,
                        "{path} is for root and the user who started the daemon: try as root"
                    ),
                    _ => write!(formatter, "{path} cannot be connected to: {}", strerror(error)),
                }
            }
            Self::Silent { path, timeout } => write!(
                formatter,
                "the daemon at {} has said nothing for {} s: it is stopped, or hangs and is about to be replaced; its log \
                 tells",
                path.display(),
                timeout.as_secs()
            ),
            Self::BrokenOff(path) => write!(
                formatter,
                "the daemon at {} has broken off: it was stopped or replaced; try again",
                path.display()
            ),
            Self::NoAnswer(path) => {
                write!(formatter, "what {} says is no answer: it belongs to another program", path.display())
            }
            Self::Output(error) => write!(formatter, "the answer cannot be written: {}", strerror(error)),
            Self::NoReader => formatter.write_str("nobody reads the answer"),
        }
    }
}
