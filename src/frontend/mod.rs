//! The frontend: one thread, one event loop, all clients. Nothing in it blocks.
//!
//! It only moves bytes and time between the kernel and the [`Dispatcher`], which decides.
#![forbid(unsafe_code)]

mod client;
mod clients;
mod control;
mod endpoint;
mod handover;
mod listener;
mod listeners;
mod networks;
mod places;
mod record;
mod repeated_lines;
mod token;
mod workers;

use crate::config::FrontendSettings;
use crate::config::site::Protocol;
use crate::config::site::{InstanceId, PoolId, Site};
use crate::ipc::{EndpointKey, FromFrontend, FrontendSetup, HandedOver, ToFrontend};
use crate::job::WorkerId;
use crate::log as logging;
use crate::mechanism::failed_to_initialize;
use crate::net::{Network, NetworkAction};
use crate::outcome::Outcome;
use crate::policy::dispatch::{Action, ClientId, Dispatcher, RequestId};
use crate::policy::room::{Demand, Room, TooFewDescriptors};
use crate::registry::site;
use crate::settings::file::Problem;
use crate::strerror::strerror;
use crate::sys::{descriptor, memory, process, random, signals, spawn};
use clients::{Clients, Step};
use control::Control;
use endpoint::Endpoint;
use handover::{Given, Handover};
use listeners::{Accepted, Listeners};
use mio::event::Event;
use mio::net::UnixStream;
use mio::{Events, Poll};
use networks::Networks;
use std::collections::BTreeSet;
use std::io;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::time::{Duration, Instant};
use token::Subject;
use workers::{FromWorkers, Workers};

/// Events taken from the kernel at once.
const EVENTS: usize = 256;

/// How many may wait to be accepted at a socket that is closed for good, which are then taken at once: what Linux
/// allows by default.
const LONGEST_BACKLOG: usize = 4096;

/// How long the log may take the last lines of a process that ends.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// How long requests in flight may take when the daemon is stopping; the supervisor waits a little longer.
const HURRY_TIME: Duration = Duration::from_secs(4);

/// `main` of a frontend process; its sockets are at the fixed descriptors of [`spawn`].
pub fn run() -> ! {
    process::set_name();
    memory::forbid_dumps();
    signals::ignore();
    let mut frontend = Frontend::set_up();
    let served = frontend.as_mut().map_or(Ok(()), Frontend::serve);
    // Said before the socket to the supervisor closes, which takes that for the end of this process.
    let failed = frontend.as_ref().err().or_else(|| served.as_ref().err());
    if let Some(error) = failed {
        log::error!(target: "frontend", "The frontend cannot go on: {}", strerror(error));
    }
    logging::flush_briefly(LAST_WORDS);
    process::end_at_once(u8::from(failed.is_some()))
}

struct Frontend {
    poll: Poll,
    control: Control,
    listeners: Listeners,
    clients: Clients,
    workers: Workers,
    networks: Networks,
    dispatcher: Dispatcher,
    site: Rc<Site>,
    /// `--request-timeout`
    request_timeout: Duration,
    /// Whether the supervisor knows that logins are served.
    announced: bool,
    /// Set by `Drain`: nothing new is taken.
    draining: bool,
    /// While silent connections change hands: from the frontend before this one, or to the next once it drains.
    handover: Option<Handover>,
    /// When the daemon is stopping: the requests that still wait then are given up.
    give_up_at: Option<Instant>,
}

/// What a frontend serves with.
struct Equipment {
    poll: Poll,
    clients: Clients,
    workers: Workers,
    networks: Networks,
    dispatcher: Dispatcher,
    site: Rc<Site>,
    request_timeout: Duration,
}

impl Equipment {
    /// The sentence says why it cannot be had.
    fn make(setup: FrontendSetup, control: &Control) -> Result<Self, String> {
        let cannot = |error: io::Error| format!("The frontend cannot be set up: {}", strerror(&error));
        let mut service = setup.settings;
        let (site, problems) = site::resolve(&service, &[], &setup.sources);
        if let Some(problem) = problems.iter().find(|problem| Problem::is_error(problem)) {
            return Err(problem.to_string());
        }
        let room = room(&service, &site, setup.listeners).map_err(|too_few| too_few.to_string())?;
        service.max_connections = room.clients;
        service.network.most_connections = room.connections;
        let poll = Poll::new().map_err(cannot)?;
        let registry = || poll.registry().try_clone().map_err(cannot);
        let site = Rc::new(site);
        let networks = Networks::new(&site, &service.network, &setup.sources, poll.registry())?;
        control.register(poll.registry()).map_err(cannot)?;
        let key = random::key().map_err(cannot)?;
        Ok(Self {
            clients: Clients::new(&service, room.beyond, registry()?),
            workers: Workers::new(registry()?),
            networks,
            dispatcher: Dispatcher::new(&service, Rc::clone(&site), &key, Instant::now()),
            site,
            request_timeout: service.request_timeout,
            poll,
        })
    }
}

