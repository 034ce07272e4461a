//! The load generator: many closed-loop clients in one thread.
//!
//! Each client connects, writes a request, reads the reply, closes, and starts again at once. A client that finds the
//! server's backlog full waits its turn and tries again, as a blocking `connect` does; its latency runs meanwhile.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use mio::net::UnixStream;
use mio::{Events, Interest, Poll, Token};

use crate::{Bench, Fallible, process};

/// The reply of the echo server, which is that to a login that is right.
pub(crate) const ACCEPTED: &[u8] = b"\x00\x02OK";

const REPLY_CAPACITY: usize = 1025;
/// How long to wait for a place in the backlog when nothing else happens.
const BACKLOG_PAUSE: Duration = Duration::from_millis(1);
/// How often to look at the clock and for ctrl-C when nothing happens.
const IDLE_PAUSE: Duration = Duration::from_millis(50);

/// Clients that send the same requests in turn.
pub(crate) struct Group {
    /// How many there are.
    pub(crate) clients: usize,
    /// What they send, one after the other, from the beginning again after the last.
    pub(crate) requests: Vec<Vec<u8>>,
    /// Whether each must be accepted; otherwise each must be refused.
    pub(crate) right: bool,
}

/// A login as a client of the mux socket writes it: four counted strings.
pub(crate) fn request(login: &str, password: &str, service: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for field in [login, password, service, ""] {
        let length = u16::try_from(field.len()).unwrap_or(u16::MAX);
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(field.as_bytes());
    }
    bytes
}

/// When a run ends: at whichever comes first.
#[derive(Clone, Copy)]
pub(crate) struct Until {
    /// Replies to all groups together.
    pub(crate) replies: usize,
    /// Time since the beginning of the run.
    pub(crate) elapsed: Duration,
}

impl Until {
    /// Ends after a time.
    pub(crate) fn elapsed(elapsed: Duration) -> Self {
        Self { replies: usize::MAX, elapsed }
    }
}

/// What one group saw during one run.
#[derive(Default)]
pub(crate) struct Sample {
    /// Of each reply, from the wish to connect to the end of the reply; sorted.
    pub(crate) latencies: Vec<Duration>,
    /// Ages of the requests that were not answered when the run ended.
    pub(crate) unanswered: Vec<Duration>,
    /// Replies that were not what they had to be.
    pub(crate) wrong: usize,
    /// The first of them, printable.
    pub(crate) first_wrong: Option<String>,
}

/// One run.
pub(crate) struct Run {
    /// By group.
    pub(crate) samples: Vec<Sample>,
    /// How long it was.
    pub(crate) elapsed: Duration,
    /// CPU time of the generator.
    pub(crate) generator: Duration,
}

impl Run {
    /// Replies to all groups together.
    pub(crate) fn replies(&self) -> usize {
        self.samples.iter().map(|sample| sample.latencies.len()).sum()
    }
}

struct Client {
    group: usize,
    started: Instant,
    stream: Option<UnixStream>,
    received: Vec<u8>,
}

/// The clients. Between two runs their requests stay in flight, so a warmed server stays busy.
pub(crate) struct Generator {
    socket: PathBuf,
    groups: Vec<Group>,
    /// By group, how many requests were sent.
    sent: Vec<usize>,
    clients: Vec<Client>,
    /// Clients about to connect, the longest waiting first.
    waiting: VecDeque<usize>,
    poll: Poll,
    interrupted: Arc<AtomicBool>,
    samples: Vec<Sample>,
}

impl Generator {
    /// Clients for this socket; they begin with the first run.
    pub(crate) fn new(bench: &Bench, socket: PathBuf, groups: Vec<Group>) -> Fallible<Self> {
        let started = Instant::now();
        let client = |group| Client { group, started, stream: None, received: Vec::new() };
        let members = groups.iter().enumerate();
        let clients: Vec<Client> =
            members.flat_map(|(index, group)| (0..group.clients).map(move |_| client(index))).collect();
        Ok(Self {
            socket,
            sent: vec![0; groups.len()],
            groups,
            waiting: (0..clients.len()).collect(),
            clients,
            poll: Poll::new()?,
            interrupted: Arc::clone(&bench.interrupted),
            samples: Vec::new(),
        })
    }

