//! The frontend: one thread, one event loop, all clients. Nothing in it blocks.
//!
//! It only moves bytes and time between the kernel and the [`Dispatcher`], which decides.
#![forbid(unsafe_code)]

mod auth_clients;
mod changeover;
mod client;
mod clients;
mod control;
mod control_answers;
mod control_clients;
mod control_penalties;
mod counters;
mod effects;
mod endpoint;
mod equipment;
mod handover;
mod listener;
mod listeners;
mod networks;
mod outages;
mod places;
mod predecessors;
mod record;
mod repeated_lines;
mod requests;
mod sandbox;
mod snapshot;
mod token;
mod worker_events;
mod workers;

use crate::config::log_level::LogLevel;
use crate::config::sandbox::Role;
use crate::config::site::{Protocol, Site};
use crate::ipc::{FromFrontend, ToFrontend};
use crate::log as logging;
use crate::policy::dispatch::Dispatcher;
use crate::strerror::strerror;
use crate::sys::{confinement, memory, process, signals, spawn};
use auth_clients::AuthClients;
use clients::Clients;
use control::Control;
use control_clients::ControlClients;
use counters::Counters;
use endpoint::Endpoint;
use equipment::Equipment;
use handover::Handover;
use listeners::{Accepted, Listeners};
use mio::event::Event;
use mio::net::UnixStream;
use mio::{Events, Poll};
use networks::Networks;
use outages::Outages;
use predecessors::Predecessors;
use std::io;
use std::rc::Rc;
use std::time::{Duration, Instant};
use token::Subject;
use workers::Workers;

/// Events taken from the kernel at once.
const EVENTS: usize = 256;

/// How long the log may take the last lines of a process that ends.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// `main` of a frontend process; its sockets are at the fixed descriptors of [`spawn`]. See
/// [`saslauthd_main_with`](crate::saslauthd_main_with) for the argument.
pub fn run(before_serving: fn(Role)) -> ! {
    process::set_name();
    memory::forbid_dumps();
    signals::ignore();
    let mut frontend = Frontend::set_up().inspect(|_| before_serving(Role::Frontend));
    let served = frontend.as_mut().map_or(Ok(()), Frontend::serve);
    if let Ok(frontend) = &mut frontend {
        record::write_sums(&frontend.outages.take_all(Instant::now()));
    }
    // Said before the socket to the supervisor closes, which takes that for the end of this process.
    frontend.iter_mut().for_each(|frontend| frontend.report(Instant::now()));
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
    auth_clients: AuthClients,
    control_clients: ControlClients,
    workers: Workers,
    networks: Networks,
    dispatcher: Dispatcher,
    site: Rc<Site>,
    /// The logins that could not be decided lately.
    outages: Outages,
    /// `--request-timeout`
    request_timeout: Duration,
    log_level: LogLevel,
    /// `-c`
    has_cache: bool,
    /// `--negative-cache-ttl`
    has_negative_cache: bool,
    /// Logins that were decided.
    decided: u64,
    /// Whether the supervisor knows that logins are served.
    announced: bool,
    /// Set by `Drain`: nothing new is taken.
    draining: bool,
    /// From whom connections come.
    predecessors: Predecessors,
    /// While it drains: to whom connections go.
    handover: Option<Handover>,
    /// What was counted, here and elsewhere.
    counters: Counters,
    /// When the daemon is stopping: the requests that still wait then are given up.
    give_up_at: Option<Instant>,
}