/// The room that this process has, and a line in the log if it is less than was asked for.
fn room(settings: &FrontendSettings, site: &Site, listeners: usize) -> Result<Room, TooFewDescriptors> {
    let room = Room::below(descriptor::raise_limit(), &Demand::of(settings, site, listeners))?;
    if room.clients < settings.max_connections {
        log::warn!(
            target: "frontend",
            "--max-connections={} is more than the limit on open descriptors allows: {} are served",
            settings.max_connections,
            room.clients
        );
    }
    Ok(room)
}

impl Frontend {
    fn set_up() -> io::Result<Self> {
        let mut control = Control::new(spawn::inherited(spawn::CONTROL)?)?;
        let setup = control.receive_setup()?;
        logging::init(setup.log, setup.verbose);
        let Equipment { poll, clients, workers, networks, dispatcher, site, request_timeout } =
            Equipment::make(setup, &control).map_err(|reason| {
                // Whoever waits for the daemon to start is told.
                control.send(FromFrontend::Failed(reason.clone()));
                io::Error::other(reason)
            })?;
        Ok(Self {
            poll,
            control,
            listeners: Listeners::new(),
            clients,
            workers,
            networks,
            dispatcher,
            site,
            request_timeout,
            announced: false,
            draining: false,
            handover: None,
            give_up_at: None,
        })
    }

    fn serve(&mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(EVENTS);
        self.carry_out(Instant::now());
        self.announce();
        while !self.is_done() {
            let timeout = self.next_timeout().map(|due| due.saturating_duration_since(Instant::now()));
            match self.poll.poll(&mut events, timeout) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                result => result?,
            }
            let now = Instant::now();
            // What the supervisor says comes first: after a reload no request is answered by what was true before.
            if events.iter().any(|event| event.token() == token::CONTROL) {
                self.handle_control(now)?;
                self.carry_out(now);
            }
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
        self.draining
            && self.handover.is_none()
            && self.dispatcher.is_idle()
            && self.clients.are_all_answered()
    }

    fn handle(&mut self, event: &Event, now: Instant) -> io::Result<()> {
        match token::subject(event.token()) {
            Subject::Control => {}
            Subject::Listener(listener) => self.listeners.handle_readable(listener),
            Subject::Handover => self.continue_handover(now),
            // Whatever it says is for the next frontend.
            Subject::Client(client)
                if self.handover.as_ref().is_some_and(|handover| handover.gives_away(client)) => {}
            Subject::Client(client) => {
                let step = self.clients.handle_event(client, event, now);
                self.take(step, now);
            }
            Subject::Connection(number) => self.networks.handle_event(number, event, now),
            Subject::Worker(worker) => {
                let heard = self.workers.handle_readable(worker, event.is_read_closed());
                heard.into_iter().for_each(|message| self.handle_worker(message, now));
            }
        }
        self.carry_out(now);
        Ok(())
    }

    /// Takes new connections, a batch at a time so that those who wait for a verdict are not kept waiting.
    fn accept(&mut self, now: Instant) {
        self.accept_up_to(listeners::BATCH, now);
    }

    fn accept_up_to(&mut self, most: usize, now: Instant) {
        for _ in 0..most {
            match self.listeners.accept(now) {
                Accepted::Nobody => return,
                Accepted::Refused => {}
                Accepted::Connection(stream, endpoint) => {
                    let is_short = self.listeners.is_short_of_descriptors();
                    if !is_short || self.clients.has_descriptor_for(&stream, now) {
                        self.welcome(stream, endpoint, now);
                    }
                }
            }
        }
    }

    /// Takes a connection that nobody has looked at yet.
    fn welcome(&mut self, stream: UnixStream, endpoint: Rc<Endpoint>, now: Instant) {
        match endpoint.protocol {
            Protocol::Mux => self.welcome_client(stream, endpoint, now),
            // The supervisor hands in none as long as nobody here speaks it.
            Protocol::Dovecot => {}
        }
    }

    /// It is watched only if its answer has to be waited for.
    fn welcome_client(&mut self, stream: UnixStream, endpoint: Rc<Endpoint>, now: Instant) {
        let step = self.clients.welcome(stream, endpoint, now);
        let asks = match &step {
            Step::Request(client, _) => Some(*client),
            Step::Nothing | Step::Invalid(..) | Step::HungUp(_) => None,
        };
        self.take(step, now);
        self.carry_out(now);
        asks.into_iter().for_each(|client| self.clients.await_hang_up(client));
    }

