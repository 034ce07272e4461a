//! One question about a login, or one report.
#![forbid(unsafe_code)]

use super::answer::Answer;
use super::{ALLOW, REPORT};
use crate::job::ErrandResult;
use crate::net::exchange::{Failure, FailureKind, Step};
use crate::outcome::{Outcome, Refusal, Verdict};
use crate::policy::policy_server::Question;
use std::time::Duration;

/// A question, as [`Exchange`](crate::net::exchange::Exchange) wants it. Its verdict is what [`Question`] says.
pub struct Exchange {
    question: Question,
}

impl Exchange {
    pub(super) fn new(question: Question) -> Self {
        Self { question }
    }
}

fn verdict(answer: Answer) -> Verdict {
    match u64::try_from(answer.status) {
        Ok(seconds) => Verdict { outcome: Outcome::ACCEPT, delay: Duration::from_secs(seconds) },
        // The client never sees the message: it may say what only administrators should know.
        Err(_) => Outcome::Reject(Refusal::with_reason("", answer.message)).into(),
    }
}

fn failed(failure: Failure) -> Step<Question> {
    Step::Done(Outcome::unavailable("", failure.reason).into())
}

impl crate::net::exchange::Exchange for Exchange {
    type Question = Question;
    type Answer = Answer;

    fn begin(&mut self) -> Step<Question> {
        let pool = match self.question {
            Question::Allow(_) => ALLOW,
            Question::Report(..) => REPORT,
        };
        Step::Ask(pool, self.question.clone())
    }

    fn handle_answer(&mut self, answer: Result<Answer, Failure>) -> Step<Question> {
        answer.map_or_else(failed, |answer| Step::Done(verdict(answer)))
    }

    fn handle_errand(&mut self, _: ErrandResult) -> Step<Question> {
        failed(Failure::new(FailureKind::Internal, "a worker has answered what nobody asked"))
    }
}
