//! A worker: one message after the other, each with a job or with several. It may block; nobody else waits for it.
#![forbid(unsafe_code)]

mod file;
mod fitness;

use crate::config::sandbox::{Role, Rules};
use crate::ipc::{
    FromWorker, LARGEST_SETUP, Malformed, OWN_LOG_LINE, ToWorker, WorkerSetup, encode_answers,
    largest_request,
};
use crate::job::{Answer, Errand, ErrandResult, JobId, Purpose};
use crate::log as logging;
use crate::mechanism::file::FileSource;
use crate::mechanism::gssapi::{CredentialFile, Logins};
use crate::mechanism::{LocalMechanism, Means, MechanismError, pbkdf2, schemes};
use crate::outcome::{Outcome, Verdict};
use crate::registry::{self, Kind};
use crate::secret::Secret;
use crate::settings::raw_settings::RawSettings;
use crate::strerror::strerror;
use crate::sys::syslog::SyslogRedirect;
use crate::sys::time::LocalTime;
use crate::sys::{gssapi, memory, process, process_tree, resolve, sandbox, signals, socket, spawn};
use file::FromSupervisor;
use fitness::{Completion, Fitness, Unfit};
use std::cell::RefCell;
use std::fmt;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How often a syslog that is missing is looked for; each look costs some twenty system calls.
const LOOK_FOR_SYSLOG: Duration = Duration::from_secs(1);

/// What names the files of Kerberos' configuration that are read in place of /etc/krb5.conf.
const KRB5_CONFIG: &str = "KRB5_CONFIG";

/// `main` of a worker process; its socket is at the fixed descriptor of [`spawn`]. See
/// [`saslauthd_main_with`](crate::saslauthd_main_with) for the argument.
pub fn run(before_serving: fn(Role)) -> ! {
    process::set_name();
    memory::forbid_dumps();
    spawn::outlive_nobody();
    signals::keep_from_modules();
    process_tree::adopt_orphans();
    let mut worker = Worker::set_up().inspect(|worker| before_serving(worker.role()));
    let served = worker.as_mut().map_or(Ok(()), Worker::serve);
    let failed = worker.as_ref().err().or_else(|| served.as_ref().err()).filter(|error| !error.is_the_end());
    if let Some(error) = failed {
        log::error!(target: "worker", "{error}");
    }
    // With the mechanism still there: PAM modules would run code when they are unloaded.
    process::end_at_once(u8::from(failed.is_some()))
}

/// Why a worker ends before it is told to.
#[derive(Debug)]
enum WorkerError {
    /// The socket does not work.
    Socket(io::Error),
    /// A message is not one, or not one for this moment.
    Malformed,
    /// The mechanism cannot be used.
    Mechanism(MechanismError),
}

impl fmt::Display for WorkerError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Socket(error) => write!(formatter, "The worker's socket failed: {}", strerror(error)),
            Self::Malformed => Malformed.fmt(formatter),
            Self::Mechanism(error) => error.fmt(formatter),
        }
    }
}

impl WorkerError {
    /// Whether the frontend has let this worker go while it was still saying something, or knows the reason.
    fn is_the_end(&self) -> bool {
        match self {
            Self::Socket(error) => {
                matches!(error.kind(), io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe)
            }
            Self::Mechanism(_) => true,
            Self::Malformed => false,
        }
    }
}

impl From<io::Error> for WorkerError {
    fn from(error: io::Error) -> Self {
        Self::Socket(error)
    }
}

impl From<Malformed> for WorkerError {
    fn from(_: Malformed) -> Self {
        Self::Malformed
    }
}

struct Worker {
    socket: Arc<OwnedFd>,
    buffer: Secret,
    /// `None` when this worker only runs errands of the event loop.
    mechanism: Option<Box<dyn LocalMechanism>>,
    /// Sends what PAM modules say to syslog(3) through the frontend, which never blocks on it. `None` as long as
    /// there is no syslog to say it to.
    syslog: Option<SyslogRedirect>,
    /// When to look for a syslog again.
    next_look: Option<Instant>,
    fitness: Fitness,
    /// No code runs in its logins but this program's.
    only_looks_up: bool,
}

/// What follows a message.
#[derive(PartialEq, Eq)]
enum Next {
    /// Another.
    Job,
    /// The end of this process, which is not to have another login.
    End,
}

