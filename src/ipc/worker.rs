//! Between frontend and worker: a job, its answer.
#![forbid(unsafe_code)]

use super::batch::{ANSWERS, JOBS, groups, join, split};
use super::codec::{LONGEST_TEXT, Malformed, Reader, Writer, cut};
use super::errand::{ERRAND, RESULT, decode_errand, decode_result, encode_errand, encode_result};
use super::frontend_setup::{read_text, write_text};
use super::{LARGEST_MESSAGE, LARGEST_SETUP, REST_OF_JOB};
use crate::config::Limits;
use crate::config::log_level::LogLevel;
use crate::credentials::Credentials;
use crate::job::JobId;
use crate::job::{Answer, Purpose};
use crate::outcome::{Outcome, Refusal, Verdict};
use crate::secret::Secret;
use crate::settings::file::Text;
use std::ffi::{OsStr, OsString};
use std::net::IpAddr;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

const SETUP: u8 = 1;
const VERIFY: u8 = 2;
const READY: u8 = 3;
const FAILED: u8 = 4;
const VERDICT: u8 = 5;
// 6 and 7 are those of `errand`.
const RETIRING: u8 = 8;
const LOG_LEVEL: u8 = 9;
// 10 and 11 are those of `batch`.

const ACCEPT: u64 = 0;
const REJECT: u64 = 1;
const UNAVAILABLE: u64 = 2;
const UNKNOWN_LOGIN: u64 = 3;

/// What a worker must know: its first message, from the supervisor.
#[derive(Debug, PartialEq, Eq)]
pub struct WorkerSetup {
    /// The name in the table of mechanisms; `None` for errands only.
    pub mechanism: Option<String>,
    /// The mechanism's option, as `-O` for a single one; for errands the keytab or cache of tickets that the file is.
    pub option: Option<OsString>,
    /// The name of the instance: `[mechanism NAME]`.
    pub instance: Option<String>,
    /// What its mechanism reads of `saslauthd.conf`.
    pub conf: Option<Text>,
    /// How much is logged.
    pub log_level: LogLevel,
    /// Sizes of the fields of a request.
    pub limits: Limits,
    /// `--max-worker-growth`, in bytes.
    pub most_growth: u64,
    /// Whether it gives up what it does not need: `--sandbox`, for one that needs no privileges.
    pub sandbox: bool,
}

/// To a worker.
pub enum ToWorker {
    /// How to work; first and once.
    Setup(WorkerSetup),
    /// Do this.
    Job(JobId, Purpose),
    /// Check these logins, in this order.
    Jobs(Vec<(JobId, Purpose)>),
    /// Log so much from now on.
    LogLevel(LogLevel),
}

/// From a worker.
pub enum FromWorker {
    /// The mechanism is ready for logins; and what it calls whom those are asked of that do not say so, if it knows.
    Ready(Option<Vec<u8>>),
    /// The mechanism cannot be used, and why.
    Failed(String),
    /// The answer that comes next is the last, or the answers to what came together: this process ends with it, and must get no further job.
    Retiring,
    /// The answer to the job of that number.
    Answer(JobId, Answer),
    /// The answers to several jobs that came together, in their order.
    Answers(Vec<(JobId, Answer)>),
}

impl WorkerSetup {
    /// The message to the worker.
    pub fn encode(&self) -> Secret {
        // All of it at once, so that passwords are in one place only.
        Writer::new(SETUP, LARGEST_SETUP)
            .option(self.mechanism.as_deref(), |writer, name| writer.string(name.as_bytes()))
            .option(self.option.as_deref(), |writer, option| writer.string(OsStr::as_bytes(option)))
            .option(self.instance.as_deref(), |writer, name| writer.string(name.as_bytes()))
            .option(self.conf.as_ref(), write_text)
            .log_level(self.log_level)
            .size(self.limits.password)
            .size(self.limits.field)
            .number(self.most_growth)
            .flag(self.sandbox)
            .finish()
    }
}

/// The message that gives a worker something to do.
pub fn encode_job(job: JobId, purpose: &Purpose) -> Secret {
    match purpose {
        Purpose::CheckLogin(credentials) => encode_request(job, credentials),
        Purpose::Errand(errand) => encode_errand(job, errand),
    }
}

/// The message that gives a worker these jobs to do. More than one must be logins, and within
/// [`room_for_logins`](super::room_for_logins).
pub fn encode_jobs<'a>(jobs: impl Iterator<Item = (JobId, &'a Purpose)>) -> Secret {
    join(JOBS, jobs.map(|(job, purpose)| encode_job(job, purpose)).collect())
}

/// The messages that answer these jobs, in order; several where one has no room for all.
pub fn encode_answers(answers: &[(JobId, Answer)]) -> Vec<Secret> {
    let parts = answers.iter().map(|(job, answer)| encode_answer(*job, answer)).collect();
    groups(parts).into_iter().map(|group| join(ANSWERS, group)).collect()
}

