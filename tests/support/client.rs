//! A client of the socket that sends and receives bytes exactly as told.

use crate::support::{PATIENCE, eventually};
use std::fmt;
use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

/// The fields of a request, as bytes.
#[derive(Clone, Debug)]
pub struct Request {
    fields: Vec<Vec<u8>>,
}

impl Request {
    /// A request with an empty service and realm.
    pub fn new(login: impl AsRef<[u8]>, password: impl AsRef<[u8]>) -> Self {
        Self { fields: vec![login.as_ref().to_vec(), password.as_ref().to_vec(), Vec::new(), Vec::new()] }
    }

    /// Sets the third field.
    pub fn service(mut self, service: impl AsRef<[u8]>) -> Self {
        self.fields[2] = service.as_ref().to_vec();
        self
    }

    /// Sets the fourth field.
    pub fn realm(mut self, realm: impl AsRef<[u8]>) -> Self {
        self.fields[3] = realm.as_ref().to_vec();
        self
    }

    /// Adds the fifth field that clients of 2.2 send, as `ip;port`.
    pub fn address(mut self, address: impl AsRef<[u8]>) -> Self {
        self.fields.truncate(4);
        self.fields.push(address.as_ref().to_vec());
        self
    }

    /// Each field with its length, as the clients write it.
    pub fn chunks(&self) -> Vec<Vec<u8>> {
        self.fields.iter().map(|field| counted(field)).collect()
    }

    /// The whole request.
    pub fn bytes(&self) -> Vec<u8> {
        self.chunks().concat()
    }
}

/// `text` behind its length in 16 bits, as every string on the wire.
pub fn counted(text: &[u8]) -> Vec<u8> {
    let length = u16::try_from(text.len()).unwrap();
    [&length.to_be_bytes(), text].concat()
}

/// Everything a server sent until it closed the connection.
#[derive(Clone, PartialEq, Eq)]
pub enum Answer {
    /// One complete reply and nothing else.
    Text(String),
    /// Closed without a byte.
    Nothing,
    /// Closed without a byte, while something the client had sent was unread.
    Reset,
    /// Anything else: cut off, followed by more bytes, or a reset (the text says which).
    Broken(String),
}

impl Answer {
    fn from_bytes(bytes: &[u8]) -> Self {
        match bytes {
            [] => Self::Nothing,
            [high, low, text @ ..] if usize::from(u16::from_be_bytes([*high, *low])) == text.len() => {
                Self::Text(text.escape_ascii().to_string())
            }
            _ => Self::Broken(bytes.escape_ascii().to_string()),
        }
    }

    /// Whether it starts with `OK`.
    pub fn is_ok(&self) -> bool {
        matches!(self, Self::Text(text) if text.starts_with("OK"))
    }

    /// Whether it told nothing, in whichever way: libsasl makes a temporary failure of both.
    pub fn is_none(&self) -> bool {
        matches!(self, Self::Nothing | Self::Reset)
    }

    /// The text of a complete reply.
    pub fn text(&self) -> &str {
        match self {
            Self::Text(text) => text,
            _ => "",
        }
    }

    /// Whether it starts with `NO`.
    pub fn is_no(&self) -> bool {
        matches!(self, Self::Text(text) if text.starts_with("NO"))
    }
}

impl PartialEq<&str> for Answer {
    fn eq(&self, text: &&str) -> bool {
        matches!(self, Self::Text(own) if own == text)
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(formatter, "{text:?}"),
            Self::Reset => write!(formatter, "reset without a reply"),
            Self::Nothing => write!(formatter, "closed without a reply"),
            Self::Broken(bytes) => write!(formatter, "broken: {bytes}"),
        }
    }
}

/// One connection to a daemon's socket.
pub struct Connection(UnixStream);

impl Connection {
    /// Connects, or fails the test.
    pub fn new(socket: &Path) -> Self {
        Self::try_new(socket)
            .unwrap_or_else(|error| panic!("cannot connect to {}: {error}", socket.display()))
    }

    /// Connects if somebody listens. Where the queue of connections stays full, which would hold a blocking connect
    /// up for ever, the test fails.
    pub fn try_new(socket: &Path) -> std::io::Result<Self> {
        let stream = eventually("there is room in the queue of connections", || {
            let attempt = mio::net::UnixStream::connect(socket);
            let is_full = attempt.as_ref().is_err_and(|error| error.kind() == ErrorKind::WouldBlock);
            (!is_full).then_some(attempt)
        })?;
        let stream = UnixStream::from(OwnedFd::from(stream));
        stream.set_nonblocking(false)?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Self(stream))
    }

    /// Sends `bytes` in one write.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        assert_eq!(self.try_send(bytes.as_ref()).unwrap(), bytes.as_ref().len(), "a partial write");
        self
    }

    /// Sends `bytes` in one write, which may fail.
    pub fn try_send(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.write(bytes)
    }

    /// Tells the server that nothing more will be sent.
    pub fn finish_sending(&mut self) -> &mut Self {
        self.try_finish_sending().unwrap();
        self
    }

    /// The same, which may fail.
    pub fn try_finish_sending(&mut self) -> std::io::Result<()> {
        self.0.shutdown(Shutdown::Write)
    }

    /// What a single read gives, as clients that never read twice see it.
    pub fn receive_once(&mut self) -> Vec<u8> {
        let mut buffer = [0; 2048];
        self.0.set_read_timeout(Some(PATIENCE)).unwrap();
        let length = self.0.read(&mut buffer).unwrap();
        buffer[..length].to_vec()
    }

    /// Everything until the server closes; a server that keeps silent or open fails the test.
    pub fn receive(&mut self) -> Answer {
        self.receive_within(PATIENCE).unwrap_or_else(|| panic!("no answer and no close within {PATIENCE:?}"))
    }

    /// Everything until the server closes, if it does so within `time`.
    pub fn receive_within(&mut self, time: Duration) -> Option<Answer> {
        let deadline = Instant::now() + time;
        let mut bytes = Vec::new();
        let mut buffer = [0; 2048];
        loop {
            let left = deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
            self.0.set_read_timeout(Some(left)).unwrap();
            match self.0.read(&mut buffer) {
                Ok(0) => return Some(Answer::from_bytes(&bytes)),
                Ok(length) => bytes.extend_from_slice(&buffer[..length]),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    return None;
                }
                Err(error) if error.kind() == ErrorKind::ConnectionReset && bytes.is_empty() => {
                    return Some(Answer::Reset);
                }
                Err(error) => return Some(Answer::Broken(format!("{} then {error}", bytes.escape_ascii()))),
            }
        }
    }
}