impl Worker {
    fn set_up() -> Result<Self, WorkerError> {
        let socket = Arc::new(spawn::inherited(spawn::CONTROL)?);
        if !socket::is_message_socket(socket.as_fd()) {
            return Err(io::Error::from(io::ErrorKind::InvalidInput).into());
        }
        let (mut setup, file) = receive_setup(&socket)?;
        let line = Arc::clone(&socket);
        let send = move |datagram: &[u8]| {
            // The frontend is gone when this fails, and this process is about to be.
            let _ = socket::send(line.as_fd(), &[&[OWN_LOG_LINE], datagram].concat());
        };
        logging::worker::init(Box::new(send), setup.log_level);
        let mechanism = match start(&mut setup, file) {
            Ok(mechanism) => mechanism,
            Err(error) => {
                say(&socket, &FromWorker::Failed(error.to_string()))?;
                return Err(WorkerError::Mechanism(error));
            }
        };
        let mut buffer = Secret::default();
        buffer.resize(largest_request(setup.limits));
        let only_looks_up = setup.mechanism.as_deref().is_some_and(registry::only_looks_up);
        let fitness = Fitness::of_fresh_process(setup.most_growth, !only_looks_up, Instant::now());
        let worker =
            Self { syslog: None, next_look: None, socket, buffer, mechanism, fitness, only_looks_up };
        if setup.sandbox {
            enter_sandbox(&worker.rules());
        }
        Ok(worker)
    }

    fn role(&self) -> Role {
        self.mechanism.as_ref().map_or(Role::Errands, |mechanism| mechanism.sandbox().role)
    }

    fn rules(&self) -> Rules {
        if let Some(mechanism) = &self.mechanism {
            return mechanism.sandbox();
        }
        let mut rules = Rules::errands();
        if LOGINS.with_borrow(Option::is_some) {
            allow_kerberos(&mut rules);
        }
        rules
    }