/// The message that tells a worker how much to log.
pub fn encode_log_level(level: LogLevel) -> Secret {
    Writer::new(LOG_LEVEL, 16).log_level(level).finish()
}

fn encode_request(job: JobId, credentials: &Credentials) -> Secret {
    let Credentials { login, password, service, realm, .. } = credentials;
    // All of it at once, so that the password is in one place only.
    let size = login.len() + password.len() + service.len() + realm.len() + REST_OF_JOB;
    Writer::new(VERIFY, size)
        .number(job.0)
        .string(login)
        .string(password.as_bytes())
        .string(service)
        .string(realm)
        .option(credentials.client, |writer, address| writer.string(address.to_string().as_bytes()))
        .finish()
}

impl ToWorker {
    /// Reads a message to a worker.
    pub fn decode(message: &[u8]) -> Result<Self, Malformed> {
        let (tag, mut reader) = Reader::new(message)?;
        let decoded = match tag {
            SETUP => Self::Setup(WorkerSetup {
                mechanism: reader.option(Reader::text)?,
                option: reader.option(|reader| Ok(OsString::from_vec(reader.string()?.to_vec())))?,
                instance: reader.option(Reader::text)?,
                conf: reader.option(read_text)?,
                log_level: reader.log_level()?,
                limits: Limits { password: reader.size()?, field: reader.size()? },
                most_growth: reader.number()?,
                sandbox: reader.flag()?,
            }),
            VERIFY => Self::Job(JobId(reader.number()?), Purpose::CheckLogin(decode_request(&mut reader)?)),
            LOG_LEVEL => Self::LogLevel(reader.log_level()?),
            ERRAND => Self::Job(JobId(reader.number()?), Purpose::Errand(decode_errand(&mut reader)?)),
            JOBS => Self::Jobs(split(&mut reader, VERIFY, |part| match Self::decode(part)? {
                Self::Job(job, purpose) => Ok((job, purpose)),
                _ => Err(Malformed),
            })?),
            _ => return Err(Malformed),
        };
        reader.finish(decoded)
    }
}

fn decode_request(reader: &mut Reader<'_>) -> Result<Credentials, Malformed> {
    Ok(Credentials {
        login: reader.string()?.to_vec(),
        sent_login: None,
        password: Secret::copy_of(reader.string()?),
        service: reader.string()?.to_vec(),
        realm: reader.string()?.to_vec(),
        client: reader.option(read_address)?,
        connection: None,
    })
}

fn read_address(reader: &mut Reader<'_>) -> Result<IpAddr, Malformed> {
    reader.text()?.parse().map_err(|_| Malformed)
}

impl FromWorker {
    /// The message to the frontend.
    pub fn encode(&self) -> Secret {
        match self {
            Self::Ready(peer) => {
                let peer = peer.as_deref().filter(|peer| peer.len() <= LONGEST_TEXT);
                Writer::new(READY, LARGEST_MESSAGE).option(peer, Writer::string).finish()
            }
            Self::Retiring => Writer::new(RETIRING, 16).finish(),
            Self::Failed(reason) => Writer::new(FAILED, LARGEST_MESSAGE).string(cut(reason)).finish(),
            Self::Answer(job, answer) => encode_answer(*job, answer),
            Self::Answers(answers) => {
                let parts: Vec<_> = answers.iter().map(|(job, answer)| encode_answer(*job, answer)).collect();
                join(ANSWERS, parts)
            }
        }
    }

    /// Reads a message from a worker.
    pub fn decode(message: &[u8]) -> Result<Self, Malformed> {
        let (tag, mut reader) = Reader::new(message)?;
        let decoded = match tag {
            READY => Self::Ready(reader.option(|reader| Ok(reader.string()?.to_vec()))?),
            RETIRING => Self::Retiring,
            FAILED => Self::Failed(reader.text()?),
            VERDICT => Self::Answer(JobId(reader.number()?), Answer::Verdict(decode_verdict(&mut reader)?)),
            RESULT => Self::Answer(JobId(reader.number()?), Answer::Errand(decode_result(&mut reader)?)),
            ANSWERS => Self::Answers(split(&mut reader, VERDICT, |part| match Self::decode(part)? {
                Self::Answer(job, answer) => Ok((job, answer)),
                _ => Err(Malformed),
            })?),
            _ => return Err(Malformed),
        };
        reader.finish(decoded)
    }
}

fn encode_answer(job: JobId, answer: &Answer) -> Secret {
    match answer {
        Answer::Verdict(verdict) => encode_verdict(job, verdict),
        Answer::Errand(result) => encode_result(job, result),
    }
}

