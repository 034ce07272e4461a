//! The sockets to the workers.
#![forbid(unsafe_code)]

use super::repeated_lines::RepeatedLines;
use super::token;
use crate::config::log_level::LogLevel;
use crate::ipc::{FromWorker, LARGEST_MESSAGE, LOG_LINE, OWN_LOG_LINE, encode_job, encode_log_level};
use crate::job::{Answer, Purpose};
use crate::job::{JobId, WorkerId};
use crate::sys::socket;
use mio::unix::SourceFd;
use mio::{Interest, Registry};
use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::Instant;

pub(super) struct Workers {
    sockets: HashMap<WorkerId, Worker>,
    log_level: LogLevel,
    registry: Registry,
    buffer: Box<[u8; LARGEST_MESSAGE]>,
    repeated_lines: RepeatedLines,
}

struct Worker {
    socket: OwnedFd,
    /// How much it logs.
    log_level: LogLevel,
}

/// What was heard from a worker. After the last three its socket is closed.
pub(super) enum FromWorkers {
    Ready(WorkerId, Option<Vec<u8>>),
    Retiring(WorkerId),
    Answer(WorkerId, JobId, Answer),
    Failed(WorkerId, String),
    Gone(WorkerId),
    Malformed(WorkerId),
}

impl Workers {
    pub(super) fn new(log_level: LogLevel, registry: Registry) -> Self {
        Self {
            sockets: HashMap::new(),
            log_level,
            registry,
            buffer: Box::new([0; LARGEST_MESSAGE]),
            repeated_lines: RepeatedLines::default(),
        }
    }

    pub(super) fn add(&mut self, worker: WorkerId, descriptor: OwnedFd) -> io::Result<()> {
        socket::set_nonblocking(descriptor.as_fd())?;
        let number = descriptor.as_raw_fd();
        self.registry.register(&mut SourceFd(&number), token::of_worker(worker), Interest::READABLE)?;
        // The supervisor has told of the level before it has told of any worker that was started with it.
        self.sockets.insert(worker, Worker { socket: descriptor, log_level: self.log_level });
        Ok(())
    }

    /// Each worker is told with its next job: until then it says nothing, or has enough to read.
    pub(super) fn set_log_level(&mut self, level: LogLevel) {
        self.log_level = level;
    }

    /// Closes the socket; a living worker ends when it notices.
    pub(super) fn remove(&mut self, worker: WorkerId) {
        self.sockets.remove(&worker);
    }

    /// What a worker whose death the supervisor has told of has still said. Programs that a PAM module started may
    /// hold its end of the socket open, which then tells nothing.
    pub(super) fn handle_death(&mut self, worker: WorkerId) -> Vec<FromWorkers> {
        let mut heard = self.handle_readable(worker, true);
        if self.sockets.remove(&worker).is_some() {
            heard.push(FromWorkers::Gone(worker));
        }
        heard
    }

    /// Hands over a job. `false`, and the socket is closed, if the worker could not take it: it has none in
    /// hand, so its buffer is empty, and any error means that it is gone.
    pub(super) fn send(&mut self, worker: WorkerId, job: JobId, purpose: &Purpose) -> bool {
        let Some(Worker { socket, log_level }) = self.sockets.get_mut(&worker) else { return false };
        let told = if *log_level == self.log_level {
            Ok(())
        } else {
            *log_level = self.log_level;
            socket::send(socket.as_fd(), encode_log_level(*log_level).as_bytes())
        };
        let sent =
            told.and_then(|()| socket::send(socket.as_fd(), encode_job(job, purpose).as_bytes())).is_ok();
        if !sent {
            self.remove(worker);
        }
        sent
    }

    /// Reads what the worker has sent. It sends nothing between an answer and the next job, so reading ends
    /// there without asking the kernel for more, unless it is known that the end has come (`closed`).
    pub(super) fn handle_readable(&mut self, worker: WorkerId, closed: bool) -> Vec<FromWorkers> {
        let mut heard = Vec::new();
        while let Some(message) = self.receive(worker) {
            let enough = matches!(message, FromWorkers::Answer(..)) && !closed;
            if matches!(message, FromWorkers::Failed(..) | FromWorkers::Gone(_) | FromWorkers::Malformed(_)) {
                self.remove(worker);
            }
            heard.push(message);
            if enough {
                break;
            }
        }
        heard
    }

    fn receive(&mut self, worker: WorkerId) -> Option<FromWorkers> {
        let Worker { socket, .. } = self.sockets.get(&worker)?;
        loop {
            let message = match socket::receive(socket.as_fd(), self.buffer.as_mut_slice()) {
                Ok(Some(length)) => self.buffer.get(..length).unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return None,
                // Too long for anything but a log line, of which the beginning is kept.
                Err(error) if error.kind() == io::ErrorKind::InvalidData => self.buffer.as_slice(),
                Ok(None) | Err(_) => return Some(FromWorkers::Gone(worker)),
            };
            match message.split_first() {
                Some((&LOG_LINE, _)) => {
                    crate::log::relay(message);
                    continue;
                }
                Some((&OWN_LOG_LINE, line)) => {
                    if self.repeated_lines.is_news(line, Instant::now()) {
                        crate::log::relay(line);
                    }
                    continue;
                }
                _ => {}
            }
            return Some(match FromWorker::decode(message) {
                Ok(FromWorker::Ready(peer)) => FromWorkers::Ready(worker, peer),
                Ok(FromWorker::Retiring) => FromWorkers::Retiring(worker),
                Ok(FromWorker::Answer(job, answer)) => FromWorkers::Answer(worker, job, answer),
                Ok(FromWorker::Failed(reason)) => FromWorkers::Failed(worker, reason),
                Err(_) => FromWorkers::Malformed(worker),
            });
        }
    }
}
