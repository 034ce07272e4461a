//! The load generator: connections that stay, each with as many requests in flight as it is told, in one thread.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream as BlockingStream;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use mio::net::UnixStream;
use mio::{Events, Interest, Poll, Token};

use super::{USERS, login};
use crate::load::{Run, Sample, Until};
use crate::{Bench, Fallible, process};

/// How often to look at the clock and for ctrl-C when nothing happens.
const IDLE_PAUSE: Duration = Duration::from_millis(50);
/// How long a server may take for its greeting.
const GREETING_LIMIT: Duration = Duration::from_secs(10);
const READ_CAPACITY: usize = 16384;

/// The connections. Between two runs their requests stay in flight, so a warmed server stays busy.
pub(super) struct Generator {
    connections: Vec<Connection>,
    /// What follows the number of a request, by login.
    requests: Vec<String>,
    in_flight: usize,
    poll: Poll,
    interrupted: Arc<AtomicBool>,
}

struct Connection {
    stream: UnixStream,
    /// The beginning of a line.
    received: Vec<u8>,
    /// The requests that wait for an answer, and when they were sent.
    waiting: Vec<(u32, Instant)>,
    /// The number of the last request.
    last: u32,
    /// The login of the next request.
    next_login: usize,
}

impl Generator {
    /// Connects so often; the requests begin with the first run.
    pub(super) fn new(bench: &Bench, socket: &Path, connections: usize, in_flight: usize) -> Fallible<Self> {
        let poll = Poll::new()?;
        let connect = |index: usize| {
            let mut connection = Connection::new(socket, index * USERS / connections)?;
            poll.registry().register(&mut connection.stream, Token(index), Interest::READABLE)?;
            Ok(connection)
        };
        let connections = (0..connections).map(connect).collect::<Fallible<_>>()?;
        let requests = (0..USERS).map(request).collect();
        Ok(Self { connections, requests, in_flight, poll, interrupted: Arc::clone(&bench.interrupted) })
    }

    /// Keeps all connections busy until the end of the run.
    pub(super) fn run(&mut self, until: Until) -> Fallible<Run> {
        let generator = process::cpu_of_this_thread();
        let begin = Instant::now();
        let mut sample = Sample::default();
        for connection in &mut self.connections {
            connection.ask(&self.requests, self.in_flight)?;
        }
        let mut events = Events::with_capacity(1024);
        while sample.latencies.len() < until.replies && begin.elapsed() < until.elapsed {
            if self.interrupted.load(Ordering::Relaxed) {
                return Err("Interrupted.".into());
            }
            match self.poll.poll(&mut events, Some(IDLE_PAUSE)) {
                Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error.into()),
                _ => {}
            }
            for event in &events {
                let Some(connection) = self.connections.get_mut(event.token().0) else { continue };
                connection.receive(&mut sample)?;
                connection.ask(&self.requests, self.in_flight)?;
            }
        }
        let elapsed = begin.elapsed();
        sample.latencies.sort_unstable();
        let generator = process::cpu_of_this_thread().saturating_sub(generator);
        Ok(Run { samples: vec![sample], elapsed, generator })
    }
}

impl Connection {
    /// Connects, and both introduce themselves.
    fn new(socket: &Path, first_login: usize) -> Fallible<Self> {
        let mut stream = BlockingStream::connect(socket)?;
        stream.set_read_timeout(Some(GREETING_LIMIT))?;
        stream.write_all(b"VERSION\t1\t2\nCPID\t4711\n")?;
        let mut greeting = BufReader::new(stream.try_clone()?).lines();
        let is_done = |line: &std::io::Result<String>| line.as_ref().map_or(true, |line| line == "DONE");
        greeting.find(is_done).ok_or("The server closed before its greeting was over.")??;
        stream.set_nonblocking(true)?;
        Ok(Self {
            stream: UnixStream::from_std(stream),
            received: Vec::new(),
            waiting: Vec::new(),
            last: 0,
            next_login: first_login,
        })
    }

    /// Sends as many requests as may be in flight, in one write.
    fn ask(&mut self, requests: &[String], in_flight: usize) -> Fallible<()> {
        let mut lines = String::new();
        let now = Instant::now();
        while self.waiting.len() < in_flight {
            self.last += 1;
            let rest = requests.get(self.next_login % requests.len().max(1)).ok_or("There are no logins.")?;
            self.next_login += 1;
            lines.push_str(&format!("AUTH\t{}\t{rest}", self.last));
            self.waiting.push((self.last, now));
        }
        if !lines.is_empty() {
            // What is in flight is far less than a socket holds.
            self.stream.write_all(lines.as_bytes())?;
        }
        Ok(())
    }

    /// Reads until nothing more has come, so that the next event is for something new.
    fn receive(&mut self, sample: &mut Sample) -> Fallible<()> {
        let mut buffer = [0; READ_CAPACITY];
        loop {
            let count = match self.stream.read(&mut buffer) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error.into()),
                Ok(0) => return Err("The server closed a connection.".into()),
                Ok(count) => count,
            };
            self.received.extend_from_slice(buffer.get(..count).unwrap_or_default());
            let now = Instant::now();
            let lines = std::mem::take(&mut self.received);
            for line in lines.split_inclusive(|byte| *byte == b'\n') {
                match line.strip_suffix(b"\n") {
                    Some(line) => self.complete(line, now, sample)?,
                    None => self.received = line.to_vec(),
                }
            }
        }
    }

    fn complete(&mut self, line: &[u8], now: Instant, sample: &mut Sample) -> Fallible<()> {
        let printable = line.escape_ascii();
        let text = std::str::from_utf8(line)?;
        let mut fields = text.split('\t');
        let (word, id) = (fields.next(), fields.next().and_then(|id| id.parse::<u32>().ok()));
        let index = self.waiting.iter().position(|(number, _)| Some(*number) == id);
        let index = index.ok_or_else(|| format!("The server answers what was not asked: {printable}."))?;
        let (_, sent) = self.waiting.swap_remove(index);
        sample.latencies.push(now - sent);
        if word != Some("OK") {
            sample.wrong += 1;
            sample.first_wrong.get_or_insert_with(|| printable.to_string());
        }
        Ok(())
    }
}

/// As Postfix sends it.
fn request(number: usize) -> String {
    let response = openssl::base64::encode_block(format!("\0{}\0s3cret pass", login(number)).as_bytes());
    format!("PLAIN\tservice=smtp\tnologin\tlip=127.0.0.1\trip=127.0.0.1\tsecured\tresp={response}\n")
}
