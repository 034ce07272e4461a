//! Between supervisor and frontend: the configuration, workers, the end.
#![forbid(unsafe_code)]

use super::LARGEST_MESSAGE;
use super::codec::{Malformed, Reader, Writer};
use crate::config::{CacheSettings, Limits, LogTargets, OnUnavailable, Service, WorkerFlag, WorkerSettings};
use crate::pool::WorkerId;
use crate::secret::Secret;

const SETUP: u8 = 1;
const WORKER: u8 = 2;
const START_FAILED: u8 = 3;
const DRAIN: u8 = 4;
const READY: u8 = 5;
const START: u8 = 6;
const KILL: u8 = 7;
const FAILED: u8 = 8;
const ACCEPT: u8 = 9;
const WORKER_DIED: u8 = 10;

/// What a frontend must know: its first message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FrontendSetup {
    /// How logins are handled.
    pub service: Service,
    /// Where log lines go.
    pub log: LogTargets,
    /// `-V`
    pub verbose: bool,
}

/// To a frontend.
#[derive(Debug, PartialEq, Eq)]
pub enum ToFrontend {
    /// How to serve; first and once.
    Setup(Box<FrontendSetup>),
    /// Take connections from the mux socket from now on.
    Accept,
    /// A worker that was asked for; its socket comes with the message.
    Worker(WorkerId),
    /// A worker that was asked for could not be started.
    StartFailed,
    /// A worker has ended, which its socket may not tell as long as a program that it started holds it open.
    WorkerDied(WorkerId),
    /// Accept nobody any more, answer what is in flight and end. `hurry`: the daemon is stopping, so half-sent
    /// requests are not waited for.
    Drain {
        /// Whether half-sent requests are given up.
        hurry: bool,
    },
}

/// From a frontend.
#[derive(Debug, PartialEq, Eq)]
pub enum FromFrontend {
    /// A worker is ready for logins.
    Ready,
    /// Please start a worker.
    Start,
    /// Please kill this worker.
    Kill(WorkerId),
    /// The mechanism cannot be used, and why; said before `Ready`.
    Failed(String),
}

impl ToFrontend {
    /// The message to the frontend.
    pub fn encode(&self) -> Secret {
        match self {
            Self::Setup(setup) => encode_setup(setup),
            Self::Accept => Writer::new(ACCEPT, 16).finish(),
            Self::Worker(worker) => Writer::new(WORKER, 16).number(worker.0).finish(),
            Self::WorkerDied(worker) => Writer::new(WORKER_DIED, 16).number(worker.0).finish(),
            Self::StartFailed => Writer::new(START_FAILED, 16).finish(),
            Self::Drain { hurry } => Writer::new(DRAIN, 16).flag(*hurry).finish(),
        }
    }

    /// Reads a message to a frontend.
    pub fn decode(message: &[u8]) -> Result<Self, Malformed> {
        let (tag, mut reader) = Reader::new(message)?;
        let decoded = match tag {
            SETUP => Self::Setup(Box::new(decode_setup(&mut reader)?)),
            ACCEPT => Self::Accept,
            WORKER => Self::Worker(WorkerId(reader.number()?)),
            WORKER_DIED => Self::WorkerDied(WorkerId(reader.number()?)),
            START_FAILED => Self::StartFailed,
            DRAIN => Self::Drain { hurry: reader.flag()? },
            _ => return Err(Malformed),
        };
        reader.finish(decoded)
    }
}

impl FromFrontend {
    /// The message to the supervisor.
    pub fn encode(&self) -> Secret {
        match self {
            Self::Ready => Writer::new(READY, 16).finish(),
            Self::Start => Writer::new(START, 16).finish(),
            Self::Kill(worker) => Writer::new(KILL, 16).number(worker.0).finish(),
            Self::Failed(reason) => Writer::new(FAILED, LARGEST_MESSAGE).string(reason.as_bytes()).finish(),
        }
    }

    /// Reads a message from a frontend.
    pub fn decode(message: &[u8]) -> Result<Self, Malformed> {
        let (tag, mut reader) = Reader::new(message)?;
        let decoded = match tag {
            READY => Self::Ready,
            START => Self::Start,
            KILL => Self::Kill(WorkerId(reader.number()?)),
            FAILED => Self::Failed(reader.text()?),
            _ => return Err(Malformed),
        };
        reader.finish(decoded)
    }
}

