//! A frontend in its place: it gets ready within a bounded time, and then answers when it is asked.
#![forbid(unsafe_code)]

use super::command::{FrontendId, KillReason};
use super::heartbeat::{Beat, Heartbeat};
use std::time::Instant;

/// A frontend that serves, or is about to.
pub(super) struct Frontend<S> {
    pub(super) id: FrontendId,
    pub(super) settings: S,
    pub(super) stage: Stage,
    /// Whether it was told to take connections.
    pub(super) accepts: bool,
}

/// How far it is.
pub(super) enum Stage {
    /// Given up at the instant.
    Starting {
        until: Instant,
    },
    Ready {
        since: Instant,
        heartbeat: Heartbeat,
    },
}

impl Stage {
    /// What is to be done about it now.
    ///
    /// # Errors
    /// It is late, and to be killed.
    pub(super) fn handle_timeout(&mut self, now: Instant) -> Result<Beat, KillReason> {
        match self {
            Self::Starting { until } if *until <= now => Err(KillReason::NotReady),
            Self::Starting { .. } => Ok(Beat::Nothing),
            Self::Ready { heartbeat, .. } => Ok(heartbeat.handle_timeout(now)),
        }
    }

    pub(super) fn next_timeout(&self) -> Instant {
        match self {
            Self::Starting { until } => *until,
            Self::Ready { heartbeat, .. } => heartbeat.next_timeout(),
        }
    }
}
