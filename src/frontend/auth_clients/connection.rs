//! One connection at an auth socket: what the kernel has, and the session that makes sense of it.
#![forbid(unsafe_code)]

use crate::endpoint::dovecot::{HandedOver, RequestNumber, Session};
use crate::frontend::client::READ_SIZE;
use crate::frontend::endpoint::{Endpoint, Origin};
use crate::frontend::places::Standing;
use crate::frontend::token;
use crate::policy::dispatch::{ClientId, RequestId};
use crate::secret::Secret;
use mio::net::UnixStream;
use mio::{Interest, Registry};
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// How often a connection is read before others get their turn.
const READS_AT_ONCE: usize = 4;

/// How long a client may leave its answers unread.
const WRITE_TIME: Duration = Duration::from_secs(30);

pub(super) struct Connection {
    pub(super) id: ClientId,
    pub(super) stream: UnixStream,
    pub(super) endpoint: Rc<Endpoint>,
    pub(super) session: Session,
    pub(super) uid: u32,
    /// As it is known to the places; `None` if it has found none.
    pub(super) standing: Option<Standing>,
    /// As the timers know it.
    pub(super) timer: Option<Instant>,
    /// The client has ended its side: what it has asked is still answered.
    has_ended: bool,
    /// The session wants it closed when its output is written.
    is_closing: bool,
    /// Until when the client must have read something.
    write_until: Option<Instant>,
    /// Whether the event loop tells when more can be written: only then, or it would tell of each answer that is read.
    awaits_room: bool,
}

/// How far the reading has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ReadOn {
    /// An event tells when there is more.
    Later,
    /// There may be more, when others have had their turn and the output is written.
    Soon,
}

impl Connection {
    pub(super) fn new(
        id: ClientId,
        stream: UnixStream,
        endpoint: Rc<Endpoint>,
        session: Session,
        uid: u32,
    ) -> Self {
        Self {
            id,
            stream,
            endpoint,
            session,
            uid,
            standing: None,
            timer: None,
            has_ended: false,
            is_closing: false,
            write_until: None,
            awaits_room: false,
        }
    }

    pub(super) fn origin(&self) -> Origin<'_> {
        Origin::of(&self.endpoint, self.stream.as_fd())
    }

    pub(super) fn request(&self, number: RequestNumber) -> RequestId {
        RequestId { client: self.id, number: number.0 }
    }

    /// Reads what there is, through `buffer`, which is wiped again.
    pub(super) fn read(&mut self, buffer: &mut Secret, now: Instant) -> io::Result<ReadOn> {
        for _ in 0..READS_AT_ONCE {
            if self.has_ended || self.is_closing {
                return Ok(ReadOn::Later);
            }
            if !self.session.wants_input() {
                return Ok(ReadOn::Soon);
            }
            buffer.resize(READ_SIZE);
            match self.stream.read(buffer.as_mut_bytes()) {
                Ok(0) => self.has_ended = true,
                Ok(length) => {
                    self.session.handle_input(buffer.as_bytes().get(..length).unwrap_or_default(), now);
                    buffer.wipe_first(length);
                    if length < READ_SIZE {
                        // That was all; of more an event tells.
                        return Ok(ReadOn::Later);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(ReadOn::Later),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(ReadOn::Soon)
    }

    /// Writes as much as the client takes.
    pub(super) fn write(&mut self, now: Instant) -> io::Result<()> {
        while !self.session.output().is_empty() {
            match self.stream.write(self.session.output().as_bytes()) {
                Ok(length) => {
                    self.session.output().remove_first(length);
                    self.write_until = None;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.write_until.get_or_insert(now + WRITE_TIME);
                    return Ok(());
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Has the event loop tell of what the connection waits for.
    pub(super) fn watch(&mut self, registry: &Registry) -> io::Result<()> {
        let awaits_room = self.write_until.is_some();
        if awaits_room != self.awaits_room {
            self.awaits_room = awaits_room;
            let readable = Interest::READABLE;
            let interest = if awaits_room { readable | Interest::WRITABLE } else { readable };
            registry.reregister(&mut self.stream, token::of_auth_client(self.id), interest)?;
        }
        Ok(())
    }

    /// Nothing more is heard; it is closed when its output is written.
    pub(super) fn close(&mut self) {
        self.is_closing = true;
    }

    /// Whether there is nothing more to do for it.
    pub(super) fn is_over(&mut self) -> bool {
        let is_quiet = self.session.output().is_empty() && self.session.open_requests().next().is_none();
        is_quiet && (self.is_closing || self.has_ended)
    }

    /// Whether it could be handed over, or closed without anybody's losing an answer.
    pub(super) fn is_at_rest(&self) -> bool {
        self.session.is_at_rest() && !self.has_ended
    }

    /// Whether an answer is owed to it.
    pub(super) fn is_owed(&self) -> bool {
        self.session.open_requests().next().is_some()
    }

    /// Whether it only waits for answers. What it asks beside them may as well be asked of another frontend.
    pub(super) fn only_waits(&self) -> bool {
        self.is_owed() && !self.session.is_in_the_middle()
    }

    pub(super) fn hand_over(&self) -> HandedOver {
        self.session.hand_over()
    }

    /// Whether the client has left its answers unread for too long.
    pub(super) fn is_unread(&self, now: Instant) -> bool {
        self.write_until.is_some_and(|until| until <= now)
    }

    pub(super) fn next_timeout(&self) -> Option<Instant> {
        self.session.next_timeout().into_iter().chain(self.write_until).min()
    }
}
