//! The supervisor: owns the run directory, the pid file and the socket, and the processes that serve it.
#![forbid(unsafe_code)]

mod account;
mod children;
mod counters;
pub mod credential_file;
mod detach;
mod endpoints;
mod event_loop;
mod frontends;
mod log_levels;
mod notify;
mod obstacles;
mod opener;
mod pid_file;
mod rights;
mod run_directory;
mod settings;
mod signals;
mod start_error;
pub(crate) mod succession;
mod upgrade;
mod workers;

pub use account::{TRIAL_ROLE, account_of_workers};
pub use children::{FRONTEND_ROLE, WORKER_ROLE};
pub use obstacles::obstacles;

use crate::cli;
use crate::config::site::Site;
use crate::config::{Config, ControlSocket, LogTargets};
use crate::generated::{COMMIT, build};
use crate::log as logging;
use crate::policy::room::{Demand, Room};
use crate::sys::activation::HandedIn;
use crate::sys::spawn;
use crate::sys::{activation, descriptor, inherited, memory, own_binary, time};
use account::Choice;
use detach::{Detached, Launch};
use endpoints::{Endpoints, Occasion};
use event_loop::{EventLoop, Surroundings, Watch};
use notify::Notifier;
use pid_file::Locked;
use settings::{Serving, Settings};
use start_error::StartError;
use std::io::{self, Write};
use std::process::ExitCode;
use std::rc::Rc;
use std::time::{Duration, Instant};
use upgrade::UpgradeWatch;

/// How long the log may take the last lines of a process that ends.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// Runs the daemon, or as the launching process waits until it runs.
pub fn run(mut config: Config) -> ExitCode {
    let handed_in = activation::take();
    spawn::close_inherited_descriptors();
    inherited::reset();
    // What is wrong with the mechanism's file is for whoever starts the daemon, wherever the log goes later.
    let targets = LogTargets { stderr: true, ..config.log };
    logging::init(targets, config.log_level);
    let status = match prepare(&mut config, handed_in) {
        Ok(Prepared { detached: Detached::Launcher(status), .. }) => ExitCode::from(status),
        Ok(Prepared { detached: Detached::Daemon(launch), means }) => serve(config, means, launch),
        Err(error) => ExitCode::from(complain(&error, targets)),
    };
    logging::flush_briefly(LAST_WORDS);
    status
}

/// What was found before the daemon parted from the process that launched it.
struct Prepared {
    detached: Detached,
    means: Means,
}

/// What the daemon starts with.
struct Means {
    settings: Settings,
    endpoints: Endpoints,
    surroundings: Surroundings,
}

/// What is done before the daemon parts from the process that launched it.
fn prepare(config: &mut Config, handed_in: Result<Vec<HandedIn>, String>) -> Result<Prepared, StartError> {
    let handed_in = handed_in.map_err(StartError::HandedIn)?;
    // Before the working directory changes.
    own_binary::open().map_err(StartError::OwnBinary)?;
    let surroundings =
        Surroundings { notifier: Notifier::from_environment(), upgrade: UpgradeWatch::new(Instant::now()) };
    let settings = settings::read(config)
        .map_err(|problems| StartError::Settings(config.only_mechanism().map(str::to_owned), problems))?;
    check_descriptors(config, &settings.site)?;
    run_directory::enter(&config.run_directory)?;
    let detached = if config.foreground { Detached::Daemon(Launch::foreground()) } else { detach::detach()? };
    let endpoints = Endpoints::new(handed_in);
    Ok(Prepared { detached, means: Means { settings, endpoints, surroundings } })
}

/// Whether the processes have the descriptors to start, which the limit is raised to if need be.
fn check_descriptors(config: &mut Config, site: &Site) -> Result<(), StartError> {
    let demand = |config: &Config| {
        let listeners = site.endpoints.len() + usize::from(config.control.is_some());
        Demand::of(&config.frontend, site, listeners, site.has_auth_sockets())
    };
    let limit = descriptor::raise_limit_to(demand(config).least());
    let room = Room::below(limit, &demand(config));
    let (Err(too_few), Some(ControlSocket { required: false, .. })) = (&room, &config.control) else {
        return room.map(drop).map_err(StartError::Descriptors);
    };
    // A daemon that serves is worth more than one that can be looked at.
    log::warn!(target: "supervisor", "saslauthdctl cannot ask this daemon: {too_few}");
    config.control = None;
    Room::below(limit, &demand(config)).map(drop).map_err(StartError::Descriptors)
}

/// The daemon from its first to its last moment.
fn serve(config: Config, means: Means, launch: Launch) -> ExitCode {
    let (targets, foreground) = (config.log, config.foreground);
    logging::init(targets, config.log_level);
    match Daemon::start(config, means) {
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
    lock: Locked,
    targets: LogTargets,
}

impl Daemon {
    fn start(config: Config, means: Means) -> Result<Self, StartError> {
        let Means { settings, mut endpoints, surroundings } = means;
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
        log::info!(target: "main", "saslauthd {} {}", build::PKG_VERSION, COMMIT);
        log::info!(target: "detach_tty", "master pid is: {}", std::process::id());
        let choice = Choice::make(config.user.as_deref())?;
        if let Some((level, line)) = choice.line() {
            log::log!(target: "supervisor", level, "{line}");
        }
        if choice.account().is_some() {
            rights::keep_what_is_needed();
        }
        let opened = endpoints.open(&settings.site.endpoints, config.control.as_ref(), Occasion::Start);
        let listening = opened.map_err(StartError::Endpoint)?;
        // Programs that read the log take these lines for sockets of clients.
        let clients = listening.iter().filter(|listening| !listening.is_control());
        let paths: Vec<_> = clients.map(|listening| listening.path().to_owned()).collect();
        let targets = config.log;
        let settings = Rc::new(settings);
        let serving = Serving { settings, listening, configured: time::seconds_since_epoch() };
        let mut event_loop =
            EventLoop::start(config, serving, endpoints, choice.account().cloned(), watch, surroundings)?;
        event_loop.await_ready()?;
        for path in paths {
            log::info!(target: "ipc_init", "listening on socket: {}", path.display());
        }
        if let Some(note) = run_directory::is_for_root_only(&directory) {
            log::info!(target: "ipc_init", "{note}");
        }
        Ok(Self { event_loop, lock, targets })
    }

    /// Until it is told to stop, and all is cleaned up.
    fn run(mut self, launch: Launch) -> ExitCode {
        self.event_loop.announce_ready(launch.is_awaited());
        let reported = launch.report_ready();
        // Flags and files were read, and little of that is kept.
        memory::give_back_freed();
        let served = reported.and_then(|()| self.event_loop.serve());
        // Files first: whoever waits for the end looks for them.
        self.event_loop.remove_sockets();
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

/// Shows why the daemon does not run, once on the standard error stream and once in the log. Returns the status to
/// end with.
fn complain(error: &StartError, targets: LogTargets) -> u8 {
    for sentence in error.sentences() {
        if !targets.stderr {
            let line = cli::diagnostic(std::process::id(), &sentence);
            // Nobody is left to tell if this fails.
            let _ = io::stderr().write_all(line.as_bytes());
        }
        log::error!(target: "main", "{sentence}");
    }
    error.exit_status()
}
