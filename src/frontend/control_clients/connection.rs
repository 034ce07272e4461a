//! One connection at the control socket.
#![forbid(unsafe_code)]

use crate::endpoint::control::{Command, Session};
use crate::frontend::endpoint::{Endpoint, Origin};
use mio::net::UnixStream;
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::fd::AsFd;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// From the connection to the whole request, and from a piece of the reply that was taken to the next.
const PATIENCE: Duration = Duration::from_secs(5);

/// Bytes read at once.
const READ_SIZE: usize = 4096;

/// Bytes that are thrown away behind a request before the connection is cut.
const MOST_DRAINED: usize = 1024 * 1024;

/// How much of a long reply is written before others get their turn.
const WRITTEN_AT_ONCE: usize = 256 * 1024;

pub(super) struct Connection {
    pub(super) stream: UnixStream,
    pub(super) endpoint: Rc<Endpoint>,
    pub(super) session: Session,
    /// When it is given up.
    pub(super) until: Instant,
    drained: usize,
    /// It has taken so much at once that there may be room for more.
    has_room: bool,
    /// The reply is written; what still comes is thrown away, or the peer is reset before it has read.
    is_answered: bool,
    has_ended: bool,
}

impl Connection {
    pub(super) fn new(stream: UnixStream, endpoint: Rc<Endpoint>, now: Instant) -> Self {
        Self {
            stream,
            endpoint,
            session: Session::default(),
            until: now + PATIENCE,
            drained: 0,
            has_room: false,
            is_answered: false,
            has_ended: false,
        }
    }

    pub(super) fn origin(&self) -> Origin<'_> {
        Origin::of(&self.endpoint, self.stream.as_fd())
    }

    /// Reads what there is; the request, if it has become one.
    pub(super) fn read(&mut self) -> Option<Command> {
        let mut buffer = [0; READ_SIZE];
        while !self.has_ended {
            match self.stream.read(&mut buffer) {
                Ok(0) => {
                    self.has_ended = true;
                    self.session.handle_end_of_input();
                }
                Ok(length) => {
                    self.drained += length;
                    self.has_ended = self.drained > MOST_DRAINED;
                    let input = buffer.get(..length).unwrap_or_default();
                    if let Some(command) = self.session.handle_input(input) {
                        return Some(command);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return None,
                Err(_) => self.has_ended = true,
            }
        }
        None
    }

    /// Writes as much as the peer takes; `false` when there is nothing more to do for it.
    pub(super) fn write(&mut self, now: Instant) -> bool {
        let mut written = 0;
        self.has_room = false;
        while !self.session.output().is_empty() {
            match self.stream.write(self.session.output()) {
                Ok(length) => {
                    self.session.handle_written(length);
                    self.until = now + PATIENCE;
                    written += length;
                    if written >= WRITTEN_AT_ONCE {
                        self.has_room = true;
                        return true;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return true,
                Err(_) => return false,
            }
        }
        if self.session.is_over() && !self.is_answered {
            self.is_answered = true;
            // Whoever waits for the end sees it; one that is gone already has had its reply.
            let _ = self.stream.shutdown(Shutdown::Write);
            self.read();
        }
        !self.has_ended || !self.session.is_over() && !self.session.is_reading()
    }

    /// Goes on with a long reply.
    pub(super) fn go_on(&mut self, now: Instant) {
        self.session.go_on();
        self.until = now + PATIENCE;
    }

    /// Whether it can go on without an event.
    pub(super) fn has_work(&self) -> bool {
        self.has_room || self.session.has_work()
    }

    /// Its time is over. Whether it is told so, for which it gets some more.
    pub(super) fn is_late(&mut self, now: Instant) -> bool {
        self.until = now + PATIENCE;
        self.session.handle_timeout()
    }
}
