//! The resolved configuration: what the flags mean once they have been checked. Immutable.
#![forbid(unsafe_code)]

pub mod endpoint;
pub mod layers;
pub mod log_level;
pub mod login_format;
pub mod networks;
pub mod run_directory;
pub mod sandbox;
pub mod selector;
pub mod site;

use log_level::LogLevel;
use login_format::LoginFormat;
use networks::Networks;
use site::Endpoint;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

/// Everything the supervisor needs to run the daemon.
#[derive(Clone)]
pub struct Config {
    /// `-O`, given to the one mechanism; `None` where it names [`Self::file`].
    pub mechanism_option: Option<OsString>,
    /// `--config`, or what else names `saslauthd.conf`; `None` where none is read.
    pub file: Option<ConfigFile>,
    /// `-m`: absolute; holds `mux` and the pid file.
    pub run_directory: PathBuf,
    /// The sockets of the command line: `mux` unless `--no-mux`, and those of `--socket`.
    pub endpoints: Vec<Endpoint>,
    /// Stay in the foreground (`-f`, `-d`) instead of detaching.
    pub foreground: bool,
    /// `--user`: the account the frontend runs as; `None` keeps the one that started the daemon.
    pub user: Option<String>,
    /// `--sandbox`: whether processes that need no privileges give up what they do not need.
    pub sandbox: bool,
    /// Where log lines go.
    pub log: LogTargets,
    /// How much is logged: more with `-V` and `-d`, and what `saslauthdctl log-level` has said last.
    pub log_level: LogLevel,
    /// `--control`: where `saslauthdctl` finds the daemon; `None` with `--control=no`.
    pub control: Option<ControlSocket>,
    /// `--max-worker-growth`, in bytes: a worker whose resident memory has grown by more is replaced.
    pub most_worker_growth: u64,
    /// How logins are handled; the part of the configuration that the frontend gets.
    pub frontend: FrontendSettings,
}

impl Config {
    /// The one name behind `-a`, for lines about its settings; `None` if there are several or none.
    pub fn only_mechanism(&self) -> Option<&str> {
        match self.frontend.mechanisms.as_slice() {
            [only] => Some(only),
            _ => None,
        }
    }
}

/// The socket at which the daemon tells of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ControlSocket {
    /// Where, and for whom.
    pub endpoint: Endpoint,
    /// Whether the daemon is to serve only if it can be made.
    pub required: bool,
}

/// What `--check` looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckScope {
    /// Flags and the files that they name.
    Files,
    /// `=system`: the system around them, too.
    System,
}

/// Where `saslauthd.conf` is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigFile {
    /// Absolute.
    pub path: PathBuf,
    /// Whether it must be there.
    pub required: bool,
}

impl ConfigFile {
    /// Where it is without `--config`, as in C.
    pub const DEFAULT_PATH: &str = "/etc/saslauthd.conf";
}

/// How the frontend treats clients and logins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FrontendSettings {
    /// `-a`: who is asked in turn, where the file says nothing more special. Empty without the flag; then the file says
    /// it. Names of built-in mechanisms, in small letters, or of sections of the file.
    pub mechanisms: Vec<String>,
    /// `-r`, `--login-format`: what becomes of a login; `None` leaves it as it is, or to the file.
    pub login_format: Option<LoginFormat>,
    /// `-c`: the credential cache; `None` without it.
    pub cache: Option<CacheSettings>,
    /// `--negative-cache-ttl`: how long a refusal is remembered; zero for never.
    pub negative_cache_ttl: Duration,
    /// `-n` and the options of the worker processes.
    pub workers: WorkerSettings,
    /// Sizes of the fields of a request.
    pub limits: Limits,
    /// `--request-timeout`: from the complete request to its answer.
    pub request_timeout: Duration,
    /// `--failure-delay`: from the complete request to the answer that it failed, where the mechanism has no delay of its
    /// own; zero for none.
    pub failure_delay: Duration,
    /// `--read-timeout`: from the connection to the complete request.
    pub read_timeout: Duration,
    /// `--max-connections`
    pub max_connections: usize,
    /// `--max-auth-connections`: at sockets with Dovecot's protocol.
    pub max_auth_connections: usize,
    /// `--on-unavailable`
    pub on_unavailable: OnUnavailable,
    /// `--reply-text`
    pub reply_text: ReplyText,
    /// How servers are asked, by mechanisms that ask any.
    pub network: NetworkSettings,
    /// What those who guess passwords come up against.
    pub guessing: GuessingSettings,
}

