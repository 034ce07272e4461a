//! The frontend: one thread, one event loop, all clients. Nothing in it blocks.
//!
//! It only moves bytes and time between the kernel and the [`Dispatcher`], which decides.
#![forbid(unsafe_code)]

mod client;
mod clients;
mod control;
mod echoes;
mod listener;
mod record;
mod token;
mod workers;

use crate::config::Service;
use crate::dispatch::{Action, ClientId, Dispatcher};
use crate::ipc::{FromFrontend, ToFrontend};
use crate::log as logging;
use crate::outcome::Outcome;
use crate::pool::WorkerId;
use crate::strerror::strerror;
use crate::supervisor::leave_to_supervisor;
use crate::sys::{harden, spawn};
use clients::{Clients, Step};
use control::Control;
use listener::Listener;
use mio::event::Event;
use mio::{Events, Poll};
use std::io;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};
use token::Source;
use workers::{FromWorkers, Workers};

/// Events taken from the kernel at once.
const EVENTS: usize = 256;

/// Descriptors that are neither clients within the bound nor workers: standard streams, sockets to supervisor and
/// log, a spare, and clients that are turned away.
const OTHER_DESCRIPTORS: usize = 32 + clients::MOST_SURPLUS;

/// How long the log may take the last lines of a process that ends.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// How long requests in flight may take when the daemon is stopping; the supervisor waits a little longer.
const HURRY_TIME: Duration = Duration::from_secs(4);

/// `main` of a frontend process; its sockets are at the fixed descriptors of [`spawn`].
pub fn run() -> ! {
    harden::name_process();
    harden::forbid_memory_dumps();
    leave_to_supervisor();
    let mut frontend = Frontend::set_up();
    let served = frontend.as_mut().map_or(Ok(()), Frontend::serve);
    // Said before the socket to the supervisor closes, which takes that for the end of this process.
    let failed = frontend.as_ref().err().or_else(|| served.as_ref().err());
    if let Some(error) = failed {
        log::error!(target: "frontend", "The frontend cannot go on: {}", strerror(error));
    }
    logging::flush_briefly(LAST_WORDS);
    harden::end_at_once(u8::from(failed.is_some()))
}

/// How many clients can be served, at most `--max-connections`; or why none.
fn room_for_clients(service: &Service) -> Result<usize, String> {
    let limit = harden::raise_descriptor_limit();
    let (wanted, processes) = (service.max_connections, service.workers.most);
    match limit.saturating_sub(OTHER_DESCRIPTORS + processes) {
        0 => Err(format!(
            "the limit of {limit} open descriptors leaves none for clients beside {processes} processes"
        )),
        room if room < wanted => {
            log::warn!(
                target: "frontend",
                "--max-connections={wanted} is more than the limit on open descriptors allows: {room} are served"
            );
            Ok(room)
        }
        _ => Ok(wanted),
    }
}

struct Frontend {
    poll: Poll,
    control: Control,
    listener: Listener,
    clients: Clients,
    workers: Workers,
    dispatcher: Dispatcher,
    /// Whether the supervisor knows that logins are served.
    announced: bool,
    /// Set by `Drain`: nothing new is taken.
    draining: bool,
    /// When the daemon is stopping: the requests that still wait then are given up.
    give_up_at: Option<Instant>,
}

impl Frontend {
    fn set_up() -> io::Result<Self> {
        let listener = spawn::inherited(spawn::LISTENER)?;
        let mut control = Control::new(spawn::inherited(spawn::CONTROL)?)?;
        let setup = control.receive_setup()?;
        logging::init(setup.log, setup.verbose);
        let mut service = setup.service;
        service.max_connections = room_for_clients(&service).map_err(|reason| {
            control.send(FromFrontend::Failed(reason.clone()));
            io::Error::other(reason)
        })?;
        let poll = Poll::new()?;
        control.register(poll.registry())?;
        let now = Instant::now();
        Ok(Self {
            clients: Clients::new(&service, poll.registry().try_clone()?),
            workers: Workers::new(poll.registry().try_clone()?),
            dispatcher: Dispatcher::new(service, &harden::random_key()?, now),
            listener: Listener::new(listener)?,
            poll,
            control,
            announced: false,
            draining: false,
            give_up_at: None,
        })
    }

