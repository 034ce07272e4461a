//! One connection with an event loop of its own, without a upstream.
#![forbid(unsafe_code)]

use super::line::LineSession;
use super::peer::Peer;
use crate::net::connection::{Connection, Progress, Tls};
use crate::net::exchange::{Failure, QuestionId, Session, SessionEvent, TlsMode, TlsSettings};
use crate::net::socket::Socket;
use crate::net::tls::{self, Contexts};
use crate::net::upstream::Target;
use crate::secret::Secret;
use mio::{Events, Poll, Token};
use std::rc::Rc;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(10);

/// A connection and what its session has said.
pub(in crate::net) struct Talk {
    poll: Poll,
    pub(in crate::net) connection: Connection<LineSession>,
    buffer: Secret,
    pub(in crate::net) ready: bool,
    pub(in crate::net) answers: Vec<Vec<u8>>,
    /// How often there was something to read.
    pub(in crate::net) reads: usize,
}

impl Talk {
    pub(in crate::net) fn plain(peer: &Peer) -> Self {
        Self::begin(peer, "127.0.0.1", TlsMode::Off, TlsSettings::default())
    }

    pub(in crate::net) fn begin(peer: &Peer, host: &str, mode: TlsMode, settings: TlsSettings) -> Self {
        let poll = Poll::new().unwrap();
        let target = Target::Socket(peer.address);
        let socket = Socket::connect(&target, poll.registry(), Token(0)).unwrap();
        let settings = Rc::new(settings);
        let tls = (mode != TlsMode::Off).then(|| {
            let context = Contexts::default().context(&settings).unwrap();
            let connection = tls::prepare(&context, &settings, Some(host)).unwrap();
            Tls { connection, server: peer.server(host, mode) }
        });
        let session = LineSession::new(false, mode == TlsMode::StartTls);
        let connection = Connection::new(session, target, socket, tls);
        Self { poll, connection, buffer: Secret::default(), ready: false, answers: Vec::new(), reads: 0 }
    }

    pub(in crate::net) fn ask(&mut self, question: &[u8]) {
        self.connection.ask(QuestionId(0), &Secret::copy_of(question));
    }

    /// Goes on until `done`.
    pub(in crate::net) fn until(&mut self, done: impl Fn(&Self) -> bool) -> Result<(), Failure> {
        let deadline = Instant::now() + PATIENCE;
        let mut events = Events::with_capacity(16);
        loop {
            self.go_on()?;
            if done(self) {
                return Ok(());
            }
            assert!(Instant::now() < deadline, "nothing came of it in time");
            self.poll.poll(&mut events, Some(PATIENCE)).unwrap();
            for event in &events {
                self.connection.socket().unwrap().note(event);
            }
        }
    }

    /// Goes on until the connection is broken, and tells why.
    pub(in crate::net) fn failure(&mut self) -> Failure {
        self.until(|_| false).unwrap_err()
    }

    /// Until questions can be asked.
    pub(in crate::net) fn open(&mut self) -> Result<(), Failure> {
        self.until(|talk| talk.ready)
    }

    /// Says farewell and hangs up.
    pub(in crate::net) fn close(self) {
        drop(self.connection.close());
    }

    fn go_on(&mut self) -> Result<(), Failure> {
        loop {
            match self.connection.advance(&mut self.buffer)? {
                Progress::Nothing
                    if self.connection.socket().is_some_and(|socket| socket.is_out_of_turn()) =>
                {
                    self.connection.socket().unwrap().allow_reads();
                }
                Progress::Nothing if self.connection.wants_flush() && self.connection.flush() => {}
                Progress::Nothing => return Ok(()),
                Progress::Ended => return Err(self.connection.end()),
                Progress::Heard => self.reads += 1,
                Progress::Securing | Progress::Opened => {}
            }
            self.listen()?;
        }
    }

    fn listen(&mut self) -> Result<(), Failure> {
        while let Some(event) = self.connection.session.next_event() {
            match event {
                SessionEvent::Ready => (self.ready, self.connection.ready) = (true, true),
                SessionEvent::StartTls => self.connection.prepare_tls()?,
                SessionEvent::Answered(_, Ok(answer)) => self.answers.push(answer),
                SessionEvent::Answered(_, Err(failure)) | SessionEvent::Failed(failure) => {
                    return Err(failure);
                }
                SessionEvent::Errand(_) | SessionEvent::Finished => {}
            }
        }
        Ok(())
    }
}
