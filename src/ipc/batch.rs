//! Several logins in one message to a worker, and what it says of them: what is dear is to wake the other side, not to say more.
#![forbid(unsafe_code)]

use super::codec::{Malformed, Reader, Writer};
use super::{LARGEST_MESSAGE, REST_OF_JOB, largest_request};
use crate::config::Limits;
use crate::job::Purpose;
use crate::secret::Secret;

/// The tags of the two messages, beside those of `worker`.
pub(super) const JOBS: u8 = 10;
pub(super) const ANSWERS: u8 = 11;

/// Tag and number of parts.
const HEAD: usize = 9;
/// What a part has beside itself: its length.
const HEAD_OF_PART: usize = 4;

/// The room in bytes for logins that are sent to a worker together, each with its [`size_of_job`].
pub const fn room_for_logins(limits: Limits) -> usize {
    largest_request(limits) - HEAD
}

/// What a job takes of [`room_for_logins`], in bytes; an errand more than there is.
pub fn size_of_job(purpose: &Purpose) -> usize {
    match purpose {
        Purpose::CheckLogin(login) => {
            let fields = [login.login.len(), login.password.len(), login.service.len(), login.realm.len()];
            fields.iter().sum::<usize>() + REST_OF_JOB + HEAD_OF_PART
        }
        Purpose::Errand(_) => usize::MAX,
    }
}

/// One message of these parts; a single one is a message as it is.
pub(super) fn join(tag: u8, parts: Vec<Secret>) -> Secret {
    match <[Secret; 1]>::try_from(parts) {
        Ok([only]) => only,
        Err(parts) => {
            // All of it at once, so that passwords are in one place only.
            let size = HEAD + parts.iter().map(|part| HEAD_OF_PART + part.len()).sum::<usize>();
            let writer = Writer::new(tag, size).size(parts.len());
            parts.iter().fold(writer, |writer, part| writer.string(part.as_bytes())).finish()
        }
    }
}

/// The same parts, in order, so that each group fits into a message to a frontend.
pub(super) fn groups(parts: Vec<Secret>) -> Vec<Vec<Secret>> {
    let mut groups: Vec<Vec<Secret>> = Vec::new();
    let mut size = HEAD;
    for part in parts {
        size += HEAD_OF_PART + part.len();
        match groups.last_mut() {
            Some(group) if size <= LARGEST_MESSAGE => group.push(part),
            _ => {
                size = HEAD + HEAD_OF_PART + part.len();
                groups.push(vec![part]);
            }
        }
    }
    groups
}