    fn serve(&mut self) -> Result<(), WorkerError> {
        let peer = self.mechanism.as_ref().and_then(|mechanism| mechanism.default_peer());
        say(&self.socket, &FromWorker::Ready(peer))?;
        while let Some(message) = receive(&self.socket, &mut self.buffer)? {
            let jobs = match message {
                ToWorker::Job(job, purpose) => vec![(job, purpose)],
                ToWorker::Jobs(jobs) => jobs,
                ToWorker::LogLevel(level) => {
                    logging::set_level(level);
                    continue;
                }
                ToWorker::Setup(_) => return Err(WorkerError::Malformed),
            };
            if self.work(jobs)? == Next::End {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Does what has come in one message.
    fn work(&mut self, jobs: Vec<(JobId, Purpose)>) -> Result<Next, WorkerError> {
        let mut worst = Completion::Done;
        let mut answers = Vec::with_capacity(jobs.len());
        for (job, purpose) in jobs {
            let answer = self.carry_out(job, purpose);
            worst = worst.max(self.completion_of(&answer));
            answers.push((job, answer));
        }
        // Before the answers: with them come the next jobs.
        let unfit = self.fitness.judge(worst, Instant::now());
        if let Some(unfit) = &unfit {
            log::log!(target: "worker", unfit.level(), "{unfit}; it is replaced");
            say(&self.socket, &FromWorker::Retiring)?;
        }
        if unfit == Some(Unfit::Impaired) {
            answers = answers.into_iter().map(|(job, answer)| (job, without_refusal(answer))).collect();
        }
        for message in encode_answers(&answers) {
            socket::send(self.socket.as_fd(), message.as_bytes())?;
        }
        Ok(if unfit.is_some() { Next::End } else { Next::Job })
    }

    fn completion_of(&self, answer: &Answer) -> Completion {
        match answer {
            Answer::Verdict(Verdict { outcome: Outcome::Accept(_), .. }) => Completion::Done,
            Answer::Errand(result) if !matches!(result, ErrandResult::Failed(_)) => Completion::Done,
            _ if self.mechanism.as_ref().is_some_and(|mechanism| mechanism.is_impaired()) => {
                Completion::Impaired
            }
            _ => Completion::NotDone,
        }
    }

    /// Looks before each login whether the redirection is there: a module may have called openlog(3) itself. Nobody else uses
    /// syslog(3) here.
    fn redirect_syslog(&mut self) {
        if self.only_looks_up {
            return;
        }
        let now = Instant::now();
        let due = self.next_look.is_none_or(|look| now >= look);
        if self.syslog.as_mut().is_some_and(SyslogRedirect::ensure) || !due {
            return;
        }
        self.syslog = SyslogRedirect::install(self.socket.as_fd());
        self.next_look = Some(now + LOOK_FOR_SYSLOG);
    }

    fn carry_out(&mut self, job: JobId, purpose: Purpose) -> Answer {
        self.redirect_syslog();
        if let Purpose::CheckLogin(credentials) = &purpose {
            // The lines that follow from this process are about it, those of PAM modules too.
            let login = logging::clean(&credentials.login);
            log::debug!(target: "", "DEBUG: login {job}: is checked here for {login}");
        }
        match (purpose, &mut self.mechanism) {
            (Purpose::CheckLogin(credentials), Some(mechanism)) => {
                Answer::Verdict(mechanism.verify(&credentials))
            }
            (Purpose::CheckLogin(_), None) => {
                Answer::Verdict(Outcome::internal_failure("a worker was asked that has no mechanism").into())
            }
            (Purpose::Errand(errand), _) => Answer::Errand(do_errand(errand)),
        }
    }
}

/// A module that cannot open its files or has no memory mostly says that there is no such user, or that the password is
/// wrong. From a process that lacks these that is no answer.
fn without_refusal(answer: Answer) -> Answer {
    match answer {
        Answer::Verdict(Verdict { outcome: Outcome::Reject(refusal), delay }) => {
            let reason = format!("the process is out of memory or descriptors: {}", refusal.reason);
            Answer::Verdict(Verdict { outcome: Outcome::unavailable(refusal.text, reason), delay })
        }
        answer => answer,
    }
}

thread_local! {
    /// The logins by GSSAPI that this thread has begun.
    static LOGINS: RefCell<Option<Logins>> = const { RefCell::new(None) };
}

/// Lets [`do_errand`] log in by GSSAPI in this thread, with the keytab or cache at `path`, which `source` opens.
pub fn log_in_with(path: PathBuf, source: Box<dyn FileSource>) {
    let logins = Logins::new(CredentialFile::new(path, source), std::process::id());
    LOGINS.set(Some(logins));
}

/// Does what would block the event loop.
pub fn do_errand(errand: Errand) -> ErrandResult {
    let done = match errand {
        Errand::Resolve { host, service } => resolve::addresses(&host, &service).map(ErrandResult::Addresses),
        Errand::CheckPassword { password, stored } => {
            schemes::check(password.as_bytes(), stored.as_bytes()).map(ErrandResult::PasswordChecked)
        }
        Errand::DeriveKey { digest, password, salt, rounds } => {
            pbkdf2::derive_key(digest, password.as_bytes(), &salt, rounds).map(ErrandResult::Key)
        }
        Errand::Gssapi(step) => LOGINS.with_borrow_mut(|logins| match logins {
            Some(logins) => logins.step(step, Instant::now()).map(ErrandResult::Gssapi),
            None => Err("there is neither a keytab nor a cache of Kerberos tickets here".to_owned()),
        }),
    };
    done.unwrap_or_else(ErrandResult::Failed)
}

fn start(
    setup: &mut WorkerSetup,
    file: Option<Box<dyn FileSource>>,
) -> Result<Option<Box<dyn LocalMechanism>>, MechanismError> {
    let Some(name) = &setup.mechanism else {
        if let (Some(path), Some(source)) = (setup.option.take(), file) {
            log_in_with(path.into(), source);
        }
        return Ok(None);
    };
    match registry::find(name).map(|mechanism| &mechanism.kind) {
        Some(Kind::Local(local)) => {
            let instance = setup.instance.take();
            let settings = RawSettings { instance, file: setup.conf.take(), ..RawSettings::default() };
            (local.start)(Means { option: setup.option.as_deref(), file, settings }).map(Some)
        }
        Some(Kind::Remote(..)) => Err(MechanismError(format!("{name} is asked without a worker"))),
        None => Err(MechanismError(format!("unknown authentication mechanism: {name}"))),
    }
}

/// Gives up what this worker needs no more.
fn enter_sandbox(rules: &Rules) {
    // libc reads the time zone now.
    let _ = LocalTime::now();
    let in_force = sandbox::enter(rules);
    log::debug!(target: "worker", "sandbox in force: {in_force}");
}

/// The library, while it can be mapped from wherever it is, and its configuration, which may be anywhere.
fn allow_kerberos(rules: &mut Rules) {
    if let Err(error) = gssapi::load() {
        log::error!(target: "worker", "{error}");
    }
    let named = std::env::var_os(KRB5_CONFIG).unwrap_or_default();
    std::env::split_paths(&named).for_each(|path: PathBuf| rules.allow_reading(Path::new(&path)));
}

/// The first message, which is the supervisor's, and the socket that comes with it if the mechanism has a file.
fn receive_setup(socket: &OwnedFd) -> Result<(WorkerSetup, Option<Box<dyn FileSource>>), WorkerError> {
    let mut buffer = Secret::default();
    buffer.resize(LARGEST_SETUP);
    let received = socket::receive_with_descriptor(socket.as_fd(), buffer.as_mut_bytes())?;
    let (length, file) = received.ok_or(WorkerError::Malformed)?;
    match ToWorker::decode(buffer.as_bytes().get(..length).unwrap_or_default())? {
        ToWorker::Setup(setup) => {
            Ok((setup, file.map(|file| Box::new(FromSupervisor(file)) as Box<dyn FileSource>)))
        }
        _ => Err(WorkerError::Malformed),
    }
}

/// The next message; `None` when the frontend is gone or has done with this worker. The buffer is wiped.
fn receive(socket: &OwnedFd, buffer: &mut Secret) -> Result<Option<ToWorker>, WorkerError> {
    let Some(length) = socket::receive(socket.as_fd(), buffer.as_mut_bytes())? else { return Ok(None) };
    let message = ToWorker::decode(buffer.as_bytes().get(..length).unwrap_or_default());
    buffer.wipe_first(length);
    Ok(Some(message?))
}

fn say(socket: &OwnedFd, message: &FromWorker) -> Result<(), WorkerError> {
    Ok(socket::send(socket.as_fd(), message.encode().as_bytes())?)
}
