//! One question about a login, or one report.
#![forbid(unsafe_code)]

use super::answer::Reply;
use super::{ALLOW, REPORT};
use crate::job::ErrandResult;
use crate::net::exchange::{Failure, FailureKind, Step};
use crate::policy::policy_server::{Answer, Question};
use std::time::Duration;

/// A question, as [`Exchange`](crate::net::exchange::Exchange) wants it.
pub struct Exchange {
    question: Question,
}

impl Exchange {
    pub(super) fn new(question: Question) -> Self {
        Self { question }
    }
}

fn meaning(reply: Reply) -> Answer {
    match u64::try_from(reply.status) {
        Ok(seconds) => Answer::Allow(Duration::from_secs(seconds)),
        Err(_) => Answer::Refuse(reply.message),
    }
}

fn failed(failure: Failure) -> Step<Question, Answer> {
    Step::Done(Answer::Failed(failure.reason))
}

impl crate::net::exchange::Exchange for Exchange {
    type Question = Question;
    type Answer = Reply;
    type Verdict = Answer;

    fn begin(&mut self) -> Step<Question, Answer> {
        let pool = match self.question {
            Question::Allow(_) => ALLOW,
            Question::Report(..) => REPORT,
        };
        Step::Ask(pool, self.question.clone())
    }

    fn handle_answer(&mut self, reply: Result<Reply, Failure>) -> Step<Question, Answer> {
        reply.map_or_else(failed, |reply| Step::Done(meaning(reply)))
    }

    fn handle_errand(&mut self, _: ErrandResult) -> Step<Question, Answer> {
        failed(Failure::new(FailureKind::Internal, "a worker has answered what nobody asked"))
    }
}