fn encode_setup(setup: &FrontendSetup) -> Secret {
    let service = &setup.service;
    Writer::new(SETUP, LARGEST_MESSAGE)
        .string(service.mechanism.as_bytes())
        .flag(service.append_realm)
        .option(service.cache.as_ref(), |writer, cache| writer.size(cache.bytes).duration(cache.lifetime))
        .size(service.workers.most)
        .size(service.workers.ready)
        .number(u64::from(service.workers.requests_each))
        .flag(service.workers.flag == WorkerFlag::MaxProcesses)
        .size(service.limits.password)
        .size(service.limits.field)
        .duration(service.request_timeout)
        .duration(service.read_timeout)
        .size(service.max_connections)
        .flag(service.on_unavailable == OnUnavailable::No)
        .flag(setup.log.syslog)
        .flag(setup.log.stderr)
        .flag(setup.verbose)
        .finish()
}

fn decode_setup(reader: &mut Reader<'_>) -> Result<FrontendSetup, Malformed> {
    let service = Service {
        mechanism: reader.text()?,
        append_realm: reader.flag()?,
        cache: reader
            .option(|reader| Ok(CacheSettings { bytes: reader.size()?, lifetime: reader.duration()? }))?,
        workers: WorkerSettings {
            most: reader.size()?,
            ready: reader.size()?,
            requests_each: u32::try_from(reader.number()?).map_err(|_| Malformed)?,
            flag: if reader.flag()? { WorkerFlag::MaxProcesses } else { WorkerFlag::Processes },
        },
        limits: Limits { password: reader.size()?, field: reader.size()? },
        request_timeout: reader.duration()?,
        read_timeout: reader.duration()?,
        max_connections: reader.size()?,
        on_unavailable: if reader.flag()? { OnUnavailable::No } else { OnUnavailable::Close },
        network: crate::config::NetworkSettings::DEFAULT,
    };
    let log = LogTargets { syslog: reader.flag()?, stderr: reader.flag()? };
    Ok(FrontendSetup { service, log, verbose: reader.flag()? })
}

#[cfg(test)]
#[allow(clippy::indexing_slicing)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn setup(cache: Option<CacheSettings>) -> FrontendSetup {
        FrontendSetup {
            service: Service {
                mechanism: "pam".into(),
                append_realm: true,
                cache,
                workers: WorkerSettings {
                    most: 64,
                    ready: 1,
                    requests_each: 1,
                    flag: WorkerFlag::MaxProcesses,
                },
                limits: Limits::DEFAULT,
                request_timeout: Duration::from_secs(60),
                read_timeout: Duration::from_secs(30),
                max_connections: 4096,
                on_unavailable: OnUnavailable::No,
                network: crate::config::NetworkSettings::DEFAULT,
            },
            log: LogTargets { syslog: true, stderr: false },
            verbose: true,
        }
    }

    #[test]
    fn every_message_to_a_frontend_arrives_as_it_was_sent() {
        let cache = CacheSettings { bytes: 6_553_600, lifetime: Duration::from_secs(28800) };
        for message in [
            ToFrontend::Setup(Box::new(setup(Some(cache)))),
            ToFrontend::Setup(Box::new(setup(None))),
            ToFrontend::Accept,
            ToFrontend::Worker(WorkerId(3)),
            ToFrontend::StartFailed,
            ToFrontend::WorkerDied(WorkerId(4)),
            ToFrontend::Drain { hurry: true },
        ] {
            let bytes = message.encode();
            for length in 0..bytes.len() {
                assert_eq!(ToFrontend::decode(&bytes.as_bytes()[..length]), Err(Malformed));
            }
            assert_eq!(ToFrontend::decode(bytes.as_bytes()), Ok(message));
        }
    }

    #[test]
    fn every_message_from_a_frontend_arrives_as_it_was_sent() {
        for message in [
            FromFrontend::Ready,
            FromFrontend::Start,
            FromFrontend::Kill(WorkerId(u64::MAX)),
            FromFrontend::Failed("The file /x cannot be read".into()),
        ] {
            assert_eq!(FromFrontend::decode(message.encode().as_bytes()), Ok(message));
        }
    }
}
