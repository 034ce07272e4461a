//! Between supervisor and frontend: the configuration, workers, the end.
#![forbid(unsafe_code)]

use super::LARGEST_MESSAGE;
use super::codec::{Malformed, Reader, Writer, cut};
use super::frontend_setup::{FrontendSetup, decode_setup, encode_setup};
use super::listener::{EndpointKey, Listener, decode_listener, encode_listener, read_keys, write_keys};
use super::totals::{read_daemon, read_totals, write_daemon, write_totals};
use crate::config::log_level::LogLevel;
use crate::config::site::PoolId;
use crate::job::WorkerId;
use crate::metrics::activity::Activity;
use crate::metrics::daemon::Daemon;
use crate::metrics::totals::Totals;
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
const PING: u8 = 11;
const PONG: u8 = 12;
const CLOSED: u8 = 13;
const LISTENER: u8 = 14;
const LOG_LEVEL: u8 = 16;
const TOTALS: u8 = 15;
const TLS_FILES: u8 = 17;

/// To a frontend.
#[derive(Debug, PartialEq, Eq)]
pub enum ToFrontend {
    /// How to serve; first and once.
    Setup(Box<FrontendSetup>),
    /// What is in the files for TLS, or a part of it, is in the pipe that comes with the message; behind `Setup`, which says
    /// how many of these there are. See [`super::encode_tls_files`].
    TlsFiles,
    /// One of the sockets to take connections from, which comes with the message; before `Accept`.
    Listener(Listener),
    /// Take connections from the sockets from now on, and those that have not said anything from the frontend
    /// before, through the socket that comes with the message if there was one.
    Accept,
    /// A worker that was asked for, for that pool; its socket comes with the message.
    Worker(WorkerId, PoolId),
    /// A worker that was asked for could not be started for that pool.
    StartFailed(PoolId),
    /// A worker has ended, which its socket may not tell as long as a program that it started holds it open.
    WorkerDied(WorkerId),
    /// Log so much from now on, and have the workers do so.
    LogLevel(LogLevel),
    /// Say something, so that it is seen that the event loop turns.
    Ping,
    /// What other frontends have counted that this one was not told of yet, and how the daemon is: first before `Accept`.
    Totals(Box<Totals>, Daemon),
    /// Accept nobody any more, say so, hand the connections that have not said anything over through the socket that
    /// comes with the message, answer what is in flight and end. Whoever has come by a socket that does not live on is
    /// not handed over, and answered here. `hurry`: the daemon is stopping, so half-sent requests are not waited for.
    Drain {
        /// Whether half-sent requests are given up.
        hurry: bool,
        /// The sockets that the next frontend has too.
        staying: Vec<EndpointKey>,
    },
}

/// From a frontend.
#[derive(Debug, PartialEq, Eq)]
pub enum FromFrontend {
    /// Every pool has a worker that is ready for logins.
    Ready,
    /// Please start a worker for that pool.
    Start(PoolId),
    /// Please kill this worker.
    Kill(WorkerId),
    /// Somebody who may wants so much to be logged; the answer is [`ToFrontend::LogLevel`].
    LogLevel(LogLevel),
    /// The answer to `Ping`, and what it is doing.
    Pong(Activity),
    /// To `Drain`: no connection is taken from the sockets any more.
    Closed,
    /// The mechanism cannot be used, and why; said before `Ready`.
    Failed(String),
    /// What was counted since the last of these.
    Totals(Box<Totals>),
}

impl ToFrontend {
    /// The message to the frontend.
    pub fn encode(&self) -> Secret {
        match self {
            Self::Setup(setup) => encode_setup(SETUP, setup),
            Self::Listener(listener) => encode_listener(LISTENER, listener).finish(),
            Self::Accept => Writer::new(ACCEPT, 16).finish(),
            Self::TlsFiles => Writer::new(TLS_FILES, 16).finish(),
            Self::Worker(worker, pool) => Writer::new(WORKER, 32).number(worker.0).size(pool.0).finish(),
            Self::WorkerDied(worker) => Writer::new(WORKER_DIED, 16).number(worker.0).finish(),
            Self::StartFailed(pool) => Writer::new(START_FAILED, 16).size(pool.0).finish(),
            Self::LogLevel(level) => Writer::new(LOG_LEVEL, 16).log_level(*level).finish(),
            Self::Ping => Writer::new(PING, 16).finish(),
            Self::Totals(totals, daemon) => {
                write_daemon(write_totals(Writer::new(TOTALS, LARGEST_MESSAGE), totals), daemon).finish()
            }
            Self::Drain { hurry, staying } => {
                write_keys(Writer::new(DRAIN, LARGEST_MESSAGE).flag(*hurry), staying).finish()
            }
        }
    }

