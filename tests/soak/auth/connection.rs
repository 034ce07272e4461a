//! A connection in Dovecot's protocol: lines that come in time, or do not.

use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

/// What comes next on a connection.
#[derive(Debug)]
pub enum Event {
    /// A whole line, its fields.
    Line(Vec<String>),
    /// The server has closed.
    Closed,
    /// Nothing came in the given time.
    Nothing,
}

/// A connection, from the greeting on.
pub struct AuthConnection {
    stream: UnixStream,
    received: Vec<u8>,
}

impl AuthConnection {
    /// Connects and says nothing.
    pub fn connect(socket: &Path) -> std::io::Result<Self> {
        let stream = UnixStream::connect(socket)?;
        stream.set_write_timeout(Some(crate::run::MARGIN))?;
        Ok(Self { stream, received: Vec::new() })
    }

    /// Reads the greeting and introduces itself; the error says what came instead.
    pub fn introduce(&mut self, time: Duration) -> Result<(), String> {
        let deadline = Instant::now() + time;
        loop {
            match self.next(deadline.saturating_duration_since(Instant::now())) {
                Event::Line(fields) if fields.first().is_some_and(|word| word == "DONE") => break,
                Event::Line(_) => {}
                other => return Err(format!("instead of a greeting: {other:?}")),
            }
        }
        self.send(b"VERSION\t1\t2\nCPID\t4711\n");
        Ok(())
    }

    /// Sends these bytes. A server that has closed is found out when nothing comes.
    pub fn send(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes);
    }

    /// What comes within this time.
    pub fn next(&mut self, time: Duration) -> Event {
        let deadline = Instant::now() + time;
        loop {
            if let Some(end) = self.received.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.received.drain(..=end).collect();
                let text = String::from_utf8_lossy(&line);
                return Event::Line(text.trim_end().split('\t').map(str::to_owned).collect());
            }
            let left = deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
            self.stream.set_read_timeout(Some(left)).unwrap();
            let mut buffer = [0; 4096];
            match self.stream.read(&mut buffer) {
                Ok(0) => return Event::Closed,
                Ok(length) => self.received.extend_from_slice(&buffer[..length]),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    return Event::Nothing;
                }
                Err(_) => return Event::Closed,
            }
        }
    }
}