fn encode_verdict(job: JobId, verdict: &Verdict) -> Secret {
    let writer = Writer::new(VERDICT, 64 + 2 * LONGEST_TEXT).number(job.0);
    let writer = writer.option(verdict.delay, Writer::duration);
    let writer = match &verdict.outcome {
        Outcome::Accept(text) => writer.number(ACCEPT).string(cut(text)).string(b""),
        Outcome::Reject(Refusal { text, reason, is_unknown_login, .. }) => {
            let kind = if *is_unknown_login { UNKNOWN_LOGIN } else { REJECT };
            writer.number(kind).string(cut(text)).string(cut(reason))
        }
        Outcome::Unavailable(Refusal { text, reason, .. }) => {
            writer.number(UNAVAILABLE).string(cut(text)).string(cut(reason))
        }
    };
    writer.finish()
}

fn decode_verdict(reader: &mut Reader<'_>) -> Result<Verdict, Malformed> {
    let delay = reader.option(Reader::duration)?;
    let kind = reader.number()?;
    let (text, reason) = (reader.text()?, reader.text()?);
    let outcome = match kind {
        // The bare reply is by far the most frequent and needs no allocation.
        ACCEPT if text.is_empty() => Outcome::ACCEPT,
        ACCEPT => Outcome::Accept(text.into()),
        REJECT => Outcome::Reject(Refusal::with_reason(text, reason)),
        UNKNOWN_LOGIN => Outcome::unknown_login(text, reason),
        UNAVAILABLE => Outcome::Unavailable(Refusal::with_reason(text, reason)),
        _ => return Err(Malformed),
    };
    Ok(Verdict { outcome, delay })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::cast_possible_truncation)]
mod tests {
    use super::*;
    use crate::config::login_format::LoginFormat;
    use crate::ipc::largest_request;
    use crate::simulation::{Random, of_all_seeds};
    use crate::sys::socket;
    use crate::wire::{Decoded, Decoder};
    use std::os::fd::AsFd;
    use std::time::Duration;

    /// The largest that `--max-password` and `--max-field` can be.
    const LARGEST: Limits = Limits { password: 65_535, field: 16_384 };

    /// The credentials of a request with fields of these lengths, as the decoder and `-r` make them.
    fn received(limits: Limits, [login, password, service, realm]: [usize; 4]) -> Credentials {
        let fields = [vec![b'l'; login], vec![b'p'; password], vec![b's'; service], vec![b'r'; realm]];
        let address = b"2001:db8:1111:2222:3333:4444:5555:6666;65535".to_vec();
        let mut request = Vec::new();
        for field in fields.into_iter().chain([address]) {
            request.extend_from_slice(&u16::try_from(field.len()).unwrap().to_be_bytes());
            request.extend_from_slice(&field);
        }
        let Decoded::Request(mut credentials) = Decoder::new(limits).decode(&request) else {
            panic!("within {limits:?}")
        };
        let format = LoginFormat::parse(LoginFormat::WITH_REALM).unwrap();
        format.apply(&mut credentials, limits).unwrap();
        credentials
    }

    #[test]
    fn whatever_the_decoder_lets_pass_fits_into_the_message_of_its_limits() {
        of_all_seeds(|seed| {
            let mut random = Random(seed);
            let mut up_to = |most: usize| match random.below(4) {
                0 => most,
                1 => 1,
                _ => 1 + random.below(most as u64) as usize,
            };
            let limits = Limits { password: up_to(LARGEST.password), field: up_to(LARGEST.field) };
            let lengths = [limits.field, limits.password, limits.field, limits.field].map(&mut up_to);
            let message = encode_request(JobId(u64::MAX), &received(limits, lengths));
            assert!(message.len() <= largest_request(limits), "{lengths:?} within {limits:?}");
            assert!(ToWorker::decode(message.as_bytes()).is_ok());
        });
    }

    #[test]
    fn the_largest_request_of_all_fits_into_one_message() {
        let Limits { password, field } = LARGEST;
        let message = encode_request(JobId(u64::MAX), &received(LARGEST, [field, password, field, field]));
        assert_eq!(message.len() / 1000, largest_request(LARGEST) / 1000, "no more room than it takes");
        let (frontend, worker) = socket::pair().unwrap();
        socket::set_nonblocking(frontend.as_fd()).unwrap();
        socket::send(frontend.as_fd(), message.as_bytes()).unwrap();
        let mut buffer = vec![0; largest_request(LARGEST)];
        let length = socket::receive(worker.as_fd(), &mut buffer).unwrap().unwrap();
        assert_eq!(&buffer[..length], message.as_bytes());
    }

