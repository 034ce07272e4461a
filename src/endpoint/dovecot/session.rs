//! One connection.
#![forbid(unsafe_code)]

use super::command::Command;
use super::line::{LineReader, TooLong};
use super::open_requests::OpenRequests;
use super::reason::{CloseReason, ProtocolError, RefusalReason};
use super::{HandedOver, Identity, RequestNumber, SessionEvent, SessionSettings, reply};
use crate::secret::Secret;
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Instant;

/// Bytes of output with which nothing more is read until the client has read some of it.
const ENOUGH_OUTPUT: usize = 8 * 1024;

/// Bytes of output with which a client is given up that goes on asking nevertheless. One read of a frontend makes no
/// more of it: 16 KiB of the shortest lines that are answered, with six times their length.
pub(super) const MOST_OUTPUT: usize = 128 * 1024;

/// How far the handshake is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    AwaitingVersion,
    AwaitingProcess { minor: u32 },
    Serving { minor: u32 },
}

/// One connection of a client that asks.
pub struct Session {
    pub(super) settings: Rc<SessionSettings>,
    stage: Stage,
    is_closed: bool,
    lines: LineReader,
    /// When the connection is given up because the handshake, or a line that has begun, does not end.
    until: Option<Instant>,
    pub(super) open: OpenRequests,
    pub(super) last_number: u64,
    pub(super) output: Secret,
    pub(super) events: VecDeque<SessionEvent>,
}

impl Session {
    /// A new connection. The greeting is in the output at once: clients wait for it before they say a word, Exim without
    /// an end.
    pub fn new(settings: Rc<SessionSettings>, identity: &Identity, now: Instant) -> Self {
        let greeting = reply::greeting(&settings.mechanisms, identity);
        let mut session = Self::resume(settings, HandedOver { stage: Stage::AwaitingVersion }, now);
        session.output.extend_from_slice(greeting.as_bytes());
        session
    }

    /// A connection that another process has handed over.
    pub fn resume(settings: Rc<SessionSettings>, handed_over: HandedOver, now: Instant) -> Self {
        let HandedOver { stage } = handed_over;
        let is_serving = matches!(stage, Stage::Serving { .. });
        Self {
            until: (!is_serving).then(|| now + settings.continuation_time),
            settings,
            stage,
            is_closed: false,
            lines: LineReader::default(),
            open: OpenRequests::default(),
            last_number: 0,
            output: Secret::default(),
            events: VecDeque::new(),
        }
    }

    /// What [`Self::resume`] wants to know. Only of a session [at rest](Self::is_at_rest) it is all.
    pub fn hand_over(&self) -> HandedOver {
        HandedOver { stage: self.stage }
    }

    /// Whether nothing would be lost with this object: nothing is open, no part of a line has come, and nothing is left to
    /// be written or done.
    pub fn is_at_rest(&self) -> bool {
        let is_quiet = self.output.is_empty() && self.events.is_empty();
        is_quiet && self.open.is_empty() && !self.lines.holds_part() && !self.is_closed
    }

    /// Whether the client has begun something that only this object can go on with: the handshake, a line, an exchange.
    pub fn is_in_the_middle(&self) -> bool {
        self.next_timeout().is_some()
    }

    /// What is to be written. The caller takes it away when it is.
    pub fn output(&mut self) -> &mut Secret {
        &mut self.output
    }

    /// Whether more is to be read from the client: not after a close, and not while it leaves its answers unread. A client that
    /// is heard nevertheless is closed at some point, so that the output has a bound in any case.
    pub fn wants_input(&self) -> bool {
        !self.is_closed && self.output.len() < ENOUGH_OUTPUT
    }

    /// What there is to do.
    pub fn next_event(&mut self) -> Option<SessionEvent> {
        self.events.pop_front()
    }

    /// The requests that have neither been answered nor withdrawn: what a lost connection takes along.
    pub fn open_requests(&self) -> impl Iterator<Item = RequestNumber> {
        self.open.checking()
    }

    /// When [`Self::handle_timeout`] has something to do.
    pub fn next_timeout(&self) -> Option<Instant> {
        self.until.into_iter().chain(self.open.next_timeout()).min()
    }

    /// Gives up what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.until.is_some_and(|until| until <= now) {
            return self.close(CloseReason::TimedOut);
        }
        while self.open.next_timeout().is_some_and(|until| until <= now) {
            self.give_up_longest_awaiting(RefusalReason::TimedOut);
        }
    }

    /// Takes what the client has sent, in whatever pieces.
    pub fn handle_input(&mut self, mut bytes: &[u8], now: Instant) {
        while !self.is_closed {
            match self.lines.next_line(&mut bytes) {
                Ok(Some(line)) => self.handle_line(line.text(), now),
                Ok(None) => return self.time_line(now),
                Err(TooLong) => self.close(CloseReason::Protocol(ProtocolError::LineTooLong)),
            }
        }
    }

    fn handle_line(&mut self, line: &[u8], now: Instant) {
        let handled = Command::parse(line).and_then(|command| self.handle_command(command, now));
        if let Err(error) = handled {
            return self.close(CloseReason::Protocol(error));
        }
        if self.output.len() > MOST_OUTPUT {
            return self.close(CloseReason::Unread);
        }
        if matches!(self.stage, Stage::Serving { .. }) {
            self.until = None;
        }
    }

    /// A line that has begun must end in time; between lines a client that has shaken hands may be silent for ever.
    fn time_line(&mut self, now: Instant) {
        if self.lines.holds_part() {
            self.until.get_or_insert(now + self.settings.continuation_time);
        }
    }

    /// Which command may come when.
    fn handle_command(&mut self, command: Command<'_>, now: Instant) -> Result<(), ProtocolError> {
        match (self.stage, command) {
            (Stage::AwaitingVersion, Command::Version { minor }) => {
                self.stage = Stage::AwaitingProcess { minor };
            }
            (Stage::AwaitingProcess { minor }, Command::ClientProcess) => {
                self.stage = Stage::Serving { minor };
            }
            (Stage::Serving { minor }, Command::Auth(auth)) => return self.handle_auth(auth, minor, now),
            (Stage::Serving { .. }, Command::Continue { id, response }) => {
                self.handle_continue(id, response, now);
            }
            (Stage::Serving { .. }, Command::Cancel(id)) => self.handle_cancel(id),
            _ => return Err(ProtocolError::OutOfTurn),
        }
        Ok(())
    }

    /// Nothing is heard or answered any more. What is in the output already is still to be written.
    pub(super) fn close(&mut self, reason: CloseReason) {
        let checking: Vec<_> = self.open.checking().collect();
        checking.into_iter().for_each(|number| self.withdraw(number));
        self.open.clear();
        self.lines = LineReader::default();
        self.until = None;
        self.is_closed = true;
        self.events.push_back(SessionEvent::Close(reason));
    }

    /// Takes a request back, or has the check stopped that has been asked for.
    pub(super) fn withdraw(&mut self, number: RequestNumber) {
        let is_it = |event: &SessionEvent| matches!(event, SessionEvent::Request(it) if it.number == number);
        // From the back, where it is nearly always found at once.
        match self.events.iter().rposition(is_it) {
            Some(untold) => drop(self.events.remove(untold)),
            None => self.events.push_back(SessionEvent::Withdrawn(number)),
        }
    }
}
