//! A driver with an event loop of its own.
#![forbid(unsafe_code)]

use super::line::Lines;
use crate::config::NetworkSettings;
use crate::config::ServerOrder;
use crate::credentials::Credentials;
use crate::job::JobId;
use crate::job::{Errand, ErrandId, ErrandResult};
use crate::net::driver::drive;
use crate::net::exchange::{PoolSettings, Server, Sharing, Timeouts, TlsSettings};
use crate::net::{ConnectionId, EventLoopHandle, Network, NetworkAction};
use crate::outcome::Outcome;
use mio::{Events, Poll, Token};
use std::rc::Rc;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(10);

/// A pool to these servers: one connection, questions in turn, everything checked.
pub(in crate::net) fn pool(servers: Vec<Server>) -> PoolSettings {
    PoolSettings {
        servers,
        order: ServerOrder::Listed,
        sharing: Sharing::Sequential,
        most_connections: 8,
        idle_time: NetworkSettings::DEFAULT.idle_time,
        timeouts: Timeouts::from(&NetworkSettings::DEFAULT),
        tls: Rc::new(TlsSettings::default()),
        credential_scope: 0,
    }
}

/// What a frontend would have.
pub(in crate::net) struct Rig {
    poll: Poll,
    pub(in crate::net) network: Box<dyn Network>,
    pub(in crate::net) decided: Vec<(JobId, Outcome)>,
    pub(in crate::net) errands: Vec<(ErrandId, Errand)>,
    /// Those that nobody waits for any more.
    pub(in crate::net) withdrawn: Vec<ErrandId>,
}

impl Rig {
    pub(in crate::net) fn new(pool: PoolSettings) -> Self {
        Self::with(Lines { pool: Rc::new(pool), second: None, greets: false })
    }

    pub(in crate::net) fn with(lines: Lines) -> Self {
        let poll = Poll::new().unwrap();
        let event_loop = EventLoopHandle {
            registry: poll.registry().try_clone().unwrap(),
            token: Box::new(token),
            instance: "lines".into(),
            tls_files: Rc::default(),
        };
        let network = drive(lines, &NetworkSettings::DEFAULT, event_loop).unwrap();
        Self { poll, network, decided: Vec::new(), errands: Vec::new(), withdrawn: Vec::new() }
    }

    pub(in crate::net) fn login(&mut self, number: u64, password: &[u8]) {
        self.login_for(number, password, b"");
    }

    pub(in crate::net) fn login_for(&mut self, number: u64, password: &[u8], service: &[u8]) {
        self.ask(number, password, service, Instant::now());
        self.finish_round();
    }

    /// A login that comes when the round is over.
    pub(in crate::net) fn ask(&mut self, number: u64, password: &[u8], service: &[u8], now: Instant) {
        let credentials =
            Credentials { service: service.to_vec(), ..Credentials::of_login(b"user", password) };
        let origin = crate::policy::origin::Origin::client(0, &credentials.login, None);
        self.network.ask(JobId(number), origin, credentials, now);
    }

    pub(in crate::net) fn abandon(&mut self, number: u64) {
        self.network.abandon(JobId(number), Instant::now());
        self.finish_round();
    }

    pub(in crate::net) fn answer_errand(&mut self, result: ErrandResult) {
        let (id, _) = self.errands.pop().unwrap();
        self.network.handle_errand(id, result, Instant::now());
        self.finish_round();
    }

    /// How that login was decided, as soon as it is.
    pub(in crate::net) fn outcome(&mut self, number: u64) -> Outcome {
        let of_login = |decided: &(JobId, Outcome)| decided.0 == JobId(number);
        self.until(|rig| rig.decided.iter().any(of_login));
        self.decided.iter().find(|decided| of_login(decided)).unwrap().1.clone()
    }

    /// Turns until `done`.
    pub(in crate::net) fn until(&mut self, done: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !done(self) {
            assert!(Instant::now() < deadline, "nothing came of it in time");
            self.turn();
        }
    }

    /// One round of events.
    fn turn(&mut self) {
        let mut events = Events::with_capacity(64);
        let now = Instant::now();
        let wait = self.network.next_timeout().map_or(PATIENCE, |due| due.saturating_duration_since(now));
        self.poll.poll(&mut events, Some(wait.min(PATIENCE))).unwrap();
        let now = Instant::now();
        for event in &events {
            self.network.handle_event(ConnectionId(event.token().0 as u64), event, now);
        }
        if self.network.next_timeout().is_some_and(|due| due <= now) {
            self.network.handle_timeout(now);
        }
        self.finish_round();
    }

    fn finish_round(&mut self) {
        self.network.flush(Instant::now());
        while let Some(action) = self.network.next_action() {
            match action {
                NetworkAction::Decided(login, verdict) => self.decided.push((login, verdict.outcome)),
                NetworkAction::Errand(id, errand, _) => self.errands.push((id, errand)),
                NetworkAction::Withdraw(id) => self.withdrawn.push(id),
            }
        }
    }
}

#[allow(clippy::cast_possible_truncation)]
fn token(connection: ConnectionId) -> Token {
    Token(connection.0 as usize)
}
