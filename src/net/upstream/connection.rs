//! What is known of one connection.
#![forbid(unsafe_code)]

use super::in_flight::SUSPICION;
use super::servers::ServerId;
use super::{ConnectionId, Stage, Target};
use crate::net::exchange::{Failure, FailureKind, PoolId, QuestionId, Timeouts, TlsMode};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// What a connection is opened for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Whatever waits when it is ready.
    Queue,
    /// Questions that a connection to the same server has lost.
    Again(BTreeSet<QuestionId>),
    /// To see whether the server is back.
    Probe,
    /// To take over what is asked on that one, should it stay as silent as it is.
    Replacement(ConnectionId),
}

pub(super) struct Connection {
    pub(super) pool: PoolId,
    /// The place of the server in the pool's list.
    pub(super) index: usize,
    pub(super) server: ServerId,
    pub(super) target: Target,
    pub(super) purpose: Purpose,
    pub(super) stage: Stage,
    pub(super) began: Instant,
    pub(super) stage_began: Instant,
    /// Whether TLS was asked for in clear, so that the server has spoken before.
    has_spoken: bool,
    /// Why the server waits for what a worker is doing, if it does: a phrase for the log.
    pub(super) waits_because: Option<&'static str>,
    /// Whether the server had to say something before the first question.
    pub(super) has_greeted: bool,
    pub(super) in_flight: BTreeSet<QuestionId>,
    /// Whether it has answered or waited; the server may have closed it since.
    pub(super) was_used: bool,
    /// It takes no further question.
    pub(super) is_finished: bool,
    /// When an answer, or the first sign of one, last came.
    pub(super) heard_at: Option<Instant>,
    /// It has been silent for too long, and another is being opened in its place: it takes no question meanwhile.
    pub(super) is_suspect: bool,
    /// When somebody looks whether it is silent.
    pub(super) silence_due: Option<Instant>,
    pub(super) idle_since: Instant,
    /// Its key among the free ones.
    pub(super) free_as: Option<u64>,
    /// When its timer rings.
    pub(super) due: Option<Instant>,
}

impl Connection {
    pub(super) fn new(
        pool: PoolId,
        index: usize,
        server: ServerId,
        target: Target,
        purpose: Purpose,
        now: Instant,
    ) -> Self {
        Self {
            pool,
            index,
            server,
            target,
            purpose,
            stage: Stage::Connecting,
            began: now,
            stage_began: now,
            has_spoken: false,
            waits_because: None,
            has_greeted: false,
            in_flight: BTreeSet::new(),
            was_used: false,
            is_finished: false,
            heard_at: None,
            is_suspect: false,
            silence_due: None,
            idle_since: now,
            free_as: None,
            due: None,
        }
    }

    pub(super) fn is_ready(&self) -> bool {
        self.stage == Stage::Ready
    }

    /// The next stage is reached.
    pub(super) fn enter(&mut self, stage: Stage, now: Instant) {
        self.has_spoken |= (self.stage, stage) == (Stage::Opening, Stage::Securing);
        self.stage = stage;
        self.stage_began = now;
    }

    /// Whether it may have died since it was ready: it has answered, or waited for a while.
    pub(super) fn may_be_dead(&self, now: Instant) -> bool {
        self.heard_at.is_some() || now >= self.stage_began + SUSPICION
    }

    /// When it was heard last: since it is ready it may have been dead from then on.
    pub(super) fn last_sign_of_life(&self) -> Instant {
        self.heard_at.unwrap_or(self.stage_began)
    }

    /// How long the stage may take.
    pub(super) fn allowed(&self, timeouts: &Timeouts) -> Duration {
        match self.stage {
            Stage::Connecting => timeouts.connect,
            Stage::Securing => timeouts.tls,
            Stage::Opening | Stage::Ready => timeouts.operation,
        }
    }

    /// The stage has taken too long.
    pub(super) fn expiry(&self, timeouts: &Timeouts, tls: TlsMode) -> Failure {
        let target = &self.target;
        let time = Seconds(self.allowed(timeouts));
        match self.stage {
            Stage::Connecting => {
                Failure::new(FailureKind::Contact, format!("no connection to {target} within {time}"))
            }
            Stage::Securing => {
                Failure::new(FailureKind::Contact, format!("no TLS with {target} within {time}"))
            }
            Stage::Opening | Stage::Ready => {
                let kind = if self.has_spoken { FailureKind::Unexpected } else { FailureKind::Synchronize };
                let hint = match (self.waits_because, tls) {
                    (Some(reason), _) => format!(": {reason}"),
                    (None, TlsMode::Off) => {
                        "; if it expects TLS from the first byte, use imaps:// or ldaps://".to_owned()
                    }
                    (None, TlsMode::Implicit | TlsMode::StartTls) => String::new(),
                };
                Failure::new(kind, format!("{target} was not ready for questions within {time}{hint}"))
            }
        }
    }
}

/// A time for the log, in tenths: what failed for the same reason is to have the same words, by which the log counts it together.
pub(super) struct Seconds(pub(super) Duration);

impl std::fmt::Display for Seconds {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let tenths = (self.0.as_secs_f64() * 10.0).round().max(1.0);
        write!(formatter, "{} s", tenths / 10.0)
    }
}