    fn serve(&mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(EVENTS);
        self.carry_out(Instant::now());
        while !self.is_done() {
            let timeout = self.next_timeout().map(|due| due.saturating_duration_since(Instant::now()));
            match self.poll.poll(&mut events, timeout) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                result => result?,
            }
            let now = Instant::now();
            for event in &events {
                self.handle(event, now)?;
            }
            self.accept(now);
            self.handle_timeouts(now);
        }
        Ok(())
    }

    fn is_done(&self) -> bool {
        self.draining && self.dispatcher.is_idle() && self.clients.are_all_answered()
    }

    fn handle(&mut self, event: &Event, now: Instant) -> io::Result<()> {
        match token::source(event.token()) {
            Source::Control => self.handle_control(now)?,
            Source::Listener => self.listener.handle_readable(),
            Source::Client(client) => {
                let step = self.clients.handle_readable(client, now);
                self.take(step, now);
            }
            Source::Worker(worker) => {
                let heard = self.workers.handle_readable(worker, event.is_read_closed());
                heard.into_iter().for_each(|message| self.handle_worker(message, now));
            }
        }
        self.carry_out(now);
        Ok(())
    }

    /// Takes new connections, a batch at a time so that those who wait for a verdict are not kept waiting.
    fn accept(&mut self, now: Instant) {
        for _ in 0..listener::BATCH {
            let Some(stream) = self.listener.accept(now) else { return };
            if self.clients.are_full() || self.listener.is_short_of_descriptors() {
                self.clients.cut(stream, now);
                continue;
            }
            let step = self.clients.welcome(stream, now);
            self.take(step, now);
            self.carry_out(now);
        }
    }

    fn take(&mut self, step: Step, now: Instant) {
        match step {
            Step::Nothing => {}
            Step::Request(client, credentials) => self.dispatcher.handle_request(client, credentials, now),
            Step::Invalid(client, invalid) => {
                log::error!(target: "do_request", "{invalid}");
                self.clients.reply_text(client, &invalid.reply(), now);
            }
        }
    }

    fn handle_control(&mut self, now: Instant) -> io::Result<()> {
        while let Some((message, descriptor)) = self.control.receive()? {
            match message {
                ToFrontend::Setup(_) => return Err(io::Error::other("the configuration came twice")),
                ToFrontend::Accept => self.listener.open(self.poll.registry())?,
                ToFrontend::Worker(worker) => self.add_worker(worker, descriptor),
                ToFrontend::WorkerDied(worker) => {
                    let heard = self.workers.handle_death(worker);
                    heard.into_iter().for_each(|message| self.handle_worker(message, now));
                }
                ToFrontend::StartFailed => self.dispatcher.handle_start_failed(now),
                ToFrontend::Drain { hurry } => self.drain(hurry),
            }
        }
        self.control.flush();
        Ok(())
    }

    fn add_worker(&mut self, worker: WorkerId, socket: Option<OwnedFd>) {
        self.dispatcher.handle_worker(worker);
        let no_socket = || io::Error::from(io::ErrorKind::NotFound);
        let added = socket.ok_or_else(no_socket).and_then(|socket| self.workers.add(worker, socket));
        if let Err(error) = added {
            log::error!(target: "frontend", "A worker could not be added: {}", strerror(&error));
            self.dispatcher.handle_worker_gone(worker, Instant::now());
        }
    }

    fn drain(&mut self, hurry: bool) {
        self.draining = true;
        self.listener.close(self.poll.registry());
        if hurry {
            self.clients.give_up_unfinished();
            self.give_up_at = Some(Instant::now() + HURRY_TIME);
        }
    }

    fn handle_worker(&mut self, heard: FromWorkers, now: Instant) {
        match heard {
            FromWorkers::Ready(worker) => {
                self.dispatcher.handle_ready(worker);
                if !self.announced {
                    self.announced = true;
                    self.control.send(FromFrontend::Ready);
                }
            }
            FromWorkers::Verdict(worker, job, verdict) => {
                self.dispatcher.handle_verdict(worker, job, verdict, now);
            }
            FromWorkers::Failed(worker, reason) => {
                log::error!(target: "frontend", "{reason}");
                self.dispatcher.handle_worker_gone(worker, now);
                if !self.announced {
                    self.control.send(FromFrontend::Failed(reason));
                }
            }
            FromWorkers::Gone(worker) => self.dispatcher.handle_worker_gone(worker, now),
            FromWorkers::Malformed(worker) => {
                log::error!(target: "frontend", "A worker sent what is no message and is replaced");
                self.control.send(FromFrontend::Kill(worker));
                self.dispatcher.handle_worker_gone(worker, now);
            }
        }
    }

    fn carry_out(&mut self, now: Instant) {
        while let Some(action) = self.dispatcher.next_action() {
            match action {
                Action::Reply(client, outcome) => self.reply(client, &outcome, now),
                Action::StartWorker => self.control.send(FromFrontend::Start),
                Action::Send(worker, job, credentials) => {
                    if !self.workers.send(worker, job, &credentials) {
                        self.dispatcher.handle_undelivered(worker, job, credentials, now);
                    }
                }
                Action::Retire(worker) => self.workers.remove(worker),
                Action::Kill(worker) => {
                    self.workers.remove(worker);
                    self.control.send(FromFrontend::Kill(worker));
                }
                Action::Log(event) => record::write(&event, self.clients.mechanism()),
            }
        }
    }

    fn reply(&mut self, client: ClientId, outcome: &Outcome, now: Instant) {
        match outcome {
            Outcome::Unavailable(_) => self.clients.reply_unavailable(client, outcome, now),
            Outcome::Accept(_) | Outcome::Reject(_) => self.clients.reply_text(client, &outcome.reply(), now),
        }
    }

    fn next_timeout(&self) -> Option<Instant> {
        let now = Instant::now();
        let due = [
            self.dispatcher.next_timeout(),
            self.clients.next_timeout(),
            self.listener.next_timeout(),
            self.give_up_at,
            self.control.next_timeout(),
            logging::pending(now).map(|wait| now + wait),
        ];
        due.into_iter().flatten().min()
    }

    fn handle_timeouts(&mut self, now: Instant) {
        if self.dispatcher.next_timeout().is_some_and(|due| due <= now) {
            self.dispatcher.handle_timeout(now);
            self.carry_out(now);
        }
        if self.give_up_at.is_some_and(|due| due <= now) {
            self.give_up_at = None;
            self.dispatcher.give_up("the daemon is stopping", now);
            self.carry_out(now);
        }
        self.clients.handle_timeout(now);
        self.control.flush();
        logging::retry(now);
    }
}
