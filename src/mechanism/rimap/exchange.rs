//! One login: one question, and the C daemon's texts for what comes of it.
#![forbid(unsafe_code)]

use super::POOL;
use super::command::Question;
use super::session::Answer;
use crate::credentials::Credentials;
use crate::job::ErrandResult;
use crate::mechanism::alert;
use crate::net::exchange::{Exchange, Failure, FailureKind, Step};
use crate::outcome::{Outcome, Verdict};

const REJECTED: &str = "remote server rejected your credentials";

/// One login's way to its verdict.
pub struct Check {
    /// `None` when it is asked, or can't be.
    question: Option<Question>,
}

impl Check {
    /// The login is sent as it is, as in C; service and realm play no part.
    pub(super) fn new(credentials: Credentials) -> Self {
        Self { question: Question::new(credentials.login, credentials.password) }
    }
}

impl Exchange for Check {
    type Question = Question;
    type Answer = Answer;
    type Verdict = Verdict;

    fn begin(&mut self) -> Step<Question> {
        match self.question.take() {
            Some(question) => Step::Ask(POOL, question),
            None => fail(FailureKind::Internal, "a login with a NUL byte cannot be sent over IMAP"),
        }
    }

    fn handle_answer(&mut self, answer: Result<Answer, Failure>) -> Step<Question> {
        match answer {
            Ok(Answer::Accepted) => done(Outcome::Accept(alert::ACCEPTED.into())),
            Ok(Answer::Rejected) => done(Outcome::reject(REJECTED)),
            Err(failure) => done(alert::unavailable(&failure)),
        }
    }

    fn handle_errand(&mut self, _result: ErrandResult) -> Step<Question> {
        fail(FailureKind::Internal, "rimap has work for no worker")
    }
}

fn done(outcome: Outcome) -> Step<Question> {
    Step::Done(outcome.into())
}

fn fail(kind: FailureKind, reason: &str) -> Step<Question> {
    done(alert::unavailable(&Failure::new(kind, reason)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(login: &[u8], password: &[u8]) -> Check {
        Check::new(Credentials { realm: b"example.org".to_vec(), ..Credentials::of_login(login, password) })
    }

    fn reply(answer: Result<Answer, Failure>) -> (String, Outcome) {
        let mut check = check(b"anna", b"secret");
        assert!(matches!(check.begin(), Step::Ask(POOL, _)));
        match check.handle_answer(answer) {
            Step::Done(verdict) => (verdict.outcome.reply(), verdict.outcome),
            _ => panic!("a verdict"),
        }
    }

    #[test]
    fn the_replies_are_those_of_the_c_daemon() {
        assert_eq!(reply(Ok(Answer::Accepted)).0, "OK remote authentication successful");
        let (text, outcome) = reply(Ok(Answer::Rejected));
        assert_eq!(text, "NO remote server rejected your credentials");
        assert!(matches!(outcome, Outcome::Reject(_)));
        let (text, outcome) = reply(Err(Failure::new(FailureKind::Contact, "it broke")));
        assert_eq!(text, "NO [ALERT] Couldn't contact remote authentication server");
        assert!(matches!(outcome, Outcome::Unavailable(refusal) if refusal.reason == "it broke"));
    }

    #[test]
    fn a_nul_never_leaves_the_daemon() {
        for (login, password) in [(b"an\0na".as_slice(), b"x".as_slice()), (b"anna", b"\0"), (b"\0", b"\0")] {
            let Step::Done(verdict) = check(login, password).begin() else {
                panic!("nothing to ask");
            };
            assert_eq!(verdict.outcome.reply(), "NO [ALERT] saslauthd internal error");
        }
    }
}
