//! A frontend on its way out: it closes its door, answers what it holds, and ends; or it is killed.
#![forbid(unsafe_code)]

use super::CLOSE_TIME;
use super::command::KillReason;
use super::heartbeat::{Beat, Heartbeat, INTERVAL};
use std::time::{Duration, Instant};

#[derive(Debug)]
pub(super) enum Leaving {
    /// Has not said yet that it takes no more connections.
    Closing { until: Instant, end_by: Instant },
    /// Answers what it holds.
    Draining { end_by: Instant, heartbeat: Heartbeat },
    /// Will do nothing any more, but has not disappeared yet.
    Killed,
}

impl Leaving {
    pub(super) fn new(accepts: bool, now: Instant, drain_time: Duration) -> Self {
        let end_by = now + drain_time;
        if accepts {
            Self::Closing { until: now + CLOSE_TIME, end_by }
        } else {
            Self::Draining { end_by, heartbeat: Heartbeat::new(INTERVAL, now) }
        }
    }

    /// Whether it may still take a connection.
    pub(super) fn may_accept(&self) -> bool {
        matches!(self, Self::Closing { .. })
    }

    pub(super) fn is_killed(&self) -> bool {
        matches!(self, Self::Killed)
    }

    pub(super) fn handle_heard(&mut self, now: Instant) {
        if let Self::Draining { heartbeat, .. } = self {
            heartbeat.handle_heard(now);
        }
    }

    pub(super) fn handle_closed(&mut self, now: Instant) {
        if let Self::Closing { end_by, .. } = *self {
            *self = Self::Draining { end_by, heartbeat: Heartbeat::new(INTERVAL, now) };
        }
    }

    /// Fails when it is to be killed, and counts as killed from then on.
    pub(super) fn handle_timeout(&mut self, now: Instant) -> Result<Beat, KillReason> {
        let reason = match self {
            Self::Closing { until, .. } if *until <= now => KillReason::KeptAccepting,
            Self::Draining { end_by, .. } if *end_by <= now => KillReason::DrainedTooLong,
            Self::Draining { heartbeat, .. } => match heartbeat.handle_timeout(now) {
                Beat::Silent => KillReason::Silent,
                beat => return Ok(beat),
            },
            Self::Closing { .. } | Self::Killed => return Ok(Beat::Nothing),
        };
        *self = Self::Killed;
        Err(reason)
    }

    pub(super) fn next_timeout(&self) -> Option<Instant> {
        match self {
            Self::Closing { until, .. } => Some(*until),
            Self::Draining { end_by, heartbeat } => Some(heartbeat.next_timeout().min(*end_by)),
            Self::Killed => None,
        }
    }
}
