//! Everything that can keep the daemon from starting, and the exit status of each.
#![forbid(unsafe_code)]

use super::children::Trouble;
use super::endpoints::EndpointError;
use crate::mechanism::failed_to_initialize;
use crate::policy::room::TooFewDescriptors;
use crate::registry;
use crate::settings::file::Problem;
use crate::strerror::strerror;
use crate::sys::own_binary::NotFound;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;

/// Why the daemon does not start. Shown once, by the launching process and in the log.
#[derive(Debug)]
pub(super) enum StartError {
    /// The running binary cannot be found again, to start the other processes from it.
    OwnBinary(NotFound),
    /// The limit on open descriptors leaves no room to serve in.
    Descriptors(TooFewDescriptors),
    /// The run directory is missing and cannot be made.
    MakeDirectory(PathBuf, io::Error),
    /// The run directory cannot be entered.
    EnterDirectory(PathBuf, io::Error),
    /// A pid or lock file cannot be made, locked or written.
    File(PathBuf, &'static str, io::Error),
    /// Another daemon holds the lock.
    AnotherInstance,
    /// The sockets of LISTEN_FDS cannot be taken over: the sentence.
    HandedIn(String),
    /// A socket cannot be had.
    Endpoint(EndpointError),
    /// `--user` names nobody, or the accounts cannot be read.
    User(String, Option<io::Error>),
    /// The settings cannot be used: those of one mechanism, or of several.
    Settings(Option<String>, Vec<Problem>),
    /// A frontend says that it cannot serve: its own sentence.
    Refused(String),
    /// The daemon's processes did not become ready, and what is known of the last one that had trouble.
    NotReady(&'static str, Option<Trouble>),
    /// The daemon ended without a word to the process that launched it.
    Died(Option<ExitStatus>),
    /// It was asked to stop before it was ready.
    Stopped,
    /// The system refused something the daemon cannot do without.
    System(&'static str, io::Error),
}

impl StartError {
    /// The exit status of the launching process: the C daemon's.
    pub(super) fn exit_status(&self) -> u8 {
        if matches!(self, Self::AnotherInstance) { 2 } else { 1 }
    }

    /// Everything that is to be told, each by itself.
    pub(super) fn sentences(&self) -> Vec<String> {
        match self {
            Self::Settings(name, problems) => {
                problems.iter().map(|problem| settings_sentence(name.as_deref(), problem)).collect()
            }
            _ => vec![self.to_string()],
        }
    }
}

/// A name that nobody knows is told in C's words.
fn settings_sentence(name: Option<&str>, problem: &Problem) -> String {
    match name {
        Some(name) if registry::find(name).is_some() => failed_to_initialize(name, problem),
        _ if problem.source.as_os_str().is_empty() => problem.to_string(),
        _ => format!("The configuration cannot be used: {problem}"),
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OwnBinary(NotFound { by_proc, path, error }) => {
                formatter.write_str("The program cannot be executed again: ")?;
                match by_proc.kind() {
                    io::ErrorKind::NotFound => formatter.write_str("/proc is not mounted")?,
                    _ => write!(formatter, "by /proc: {}", strerror(by_proc))?,
                }
                write!(formatter, ", and at {}: {}", path.display(), strerror(error))
            }
            Self::Descriptors(too_few) => too_few.fmt(formatter),
            Self::MakeDirectory(path, error) => {
                write!(
                    formatter,
                    "can not mkdir: {}: {}; its parent must exist and be writeable",
                    path.display(),
                    strerror(error)
                )
            }
            Self::EnterDirectory(path, error) => {
                write!(formatter, "could not chdir to: {}: {}", path.display(), strerror(error))
            }
            Self::File(path, what, error) => {
                write!(formatter, "could not {what} {}: {}", path.display(), strerror(error))
            }
            Self::AnotherInstance => {
                formatter.write_str("Another instance of saslauthd is currently running")
            }
            Self::HandedIn(sentence) => formatter.write_str(sentence),
            Self::Endpoint(error) => error.fmt(formatter),
            Self::User(name, None) => write!(formatter, "There is no account {name} for --user"),
            Self::User(name, Some(error)) => {
                write!(formatter, "The account {name} for --user could not be looked up: {}", strerror(error))
            }
            Self::Settings(..) => formatter.write_str(&self.sentences().join("; ")),
            Self::Refused(reason) => formatter.write_str(reason),
            Self::NotReady(why, None) => write!(formatter, "The daemon did not become ready: {why}"),
            Self::NotReady(why, Some(trouble)) => {
                write!(formatter, "The daemon did not become ready: {why}; {trouble}")
            }
            Self::Died(Some(status)) => {
                write!(formatter, "The daemon ended before it was ready: {status}")
            }
            Self::Died(None) => formatter.write_str("The daemon ended before it was ready"),
            Self::Stopped => formatter.write_str("The daemon was stopped while it started"),
            Self::System(what, error) => write!(formatter, "{what}: {}", strerror(error)),
        }
    }
}

impl std::error::Error for StartError {}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::supervisor::children::{Role, obstacle};
    use std::os::unix::process::ExitStatusExt;

    #[test]
    fn the_reason_of_any_child_is_told() {
        let no_memory = || obstacle(&io::Error::from_raw_os_error(libc::ENOMEM));
        for (trouble, told) in [
            (
                Trouble::NotStarted(Role::Worker, no_memory()),
                "a worker cannot be started: Cannot allocate memory",
            ),
            (
                Trouble::Ended(Role::Frontend, ExitStatus::from_raw(libc::SIGKILL)),
                "a frontend was killed by signal 9",
            ),
            (Trouble::Ended(Role::Worker, ExitStatus::from_raw(1 << 8)), "a worker exited with status 1"),
        ] {
            let error = StartError::NotReady("it took too long", Some(trouble));
            assert_eq!(
                error.to_string(),
                format!("The daemon did not become ready: it took too long; {told}")
            );
            assert_eq!(error.exit_status(), 1);
        }
    }

    #[test]
    fn a_program_that_cannot_be_found_again_names_proc_and_its_path() {
        let told = |by_proc, error| {
            let [by_proc, error] = [by_proc, error].map(io::Error::from_raw_os_error);
            let path = "/usr/sbin/saslauthd".into();
            StartError::OwnBinary(NotFound { by_proc, path, error }).to_string()
        };
        assert_eq!(
            told(libc::ENOENT, libc::ENOENT),
            "The program cannot be executed again: /proc is not mounted, and at /usr/sbin/saslauthd: No such file or \
             directory"
        );
        assert_eq!(
            told(libc::EMFILE, libc::EMFILE),
            "The program cannot be executed again: by /proc: Too many open files, and at /usr/sbin/saslauthd: Too many \
             open files"
        );
    }
}