    fn take(&mut self, step: Step, now: Instant) {
        for client in self.clients.take_displaced() {
            self.dispatcher.handle_hang_up(RequestId::sole(client), now);
        }
        match step {
            Step::Nothing => {}
            Step::Request(client, credentials) => {
                if log::log_enabled!(log::Level::Debug) {
                    let origin = self.clients.origin(client);
                    origin.iter().for_each(|origin| record::write_origin(origin, &credentials));
                }
                let Some(endpoint) = self.clients.endpoint(client) else { return };
                let (request, deadline) = (RequestId::sole(client), now + self.request_timeout);
                let uid = || self.clients.uid_if_there(client);
                self.dispatcher.handle_request(request, &endpoint.name, credentials, uid, deadline, now);
            }
            Step::HungUp(client) => self.dispatcher.handle_hang_up(RequestId::sole(client), now),
            Step::Invalid(client, invalid) => {
                log::error!(target: "do_request", "{invalid}");
                if let Some(origin) = self.clients.origin(client) {
                    log::debug!(target: "frontend", "An invalid request came in: {origin}");
                }
                self.clients.reply_text(client, &invalid.reply(), now);
            }
        }
    }

    fn handle_control(&mut self, now: Instant) -> io::Result<()> {
        while let Some((message, descriptor)) = self.control.receive()? {
            match message {
                ToFrontend::Setup(_) => return Err(io::Error::other("the configuration came twice")),
                ToFrontend::Listener(listener) => {
                    let socket = descriptor.ok_or(io::ErrorKind::NotFound)?;
                    self.listeners.add(listener, socket)?;
                }
                ToFrontend::Accept => {
                    self.listeners.open(self.poll.registry())?;
                    self.begin_handover(descriptor, BTreeSet::new(), now);
                }
                ToFrontend::Worker(worker, pool) => self.add_worker(worker, pool, descriptor, now),
                ToFrontend::WorkerDied(worker) => {
                    let heard = self.workers.handle_death(worker);
                    heard.into_iter().for_each(|message| self.handle_worker(message, now));
                }
                ToFrontend::StartFailed(pool) => self.dispatcher.handle_start_failed(pool, now),
                ToFrontend::Ping => self.control.send(FromFrontend::Pong),
                ToFrontend::Drain { hurry, staying } => self.drain(hurry, &staying, descriptor, now),
            }
        }
        self.control.flush();
        Ok(())
    }

    fn add_worker(&mut self, worker: WorkerId, pool: PoolId, socket: Option<OwnedFd>, now: Instant) {
        self.dispatcher.handle_worker(worker, pool, now);
        let no_socket = || io::Error::from(io::ErrorKind::NotFound);
        let added = socket.ok_or_else(no_socket).and_then(|socket| self.workers.add(worker, socket));
        if let Err(error) = added {
            log::error!(target: "frontend", "A worker could not be added: {}", strerror(&error));
            self.dispatcher.handle_worker_gone(worker, now);
        }
    }

    fn drain(&mut self, hurry: bool, staying: &[EndpointKey], next: Option<OwnedFd>, now: Instant) {
        self.draining = true;
        self.dispatcher.forget_all();
        if !hurry {
            // At the others nobody can connect any more, and whoever has is not left to nobody.
            self.listeners.close_those(staying, self.poll.registry());
            self.accept_up_to(LONGEST_BACKLOG, now);
        }
        self.listeners.close_all(self.poll.registry());
        self.control.send(FromFrontend::Closed);
        let silent = self.clients.all_silent(|endpoint| staying.iter().any(|key| endpoint.is(key)));
        self.begin_handover(next, silent, now);
        if hurry {
            self.clients.give_up_unfinished();
            self.give_up_at = Some(now + HURRY_TIME);
        }
    }

    fn begin_handover(&mut self, socket: Option<OwnedFd>, silent: BTreeSet<ClientId>, now: Instant) {
        let registry = self.poll.registry();
        self.handover = socket.and_then(|socket| Handover::new(socket, silent, registry).ok());
        self.continue_handover(now);
    }

    fn continue_handover(&mut self, now: Instant) {
        let Some(handover) = &mut self.handover else { return };
        if !self.draining {
            let (taken, goes_on) = handover.take();
            self.handover.take_if(|_| !goes_on);
            taken.into_iter().for_each(|(message, stream)| self.take_over(&message, stream, now));
            return;
        }
        match handover.give(&mut self.clients) {
            Given::Some => {}
            Given::All => self.handover = None,
            Given::Refused(silent) => {
                self.handover = None;
                // Their events were left alone.
                for client in silent {
                    let step = self.clients.read_on(client, now);
                    self.take(step, now);
                }
            }
        }
    }