/// What those who guess passwords come up against.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuessingSettings {
    /// `--penalty`: whether refusals are answered later after other wrong passwords of the same address or login.
    pub penalty: bool,
    /// `--trusted-networks`: addresses that many users share, such as a webmail's; none of their own counts for them.
    pub trusted_networks: Networks,
}

/// How servers are asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkSettings {
    /// `--connect-timeout`: to one address of a server.
    pub connect_timeout: Duration,
    /// `--tls-timeout`: the handshake.
    pub tls_timeout: Duration,
    /// `--operation-timeout`: from a question to its answer.
    pub operation_timeout: Duration,
    /// `--total-timeout`: everything that a login asks of servers, with all second tries.
    pub total_timeout: Duration,
    /// `--retry-interval`: for how long a server that has failed is left alone.
    pub retry_interval: Duration,
    /// `--idle-time`: how long an unused connection is kept.
    pub idle_time: Duration,
    /// `--max-server-connections`: to one server, for one purpose.
    pub most_connections: usize,
    /// `--server-order`
    pub order: ServerOrder,
}

impl NetworkSettings {
    /// Thirty seconds in all are what the C daemon allows each step of rimap; the others are meant to leave time
    /// for a second server. Dovecot takes up to 17 seconds to refuse a wrong password (2 of delay, 15 of penalty).
    pub const DEFAULT: Self = Self {
        connect_timeout: Duration::from_secs(5),
        tls_timeout: Duration::from_secs(5),
        operation_timeout: Duration::from_secs(20),
        total_timeout: Duration::from_secs(30),
        retry_interval: Duration::from_secs(10),
        idle_time: Duration::from_secs(60),
        most_connections: 512,
        order: ServerOrder::Listed,
    };
}

/// Which server is asked first, of those that are not known to fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerOrder {
    /// The first in the list; the others when it fails.
    Listed,
    /// Each in turn.
    RoundRobin,
}

/// `-s`, `-t` and `--stale-if-unavailable`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CacheSettings {
    /// The bound of the cache in bytes.
    pub bytes: usize,
    /// How long an acceptance is remembered.
    pub lifetime: Duration,
    /// `--stale-if-unavailable`: for how long beyond that it is used while no mechanism can be asked; zero for never.
    pub stale: Duration,
}

/// How many workers there are and how long each lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerSettings {
    /// How many run at the most.
    pub most: usize,
    /// How many are kept ready while nothing happens.
    pub ready: usize,
    /// After how many requests a worker is replaced; `-n 0` is 1.
    pub requests_each: u32,
    /// What raises `most`, for the warning when logins have to wait.
    pub flag: WorkerFlag,
}

/// What sets the number of workers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorkerFlag {
    /// `-n`
    Processes,
    /// `--max-processes`, which bounds `-n 0`.
    MaxProcesses,
    /// `workers` in a section of `saslauthd.conf`.
    Key,
}

/// The longest field of a request, in bytes. A longer one is refused as soon as its length has been read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// `--max-password`
    pub password: usize,
    /// `--max-field`: login, service, realm and client address each.
    pub field: usize,
}

impl Limits {
    /// Long passwords are tokens (JWT: some 2 KiB) and libsasl's whole request is at most 8 KiB; the C daemon
    /// stops at 256 for every field.
    pub const DEFAULT: Self = Self { password: 8192, field: 1024 };
}

/// What a client gets when nobody could be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnUnavailable {
    /// Close without a reply: Postfix answers 454 and clients try again.
    Close,
    /// The C daemon's `NO …`: Postfix answers 535.
    No,
}

/// How much a reply says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplyText {
    /// `OK` or `NO` and the C daemon's text.
    Full,
    /// `OK` or `NO` alone: some clients take nothing else.
    Bare,
}

/// Where log lines go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogTargets {
    /// To `/dev/log`.
    pub syslog: bool,
    /// To the standard error stream.
    pub stderr: bool,
}
