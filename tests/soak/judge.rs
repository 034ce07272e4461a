//! Whether an answer is one of those that are right. Knows nothing of sockets.

use super::daemon::SHORTEST_FAILURE_DELAY;
use super::disturbances::{Cause, Disturbances};
use super::truth::{Question, before};
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

    /// The longest that it can have taken, whenever the last byte was read.
    fn longest_time_taken(&self) -> Duration {
        self.answered.saturating_duration_since(self.sent)
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

/// For how long one that stood still may go by the time of before.
const LONGEST_STOP: Duration = Duration::from_secs(4);

/// Judges one answer.
pub fn judge(asked: &Asked<'_>, disturbances: &Disturbances) -> Judgement {
    let Asked { question, sent, answered, .. } = asked;
    match asked.reply {
        Reply::Accepted if question.truth.may_accept(*sent, *answered) => Judgement::Right,
        Reply::Accepted if question.truth.may_accept_unasked(*sent, *answered) => {
            match excuse(asked, disturbances) {
                Judgement::Unexplained => Judgement::Wrong("an old password was accepted"),
                _ => Judgement::Right,
            }
        }
        Reply::Accepted => Judgement::Wrong("a wrong password was accepted"),
        Reply::Refused if !question.truth.may_refuse(*sent, *answered) => {
            Judgement::Wrong("a right password was refused")
        }
        Reply::Refused if is_hasty(asked, disturbances) => Judgement::Wrong("a refusal came at once"),
        Reply::Refused => Judgement::Right,
        Reply::Missing => Judgement::Wrong("neither an answer nor a close"),
        Reply::Broken(_) => Judgement::Wrong("not one whole answer"),
        Reply::Unavailable => excuse(asked, disturbances),
    }
}

/// Whether a refusal came earlier than `--failure-delay` lets it.
fn is_hasty(asked: &Asked<'_>, disturbances: &Disturbances) -> bool {
    let meanwhile = || disturbances.during(before(asked.sent, LONGEST_STOP), asked.answered);
    // Where all places or descriptors are taken, what is held back is told early.
    let may_be_early = |cause| matches!(cause, Cause::FrontendStopped | Cause::Crowd | Cause::NoDescriptors);
    let is_explained = || meanwhile().iter().any(|(_, it)| may_be_early(it.cause));
    asked.question.is_delayed
        && asked.longest_time_taken() + EARLY < SHORTEST_FAILURE_DELAY
        && !is_explained()
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
    use crate::truth::{Memory, Needs, Timeline, Truth};

    const DIRECTORY: Needs = Needs { workers: false, directory: true, imap: false };

    fn judged(truth: Truth<'_>, reply: Reply, took: Duration, disturbances: &Disturbances) -> Judgement {
        judged_at(Instant::now(), truth, reply, took, disturbances)
    }

    fn judged_at(
        sent: Instant,
        truth: Truth<'_>,
        reply: Reply,
        took: Duration,
        disturbances: &Disturbances,
    ) -> Judgement {
        let question = Question {
            login: "anna".to_owned(),
            checked: "anna".to_owned(),
            password: "right".to_owned(),
            realm: String::new(),
            truth,
            needs: DIRECTORY,
            is_delayed: true,
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
        let long = SHORTEST_FAILURE_DELAY;
        assert_eq!(judged(Truth::Wrong, Reply::Refused, long, &disturbances), Judgement::Right);
    }

    #[test]
    fn a_refusal_comes_no_earlier_than_its_delay_unless_the_clock_stood_still_or_its_place_was_wanted() {
        let disturbances = Disturbances::default();
        let refused = |disturbances: &Disturbances| {
            judged(Truth::Wrong, Reply::Refused, Duration::from_millis(500), disturbances)
        };
        assert_eq!(refused(&disturbances), Judgement::Wrong("a refusal came at once"));
        disturbances.begin(Cause::Reload);
        assert_eq!(refused(&disturbances), Judgement::Wrong("a refusal came at once"));
        for cause in [Cause::FrontendStopped, Cause::Crowd, Cause::NoDescriptors] {
            let disturbances = Disturbances::default();
            disturbances.begin(cause);
            assert_eq!(refused(&disturbances), Judgement::Right);
        }
    }

    #[test]
    fn an_old_password_is_good_for_a_while_but_only_if_nobody_can_be_asked() {
        let (timeline, disturbances) = (Timeline::default(), Disturbances::default());
        timeline.begin(1);
        timeline.begin(2);
        timeline.settle(2);
        let memory = Memory { stale: Duration::from_secs(10), ..Memory::default() };
        let later = Instant::now() + Duration::from_secs(5);
        let accepted = |disturbances: &Disturbances| {
            let truth = Truth::While { timeline: &timeline, value: 1, memory };
            judged_at(later, truth, Reply::Accepted, Duration::ZERO, disturbances)
        };
        disturbances.begin(Cause::WorkerKilled);
        assert_eq!(accepted(&disturbances), Judgement::Wrong("an old password was accepted"));
        disturbances.begin(Cause::DirectoryOut);
        assert_eq!(accepted(&disturbances), Judgement::Right);
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