    /// Takes a connection from the frontend before. Its endpoint may let others in than it did there.
    fn take_over(&mut self, handed_over: &HandedOver, stream: UnixStream, now: Instant) {
        let Some(endpoint) = self.listeners.find(&handed_over.endpoint) else { return };
        if self.listeners.is_admitted(&stream, &endpoint, now) {
            self.welcome(stream, endpoint, now);
        }
    }

    fn handle_worker(&mut self, heard: FromWorkers, now: Instant) {
        match heard {
            FromWorkers::Ready(worker) => {
                self.dispatcher.handle_ready(worker, now);
                self.announce();
            }
            FromWorkers::Retiring(worker) => self.dispatcher.handle_retiring(worker, now),
            FromWorkers::Answer(worker, job, answer) => {
                self.dispatcher.handle_answer(worker, job, answer, now);
            }
            FromWorkers::Failed(worker, reason) => {
                self.refuse_worker(worker, &reason);
                self.dispatcher.handle_worker_gone(worker, now);
            }
            FromWorkers::Gone(worker) => self.dispatcher.handle_worker_gone(worker, now),
            FromWorkers::Malformed(worker) => {
                log::error!(target: "frontend", "A worker sent what is no message and is replaced");
                self.control.send(FromFrontend::Kill(worker));
                self.dispatcher.handle_worker_gone(worker, now);
            }
        }
    }

    /// Tells the supervisor, once, when every pool has a worker that is ready.
    fn announce(&mut self) {
        if !self.announced && self.dispatcher.is_ready() {
            self.announced = true;
            self.control.send(FromFrontend::Ready);
        }
    }

    /// A worker cannot use its mechanism. With several of them the line in the log names it.
    fn refuse_worker(&mut self, worker: WorkerId, reason: &str) {
        let pool = self.dispatcher.pool_of(worker).and_then(|pool| self.site.pools.get(pool.0));
        let instance = pool.and_then(|pool| self.site.instances.get(pool.instance?.0));
        let name = instance.map_or("", |instance| &instance.name);
        let whole = failed_to_initialize(name, &reason);
        let told = if self.site.instances.len() > 1 { &whole } else { reason };
        log::error!(target: "frontend", "{told}");
        if !self.announced {
            self.control.send(FromFrontend::Failed(whole));
        }
    }

    /// Does what the dispatcher wants, and what the servers' answers lead to, until there is nothing more.
    fn carry_out(&mut self, now: Instant) {
        loop {
            while let Some(action) = self.dispatcher.next_action() {
                self.act(action, now);
            }
            match self.networks.next_action() {
                None => return,
                Some((instance, NetworkAction::Decided(job, verdict))) => {
                    self.dispatcher.handle_decision(instance, job, verdict, now);
                }
                Some((instance, NetworkAction::Errand(id, errand, login))) => {
                    self.dispatcher.handle_errand(instance, id, errand, login, now);
                }
            }
        }
    }

    fn act(&mut self, action: Action, now: Instant) {
        match action {
            Action::Reply(request, outcome) => self.reply(request.client, &outcome, now),
            Action::StartWorker(pool) => self.control.send(FromFrontend::Start(pool)),
            Action::Send(worker, job, purpose) => {
                if !self.workers.send(worker, job, &purpose) {
                    self.dispatcher.handle_undelivered(worker, job, purpose, now);
                }
            }
            Action::Retire(worker) => self.workers.remove(worker),
            Action::Kill(worker) => {
                self.workers.remove(worker);
                self.control.send(FromFrontend::Kill(worker));
            }
            Action::Ask(instance, job, origin, credentials) => {
                self.with_network(instance, |network| network.ask(job, origin, credentials, now));
            }
            Action::Withdraw(instance, job) => {
                self.with_network(instance, |network| network.withdraw(job, now));
            }
            Action::Abandon(instance, job) => {
                self.with_network(instance, |network| network.abandon(job, now));
            }
            Action::Report(instance, id, result) => {
                self.with_network(instance, |network| network.handle_errand(id, result, now));
            }
            Action::Log(event) => record::write(&event, &self.site),
        }
    }

    fn with_network(&mut self, instance: InstanceId, act: impl FnOnce(&mut dyn Network)) {
        if let Some(network) = self.networks.get(instance) {
            act(network);
        }
    }

    /// Writes what the servers are to be asked: after all events, so that questions travel together.
    fn flush(&mut self, now: Instant) {
        self.networks.flush(now);
        self.carry_out(now);
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
            self.networks.next_timeout(),
            self.clients.next_timeout(),
            self.listeners.next_timeout(),
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
        self.networks.handle_timeout(now);
        self.carry_out(now);
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
