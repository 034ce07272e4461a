//! Whether an answer is one of those that are right. Knows nothing of sockets.

use super::disturbances::{Cause, Disturbances};
use super::truth::Question;
use std::time::{Duration, Instant};

/// What a client was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// The password is right.
    Accepted,
    /// It is not.
    Refused,
    /// It could not be checked: closed without an answer, or `temp`.
    Unavailable,
    /// Nothing at all, and no close, long after the deadline.
    Missing,
    /// Anything else: a part of an answer, more than one, another login's.
    Broken(String),
}

/// A login, asked and answered.
pub struct Asked<'a> {
    /// What was asked.
    pub question: Question<'a>,
    /// Before the first byte was sent.
    pub sent: Instant,
    /// When the last byte was sent: from then on the deadline runs.
    pub complete: Instant,
    /// When the answer had come.
    pub answered: Instant,
    /// How long the daemon may take.
    pub deadline: Duration,
    /// Whether the daemon may have waited for this client, which then has to make room for others.
    pub is_slow: bool,
    /// What was said.
    pub reply: Reply,
}

impl Asked<'_> {
    /// How long the daemon took.
    pub fn time_taken(&self) -> Duration {
        self.answered.saturating_duration_since(self.complete)
    }
}

/// What is to be said of an answer.
#[derive(Debug, PartialEq, Eq)]
pub enum Judgement {
    /// It is right.
    Right,
    /// Nobody could be asked, because of this: the number of the disturbance.
    Excused(Cause, usize),
    /// Nobody could be asked in time, and something went on that takes time: told no earlier than at the deadline.
    Late,
    /// It could not be checked, and nothing is known that would explain it. Looked at again when all that was done
    /// is known.
    Unexplained,
    /// It is wrong, whatever went on.
    Wrong(&'static str),
}

/// How much earlier than its deadline a request may be given up for it: the clocks of client and daemon start apart.
const EARLY: Duration = Duration::from_millis(500);

/// Judges one answer.
pub fn judge(asked: &Asked<'_>, disturbances: &Disturbances) -> Judgement {
    let Asked { question, sent, answered, .. } = asked;
    match asked.reply {
        Reply::Accepted if question.truth.may_accept(*sent, *answered) => Judgement::Right,
        Reply::Accepted => Judgement::Wrong("a wrong password was accepted"),
        Reply::Refused if question.truth.may_refuse(*sent, *answered) => Judgement::Right,
        Reply::Refused => Judgement::Wrong("a right password was refused"),
        Reply::Missing => Judgement::Wrong("neither an answer nor a close"),
        Reply::Broken(_) => Judgement::Wrong("not one whole answer"),
        Reply::Unavailable => excuse(asked, disturbances),
    }
}

/// What affects fewest logins comes first, so that a killed worker is not blamed for what an outage explains.
fn excuse(asked: &Asked<'_>, disturbances: &Disturbances) -> Judgement {
    let during = disturbances.during(asked.sent, asked.answered);
    let Question { needs, .. } = asked.question;
    let is_excuse = |cause: Cause| cause.is_excuse(needs, asked.is_slow);
    let may_delay = |cause: Cause| cause.may_delay(needs);
    let mut excuses: Vec<_> = during.iter().filter(|(_, it)| is_excuse(it.cause)).collect();
    excuses.sort_by_key(|(number, it)| (it.cause == Cause::WorkerKilled, *number));
    let is_late = asked.time_taken() + EARLY >= asked.deadline;
    match excuses.first() {
        _ if is_late && during.iter().any(|(_, it)| may_delay(it.cause)) => Judgement::Late,
        Some((number, it)) => Judgement::Excused(it.cause, *number),
        None => Judgement::Unexplained,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::truth::{Needs, Truth};

    const DIRECTORY: Needs = Needs { workers: false, directory: true, imap: false };

    fn judged(truth: Truth<'_>, reply: Reply, took: Duration, disturbances: &Disturbances) -> Judgement {
        let sent = Instant::now();
        let question = Question {
            login: "anna".to_owned(),
            checked: "anna".to_owned(),
            password: "right".to_owned(),
            realm: String::new(),
            truth,
            needs: DIRECTORY,
        };
        let deadline = Duration::from_secs(20);
        let (complete, answered) = (sent, sent + took);
        let asked = Asked { question, sent, complete, answered, deadline, is_slow: false, reply };
        judge(&asked, disturbances)
    }

    #[test]
    fn the_wrong_verdict_is_wrong_whatever_went_on() {
        let disturbances = Disturbances::default();
        disturbances.begin(Cause::FrontendKilled);
        for (truth, reply) in [
            (Truth::Wrong, Reply::Accepted),
            (Truth::Right, Reply::Refused),
            (Truth::Right, Reply::Missing),
            (Truth::Wrong, Reply::Broken("NONO".to_owned())),
        ] {
            let said = judged(truth, reply, Duration::ZERO, &disturbances);
            assert!(matches!(said, Judgement::Wrong(_)), "{said:?}");
        }
        assert_eq!(judged(Truth::Right, Reply::Accepted, Duration::ZERO, &disturbances), Judgement::Right);
        assert_eq!(judged(Truth::Wrong, Reply::Refused, Duration::ZERO, &disturbances), Judgement::Right);
    }

    #[test]
    fn nobody_could_be_asked_only_if_what_is_asked_was_out_at_that_time() {
        let disturbances = Disturbances::default();
        let over = disturbances.begin(Cause::DirectoryOut);
        disturbances.end(over);
        disturbances.begin(Cause::WorkerKilled);
        disturbances.begin(Cause::Reload);
        let unavailable =
            |disturbances: &Disturbances, took| judged(Truth::Right, Reply::Unavailable, took, disturbances);
        assert_eq!(unavailable(&disturbances, Duration::ZERO), Judgement::Unexplained);
        assert_eq!(unavailable(&disturbances, Duration::from_secs(20)), Judgement::Unexplained);
        disturbances.begin(Cause::FrontendStopped);
        assert_eq!(unavailable(&disturbances, Duration::from_secs(20)), Judgement::Late);
        assert_eq!(unavailable(&disturbances, Duration::ZERO), Judgement::Unexplained);
        let out = disturbances.begin(Cause::DirectoryOut);
        let judgement = unavailable(&disturbances, Duration::ZERO);
        assert_eq!(judgement, Judgement::Excused(Cause::DirectoryOut, out));
    }
}
