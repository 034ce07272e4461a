//! One server, its addresses one after the other.
#![forbid(unsafe_code)]

use super::{DoErrand, Probed};
use crate::net::connection::{Connection, Progress, Tls, no_connection};
use crate::net::exchange::{
    Failure, FailureKind, PoolId, PoolSettings, Protocol, Server, Session, SessionEvent, TlsMode,
};
use crate::net::socket::Socket;
use crate::net::tls::{self, Contexts};
use crate::net::upstream::Target;
use crate::secret::Secret;
use mio::event::Event;
use mio::{Registry, Token};
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// A server and how it is to be connected to.
pub(super) struct Way {
    pub(super) pool: PoolId,
    /// The place of the server in the pool.
    pub(super) place: usize,
    pub(super) server: Server,
    pub(super) settings: Rc<PoolSettings>,
    pub(super) do_errand: DoErrand,
}

/// The connections to one server, until one gets through or there are no more addresses.
pub(super) struct Attempt<P: Protocol> {
    way: Way,
    targets: VecDeque<Target>,
    open: Option<Open<P>>,
    reached: Option<Result<(), Failure>>,
}

struct Open<P: Protocol> {
    connection: Connection<P::Session>,
    target: Target,
    stage: &'static str,
    limit: Duration,
    deadline: Instant,
}

/// What is to be done for an open connection.
enum Next {
    Wait,
    End(Result<(), Failure>),
}

impl<P: Protocol> Attempt<P> {
    pub(super) fn new(way: Way, targets: Result<Vec<Target>, Failure>) -> Self {
        let (targets, reached) = match targets {
            Ok(targets) => (targets.into(), None),
            Err(failure) => (VecDeque::new(), Some(Err(failure))),
        };
        Self { way, targets, open: None, reached }
    }

    /// When [`Self::go_on`] must be called at the latest; `None` when it is over.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.open.as_ref().map(|open| open.deadline)
    }

    pub(super) fn note(&mut self, event: &Event) {
        let socket = self.open.as_mut().and_then(|open| open.connection.socket());
        socket.into_iter().for_each(|socket| socket.note(event));
    }

    pub(super) fn end(self) -> Probed {
        let nowhere = || Err(Failure::new(FailureKind::Contact, "there is no address to connect to"));
        Probed { server: self.way.server, reached: self.reached.unwrap_or_else(nowhere) }
    }

    /// As far as it goes without waiting.
    pub(super) fn go_on(
        &mut self,
        protocol: &P,
        contexts: &mut Contexts,
        registry: &Registry,
        token: Token,
        buffer: &mut Secret,
        now: Instant,
    ) {
        loop {
            if let Some(open) = &mut self.open {
                match open.go_on(&self.way, buffer, now) {
                    Next::Wait => return,
                    Next::End(reached) => self.close(reached),
                }
            }
            if matches!(self.reached, Some(Ok(()))) {
                return;
            }
            let Some(target) = self.targets.pop_front() else { return };
            match self.way.open(protocol, contexts, registry, token, target, now) {
                Ok(open) => self.open = Some(open),
                Err(failure) => self.reached = Some(Err(failure)),
            }
        }
    }

    fn close(&mut self, reached: Result<(), Failure>) {
        if let Some(mut open) = self.open.take() {
            open.connection.ready = reached.is_ok();
            drop(open.connection.close());
        }
        self.reached = Some(reached);
    }
}

impl Way {
    fn open<P: Protocol>(
        &self,
        protocol: &P,
        contexts: &mut Contexts,
        registry: &Registry,
        token: Token,
        target: Target,
        now: Instant,
    ) -> Result<Open<P>, Failure> {
        let tls = match self.server.tls {
            TlsMode::Off => None,
            TlsMode::Implicit | TlsMode::StartTls => Some(self.prepare_tls(contexts)?),
        };
        let socket =
            Socket::connect(&target, registry, token).map_err(|error| no_connection(&target, &error))?;
        let session = protocol.session(self.pool, self.place);
        let connection = Connection::new(session, target.clone(), socket, tls);
        let limit = self.settings.timeouts.connect;
        Ok(Open { connection, target, stage: "connection", limit, deadline: now + limit })
    }

    fn prepare_tls(&self, contexts: &mut Contexts) -> Result<Tls, Failure> {
        let settings = &self.settings.tls;
        let prepared = contexts.context(settings);
        let prepared = prepared.and_then(|context| tls::prepare(&context, settings, self.server.host()));
        let connection = prepared.map_err(|error| Failure::new(FailureKind::Contact, error.to_string()))?;
        Ok(Tls { connection, server: self.server.clone() })
    }
}

impl<P: Protocol> Open<P> {
    fn go_on(&mut self, way: &Way, buffer: &mut Secret, now: Instant) -> Next {
        loop {
            let progress = match self.connection.advance(buffer) {
                Ok(progress) => progress,
                Err(failure) => return Next::End(Err(failure)),
            };
            match &progress {
                Progress::Securing => self.enter("TLS", way.settings.timeouts.tls, now),
                Progress::Opened => self.enter("word from the server", way.settings.timeouts.operation, now),
                Progress::Nothing | Progress::Heard | Progress::Ended => {}
            }
            if let Some(reached) = self.listen(way) {
                return Next::End(reached);
            }
            if progress == Progress::Ended {
                return Next::End(Err(self.connection.end()));
            }
            let has_more = self.connection.flush();
            if progress == Progress::Nothing && !has_more {
                break;
            }
        }
        if now >= self.deadline {
            let reason = format!("no {} within {} s: {}", self.stage, self.limit.as_secs(), self.target);
            return Next::End(Err(Failure::new(FailureKind::Contact, reason)));
        }
        Next::Wait
    }

    fn enter(&mut self, stage: &'static str, limit: Duration, now: Instant) {
        (self.stage, self.limit, self.deadline) = (stage, limit, now + limit);
    }

    /// What the session has to say; `Some` when that is the end.
    fn listen(&mut self, way: &Way) -> Option<Result<(), Failure>> {
        while let Some(event) = self.connection.session.next_event() {
            match event {
                SessionEvent::Ready => return Some(Ok(())),
                SessionEvent::Failed(failure) => return Some(Err(self.connection.place(failure))),
                SessionEvent::StartTls => {
                    if let Err(failure) = self.connection.prepare_tls() {
                        return Some(Err(self.connection.place(failure)));
                    }
                }
                SessionEvent::Errand(errand) => {
                    self.connection.session.handle_errand((way.do_errand)(errand));
                }
                // Nothing was asked.
                SessionEvent::Answered(..) | SessionEvent::Finished => {}
            }
        }
        None
    }
}
