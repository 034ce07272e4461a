//! The daemon's flags: names, defaults and bounds; what each means is said in [`usage`](super::usage).
#![forbid(unsafe_code)]

use super::socket;
use super::value::{InvalidValue, choice, number, parser, shown, whole_number};
use crate::config::ServerOrder;
use crate::config::endpoint::LONGEST_PATH;
use crate::config::login_format::LoginFormat;
use crate::config::networks::{Networks, NotNetworks};
use crate::config::run_directory::DEFAULT_RUN_DIRECTORY;
use crate::config::site::Endpoint;
use crate::config::{CheckScope, LogTargets, OnUnavailable, ReplyText};
use clap::builder::TypedValueParser;
use clap::{ArgAction, Parser};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// The flags as they stand on the command line, each value already of its type. Later ones override earlier ones.
#[derive(Parser)]
#[command(
    no_binary_name = true,
    disable_help_flag = true,
    disable_version_flag = true,
    args_override_self = true
)]
pub(super) struct Flags {
    #[arg(short = 'a')]
    pub(super) mechanism: Vec<OsString>,
    #[arg(short = 'c')]
    pub(super) cache: bool,
    #[arg(short = 'd')]
    pub(super) debug: bool,
    #[arg(short = 'f')]
    pub(super) foreground: bool,
    #[arg(short = 'h', long)]
    pub(super) help: bool,
    /// `-H` is how old versions spelt it for rimap.
    #[arg(short = 'O', short_alias = 'H', value_parser = parser(mechanism_option))]
    pub(super) option: Option<OsString>,
    /// There is no accept lock to leave out.
    #[arg(short = 'l')]
    _no_accept_lock: bool,
    #[arg(short = 'm', default_value = DEFAULT_RUN_DIRECTORY, value_parser = parser(run_directory))]
    pub(super) run_directory: PathBuf,
    #[arg(short = 'n', default_value_t = 5, value_parser = parser(processes))]
    pub(super) processes: u32,
    #[arg(short = 'r')]
    pub(super) append_realm: bool,
    /// Kilobytes. Holds 50,000 logins at 176 bytes each (user@domain, service and realm of a hosting provider);
    /// C's default of 1 MB stops at 10,000 and then nearly every login misses.
    #[arg(short = 's', default_value_t = 8800, value_parser = parser(cache_size))]
    pub(super) cache_kilobytes: u32,
    /// Seconds: eight hours, as in C.
    #[arg(short = 't', default_value_t = 28_800, value_parser = parser(cache_lifetime))]
    pub(super) cache_seconds: u32,
    /// Gone from 2.1.28 and still found in scripts.
    #[arg(short = 'T')]
    _old_flag: bool,
    #[arg(short = 'v', long)]
    pub(super) version: bool,
    #[arg(short = 'V')]
    pub(super) verbose: bool,
    #[arg(long, default_value_t = 60, value_parser = number("--request-timeout", 1..=LONGEST_TIMEOUT))]
    pub(super) request_timeout: u32,
    /// Seconds: what PAM's modules and Dovecot take.
    #[arg(long, default_value_t = 2, value_parser = number("--failure-delay", 0..=LONGEST_FAILURE_DELAY))]
    pub(super) failure_delay: u32,
    #[arg(long, default_value_t = 0, value_parser = number("--negative-cache-ttl", 0..=LONGEST_NEGATIVE_TTL))]
    pub(super) negative_cache_ttl: u32,
    #[arg(long, default_value_t = 0, value_parser = number("--stale-if-unavailable", 0..=LONGEST_STALENESS))]
    pub(super) stale_if_unavailable: u32,
    #[arg(long, default_value_t = 30, value_parser = number("--read-timeout", 1..=LONGEST_TIMEOUT))]
    pub(super) read_timeout: u32,
    #[arg(long, default_value_t = 4096, value_parser = number("--max-connections", 1..=1_000_000))]
    pub(super) max_connections: u32,
    #[arg(long, default_value_t = 4096, value_parser = number("--max-auth-connections", 1..=1_000_000))]
    pub(super) max_auth_connections: u32,
    /// Up to what the two bytes of a field's length can say.
    #[arg(long, default_value_t = 8192, value_parser = number("--max-password", 1..=65_535))]
    pub(super) max_password: u32,
    #[arg(long, default_value_t = 1024, value_parser = number("--max-field", 1..=16_384))]
    pub(super) max_field: u32,
    #[arg(long, default_value_t = 10_000, value_parser = number("--requests-per-worker", 1..=1_000_000_000))]
    pub(super) requests_per_worker: u32,
    #[arg(long, default_value_t = 64, value_parser = number("--max-processes", 1..=MOST_PROCESSES))]
    pub(super) max_processes: u32,
    /// Mebibytes. Far above what a stack of modules takes by itself, and far below what a machine has for five.
    #[arg(long, default_value_t = 256, value_parser = number("--max-worker-growth", 1..=LARGEST_GROWTH))]
    pub(super) max_worker_growth: u32,
    #[arg(long, default_value = "close", value_parser = on_unavailable())]
    pub(super) on_unavailable: OnUnavailable,
    #[arg(long, default_value = "full", value_parser = reply_text())]
    pub(super) reply_text: ReplyText,
    #[arg(long, action = ArgAction::Set, default_value = "yes", value_parser = penalty())]
    pub(super) penalty: bool,
    #[arg(long, default_value = Networks::LOOPBACK, value_parser = parser(trusted_networks))]
    pub(super) trusted_networks: Networks,
    #[arg(long, value_parser = parser(login_format))]
    pub(super) login_format: Option<LoginFormat>,
    #[arg(long, default_value = "auto", value_parser = log_choice())]
    pub(super) log: LogChoice,
    #[arg(long, value_parser = parser(account))]
    pub(super) user: Option<String>,
    #[arg(long, default_value = "yes", action = clap::ArgAction::Set, value_parser = sandbox())]
    pub(super) sandbox: bool,
    #[arg(long, value_parser = parser(config_file))]
    pub(super) config: Option<PathBuf>,
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "files", value_parser = check_scope())]
    pub(super) check: Option<CheckScope>,
    #[arg(long, value_parser = parser(socket::read))]
    pub(super) socket: Vec<Endpoint>,
    #[arg(long)]
    pub(super) no_mux: bool,
    #[arg(long, value_parser = parser(socket::control))]
    pub(super) control: Option<socket::ControlChoice>,
    #[arg(long, default_value_t = 5, value_parser = number("--connect-timeout", 1..=LONGEST_TIMEOUT))]
    pub(super) connect_timeout: u32,
    #[arg(long, default_value_t = 5, value_parser = number("--tls-timeout", 1..=LONGEST_TIMEOUT))]
    pub(super) tls_timeout: u32,
    #[arg(long, default_value_t = 20, value_parser = number("--operation-timeout", 1..=LONGEST_TIMEOUT))]
    pub(super) operation_timeout: u32,
    #[arg(long, default_value_t = 30, value_parser = number("--total-timeout", 1..=LONGEST_TIMEOUT))]
    pub(super) total_timeout: u32,
    #[arg(long, default_value_t = 10, value_parser = number("--retry-interval", 1..=LONGEST_TIMEOUT))]
    pub(super) retry_interval: u32,
    #[arg(long, default_value_t = 60, value_parser = number("--idle-time", 1..=LONGEST_TIMEOUT))]
    pub(super) idle_time: u32,
    /// There are no more ports to connect from.
    #[arg(long, default_value_t = 512, value_parser = number("--max-server-connections", 1..=65_535))]
    pub(super) max_server_connections: u32,
    #[arg(long, default_value = "listed", value_parser = server_order())]
    pub(super) server_order: ServerOrder,
}

