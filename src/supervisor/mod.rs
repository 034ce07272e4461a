//! The supervisor: owns the run directory, the pid file and the socket, and the processes that serve it.
#![forbid(unsafe_code)]

mod children;
mod detach;
mod family;
mod mux;
mod pid_file;
mod run_directory;
mod settings;
mod signals;
mod start_error;

pub use children::{FRONTEND_ROLE, WORKER_ROLE};
pub use signals::leave_to_supervisor;

use crate::cli;
use crate::config::sources::Sources;
use crate::config::{Config, LogTargets};
use crate::frontend::start;
use crate::generated::build;
use crate::log as logging;
use crate::sys::spawn::{self, Identity};
use crate::sys::{harden, own_binary};
use detach::{Detached, Launch};
use family::{Family, Watch};
use mux::Mux;
use pid_file::Locked;
use start_error::StartError;
use std::io::Write;
use std::process::ExitCode;
use std::rc::Rc;
use std::time::Duration;

/// How long the log may take the last lines of a process that ends.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// Runs the daemon, or as the launching process waits until it runs.
pub fn run(config: Config) -> ExitCode {
    spawn::close_inherited_descriptors();
    harden::unblock_signals();
    // What is wrong with the mechanism's file is for whoever starts the daemon, wherever the log goes later.
    let targets = LogTargets { stderr: true, ..config.log };
    logging::init(targets, config.verbose);
    let status = match prepare(&config) {
        Ok((Detached::Launcher(status), _)) => ExitCode::from(status),
        Ok((Detached::Daemon(launch), sources)) => reign(config, sources, launch),
        Err(error) => ExitCode::from(complain(&error, targets)),
    };
    logging::flush_briefly(LAST_WORDS);
    status
}

/// What is done before the daemon parts from the process that launched it.
fn prepare(config: &Config) -> Result<(Detached, Sources), StartError> {
    // Before the working directory changes.
    own_binary::open().map_err(StartError::OwnBinary)?;
    start::check_descriptors(&config.service).map_err(StartError::Descriptors)?;
    let sources =
        settings::read(config).map_err(|problems| StartError::Settings(config.mechanism.name, problems))?;
    run_directory::enter(&config.run_directory)?;
    let detached = if config.foreground { Detached::Daemon(Launch::foreground()) } else { detach::detach()? };
    Ok((detached, sources))
}

/// The daemon from its first to its last moment.
fn reign(config: Config, sources: Sources, launch: Launch) -> ExitCode {
    let (targets, foreground) = (config.log, config.foreground);
    logging::init(targets, config.verbose);
    match establish(config, sources) {
        Ok(realm) => realm.rule(launch),
        // Nobody waits for it to become ready.
        Err(StartError::Stopped) if foreground => ExitCode::SUCCESS,
        Err(error) => {
            let status = complain(&error, targets);
            logging::flush_briefly(LAST_WORDS);
            launch.report_failure(status);
            ExitCode::from(status)
        }
    }
}

/// Everything the daemon owns, in the order in which it is given up: processes, socket, pid file.
struct Realm {
    family: Family,
    mux: Mux,
    lock: Locked,
    targets: LogTargets,
}

fn establish(config: Config, sources: Sources) -> Result<Realm, StartError> {
    let directory = config.run_directory.clone();
    let watch = Watch::start()?;
    let start_lock = Locked::start_lock(&directory)?;
    let lock = if config.foreground {
        Locked::refuse_beside_pid_file(&directory)?;
        start_lock
    } else {
        // The start lock ends here, when the pid file's takes over.
        Locked::pid_file(&directory)?
    };
    log::info!(target: "main", "saslauthd {} {}", build::PKG_VERSION, build::SHORT_COMMIT);
    log::info!(target: "detach_tty", "master pid is: {}", std::process::id());
    let identity = config.user.as_deref().map(identity_of).transpose()?;
    let mux = Mux::bind(&directory)?;
    let targets = config.log;
    let listener =
        mux.listener.try_clone().map_err(|error| StartError::System("no descriptors are left", error))?;
    let started =
        Family::found(config, Rc::new(sources), listener, identity, watch).and_then(|mut family| {
            family.await_ready()?;
            Ok(family)
        });
    match started {
        Ok(family) => {
            log::info!(target: "ipc_init", "listening on socket: {}", directory.join("mux").display());
            Ok(Realm { family, mux, lock, targets })
        }
        Err(error) => {
            mux.remove();
            Err(error)
        }
    }
}

impl Realm {
    fn rule(mut self, launch: Launch) -> ExitCode {
        let served = launch.report_ready().and_then(|()| self.family.serve());
        // Files first: whoever waits for the end looks for them.
        self.mux.remove();
        drop(self.lock);
        self.family.disband();
        let status = match served {
            Ok(()) => 0,
            Err(error) => complain(&error, self.targets),
        };
        log::info!(target: "server_exit", "master exited: {}", std::process::id());
        ExitCode::from(status)
    }
}

/// The account for `--user`, with no group but its own: the frontend needs nothing of them.
fn identity_of(user: &str) -> Result<Identity, StartError> {
    use pwd_grp::{PwdGrp, PwdGrpProvider};
    let account = PwdGrp
        .getpwnam::<String>(user)
        .map_err(|error| StartError::User(user.to_owned(), Some(error)))?
        .ok_or_else(|| StartError::User(user.to_owned(), None))?;
    Ok(Identity { uid: account.uid, gid: account.gid, groups: vec![account.gid] })
}

/// Shows why the daemon does not run, once on the standard error stream and once in the log. Returns the status to
/// end with.
fn complain(error: &StartError, targets: LogTargets) -> u8 {
    for sentence in error.sentences() {
        if !targets.stderr {
            let line = cli::diagnostic(std::process::id(), &sentence);
            // Nobody is left to tell if this fails.
            let _ = std::io::stderr().write_all(line.as_bytes());
        }
        log::error!(target: "main", "{sentence}");
    }
    error.exit_status()
}
