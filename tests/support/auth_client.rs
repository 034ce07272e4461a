//! A client of Dovecot's auth protocol that sends and receives exactly as told.

use crate::support::{PATIENCE, eventually};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

/// A connection to an auth socket.
pub struct AuthClient {
    reader: BufReader<UnixStream>,
    writer: UnixStream,
}

impl AuthClient {
    /// Connects and says nothing. A daemon that has just been started may have another socket open already.
    pub fn new(socket: &Path) -> Self {
        let writer = eventually("the auth socket is open", || UnixStream::connect(socket).ok());
        writer.set_read_timeout(Some(PATIENCE)).unwrap();
        writer.set_write_timeout(Some(PATIENCE)).unwrap();
        Self { reader: BufReader::new(writer.try_clone().unwrap()), writer }
    }

    /// Reads the greeting and introduces itself as a client of version 1 and this minor version.
    pub fn introduced(mut self, minor: u32) -> Self {
        self.greeting();
        self.send(format!("VERSION\t1\t{minor}\nCPID\t4711\n"));
        self
    }

    /// Sends these bytes in one write. A server that has closed already is found out when nothing comes.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = self.writer.write_all(bytes.as_ref());
    }

    /// What one read gives.
    pub fn read_once(&mut self) -> Vec<u8> {
        assert!(self.reader.buffer().is_empty(), "not after lines");
        let mut buffer = [0; 65536];
        let length = self.writer.read(&mut buffer).unwrap();
        buffer[..length].to_vec()
    }

    /// The lines of the greeting, up to and with `DONE`.
    pub fn greeting(&mut self) -> Vec<String> {
        let mut lines = vec![self.line()];
        while lines.last().is_some_and(|line| line != "DONE") {
            lines.push(self.line());
        }
        lines
    }

    /// The next line without its end, escaped as in a byte string: a TAB is `\t`.
    pub fn line(&mut self) -> String {
        self.next_line().expect("the server closed the connection")
    }

    /// The next lines in order of their text: the server may answer in any order.
    pub fn lines(&mut self, count: usize) -> Vec<String> {
        let mut lines: Vec<_> = (0..count).map(|_| self.line()).collect();
        lines.sort();
        lines
    }

    /// The next line, or nothing when the server has closed.
    pub fn next_line(&mut self) -> Option<String> {
        let mut line = Vec::new();
        match self.reader.read_until(b'\n', &mut line) {
            Ok(_) if line.pop() == Some(b'\n') => Some(line.escape_ascii().to_string()),
            Ok(_) => {
                assert_eq!(line, b"", "the server closed within a line");
                None
            }
            // Something the client had sent was unread.
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => None,
            Err(error) => panic!("no line came: {error}"),
        }
    }
}