/// `--log`
#[derive(Clone, Copy)]
pub(super) enum LogChoice {
    /// C's way: syslog always, stderr too while in the foreground.
    Auto,
    /// Wherever these say.
    These(LogTargets),
}

impl LogChoice {
    /// Resolves the choice for a daemon that stays in the foreground or not.
    pub(super) fn targets(self, foreground: bool) -> LogTargets {
        match self {
            Self::Auto => LogTargets { syslog: true, stderr: foreground },
            Self::These(targets) => targets,
        }
    }
}

/// More than any machine has use for; a slip of the finger must not start a million processes.
const MOST_PROCESSES: u32 = 4096;

/// `--max-worker-growth` in mebibytes: a tebibyte, which is no bound any more.
const LARGEST_GROWTH: u32 = 1 << 20;

/// A day, in seconds: a longer time-out is a mistake.
const LONGEST_TIMEOUT: u32 = 86_400;

/// `--failure-delay` in seconds: half of what the usual clients wait for an answer at all.
const LONGEST_FAILURE_DELAY: u32 = 30;

/// `--negative-cache-ttl` in seconds: a password that was just made right is refused for that long.
const LONGEST_NEGATIVE_TTL: u32 = 300;

/// `--stale-if-unavailable` in seconds: a week. What lasts longer is no outage any more.
const LONGEST_STALENESS: u32 = 604_800;

/// `-s` in kilobytes stays below 4 GiB, where the C daemon's arithmetic wraps around.
const LARGEST_CACHE: u32 = 4_194_303;

/// `-t` in seconds: over a hundred years.
const LONGEST_LIFETIME: u32 = u32::MAX - 1;

fn run_directory(value: &OsStr) -> Result<PathBuf, InvalidValue> {
    let directory = Path::new(value);
    if !directory.is_absolute() {
        return Err(InvalidValue("-m requires an absolute pathname".to_owned()));
    }
    let length = directory.join("mux").as_os_str().as_bytes().len();
    if length > LONGEST_PATH {
        return Err(InvalidValue(format!(
            "the socket's path {} is {length} bytes long and can have {LONGEST_PATH}; give a shorter -m",
            directory.join("mux").display()
        )));
    }
    Ok(directory.to_owned())
}

