//! The sockets to the workers.
#![forbid(unsafe_code)]

use super::repeated_lines::RepeatedLines;
use super::token;
use crate::config::log_level::LogLevel;
use crate::ipc::{FromWorker, LARGEST_MESSAGE, LOG_LINE, OWN_LOG_LINE, encode_jobs, encode_log_level};
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
    /// What is to be handed over, to one worker after the other.
    unsent: Vec<(WorkerId, Jobs)>,
    repeated_lines: RepeatedLines,
}

/// What goes to a worker in one message.
type Jobs = Vec<(JobId, Purpose)>;

struct Worker {
    socket: OwnedFd,
    /// How many answers it owes.
    owes: usize,
    /// How much it logs.
    log_level: LogLevel,
}

/// What was heard from a worker. After the last three its socket is closed.
pub(super) enum FromWorkers {
    Ready(WorkerId, Option<Vec<u8>>),
    Retiring(WorkerId),
    Answers(WorkerId, Vec<(JobId, Answer)>),
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
            unsent: Vec::new(),
            repeated_lines: RepeatedLines::default(),
        }
    }

    pub(super) fn add(&mut self, worker: WorkerId, descriptor: OwnedFd) -> io::Result<()> {
        socket::set_nonblocking(descriptor.as_fd())?;
        let number = descriptor.as_raw_fd();
        self.registry.register(&mut SourceFd(&number), token::of_worker(worker), Interest::READABLE)?;
        // The supervisor has told of the level before it has told of any worker that was started with it.
        self.sockets.insert(worker, Worker { socket: descriptor, owes: 0, log_level: self.log_level });
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

    /// A job to be handed over by [`Self::flush`]. What one worker gets comes one after the other.
    pub(super) fn send(&mut self, worker: WorkerId, job: JobId, purpose: Purpose) {
        match self.unsent.last_mut() {
            Some((last, jobs)) if *last == worker => jobs.push((job, purpose)),
            _ => self.unsent.push((worker, vec![(job, purpose)])),
        }
    }

    /// Hands over what is to be, one message for each worker. Returns what a worker could not take, whose socket is closed: it
    /// has no other job in hand, so its buffer is empty, and any error means that it is gone.
    pub(super) fn flush(&mut self) -> Vec<(WorkerId, Jobs)> {
        let mut unsent = std::mem::take(&mut self.unsent);
        unsent.retain(|(worker, jobs)| !self.hand_over(*worker, jobs));
        unsent
    }

    fn hand_over(&mut self, worker: WorkerId, jobs: &Jobs) -> bool {
        let Some(Worker { socket, log_level, owes }) = self.sockets.get_mut(&worker) else { return false };
        let told = if *log_level == self.log_level {
            Ok(())
        } else {
            *log_level = self.log_level;
            socket::send(socket.as_fd(), encode_log_level(*log_level).as_bytes())
        };
        let message = encode_jobs(jobs.iter().map(|(job, purpose)| (*job, purpose)));
        let sent = told.and_then(|()| socket::send(socket.as_fd(), message.as_bytes())).is_ok();
        *owes = jobs.len();
        if !sent {
            self.remove(worker);
        }
        sent
    }

    /// Reads what the worker has sent. It sends nothing between its last answer and what it is sent next, so reading ends
    /// there without asking the kernel for more, unless it is known that the end has come (`closed`).
    pub(super) fn handle_readable(&mut self, worker: WorkerId, closed: bool) -> Vec<FromWorkers> {
        let mut heard = Vec::new();
        while let Some(message) = self.receive(worker) {
            let enough = self.is_last_answer(worker, &message) && !closed;
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

    fn is_last_answer(&mut self, worker: WorkerId, message: &FromWorkers) -> bool {
        let FromWorkers::Answers(_, answers) = message else { return false };
        let Some(worker) = self.sockets.get_mut(&worker) else { return true };
        worker.owes = worker.owes.saturating_sub(answers.len());
        worker.owes == 0
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
                Ok(FromWorker::Answer(job, answer)) => FromWorkers::Answers(worker, vec![(job, answer)]),
                Ok(FromWorker::Answers(answers)) => FromWorkers::Answers(worker, answers),
                Ok(FromWorker::Failed(reason)) => FromWorkers::Failed(worker, reason),
                Err(_) => FromWorkers::Malformed(worker),
            });
        }
    }
}
