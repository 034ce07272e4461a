//! The frontend: one thread, one event loop, all clients. Nothing in it blocks.
//!
//! It only moves bytes and time between the kernel and the [`Dispatcher`], which decides.
#![forbid(unsafe_code)]

mod client;
mod clients;
mod control;
mod listener;
mod record;
mod repeated_lines;
pub(crate) mod start;
mod token;
mod workers;

use crate::dispatch::{Action, ClientId, Dispatcher, Route};
use crate::ipc::{FromFrontend, ToFrontend};
use crate::log as logging;
use crate::net::{Network, NetworkAction};
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

struct Frontend {
    poll: Poll,
    control: Control,
    listener: Listener,
    clients: Clients,
    workers: Workers,
    /// With a mechanism that asks servers.
    network: Option<Box<dyn Network>>,
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
        let mut refuse = |reason: String| {
            control.send(FromFrontend::Failed(reason.clone()));
            io::Error::other(reason)
        };
        let poll = Poll::new()?;
        let network = start::network(&service, &setup.sources, poll.registry())
            .map_err(|error| refuse(error.to_string()))?;
        let route = if network.is_some() { Route::Network } else { Route::Workers };
        service.max_connections = start::room_for_clients(&service, route).map_err(refuse)?;
        control.register(poll.registry())?;
        let now = Instant::now();
        Ok(Self {
            clients: Clients::new(&service, poll.registry().try_clone()?),
            workers: Workers::new(poll.registry().try_clone()?),
            dispatcher: Dispatcher::new(service, route, &harden::random_key()?, now),
            network,
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
            self.flush(now);
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
            Source::Connection(connection) => {
                if let Some(network) = &mut self.network {
                    network.handle_event(connection, event, now);
                }
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
            FromWorkers::Answer(worker, job, answer) => {
                self.dispatcher.handle_answer(worker, job, answer, now);
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

    /// Does what the dispatcher wants, and what the servers' answers lead to, until there is nothing more.
    fn carry_out(&mut self, now: Instant) {
        loop {
            while let Some(action) = self.dispatcher.next_action() {
                self.act(action, now);
            }
            match self.network.as_mut().and_then(|network| network.next_action()) {
                None => return,
                Some(NetworkAction::Decided(job, verdict)) => {
                    self.dispatcher.handle_decision(job, verdict, now);
                }
                Some(NetworkAction::Errand(id, errand)) => self.dispatcher.handle_errand(id, errand, now),
            }
        }
    }

    fn act(&mut self, action: Action, now: Instant) {
        match action {
            Action::Reply(client, outcome) => self.reply(client, &outcome, now),
            Action::StartWorker => self.control.send(FromFrontend::Start),
            Action::Send(worker, job, task) => {
                if !self.workers.send(worker, job, &task) {
                    self.dispatcher.handle_undelivered(worker, job, task, now);
                }
            }
            Action::Retire(worker) => self.workers.remove(worker),
            Action::Kill(worker) => {
                self.workers.remove(worker);
                self.control.send(FromFrontend::Kill(worker));
            }
            Action::Ask(job, credentials) => {
                if let Some(network) = &mut self.network {
                    network.ask(job, credentials, now);
                }
            }
            Action::Abandon(job) => {
                if let Some(network) = &mut self.network {
                    network.abandon(job, now);
                }
            }
            Action::Report(id, result) => {
                if let Some(network) = &mut self.network {
                    network.handle_errand(id, result, now);
                }
            }
            Action::Log(event) => record::write(&event, self.clients.mechanism()),
        }
    }

    /// Writes what the servers are to be asked: after all events, so that questions travel together.
    fn flush(&mut self, now: Instant) {
        if let Some(network) = &mut self.network {
            network.flush(now);
            self.carry_out(now);
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
            self.network.as_ref().and_then(|network| network.next_timeout()),
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
        if let Some(network) = &mut self.network {
            network.handle_timeout(now);
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