    /// Verdicts, to be compared as bytes: an answer may hold a secret and so cannot be compared itself.
    fn messages() -> Vec<FromWorker> {
        let delay = Some(Duration::from_micros(1_234_567));
        [
            Outcome::ACCEPT,
            Outcome::Accept("remote authentication successful".into()),
            Outcome::reject("PAM auth error"),
            Outcome::unknown_login("Invalid username", "no such account"),
            Outcome::unavailable("PAM start error", "no such file"),
        ]
        .into_iter()
        .map(|outcome| FromWorker::Answer(JobId(7), Answer::Verdict(Verdict { outcome, delay })))
        .chain([
            FromWorker::Ready(None),
            FromWorker::Ready(Some(b"EXAMPLE.ORG".to_vec())),
            FromWorker::Retiring,
            FromWorker::Failed("The file /x cannot be read".into()),
        ])
        .collect()
    }

    #[test]
    fn every_answer_of_a_worker_arrives_as_it_was_sent() {
        for message in messages() {
            let bytes = message.encode();
            let arrived = FromWorker::decode(bytes.as_bytes()).unwrap();
            assert_eq!(arrived.encode().as_bytes(), bytes.as_bytes());
            assert_eq!(std::mem::discriminant(&arrived), std::mem::discriminant(&message));
        }
    }

    #[test]
    fn a_request_arrives_with_all_its_bytes() {
        let credentials = Credentials {
            client: Some("2001:db8::7".parse().unwrap()),
            ..Credentials::of_login(b"anna\xff", [b'p'; 65535])
        };
        let message = encode_request(JobId(9), &credentials);
        let Ok(ToWorker::Job(JobId(9), Purpose::CheckLogin(arrived))) = ToWorker::decode(message.as_bytes())
        else {
            panic!()
        };
        assert_eq!(arrived.login, credentials.login);
        assert!(arrived.password == credentials.password);
        assert_eq!((arrived.service, arrived.realm), (credentials.service, credentials.realm));
        assert_eq!(arrived.client, credentials.client);
    }

    #[test]
    fn a_setup_arrives_as_it_was_sent() {
        let setup = WorkerSetup {
            mechanism: Some("passwdfile".into()),
            option: Some("/etc/users".into()),
            instance: Some("corp".into()),
            conf: Some(Text { path: "/c".into(), bytes: Secret::copy_of(b"key: value\n") }),
            log_level: LogLevel::Warning,
            limits: Limits::DEFAULT,
            most_growth: 1 << 40,
            sandbox: true,
        };
        let Ok(ToWorker::Setup(arrived)) = ToWorker::decode(setup.encode().as_bytes()) else { panic!() };
        assert_eq!(arrived, setup);
    }

    #[test]
    fn a_message_with_a_byte_too_few_or_too_many_is_malformed() {
        for message in messages() {
            let whole = message.encode();
            for length in 0..whole.len() {
                assert!(FromWorker::decode(&whole.as_bytes()[..length]).is_err());
            }
            assert!(FromWorker::decode(&[whole.as_bytes(), b"x"].concat()).is_err());
        }
    }

    #[test]
    fn a_text_of_any_length_fits_into_a_message() {
        let verdict = Outcome::unavailable("ä".repeat(100_000), "ö".repeat(100_000)).into();
        let message = FromWorker::Answer(JobId(1), Answer::Verdict(verdict)).encode();
        assert!(message.len() <= LARGEST_MESSAGE);
        assert!(FromWorker::decode(message.as_bytes()).is_ok());
    }

    #[test]
    fn a_verdict_arrives_with_its_outcome_and_delay() {
        let delay = Duration::from_micros(1_234_567);
        for outcome in [
            Outcome::ACCEPT,
            Outcome::reject("PAM auth error"),
            Outcome::unknown_login("Invalid username", "no such account"),
            Outcome::unavailable("PAM start error", "no such file"),
        ] {
            let verdict = Verdict { outcome: outcome.clone(), delay: Some(delay) };
            let sent = FromWorker::Answer(JobId(7), Answer::Verdict(verdict)).encode();
            let Ok(FromWorker::Answer(JobId(7), Answer::Verdict(arrived))) =
                FromWorker::decode(sent.as_bytes())
            else {
                panic!("{outcome:?}")
            };
            assert_eq!((arrived.outcome, arrived.delay), (outcome, Some(delay)));
        }
    }

    #[test]
    fn a_verdict_that_nobody_knows_is_none() {
        let verdict = |kind| {
            let writer = Writer::new(VERDICT, 64).number(7).duration(Duration::ZERO).number(kind);
            FromWorker::decode(writer.string(b"").string(b"").finish().as_bytes()).is_ok()
        };
        for kind in 0..300 {
            assert_eq!(verdict(kind), kind <= UNKNOWN_LOGIN, "{kind}");
        }
        assert!(!verdict(u64::MAX) && !verdict(1 << 32));
    }
}
