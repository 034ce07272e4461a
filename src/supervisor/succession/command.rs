//! What the succession wants done, and why.
#![forbid(unsafe_code)]

use super::heartbeat::LONGEST_SILENCE;
use super::{CLOSE_TIME, START_TIME};
use std::fmt;

/// A frontend process, numbered by the succession; no number is used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(in crate::supervisor) struct FrontendId(pub(in crate::supervisor) usize);

/// What the caller must do now. `S` is what a frontend is set up with.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::supervisor) enum Command<S> {
    /// Read the files again; answered by `handle_settings`.
    ReadSettings,
    /// Start a process; one that cannot be started has ended.
    Start(FrontendId, S),
    /// Tell it to take connections.
    Accept(FrontendId),
    /// Tell it to take no more connections, to say so, and to end when its requests are answered.
    Drain(FrontendId),
    /// As `Drain`, but at once: the daemon is stopping.
    Stop(FrontendId),
    /// Ask it for a sign of life.
    Ping(FrontendId),
    /// Kill it.
    Kill(FrontendId, KillReason),
    /// Write a line to the log.
    Log(Notice),
}

/// Why a frontend is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::supervisor) enum KillReason {
    /// It did not get ready.
    NotReady,
    /// It did not answer a ping.
    Silent,
    /// It was to take no more connections and did not say that it does.
    KeptAccepting,
    /// Its last requests took longer than any may.
    DrainedTooLong,
    /// The daemon stops.
    Stopping,
}

impl fmt::Display for KillReason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotReady => write!(formatter, "it was not ready after {} s", START_TIME.as_secs()),
            Self::Silent => write!(formatter, "it has not answered for {} s", LONGEST_SILENCE.as_secs()),
            Self::KeptAccepting => {
                write!(formatter, "it did not hand over to the next within {} s", CLOSE_TIME.as_secs())
            }
            Self::DrainedTooLong => formatter.write_str("its last requests took too long"),
            Self::Stopping => formatter.write_str("the daemon stops"),
        }
    }
}

/// What is worth a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::supervisor) enum Notice {
    /// A reload is complete.
    TookOver,
    /// A reload has to wait for the one under way.
    ReloadWaits,
    /// The frontend that was to take over ended, or was killed.
    SuccessorFailed,
}

/// Why the daemon does not start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::supervisor) enum StartFailure {
    /// The first frontend took too long.
    NotReady,
    /// One frontend after the other ended.
    KeptDying,
    /// It was asked to stop.
    Stopped,
}
