//! The supervisor: owns the run directory, the pid file and the socket, and the processes that serve it.
#![forbid(unsafe_code)]

mod children;
mod detach;
mod event_loop;
mod frontends;
mod mux;
mod pid_file;
mod run_directory;
mod settings;
mod signals;
mod start_error;
mod succession;
mod workers;

pub use children::{FRONTEND_ROLE, WORKER_ROLE};

use crate::cli;
use crate::config::{Config, LogTargets};
use crate::generated::build;
use crate::log as logging;
use crate::policy::room::{Demand, Room};
use crate::registry::site;
use crate::settings::raw_settings::RawSettings;
use crate::sys::spawn::{self, Account};
use crate::sys::{descriptor, inherited, own_binary};
use detach::{Detached, Launch};
use event_loop::{EventLoop, Watch};
use mux::Mux;
use pid_file::Locked;
use start_error::StartError;
use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

/// How long the log may take the last lines of a process that ends.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// Runs the daemon, or as the launching process waits until it runs.
pub fn run(config: Config) -> ExitCode {
    spawn::close_inherited_descriptors();
    inherited::reset();
    // What is wrong with the mechanism's file is for whoever starts the daemon, wherever the log goes later.
    let targets = LogTargets { stderr: true, ..config.log };
    logging::init(targets, config.verbose);
    let status = match prepare(&config) {
        Ok((Detached::Launcher(status), _)) => ExitCode::from(status),
        Ok((Detached::Daemon(launch), sources)) => serve(config, sources, launch),
        Err(error) => ExitCode::from(complain(&error, targets)),
    };
    logging::flush_briefly(LAST_WORDS);
    status
}

/// What is done before the daemon parts from the process that launched it.
fn prepare(config: &Config) -> Result<(Detached, RawSettings), StartError> {
    // Before the working directory changes.
    own_binary::open().map_err(StartError::OwnBinary)?;
    let sources = settings::read(config)
        .map_err(|problems| StartError::Settings(config.only_mechanism().map(str::to_owned), problems))?;
    check_descriptors(config, &sources)?;
    run_directory::enter(&config.run_directory)?;
    let detached = if config.foreground { Detached::Daemon(Launch::foreground()) } else { detach::detach()? };
    Ok((detached, sources))
}

/// Whether the processes have the descriptors to start, which the limit is raised to if need be.
fn check_descriptors(config: &Config, sources: &RawSettings) -> Result<(), StartError> {
    let (site, _) = site::resolve(&config.frontend, &[], sources);
    let demand = Demand::of(&config.frontend, &site);
    let limit = descriptor::raise_limit_to(demand.least());
    Room::below(limit, &demand).map(drop).map_err(StartError::Descriptors)
}

/// The daemon from its first to its last moment.
fn serve(config: Config, sources: RawSettings, launch: Launch) -> ExitCode {
    let (targets, foreground) = (config.log, config.foreground);
    logging::init(targets, config.verbose);
    match Daemon::start(config, sources) {
        Ok(daemon) => daemon.run(launch),
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

/// What the daemon owns, in the order in which it is given up: processes, socket, pid file.
struct Daemon {
    event_loop: EventLoop,
    mux: Mux,
    lock: Locked,
    targets: LogTargets,
}

impl Daemon {
    fn start(config: Config, sources: RawSettings) -> Result<Self, StartError> {
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
        let account = config.user.as_deref().map(account_of).transpose()?;
        let mux = Mux::bind(&directory)?;
        let targets = config.log;
        match start_serving(config, sources, &mux, account, watch) {
            Ok(event_loop) => {
                log::info!(target: "ipc_init", "listening on socket: {}", directory.join("mux").display());
                Ok(Self { event_loop, mux, lock, targets })
            }
            Err(error) => {
                mux.remove();
                Err(error)
            }
        }
    }

    /// Until it is told to stop, and all is cleaned up.
    fn run(mut self, launch: Launch) -> ExitCode {
        let served = launch.report_ready().and_then(|()| self.event_loop.serve());
        // Files first: whoever waits for the end looks for them.
        self.mux.remove();
        drop(self.lock);
        self.event_loop.stop();
        let status = match served {
            Ok(()) => 0,
            Err(error) => complain(&error, self.targets),
        };
        log::info!(target: "server_exit", "master exited: {}", std::process::id());
        ExitCode::from(status)
    }
}

fn start_serving(
    config: Config,
    sources: RawSettings,
    mux: &Mux,
    account: Option<Account>,
    watch: Watch,
) -> Result<EventLoop, StartError> {
    let listener =
        mux.listener.try_clone().map_err(|error| StartError::System("no descriptors are left", error))?;
    let mut event_loop = EventLoop::start(config, sources, listener, account, watch)?;
    event_loop.await_ready()?;
    Ok(event_loop)
}

/// The account for `--user`, with no group but its own: the frontend needs nothing of them.
fn account_of(user: &str) -> Result<Account, StartError> {
    use pwd_grp::{PwdGrp, PwdGrpProvider};
    let account = PwdGrp
        .getpwnam::<String>(user)
        .map_err(|error| StartError::User(user.to_owned(), Some(error)))?
        .ok_or_else(|| StartError::User(user.to_owned(), None))?;
    Ok(Account { uid: account.uid, gid: account.gid, groups: vec![account.gid] })
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
