//! One login: one request, one reply.
#![forbid(unsafe_code)]

use super::status::{Meaning, Statuses};
use super::template::Template;
use crate::credentials::Credentials;
use crate::http::head::Reply;
use crate::job::ErrandResult;
use crate::mechanism::alert;
use crate::net::exchange::{Failure, FailureKind, PoolId, Step};
use crate::outcome::{Outcome, Refusal, Verdict};
use crate::secret::Secret;
use std::rc::Rc;

/// The mechanism has one pool.
pub(super) const POOL: PoolId = PoolId(0);

/// A login, as [`Exchange`](crate::net::exchange::Exchange) wants it.
pub struct Exchange {
    credentials: Credentials,
    template: Rc<Template>,
    statuses: Rc<Statuses>,
}

impl Exchange {
    /// The exchange that checks these credentials.
    pub(super) fn new(credentials: Credentials, template: Rc<Template>, statuses: Rc<Statuses>) -> Self {
        Self { credentials, template, statuses }
    }

    fn outcome(&self, reply: &Reply) -> Outcome {
        match self.statuses.meaning(reply.status) {
            Meaning::Accepted => Outcome::Accept(alert::ACCEPTED.into()),
            Meaning::Rejected => {
                Outcome::Reject(Refusal::with_reason(reply.phrase.clone(), reply.to_string()))
            }
            Meaning::Busy | Meaning::Unknown => {
                let redirect =
                    if (300..400).contains(&reply.status) { ", which is not followed" } else { "" };
                let reason = format!("{reply}{redirect}");
                alert::unavailable(&Failure::new(FailureKind::Unexpected, reason))
            }
        }
    }
}

impl crate::net::exchange::Exchange for Exchange {
    type Question = Secret;
    type Answer = Reply;
    type Verdict = Verdict;

    fn begin(&mut self) -> Step<Secret> {
        match self.template.fill(&self.credentials) {
            Ok(body) => Step::Ask(POOL, body),
            // No server that is asked in JSON can have an account of that name, or such a password.
            Err(_) => Step::Done(Outcome::reject("not UTF-8, so it cannot be sent as JSON").into()),
        }
    }

    fn handle_answer(&mut self, answer: Result<Reply, Failure>) -> Step<Secret> {
        let outcome = match answer {
            Ok(reply) => self.outcome(&reply),
            Err(failure) => alert::unavailable(&failure),
        };
        Step::Done(outcome.into())
    }

    fn handle_errand(&mut self, _: ErrandResult) -> Step<Secret> {
        let failure = Failure::new(FailureKind::Internal, "a worker has answered what nobody asked");
        Step::Done(alert::unavailable(&failure).into())
    }
}