    /// Reads a message to a frontend.
    pub fn decode(message: &[u8]) -> Result<Self, Malformed> {
        let (tag, mut reader) = Reader::new(message)?;
        let decoded = match tag {
            SETUP => Self::Setup(Box::new(decode_setup(&mut reader)?)),
            LISTENER => Self::Listener(decode_listener(&mut reader)?),
            ACCEPT => Self::Accept,
            TLS_FILES => Self::TlsFiles,
            WORKER => Self::Worker(WorkerId(reader.number()?), PoolId(reader.size()?)),
            WORKER_DIED => Self::WorkerDied(WorkerId(reader.number()?)),
            START_FAILED => Self::StartFailed(PoolId(reader.size()?)),
            LOG_LEVEL => Self::LogLevel(reader.log_level()?),
            PING => Self::Ping,
            TOTALS => Self::Totals(Box::new(read_totals(&mut reader)?), read_daemon(&mut reader)?),
            DRAIN => Self::Drain { hurry: reader.flag()?, staying: read_keys(&mut reader)? },
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
            Self::Start(pool) => Writer::new(START, 16).size(pool.0).finish(),
            Self::Kill(worker) => Writer::new(KILL, 16).number(worker.0).finish(),
            Self::LogLevel(level) => Writer::new(LOG_LEVEL, 16).log_level(*level).finish(),
            Self::Pong(activity) => encode_activity(*activity),
            Self::Closed => Writer::new(CLOSED, 16).finish(),
            Self::Failed(reason) => Writer::new(FAILED, LARGEST_MESSAGE).string(cut(reason)).finish(),
            Self::Totals(totals) => write_totals(Writer::new(TOTALS, LARGEST_MESSAGE), totals).finish(),
        }
    }

    /// Reads a message from a frontend.
    pub fn decode(message: &[u8]) -> Result<Self, Malformed> {
        let (tag, mut reader) = Reader::new(message)?;
        let decoded = match tag {
            READY => Self::Ready,
            START => Self::Start(PoolId(reader.size()?)),
            KILL => Self::Kill(WorkerId(reader.number()?)),
            LOG_LEVEL => Self::LogLevel(reader.log_level()?),
            PONG => Self::Pong(decode_activity(&mut reader)?),
            CLOSED => Self::Closed,
            FAILED => Self::Failed(reader.text()?),
            TOTALS => Self::Totals(Box::new(read_totals(&mut reader)?)),
            _ => return Err(Malformed),
        };
        reader.finish(decoded)
    }
}

fn encode_activity(activity: Activity) -> Secret {
    Writer::new(PONG, 32)
        .number(activity.decided)
        .size(activity.busy_workers)
        .size(activity.waiting_logins)
        .size(activity.at_servers)
        .finish()
}

