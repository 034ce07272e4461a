//! The children of the supervisor: frontends and workers, and what it says to them.
#![forbid(unsafe_code)]

use crate::config::Config;
use crate::config::sources::Sources;
use crate::ipc::{FromFrontend, FrontendSetup, LARGEST_MESSAGE, ToFrontend, WorkerSetup};
use crate::pool::WorkerId;
use crate::strerror::strerror;
use crate::sys::socket;
use crate::sys::spawn::{Identity, Spawn};
use std::ffi::OsStr;
use std::fmt;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ExitStatus};
use std::time::Instant;

/// The name of a frontend in `ps`, by which the binary knows that it is one.
pub const FRONTEND_ROLE: &str = "saslauthd: frontend";
/// The name of a worker.
pub const WORKER_ROLE: &str = "saslauthd: worker";

/// What a frontend is doing, as far as the supervisor knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// Not ready yet; given up at the instant.
    Starting(Instant),
    /// Since the instant.
    Serving(Instant),
    /// Finishes what it holds.
    Draining,
}

pub(super) struct Frontend {
    pub(super) process: Child,
    pub(super) socket: OwnedFd,
    pub(super) state: State,
}

impl Frontend {
    pub(super) fn start(
        config: &Config,
        sources: &Sources,
        listener: BorrowedFd<'_>,
        identity: Option<&Identity>,
        deadline: Instant,
    ) -> io::Result<Self> {
        let (socket, theirs) = socket::pair()?;
        let setup = FrontendSetup {
            service: config.service.clone(),
            log: config.log,
            verbose: config.verbose,
            sources: sources.copy(),
        };
        let process = Spawn {
            role: OsStr::new(FRONTEND_ROLE),
            control: theirs.as_fd(),
            listener: Some(listener),
            identity,
            inherit_stderr: config.log.stderr,
            inherit_environment: false,
        }
        .start()?;
        let mut frontend = Self { process, socket, state: State::Starting(deadline) };
        let told = socket::set_nonblocking(frontend.socket.as_fd())
            .and_then(|()| frontend.send(&ToFrontend::Setup(Box::new(setup))));
        let Err(error) = told else { return Ok(frontend) };
        // Or it would stay behind as a zombie.
        let _ = frontend.process.kill();
        match frontend.process.wait() {
            // It had ended before, so how says more than the error.
            Ok(status) if error.kind() == io::ErrorKind::BrokenPipe => {
                Err(io::Error::other(format!("it {}", describe(status))))
            }
            _ => Err(error),
        }
    }

    /// Whether it should have become ready before `now`.
    pub(super) fn is_late(&self, now: Instant) -> bool {
        matches!(self.state, State::Starting(deadline) if deadline <= now)
    }

    /// # Errors
    /// Any error means that the frontend is dead or does not read, and is of no use any more.
    pub(super) fn send(&self, message: &ToFrontend) -> io::Result<()> {
        socket::send(self.socket.as_fd(), message.encode().as_bytes())
    }

    /// Hands over a worker.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub(super) fn send_worker(&self, worker: WorkerId, descriptor: BorrowedFd<'_>) -> io::Result<()> {
        let message = ToFrontend::Worker(worker).encode();
        socket::send_with_descriptor(self.socket.as_fd(), message.as_bytes(), descriptor)
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

/// Starts a worker; also returns the end of its socket that belongs to the frontend.
pub(super) fn start_worker(config: &Config) -> io::Result<(Child, OwnedFd)> {
    let (frontends, workers) = socket::pair()?;
    let setup = WorkerSetup {
        mechanism: config.mechanism.name.to_owned(),
        option: config.mechanism_option.clone(),
        verbose: config.verbose,
        limits: config.service.limits,
    };
    socket::send(frontends.as_fd(), setup.encode().as_bytes())?;
    let process = Spawn {
        role: OsStr::new(WORKER_ROLE),
        control: workers.as_fd(),
        listener: None,
        identity: None,
        inherit_stderr: config.log.stderr,
        inherit_environment: true,
    }
    .start()?;
    Ok((process, frontends))
}

/// What a child is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(not(test), expect(dead_code, reason = "as in StartError::ChildFailed"))]
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
#[cfg_attr(not(test), expect(dead_code, reason = "as in StartError::ChildFailed"))]
pub(super) enum Trouble {
    /// It could not be started.
    NotStarted(Role, io::Error),
    /// It has ended.
    Ended(Role, ExitStatus),
}

impl fmt::Display for Trouble {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotStarted(role, error) => {
                write!(formatter, "a {role} cannot be started: {}", strerror(error))
            }
            Self::Ended(role, status) => write!(formatter, "a {role} {}", describe(*status)),
        }
    }
}

/// How a child ended, for the log.
pub(super) fn describe(status: ExitStatus) -> String {
    match (status.signal(), status.code()) {
        (Some(signal), _) => format!("was killed by signal {signal}"),
        // What the dynamic loader ends with when a library is missing.
        (None, Some(127)) => "exited with status 127: a library may be missing".to_owned(),
        (None, Some(code)) => format!("exited with status {code}"),
        (None, None) => "ended".to_owned(),
    }
}