/// The parts behind the tag of the message: at least two, all with the `tag` of the one kind that may be in it.
pub(super) fn split<T>(
    reader: &mut Reader<'_>,
    tag: u8,
    decode: impl Fn(&[u8]) -> Result<T, Malformed>,
) -> Result<Vec<T>, Malformed> {
    let count = reader.size()?;
    if count < 2 {
        return Err(Malformed);
    }
    let mut parts = Vec::new();
    for _ in 0..count {
        let part = reader.string()?;
        if part.first() != Some(&tag) {
            return Err(Malformed);
        }
        parts.push(decode(part)?);
    }
    Ok(parts)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;
    use crate::credentials::Credentials;
    use crate::ipc::{FromWorker, ToWorker, encode_answers, encode_job, encode_jobs};
    use crate::job::{Answer, Errand, ErrandResult, JobId};
    use crate::outcome::{Outcome, Verdict};

    fn login(name: &str, password: &str) -> Purpose {
        Purpose::CheckLogin(Credentials::of_login(name.as_bytes(), password.as_bytes()))
    }

    fn encoded(jobs: &[(JobId, Purpose)]) -> Secret {
        encode_jobs(jobs.iter().map(|(job, purpose)| (*job, purpose)))
    }

    fn verdict(job: u64, outcome: Outcome) -> (JobId, Answer) {
        (JobId(job), Answer::Verdict(Verdict { outcome, delay: None }))
    }

    #[test]
    fn several_logins_arrive_as_they_were_sent_and_no_part_of_them_does() {
        let jobs = [(JobId(7), login("anna", "secret")), (JobId(8), login("otto", "another"))];
        let message = encoded(&jobs);
        let Ok(ToWorker::Jobs(arrived)) = ToWorker::decode(message.as_bytes()) else { panic!() };
        assert_eq!(encoded(&arrived).as_bytes(), message.as_bytes());
        for length in 0..message.len() {
            assert!(ToWorker::decode(&message.as_bytes()[..length]).is_err());
        }
        assert!(ToWorker::decode(&[message.as_bytes(), b"x"].concat()).is_err());
    }

    #[test]
    fn one_login_alone_is_sent_as_ever() {
        let jobs = [(JobId(7), login("anna", "secret"))];
        assert_eq!(encoded(&jobs).as_bytes(), encode_job(JobId(7), &jobs[0].1).as_bytes());
        let message = encode_answers(&[verdict(7, Outcome::ACCEPT)]);
        let (job, answer) = verdict(7, Outcome::ACCEPT);
        assert_eq!(message[0].as_bytes(), FromWorker::Answer(job, answer).encode().as_bytes());
    }

    #[test]
    fn what_the_sizes_say_fits_does_and_what_a_worker_reads_has_room_for_it() {
        let jobs: Vec<_> =
            (0..16).map(|number| (JobId(u64::MAX), login(&"l".repeat(number * 9), "secret"))).collect();
        let sizes: usize = jobs.iter().map(|(_, purpose)| size_of_job(purpose)).sum();
        assert!(encoded(&jobs).len() <= HEAD + sizes);
        assert_eq!(HEAD + room_for_logins(Limits::DEFAULT), largest_request(Limits::DEFAULT));
        assert!(sizes <= room_for_logins(Limits::DEFAULT), "the usual ones go together");
        let errand = Purpose::Errand(Errand::Resolve { host: "h".into(), service: "389".into() });
        assert!(size_of_job(&errand) > room_for_logins(Limits::DEFAULT));
    }

    #[test]
    fn the_answers_to_a_batch_arrive_in_its_order_however_long_they_are() {
        for (length, messages) in [(0, 1), (100, 1), (5000, 4)] {
            let outcome = |number: u64| Outcome::reject(format!("{number} {}", "x".repeat(length)));
            let answers: Vec<_> = (0..12).map(|number| verdict(number, outcome(number))).collect();
            let sent = encode_answers(&answers);
            assert_eq!(sent.len(), messages);
            assert!(sent.iter().all(|message| message.len() <= LARGEST_MESSAGE));
            let arrived = sent.iter().flat_map(|message| match FromWorker::decode(message.as_bytes()) {
                Ok(FromWorker::Answers(answers)) => answers,
                Ok(FromWorker::Answer(job, answer)) => vec![(job, answer)],
                _ => panic!(),
            });
            assert_eq!(arrived.map(|(job, _)| job.0).collect::<Vec<_>>(), (0..12).collect::<Vec<_>>());
        }
    }

    #[test]
    fn nothing_but_logins_and_their_verdicts_goes_together() {
        let batch = |tag, parts: &[&[u8]]| {
            let writer = Writer::new(tag, 64).size(parts.len());
            parts.iter().fold(writer, |writer, part| writer.string(part)).finish()
        };
        let job = encode_job(JobId(7), &login("anna", "secret"));
        let (ready, answer) =
            (FromWorker::Ready(None).encode(), encode_answers(&[verdict(7, Outcome::ACCEPT)]));
        let (job, answer) = (job.as_bytes(), answer[0].as_bytes());
        assert!(ToWorker::decode(batch(JOBS, &[job, job]).as_bytes()).is_ok());
        assert!(FromWorker::decode(batch(ANSWERS, &[answer, answer]).as_bytes()).is_ok());
        let nested = batch(JOBS, &[job, job]);
        let errand = encode_job(
            JobId(8),
            &Purpose::Errand(Errand::Resolve { host: "h".into(), service: "389".into() }),
        );
        let done = Answer::Errand(ErrandResult::PasswordChecked(true));
        let done = FromWorker::Answer(JobId(8), done).encode();
        let (errand, done) = (errand.as_bytes(), done.as_bytes());
        for parts in
            [&[][..], &[job][..], &[job, answer][..], &[job, errand][..], &[job, nested.as_bytes()][..]]
        {
            assert!(ToWorker::decode(batch(JOBS, parts).as_bytes()).is_err());
        }
        for parts in
            [&[][..], &[answer][..], &[answer, ready.as_bytes()][..], &[answer, done][..], &[answer, job][..]]
        {
            assert!(FromWorker::decode(batch(ANSWERS, parts).as_bytes()).is_err());
        }
    }
}
