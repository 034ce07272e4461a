//! The daemon's command line: flags in, configuration or the C daemon's error out.
#![forbid(unsafe_code)]

use super::flags::{Flags, absolute};
use super::getopt::{Getopt, GetoptError};
use super::mechanisms::{is_file_required, mechanisms, only_built_in};
use super::socket;
use super::value::{InvalidValue, shown};
use super::{diagnostic, help, read_flags};
use crate::config::log_level::LogLevel;
use crate::config::login_format::LoginFormat;
use crate::config::{
    CacheSettings, CheckScope, Config, ConfigFile, FrontendSettings, GuessingSettings, Limits,
    NetworkSettings, WorkerFlag, WorkerSettings,
};
use crate::mechanism::FileUse;
use crate::registry::{Kind, Mechanism};
use clap::CommandFactory;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What the command line asks for.
pub enum Parsed {
    /// Run the daemon.
    Run(Box<Config>),
    /// `--check`: look at the configuration and tell what is wrong with it.
    Check(Box<Config>, CheckScope),
    /// `-h`: write [`help`] to the standard error stream and exit 0.
    Help,
    /// `-v`: write [`version`](super::version) to the standard error stream and exit 0.
    Version,
}

/// What is wrong with the command line. The exit code is 1 for every one of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageError(Wrong);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Wrong {
    /// getopt's own complaint, which starts with the name the program was called by.
    Flag { program: String, fault: GetoptError },
    /// A line-up of flags that means nothing: the text, then the usage.
    Line(&'static str),
    /// A value: the text alone.
    Value(String),
}

impl UsageError {
    /// Everything that goes to the standard error stream: the message and, where the C daemon shows it, the usage.
    pub fn report(&self, pid: u32) -> String {
        match &self.0 {
            Wrong::Flag { program, fault } => format!("{program}: {fault}\n{}", help()),
            Wrong::Line(text) => diagnostic(pid, text) + &help(),
            Wrong::Value(text) => diagnostic(pid, text),
        }
    }
}

impl From<InvalidValue> for UsageError {
    fn from(InvalidValue(text): InvalidValue) -> Self {
        Self(Wrong::Value(text))
    }
}

/// Resolves a whole command line, the program's name first, as `std::env::args_os` gives it.
///
/// Nothing outside is looked at: whether the directory, the account or the mechanism's option exists is found out
/// by whoever uses them.
pub fn parse(line: impl IntoIterator<Item = OsString>) -> Result<Parsed, UsageError> {
    let mut line = line.into_iter();
    let program = line.next().unwrap_or_default();
    let (words, fault) = words_until_an_end(line);
    let flags = read_flags::<Flags>(words)?;
    if flags.mechanism.len() > 1 {
        return Err(UsageError(Wrong::Line("only one authentication mechanism can be used")));
    }
    if let Some(fault) = fault {
        let program = program.to_string_lossy().into_owned();
        return Err(UsageError(Wrong::Flag { program, fault }));
    }
    match flags {
        Flags { help: true, .. } => Ok(Parsed::Help),
        Flags { version: true, .. } => Ok(Parsed::Version),
        Flags { check: Some(scope), .. } => Ok(Parsed::Check(Box::new(flags.into_config()?), scope)),
        flags => Ok(Parsed::Run(Box::new(flags.into_config()?))),
    }
}

const ACTS_AT_ONCE: [&str; 4] = ["-h", "--help", "-v", "--version"];

/// The words up to the first that ends the reading: `-h` and `-v` act at once, and so does a fault.
fn words_until_an_end(arguments: impl Iterator<Item = OsString>) -> (Vec<OsString>, Option<GetoptError>) {
    let command = Flags::command();
    let mut words = Vec::new();
    for item in Getopt::new(&command, arguments) {
        match item {
            Ok(word) => words.push(word),
            Err(fault) => return (words, Some(fault)),
        }
        if words.last().is_some_and(|word| ACTS_AT_ONCE.iter().any(|flag| word == flag)) {
            break;
        }
    }
    (words, None)
}

impl Flags {
    fn into_config(self) -> Result<Config, UsageError> {
        let mechanisms = match (self.mechanism.first(), &self.config) {
            (Some(names), _) => mechanisms(names)?,
            (None, Some(_)) => Vec::new(),
            (None, None) => return Err(UsageError(Wrong::Line("no authentication mechanism specified"))),
        };
        if self.stale_if_unavailable > 0 && !self.cache {
            let text = "--stale-if-unavailable is about the cache; give -c too".to_owned();
            return Err(InvalidValue(text).into());
        }
        let foreground = self.foreground || self.debug;
        let (mechanism_option, file) = self.option_and_file(&mechanisms)?;
        let endpoints = socket::all(&self.run_directory, self.no_mux, self.socket.clone())?;
        let control = socket::control_socket(&self.run_directory, self.control.clone(), &endpoints)?;
        Ok(Config {
            frontend: self.frontend(mechanisms, self.login_format()?),
            mechanism_option,
            file,
            run_directory: self.run_directory,
            endpoints,
            foreground,
            user: self.user,
            sandbox: self.sandbox,
            log: self.log.targets(foreground),
            log_level: if self.verbose || self.debug { LogLevel::Debug } else { LogLevel::Info },
            control,
            most_worker_growth: u64::from(self.max_worker_growth) << 20,
        })
    }

