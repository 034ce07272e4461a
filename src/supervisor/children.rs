//! The children of the supervisor: frontends and workers, and what it says to them.
#![forbid(unsafe_code)]

use super::endpoints::Listening;
use super::settings::{Serving, Settings};
use crate::config::Config;
use crate::config::site::{Instance, Privileges};
use crate::ipc::{FromFrontend, FrontendSetup, LARGEST_MESSAGE, ToFrontend, WorkerSetup, encode_tls_files};
use crate::metrics::reasons::WorkerDeath;
use crate::registry::{self, named_files};
use crate::settings::raw_settings::RawSettings;
use crate::strerror::strerror;
use crate::sys::spawn::{Account, Spawn};
use crate::sys::{confinement, pipe, socket};
use std::ffi::OsStr;
use std::fmt;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, ExitStatus};

/// The name of a frontend in `ps`, by which the binary knows that it is one.
pub const FRONTEND_ROLE: &str = "saslauthd: frontend";
/// The name of a worker.
pub const WORKER_ROLE: &str = "saslauthd: worker";

/// What is in the files for TLS, which the frontend may not be able to read: in pipes, so that the keys among them are
/// nowhere for longer than it takes.
fn tls_files(settings: &Settings) -> io::Result<Vec<OwnedFd>> {
    let files = named_files::read(&settings.sources, &settings.site);
    if files.is_empty() {
        return Ok(Vec::new());
    }
    pipe::filled_with(encode_tls_files(&files).as_bytes())
}

/// A running frontend and the socket to it.
pub(super) struct Frontend {
    process: Child,
    socket: OwnedFd,
}

impl Frontend {
    /// Starts the process and sends it its configuration and sockets.
    ///
    /// # Errors
    /// When there are no processes, descriptors or memory left, or it has ended already.
    pub(super) fn start(config: &Config, serving: &Serving, account: Option<&Account>) -> io::Result<Self> {
        let (socket, theirs) = socket::pair()?;
        let pipes = tls_files(&serving.settings)?;
        let setup = FrontendSetup {
            settings: config.frontend.clone(),
            log: config.log,
            log_level: config.log_level,
            sources: serving.settings.sources.copy(),
            listeners: serving.listening.len(),
            has_auth_sockets: serving.settings.site.has_auth_sockets(),
            sandbox: config.sandbox,
            pipes: pipes.len(),
        };
        let process = Spawn {
            role: OsStr::new(FRONTEND_ROLE),
            control: theirs.as_fd(),
            account,
            inherit_stderr: config.log.stderr,
            runs_modules: false,
        }
        .start()?;
        let mut frontend = Self { process, socket };
        let told = socket::set_nonblocking(frontend.socket.as_fd())
            .and_then(|()| frontend.send(&ToFrontend::Setup(Box::new(setup))))
            .and_then(|()| {
                pipes.iter().try_for_each(|pipe| frontend.send_with(&ToFrontend::TlsFiles, pipe.as_fd()))
            })
            .and_then(|()| frontend.hand_over_all(&serving.listening));
        let Err(error) = told else { return Ok(frontend) };
        match frontend.kill_and_reap() {
            // It had ended before, so how says more than the error.
            Ok(status) if error.kind() == io::ErrorKind::BrokenPipe => {
                Err(io::Error::other(format!("it {}", describe(status))))
            }
            _ => Err(error),
        }
    }

    fn hand_over_all(&self, listening: &[Listening]) -> io::Result<()> {
        listening.iter().try_for_each(|one| {
            self.send_with(&ToFrontend::Listener(one.listener().clone()), one.descriptor())
        })
    }

    /// The process number.
    pub(super) fn pid(&self) -> u32 {
        self.process.id()
    }

    /// The descriptor by which the event loop watches it.
    pub(super) fn descriptor(&self) -> RawFd {
        self.socket.as_raw_fd()
    }

    /// Kills it; it is still to be reaped.
    pub(super) fn kill(&mut self) {
        // An error means that it has ended already.
        let _ = self.process.kill();
    }

    /// Kills it and waits for its end: nobody else would collect it.
    pub(super) fn kill_and_reap(&mut self) -> io::Result<ExitStatus> {
        self.kill();
        self.process.wait()
    }

    /// How it ended, if it has.
    pub(super) fn try_reap(&mut self) -> Option<ExitStatus> {
        self.process.try_wait().ok().flatten()
    }

    /// # Errors
    /// Any error means that the frontend is dead or does not read, and is of no use any more.
    pub(super) fn send(&self, message: &ToFrontend) -> io::Result<()> {
        socket::send(self.socket.as_fd(), message.encode().as_bytes())
    }