fn decode_activity(reader: &mut Reader<'_>) -> Result<Activity, Malformed> {
    Ok(Activity {
        decided: reader.number()?,
        busy_workers: reader.size()?,
        waiting_logins: reader.size()?,
        at_servers: reader.size()?,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;
    use crate::config::endpoint::{LONGEST_PATH, MOST_ALLOWED, MOST_LISTENERS};
    use crate::config::login_format::LoginFormat;
    use crate::config::site::Protocol;
    use crate::config::{
        CacheSettings, FrontendSettings, GuessingSettings, Limits, LogTargets, NetworkSettings,
        OnUnavailable, ReplyText, ServerOrder, WorkerFlag, WorkerSettings,
    };
    use crate::ipc::{Allowed, LARGEST_SETUP, totals};
    use crate::secret;
    use crate::settings::file::Text;
    use crate::settings::raw_settings::{LARGEST_FILE, LARGEST_LDAP_CONF, RawSettings};
    use crate::sys::socket;
    use std::ffi::OsString;
    use std::os::fd::AsFd;
    use std::os::unix::ffi::OsStringExt;
    use std::time::Duration;

    fn setup(cache: Option<CacheSettings>) -> FrontendSetup {
        FrontendSetup {
            settings: FrontendSettings {
                mechanisms: vec!["pam".into(), "corp".into()],
                login_format: LoginFormat::parse("%LU@%Ld").ok(),
                cache,
                workers: WorkerSettings {
                    most: 64,
                    ready: 1,
                    requests_each: 1,
                    flag: WorkerFlag::MaxProcesses,
                },
                limits: Limits::DEFAULT,
                request_timeout: Duration::from_secs(60),
                failure_delay: Duration::from_secs(2),
                negative_cache_ttl: Duration::from_secs(5),
                read_timeout: Duration::from_secs(30),
                max_connections: 4096,
                max_auth_connections: 4096,
                on_unavailable: OnUnavailable::No,
                reply_text: ReplyText::Bare,
                network: NetworkSettings {
                    connect_timeout: Duration::from_secs(1),
                    tls_timeout: Duration::from_secs(2),
                    operation_timeout: Duration::from_secs(3),
                    total_timeout: Duration::from_secs(4),
                    retry_interval: Duration::from_secs(5),
                    idle_time: Duration::from_secs(6),
                    most_connections: 7,
                    order: ServerOrder::RoundRobin,
                },
                guessing: GuessingSettings {
                    penalty: true,
                    trusted_networks: "10.0.0.0/8,::1".parse().unwrap(),
                },
            },
            log: LogTargets { syslog: true, stderr: false },
            log_level: LogLevel::Debug,
            sources: RawSettings::default(),
            listeners: 3,
            has_auth_sockets: true,
            sandbox: true,
            pipes: 2,
        }
    }

    #[test]
    fn every_message_to_a_frontend_arrives_as_it_was_sent() {
        let cache = CacheSettings {
            bytes: 6_553_600,
            lifetime: Duration::from_secs(28800),
            stale: Duration::from_secs(60),
        };
        for message in [
            ToFrontend::Setup(Box::new(setup(Some(cache)))),
            ToFrontend::Setup(Box::new(setup(None))),
            ToFrontend::Setup(Box::new(FrontendSetup {
                sources: RawSettings {
                    instance: None,
                    option: Some("imap.example.org/993".into()),
                    file: Some(text("/etc/saslauthd.conf", b"ldap_bind_pw: \xff")),
                    ldap_conf: Some(text("/etc/ldap/ldap.conf", b"")),
                },
                ..setup(None)
            })),
            ToFrontend::Accept,
            ToFrontend::TlsFiles,
            ToFrontend::LogLevel(LogLevel::Error),
            ToFrontend::Worker(WorkerId(3), PoolId(2)),
            ToFrontend::StartFailed(PoolId(1)),
            ToFrontend::WorkerDied(WorkerId(4)),
            ToFrontend::Drain { hurry: true, staying: Vec::new() },
            ToFrontend::Drain { hurry: false, staying: vec![key("mux"), largest_listener().key] },
            ToFrontend::Listener(Listener {
                key: key("mux"),
                service: None,
                timeout: None,
                allowed: Allowed::default(),
            }),
            ToFrontend::Listener(largest_listener()),
        ] {
            let bytes = message.encode();
            for length in 0..bytes.len() {
                assert_eq!(ToFrontend::decode(&bytes.as_bytes()[..length]), Err(Malformed));
            }
            assert_eq!(ToFrontend::decode(bytes.as_bytes()), Ok(message));
        }
    }

    fn key(name: &str) -> EndpointKey {
        EndpointKey { name: name.to_owned(), protocol: Protocol::Mux }
    }

    fn largest_listener() -> Listener {
        let numbers = vec![u32::MAX; MOST_ALLOWED];
        Listener {
            key: EndpointKey { name: "x".repeat(LONGEST_PATH), protocol: Protocol::Dovecot },
            service: Some("x".repeat(255)),
            timeout: Some(Duration::from_secs(86_400)),
            allowed: Allowed { users: numbers.clone(), groups: numbers },
        }
    }

    fn text(path: &str, bytes: &[u8]) -> Text {
        Text { path: path.into(), bytes: Secret::copy_of(bytes) }
    }

    #[test]
    fn the_largest_setup_and_as_many_sockets_as_there_can_be_fit_between_processes() {
        let mut setup = setup(None);
        setup.sources = RawSettings {
            instance: None,
            option: Some(OsString::from_vec(vec![b'o'; 8192])),
            file: Some(text(&format!("/{}", "f".repeat(4095)), &[b'x'; LARGEST_FILE])),
            ldap_conf: Some(text("/etc/openldap/ldap.conf", &[b'y'; LARGEST_LDAP_CONF])),
        };
        let message = ToFrontend::Setup(Box::new(setup));
        let bytes = message.encode();
        assert!(bytes.len() <= LARGEST_SETUP, "{}", bytes.len());
        let (supervisor, frontend) = socket::pair().unwrap();
        // Nobody reads yet, and the supervisor cannot wait for that.
        socket::set_nonblocking(supervisor.as_fd()).unwrap();
        socket::send(supervisor.as_fd(), bytes.as_bytes()).unwrap();
        let listener = ToFrontend::Listener(largest_listener()).encode();
        for _ in 0..MOST_LISTENERS {
            let any = frontend.as_fd();
            socket::send_with_descriptor(supervisor.as_fd(), listener.as_bytes(), any).unwrap();
        }
        let totals = ToFrontend::Totals(Box::new(totals::tests::largest()), totals::tests::daemon());
        socket::send(supervisor.as_fd(), totals.encode().as_bytes()).unwrap();
        socket::send(supervisor.as_fd(), ToFrontend::Accept.encode().as_bytes()).unwrap();
        let staying = vec![largest_listener().key; MOST_LISTENERS];
        let drain = ToFrontend::Drain { hurry: false, staying };
        assert!(drain.encode().len() <= LARGEST_MESSAGE);
        assert_eq!(ToFrontend::decode(drain.encode().as_bytes()), Ok(drain));
        let mut buffer = vec![0; LARGEST_SETUP];
        let length = socket::receive(frontend.as_fd(), &mut buffer).unwrap().unwrap();
        assert_eq!(ToFrontend::decode(&buffer[..length]), Ok(message));
    }

    #[test]
    fn a_setup_takes_its_files_with_it_when_it_is_dropped() {
        let before = secret::alive();
        let mut setup = setup(None);
        setup.sources.file = Some(text("/c", b"ldap_bind_pw: hunter2"));
        let message = ToFrontend::Setup(Box::new(setup));
        assert!(!format!("{message:?}").contains("hunter2"));
        let decoded = ToFrontend::decode(message.encode().as_bytes());
        assert_eq!(secret::alive(), before + 2);
        drop((message, decoded));
        assert_eq!(secret::alive(), before);
    }

    #[test]
    fn every_message_from_a_frontend_arrives_as_it_was_sent() {
        for message in [
            FromFrontend::Ready,
            FromFrontend::LogLevel(LogLevel::Warning),
            FromFrontend::Start(PoolId(1)),
            FromFrontend::Kill(WorkerId(u64::MAX)),
            FromFrontend::Pong(Activity {
                decided: u64::MAX,
                busy_workers: 2,
                waiting_logins: 3,
                at_servers: 4,
            }),
            FromFrontend::Closed,
            FromFrontend::Failed("The file /x cannot be read".into()),
        ] {
            assert_eq!(FromFrontend::decode(message.encode().as_bytes()), Ok(message));
        }
    }

    #[test]
    fn a_reason_of_any_length_fits_into_a_message() {
        let message = FromFrontend::Failed("x".repeat(2 * LARGEST_MESSAGE)).encode();
        assert!(message.len() <= LARGEST_MESSAGE);
        assert!(matches!(FromFrontend::decode(message.as_bytes()), Ok(FromFrontend::Failed(_))));
    }
}