    /// `-O` as the one mechanism gets it, and the file.
    fn option_and_file(
        &self,
        mechanisms: &[String],
    ) -> Result<(Option<OsString>, Option<ConfigFile>), InvalidValue> {
        match only_built_in(mechanisms) {
            Some(mechanism) => self.option_and_file_of(mechanism),
            None => Ok((None, Some(self.file(is_file_required(mechanisms))?))),
        }
    }

    /// What they are for a single mechanism that is built in. As in C, `-O` names the file of one that needs one. One that
    /// blocks is not kept from starting by a file that is left over from something else.
    fn option_and_file_of(
        &self,
        mechanism: &Mechanism,
    ) -> Result<(Option<OsString>, Option<ConfigFile>), InvalidValue> {
        match mechanism.conf() {
            FileUse::Unused if self.config.is_none() => Ok((self.option(), None)),
            FileUse::Unused | FileUse::Optional => {
                let required = self.config.is_some();
                Ok((self.option(), Some(ConfigFile { path: self.config_path(), required })))
            }
            FileUse::Named => Ok((None, Some(self.file(false)?))),
            FileUse::Required => Ok((None, Some(self.file(true)?))),
        }
    }

    /// The file, where `-O` is another name of `--config`.
    fn file(&self, required: bool) -> Result<ConfigFile, InvalidValue> {
        match (self.option(), &self.config) {
            (Some(option), Some(config)) => Err(both_named(&option, config)),
            (Some(option), None) => Ok(ConfigFile { path: absolute("-O", &option)?, required: true }),
            (None, Some(path)) => Ok(ConfigFile { path: path.clone(), required: true }),
            (None, None) => Ok(ConfigFile { path: self.config_path(), required }),
        }
    }

    fn config_path(&self) -> PathBuf {
        self.config.clone().unwrap_or_else(|| PathBuf::from(ConfigFile::DEFAULT_PATH))
    }

    /// `-O`; an empty one is none.
    fn option(&self) -> Option<OsString> {
        self.option.clone().filter(|option| !option.is_empty())
    }

    /// `-r` is one of the formats.
    fn login_format(&self) -> Result<Option<LoginFormat>, InvalidValue> {
        match (&self.login_format, self.append_realm) {
            (Some(format), true) if format.text() != LoginFormat::WITH_REALM => Err(InvalidValue(format!(
                "-r is --login-format={} and another one is given; leave one of them out",
                LoginFormat::WITH_REALM
            ))),
            (None, true) => LoginFormat::parse(LoginFormat::WITH_REALM)
                .map(Some)
                .map_err(|error| InvalidValue(error.to_string())),
            (format, _) => Ok(format.clone()),
        }
    }

    fn frontend(&self, mechanisms: Vec<String>, login_format: Option<LoginFormat>) -> FrontendSettings {
        FrontendSettings {
            workers: self.workers(only_built_in(&mechanisms)),
            mechanisms,
            login_format,
            cache: self.cache.then(|| self.cache_settings()),
            limits: Limits { password: size(self.max_password), field: size(self.max_field) },
            request_timeout: seconds(self.request_timeout),
            failure_delay: seconds(self.failure_delay),
            negative_cache_ttl: seconds(self.negative_cache_ttl),
            read_timeout: seconds(self.read_timeout),
            max_connections: size(self.max_connections),
            max_auth_connections: size(self.max_auth_connections),
            on_unavailable: self.on_unavailable,
            reply_text: self.reply_text,
            network: self.network(),
            guessing: GuessingSettings {
                penalty: self.penalty,
                trusted_networks: self.trusted_networks.clone(),
            },
        }
    }

    fn network(&self) -> NetworkSettings {
        NetworkSettings {
            connect_timeout: seconds(self.connect_timeout),
            tls_timeout: seconds(self.tls_timeout),
            operation_timeout: seconds(self.operation_timeout),
            total_timeout: seconds(self.total_timeout),
            retry_interval: seconds(self.retry_interval),
            idle_time: seconds(self.idle_time),
            most_connections: size(self.max_server_connections),
            order: self.server_order,
        }
    }

    fn cache_settings(&self) -> CacheSettings {
        CacheSettings {
            bytes: size(self.cache_kilobytes).saturating_mul(1024),
            lifetime: seconds(self.cache_seconds),
            stale: seconds(self.stale_if_unavailable),
        }
    }

    /// The event loop asks servers itself: one worker for its errands is there, more come when they have to wait.
    fn workers(&self, only: Option<&Mechanism>) -> WorkerSettings {
        let is_remote = only.is_some_and(|only| matches!(only.kind, Kind::Remote(..)));
        let processes = size(self.processes);
        if processes == 0 {
            let most = size(self.max_processes);
            return WorkerSettings { most, ready: 1, requests_each: 1, flag: WorkerFlag::MaxProcesses };
        }
        WorkerSettings {
            most: processes,
            ready: if is_remote { 1 } else { processes },
            requests_each: self.requests_per_worker,
            flag: WorkerFlag::Processes,
        }
    }
}

fn both_named(option: &OsStr, config: &Path) -> InvalidValue {
    let (option, config) = (shown(option), shown(config.as_os_str()));
    InvalidValue(format!(
        "-O {option} and --config={config} both name the configuration file; give one of them"
    ))
}

fn seconds(number: u32) -> Duration {
    Duration::from_secs(number.into())
}

/// `usize` has at least 32 bits wherever there are Unix sockets.
fn size(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
#[path = "saslauthd_tests.rs"]
mod tests;