fn processes(value: &OsStr) -> Result<u32, InvalidValue> {
    match whole_number(value) {
        Some(number) if number <= MOST_PROCESSES => Ok(number),
        _ if is_negative(value) => Err(InvalidValue("invalid number of worker processes defined".to_owned())),
        _ => Err(InvalidValue(format!("-n takes a number from 0 to {MOST_PROCESSES}, not {}", shown(value)))),
    }
}

fn is_negative(value: &OsStr) -> bool {
    value
        .as_bytes()
        .strip_prefix(b"-")
        .is_some_and(|digits| whole_number(OsStr::from_bytes(digits)).is_some())
}

fn cache_size(value: &OsStr) -> Result<u32, InvalidValue> {
    match whole_number(value) {
        Some(number @ 1..=LARGEST_CACHE) => Ok(number),
        Some(1..) => {
            Err(InvalidValue(format!("-s takes at most {LARGEST_CACHE} kilobytes, not {}", shown(value))))
        }
        _ => Err(InvalidValue("cache size must be positive and non zero".to_owned())),
    }
}

fn cache_lifetime(value: &OsStr) -> Result<u32, InvalidValue> {
    match whole_number(value) {
        Some(number @ 1..=LONGEST_LIFETIME) => Ok(number),
        Some(1..) => {
            Err(InvalidValue(format!("-t takes at most {LONGEST_LIFETIME} seconds, not {}", shown(value))))
        }
        _ => Err(InvalidValue("cache timeout must be positive".to_owned())),
    }
}

fn account(value: &OsStr) -> Result<String, InvalidValue> {
    let name = value.to_str().filter(|name| !name.is_empty());
    name.map(str::to_owned)
        .ok_or_else(|| InvalidValue(format!("--user takes the name of an account, not {}", shown(value))))
}

/// The longest `-O` in bytes: it has to fit into one message to a process.
const LONGEST_OPTION: usize = 8192;

fn mechanism_option(value: &OsStr) -> Result<OsString, InvalidValue> {
    match value.len() {
        0..=LONGEST_OPTION => Ok(value.to_owned()),
        length => Err(InvalidValue(format!("-O takes at most {LONGEST_OPTION} bytes, not {length}"))),
    }
}

fn config_file(value: &OsStr) -> Result<PathBuf, InvalidValue> {
    absolute("--config", value)
}

/// The daemon changes its directory, so a relative path would mean something else on the next reload.
pub(super) fn absolute(flag: &str, value: &OsStr) -> Result<PathBuf, InvalidValue> {
    let path = Path::new(value);
    if !path.is_absolute() {
        return Err(InvalidValue(format!("{flag} takes the absolute path of a file, not {}", shown(value))));
    }
    Ok(path.to_owned())
}

fn server_order() -> impl TypedValueParser<Value = ServerOrder> {
    choice("--server-order", [("listed", ServerOrder::Listed), ("round-robin", ServerOrder::RoundRobin)])
}

fn on_unavailable() -> impl TypedValueParser<Value = OnUnavailable> {
    choice("--on-unavailable", [("close", OnUnavailable::Close), ("no", OnUnavailable::No)])
}

fn reply_text() -> impl TypedValueParser<Value = ReplyText> {
    choice("--reply-text", [("full", ReplyText::Full), ("bare", ReplyText::Bare)])
}

fn sandbox() -> impl TypedValueParser<Value = bool> {
    choice("--sandbox", [("yes", true), ("no", false)])
}

fn check_scope() -> impl TypedValueParser<Value = CheckScope> {
    choice("--check", [("files", CheckScope::Files), ("system", CheckScope::System)])
}

fn login_format(value: &OsStr) -> Result<LoginFormat, InvalidValue> {
    let refused = |why: String| InvalidValue(format!("--login-format cannot be {}: {why}", shown(value)));
    let text = value.to_str().ok_or_else(|| refused("it is not UTF-8".to_owned()))?;
    LoginFormat::parse(text).map_err(|error| refused(error.to_string()))
}

fn penalty() -> impl TypedValueParser<Value = bool> {
    choice("--penalty", [("yes", true), ("no", false)])
}

fn trusted_networks(value: &OsStr) -> Result<Networks, InvalidValue> {
    let refused = |why: String| InvalidValue(format!("--trusted-networks cannot be {}: {why}", shown(value)));
    let text = value.to_str().ok_or_else(|| refused("it is not UTF-8".to_owned()))?;
    text.parse().map_err(|error: NotNetworks| refused(error.to_string()))
}

fn log_choice() -> impl TypedValueParser<Value = LogChoice> {
    let these = |syslog, stderr| LogChoice::These(LogTargets { syslog, stderr });
    choice(
        "--log",
        [
            ("auto", LogChoice::Auto),
            ("syslog", these(true, false)),
            ("stderr", these(false, true)),
            ("both", these(true, true)),
        ],
    )
}