    /// Sends a message with the socket that belongs to it.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub(super) fn send_with(&self, message: &ToFrontend, socket: BorrowedFd<'_>) -> io::Result<()> {
        socket::send_with_descriptor(self.socket.as_fd(), message.encode().as_bytes(), socket)
    }

    /// The next thing the frontend says, or `None` when there is nothing now.
    ///
    /// # Errors
    /// Any error means that the frontend is dead or talks nonsense.
    pub(super) fn receive(&self) -> io::Result<Option<FromFrontend>> {
        let mut buffer = [0; LARGEST_MESSAGE];
        match socket::receive(self.socket.as_fd(), &mut buffer) {
            Ok(Some(length)) => {
                let message = buffer.get(..length).unwrap_or_default();
                FromFrontend::decode(message).map(Some).map_err(io::Error::other)
            }
            Ok(None) => Err(io::ErrorKind::UnexpectedEof.into()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// What a worker is started for.
pub(super) enum Task<'a> {
    /// Logins of an instance, which is set up from these.
    Checks(&'a Instance, &'a RawSettings),
    /// Errands; of GSSAPI, too, if it has this keytab or cache.
    Errands(Option<&'a Path>),
}

/// Starts a worker; also returns the end of its socket that belongs to the frontend. `file` is the socket at which it gets
/// its file, if it has one.
pub(super) fn start_worker(
    config: &Config,
    task: Task<'_>,
    privileges: Privileges,
    account: Option<&Account>,
    file: Option<BorrowedFd<'_>>,
) -> io::Result<(Child, OwnedFd)> {
    let (frontends, workers) = socket::pair()?;
    let (instance, conf, option) = match task {
        Task::Checks(instance, sources) => {
            (Some(instance), registry::conf_of(instance, sources), instance.option.clone())
        }
        Task::Errands(credentials) => (None, None, credentials.map(|path| path.as_os_str().to_owned())),
    };
    let setup = WorkerSetup {
        mechanism: instance.map(|instance| instance.mechanism.to_owned()),
        option,
        instance: instance.map(|instance| instance.name.clone()),
        conf,
        log_level: config.log_level,
        limits: config.frontend.limits,
        most_growth: config.most_worker_growth,
        // Who needs the rights of root may load modules that do anything.
        sandbox: config.sandbox && privileges == Privileges::Unprivileged,
    };
    let setup = setup.encode();
    match file {
        Some(file) => socket::send_with_descriptor(frontends.as_fd(), setup.as_bytes(), file)?,
        None => socket::send(frontends.as_fd(), setup.as_bytes())?,
    }
    let process = Spawn {
        role: OsStr::new(WORKER_ROLE),
        control: workers.as_fd(),
        account,
        inherit_stderr: config.log.stderr,
        runs_modules: true,
    }
    .start()?;
    Ok((process, frontends))
}

/// What a child is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Frontend,
    Worker,
}

impl fmt::Display for Role {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Frontend => "frontend",
            Self::Worker => "worker",
        })
    }
}

/// What has become of a child that has not said why: all that can be told of it.
#[derive(Debug)]
pub(super) enum Trouble {
    /// It could not be started, and why.
    NotStarted(Role, String),
    /// It has ended.
    Ended(Role, ExitStatus),
}

impl fmt::Display for Trouble {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotStarted(role, reason) => write!(formatter, "a {role} cannot be started: {reason}"),
            Self::Ended(role, status) => write!(formatter, "a {role} {}", describe(*status)),
        }
    }
}

/// Why a child could not be started, for the log.
pub(super) fn obstacle(error: &io::Error) -> String {
    format!("{}{}", strerror(error), confinement::remark(error))
}

/// How a child ended, for the log.
pub(super) fn describe(status: ExitStatus) -> String {
    match (status.signal(), status.code()) {
        // What a filter of system calls kills with.
        (Some(libc::SIGSYS), _) => {
            format!("was killed by signal {}: it made a system call that its sandbox forbids", libc::SIGSYS)
        }
        (Some(signal), _) => format!("was killed by signal {signal}"),
        // What the dynamic loader ends with when a library is missing.
        (None, Some(127)) => "exited with status 127: a library may be missing".to_owned(),
        (None, Some(code)) => format!("exited with status {code}"),
        (None, None) => "ended".to_owned(),
    }
}

/// The kernel kills for want of memory, an administrator as he likes; whatever else ends a worker is its own doing.
pub(super) fn reason_of_death(status: ExitStatus) -> WorkerDeath {
    match status.signal() {
        Some(libc::SIGKILL | libc::SIGTERM | libc::SIGINT | libc::SIGHUP) => WorkerDeath::Killed,
        _ => WorkerDeath::Crash,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_that_was_killed_from_outside_is_told_from_one_that_crashed() {
        for (status, reason) in [
            (libc::SIGKILL, WorkerDeath::Killed),
            (libc::SIGTERM, WorkerDeath::Killed),
            (libc::SIGSEGV, WorkerDeath::Crash),
            (libc::SIGABRT | 0x80, WorkerDeath::Crash),
            (1 << 8, WorkerDeath::Crash),
        ] {
            assert_eq!(reason_of_death(ExitStatus::from_raw(status)), reason, "{status}");
        }
    }
}