impl Frontend {
    fn set_up() -> io::Result<Self> {
        let mut control = Control::new(spawn::inherited(spawn::CONTROL)?)?;
        let (setup, tls_files) = control.receive_setup()?;
        let (log_level, has_cache) = (setup.log_level, setup.settings.cache.is_some());
        let has_negative_cache = !setup.settings.negative_cache_ttl.is_zero();
        logging::init(setup.log, log_level);
        if let Err(error) = process::lead_own_group() {
            log::warn!(
                target: "frontend",
                "The daemon's processes have no groups of their own (setpgid: {}), so what is sent to its group \
                 breaks off logins{}",
                strerror(&error),
                confinement::remark(&error)
            );
        }
        let has_sandbox = setup.sandbox;
        let equipment = Equipment::make(setup, tls_files, &control).map_err(|reason| {
            // Whoever waits for the daemon to start is told.
            control.send(FromFrontend::Failed(reason.clone()));
            io::Error::other(reason)
        })?;
        // Before it is ready, and so before it has seen a client.
        sandbox::enter(has_sandbox, &equipment.networks);
        Ok(Self {
            poll: equipment.poll,
            control,
            listeners: Listeners::new(),
            clients: equipment.clients,
            auth_clients: equipment.auth_clients,
            control_clients: equipment.control_clients,
            workers: equipment.workers,
            networks: equipment.networks,
            dispatcher: equipment.dispatcher,
            site: equipment.site,
            outages: Outages::default(),
            request_timeout: equipment.request_timeout,
            log_level,
            has_cache,
            has_negative_cache,
            decided: 0,
            announced: false,
            draining: false,
            predecessors: Predecessors::default(),
            handover: None,
            counters: Counters::new(Instant::now()),
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
            if self.draining {
                self.continue_handover(now);
            }
            self.report_if_due(now);
        }
        Ok(())
    }

    fn is_done(&self) -> bool {
        self.draining
            && self.handover.is_none()
            && self.dispatcher.is_idle()
            && (self.give_up_at.is_some() || !self.dispatcher.has_reports())
            && self.clients.are_all_answered()
            && self.auth_clients.is_empty()
            && self.control_clients.is_empty()
    }

    fn handle(&mut self, event: &Event, now: Instant) -> io::Result<()> {
        match token::subject(event.token()) {
            Subject::Control => {}
            Subject::Listener(listener) => self.listeners.handle_readable(listener),
            Subject::Handover => self.continue_handover(now),
            // Whatever it says is for the next frontend.
            Subject::Client(client)
                if self.handover.as_ref().is_some_and(|handover| handover.gives_away(client)) => {}
            Subject::Client(client) => self.handle_client(client, event, now),
            Subject::AuthClient(client) => self.auth_clients.handle_event(client, event, now),
            Subject::ControlClient(client) => {
                let asked = self.control_clients.hear(client, now);
                self.take_control_command(asked, now);
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

    /// Whether a connection that has got the last descriptor can be kept, since another one makes room for it.
    fn has_descriptor_for(&mut self, stream: &UnixStream, endpoint: &Endpoint, now: Instant) -> bool {
        match endpoint.protocol {
            Protocol::Mux => self.tell_early(now) || self.clients.has_descriptor_for(stream, now),
            Protocol::Dovecot => {
                self.tell_early(now) || self.auth_clients.make_room(clients::uid_of(stream), now)
            }
            // Soon done, and wanted most when nothing else works.
            Protocol::Control => true,
        }
    }

    fn accept_up_to(&mut self, most: usize, now: Instant) {
        for _ in 0..most {
            self.listeners.hold_back(Protocol::Control, self.control_clients.are_full());
            match self.listeners.accept(now) {
                Accepted::Nobody => return,
                Accepted::Refused => {}
                Accepted::Connection(stream, endpoint) => {
                    let is_short = self.listeners.is_short_of_descriptors();
                    if !is_short || self.has_descriptor_for(&stream, &endpoint, now) {
                        self.welcome(stream, endpoint, now);
                    }
                }
            }
        }
    }

    fn handle_control(&mut self, now: Instant) -> io::Result<()> {
        while let Some((message, descriptor)) = self.control.receive()? {
            match message {
                ToFrontend::Setup(_) | ToFrontend::TlsFiles => {
                    return Err(io::Error::other("the configuration came twice"));
                }
                ToFrontend::Listener(listener) => {
                    let socket = descriptor.ok_or(io::ErrorKind::NotFound)?;
                    self.listeners.add(listener, socket)?;
                }
                ToFrontend::Accept => {
                    self.listeners.open(self.poll.registry())?;
                    self.succeed(descriptor, now);
                }
                ToFrontend::Worker(worker, pool) => self.add_worker(worker, pool, descriptor, now),
                ToFrontend::WorkerDied(worker) => {
                    let heard = self.workers.handle_death(worker);
                    heard.into_iter().for_each(|message| self.handle_worker(message, now));
                }
                ToFrontend::StartFailed(pool) => self.dispatcher.handle_start_failed(pool, now),
                ToFrontend::LogLevel(level) => self.change_log_level(level, now),
                ToFrontend::Totals(totals, daemon) => self.counters.handle_told(&totals, daemon, now),
                ToFrontend::Ping => {
                    self.report(now);
                    let activity = self.dispatcher.activity(self.decided);
                    self.control.send(FromFrontend::Pong(activity));
                }
                ToFrontend::Drain { hurry, staying } => self.drain(hurry, &staying, descriptor, now),
            }
        }
        self.control.flush();
        Ok(())
    }

    fn next_timeout(&self) -> Option<Instant> {
        let now = Instant::now();
        let due = [
            self.dispatcher.next_timeout(),
            self.networks.next_timeout(),
            self.clients.next_timeout(),
            self.auth_clients.next_timeout(now),
            self.control_clients.next_timeout(now),
            self.listeners.next_timeout(),
            self.give_up_at,
            self.outages.next_timeout(),
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
        self.auth_clients.handle_timeout(now);
        self.control_clients.handle_timeout(now);
        self.carry_out(now);
        record::write_sums(&self.outages.take_due(now));
        self.control.flush();
        logging::retry(now);
    }
}