    /// Keeps all clients busy until the end of the run.
    pub(crate) fn run(&mut self, until: Until) -> Fallible<Run> {
        let generator = process::cpu_of_this_thread();
        let begin = Instant::now();
        self.samples = self.groups.iter().map(|_| Sample::default()).collect();
        let mut events = Events::with_capacity(1024);
        let mut replies = 0;
        while replies < until.replies && begin.elapsed() < until.elapsed {
            if self.interrupted.load(Ordering::Relaxed) {
                return Err("Interrupted.".into());
            }
            self.start_waiting()?;
            let pause = if self.waiting.is_empty() { IDLE_PAUSE } else { BACKLOG_PAUSE };
            match self.poll.poll(&mut events, Some(pause)) {
                Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error.into()),
                _ => {}
            }
            for event in &events {
                replies += usize::from(self.receive(event.token().0));
            }
        }
        let end = Instant::now();
        Ok(Run {
            samples: self.finish_samples(end),
            elapsed: end - begin,
            generator: process::cpu_of_this_thread().saturating_sub(generator),
        })
    }

    /// Connects those who wait, as far as the backlog has room.
    fn start_waiting(&mut self) -> Fallible<()> {
        while let Some(index) = self.waiting.front().copied() {
            let mut stream = match UnixStream::connect(&self.socket) {
                Ok(stream) => stream,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(format!("The server refuses connections: {error}.").into()),
            };
            self.waiting.pop_front();
            if let Some(request) = self.next_request(index) {
                // A server that closes without reading is found out when its reply is missing.
                drop(stream.write(request));
            }
            // Only now: registering tells of whatever has come already, so one event per request is enough.
            self.poll.registry().register(&mut stream, Token(index), Interest::READABLE)?;
            if let Some(client) = self.clients.get_mut(index) {
                client.stream = Some(stream);
            }
        }
        Ok(())
    }

    fn next_request(&mut self, client: usize) -> Option<&[u8]> {
        let group = self.clients.get(client)?.group;
        let requests = &self.groups.get(group)?.requests;
        let sent = self.sent.get_mut(group)?;
        let request = requests.get(*sent % requests.len().max(1))?;
        *sent += 1;
        Some(request)
    }

    /// Reads what has come. True if that ended the request.
    fn receive(&mut self, index: usize) -> bool {
        let Some(client) = self.clients.get_mut(index) else { return false };
        let Some(stream) = client.stream.as_mut() else { return false };
        let mut buffer = [0; REPLY_CAPACITY];
        let count = match stream.read(&mut buffer) {
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {
                return false;
            }
            // A reset is an end without a reply.
            Err(_) => 0,
            Ok(count) => count,
        };
        client.received.extend_from_slice(buffer.get(..count).unwrap_or_default());
        if count > 0 && !is_complete(&client.received) {
            return false;
        }
        self.complete(index);
        true
    }

    fn complete(&mut self, index: usize) {
        let now = Instant::now();
        let Some(client) = self.clients.get_mut(index) else { return };
        let right = self.groups.get(client.group).is_some_and(|group| group.right);
        if let Some(sample) = self.samples.get_mut(client.group) {
            sample.latencies.push(now - client.started);
            let word: &[u8] = if right { b"OK" } else { b"NO" };
            if !client.received.get(2..).is_some_and(|text| text.starts_with(word)) {
                sample.wrong += 1;
                sample.first_wrong.get_or_insert_with(|| client.received.escape_ascii().to_string());
            }
        }
        client.received.clear();
        client.stream = None;
        client.started = now;
        self.waiting.push_back(index);
    }

    fn finish_samples(&mut self, end: Instant) -> Vec<Sample> {
        for client in &self.clients {
            if let Some(sample) = self.samples.get_mut(client.group) {
                sample.unanswered.push(end - client.started);
            }
        }
        self.samples.iter_mut().for_each(|sample| sample.latencies.sort_unstable());
        std::mem::take(&mut self.samples)
    }
}

/// Whether the counted reply is there as a whole.
fn is_complete(received: &[u8]) -> bool {
    received
        .first_chunk()
        .is_some_and(|length| received.len() >= 2 + usize::from(u16::from_be_bytes(*length)))
}
