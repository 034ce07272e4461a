//! A client of the mux socket that blocks: one request, one reply, one time limit over all of it.
#![forbid(unsafe_code)]

use crate::secret::Secret;
use crate::strerror::strerror;
use crate::sys::unix_stream;
use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The fields of one request, as they go over the wire; each may be up to 65,535 bytes long.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// The account.
    pub login: &'a [u8],
    /// Its password.
    pub password: &'a [u8],
    /// The service the login is for.
    pub service: &'a [u8],
    /// The realm; empty for none.
    pub realm: &'a [u8],
    /// The client's address: the fifth field of Cyrus SASL 2.2, left out with `None`.
    pub client: Option<&'a [u8]>,
}

/// Why there is no reply. The texts of all but the last two are those of C's testsaslauthd.
#[derive(Debug)]
pub enum ClientError {
    /// The socket could not be connected to.
    Connect(io::Error),
    /// The request could not be sent whole.
    Write(io::Error),
    /// The daemon closed before the length of its reply: its way to say that no mechanism could be asked.
    NoReply,
    /// The daemon announced a reply of less than the two bytes of `OK` or `NO`.
    BadLength,
    /// The daemon closed in the middle of its reply.
    ShortReply,
    /// The time limit passed.
    Timeout {
        /// The socket that was asked.
        path: PathBuf,
        /// The limit.
        timeout: Duration,
    },
    /// A field does not fit the two bytes of its length.
    FieldTooLong {
        /// What the field is.
        field: &'static str,
        /// Its length in bytes.
        length: usize,
    },
}

/// Asks the daemon that listens at `path` and returns its reply, `OK …` or `NO …`, without the length.
///
/// `timeout` bounds everything from the connection (which waits while the daemon's backlog is full) to the last byte.
pub fn ask(path: &Path, request: &Request<'_>, timeout: Duration) -> Result<Vec<u8>, ClientError> {
    let encoded = encode_request(request)?;
    let deadline = Instant::now() + timeout;
    exchange(path, encoded.as_bytes(), deadline).map_err(|failure| match failure {
        Failure::Deadline => ClientError::Timeout { path: path.to_owned(), timeout },
        Failure::Other(error) => error,
    })
}

/// The bytes of `request` on the wire: each field behind its length in two bytes, high byte first.
pub fn encode_request(request: &Request<'_>) -> Result<Secret, ClientError> {
    let four = [
        ("login", request.login),
        ("password", request.password),
        ("service", request.service),
        ("realm", request.realm),
    ];
    let fields = four.into_iter().chain(request.client.map(|client| ("client address", client)));
    let mut encoded = Secret::with_capacity(fields.clone().map(|(_, bytes)| 2 + bytes.len()).sum());
    for (field, bytes) in fields {
        let length = bytes.len();
        let prefix = u16::try_from(length).map_err(|_| ClientError::FieldTooLong { field, length })?;
        encoded.extend_from_slice(&prefix.to_be_bytes());
        encoded.extend_from_slice(bytes);
    }
    Ok(encoded)
}

/// An error on the way, while the path and the whole time limit are not at hand.
enum Failure {
    Deadline,
    Other(ClientError),
}

fn exchange(path: &Path, request: &[u8], deadline: Instant) -> Result<Vec<u8>, Failure> {
    let mut stream = connect(path, deadline)?;
    let sent = send(&mut stream, request, deadline);
    // A daemon that refuses a field by its length answers and closes before it has read all: the reply counts.
    match (sent, receive_reply(&mut stream, deadline)) {
        (Err(failure), Err(_)) => Err(failure),
        (_, reply) => reply,
    }
}

fn connect(path: &Path, deadline: Instant) -> Result<UnixStream, Failure> {
    loop {
        match unix_stream::connect(path, remaining(deadline)?) {
            Ok(stream) => return Ok(stream),
            Err(error) => retry_or(error, ClientError::Connect)?,
        }
    }
}

fn send(stream: &mut UnixStream, mut bytes: &[u8], deadline: Instant) -> Result<(), Failure> {
    let failed = |error| Failure::Other(ClientError::Write(error));
    while !bytes.is_empty() {
        stream.set_write_timeout(Some(remaining(deadline)?)).map_err(failed)?;
        match stream.write(bytes) {
            Ok(count) => bytes = bytes.get(count..).unwrap_or_default(),
            Err(error) => retry_or(error, ClientError::Write)?,
        }
    }
    Ok(())
}

fn receive_reply(stream: &mut UnixStream, deadline: Instant) -> Result<Vec<u8>, Failure> {
    let mut length = [0; 2];
    receive(stream, &mut length, deadline, || ClientError::NoReply)?;
    let length = u16::from_be_bytes(length);
    if length < 2 {
        return Err(Failure::Other(ClientError::BadLength));
    }
    let mut reply = vec![0; length.into()];
    receive(stream, &mut reply, deadline, || ClientError::ShortReply)?;
    Ok(reply)
}

fn receive(
    stream: &mut UnixStream,
    mut buffer: &mut [u8],
    deadline: Instant,
    closed: impl Fn() -> ClientError,
) -> Result<(), Failure> {
    while !buffer.is_empty() {
        stream.set_read_timeout(Some(remaining(deadline)?)).map_err(|_| Failure::Other(closed()))?;
        match stream.read(buffer) {
            Ok(0) => return Err(Failure::Other(closed())),
            Ok(count) => buffer = buffer.get_mut(count..).unwrap_or_default(),
            Err(error) => retry_or(error, |_| closed())?,
        }
    }
    Ok(())
}

/// A signal does not count, a time-out of the socket is the deadline's, all else is what `other` makes of it.
fn retry_or(error: io::Error, other: impl FnOnce(io::Error) -> ClientError) -> Result<(), Failure> {
    match error.kind() {
        ErrorKind::Interrupted => Ok(()),
        ErrorKind::WouldBlock | ErrorKind::TimedOut => Err(Failure::Deadline),
        _ => Err(Failure::Other(other(error))),
    }
}

fn remaining(deadline: Instant) -> Result<Duration, Failure> {
    let remaining = deadline.saturating_duration_since(Instant::now());
    if remaining.is_zero() { Err(Failure::Deadline) } else { Ok(remaining) }
}

impl fmt::Display for ClientError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect(error) => write!(formatter, "connect() : {}", strerror(error)),
            Self::Write(_) => formatter.write_str("write failed"),
            Self::NoReply => formatter.write_str("size read failed"),
            Self::BadLength => formatter.write_str("bad response from saslauthd"),
            Self::ShortReply => formatter.write_str("read failed"),
            Self::Timeout { path, timeout } => {
                let seconds = timeout.as_secs_f64();
                write!(formatter, "no answer from the daemon at {} within {seconds} s", path.display())
            }
            Self::FieldTooLong { field, length } => {
                write!(formatter, "the {field} is {length} bytes long, and the protocol takes at most 65535")
            }
        }
    }
}

impl std::error::Error for ClientError {}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::net::Shutdown;
    use std::os::unix::net::UnixListener;
    use std::thread;
    use tempfile::TempDir;

    const REQUEST: Request<'_> =
        Request { login: b"anna", password: b"secret", service: b"imap", realm: b"", client: None };
    const WIRE: &[u8] = b"\0\x04anna\0\x06secret\0\x04imap\0\0";
    const LONG: Duration = Duration::from_secs(20);

    /// A daemon for one client: reads a request and answers `reply`, byte by byte, as far as the client listens.
    fn answer_of(reply: &'static [u8]) -> (Result<Vec<u8>, ClientError>, Vec<u8>) {
        let directory = TempDir::new().unwrap();
        let path = directory.path().join("mux");
        let listener = UnixListener::bind(&path).unwrap();
        let daemon = thread::spawn(move || {
            let (mut client, _) = listener.accept().unwrap();
            let mut request = vec![0; WIRE.len()];
            client.read_exact(&mut request).unwrap();
            for byte in reply {
                // A client that is told of a reply without room for `OK` or `NO` has hung up by then, or not yet.
                match client.write_all(&[*byte]) {
                    Err(error) if error.kind() == ErrorKind::BrokenPipe => break,
                    written => written.unwrap(),
                }
            }
            request
        });
        let result = ask(&path, &REQUEST, LONG);
        (result, daemon.join().unwrap())
    }

    #[test]
    fn a_request_is_four_counted_fields_and_a_fifth_with_an_address() {
        assert_eq!(encode_request(&REQUEST).unwrap().as_bytes(), WIRE);
        let with_address = Request { client: Some(b"192.0.2.7;25"), ..REQUEST };
        let expected = [WIRE, b"\0\x0c192.0.2.7;25"].concat();
        assert_eq!(encode_request(&with_address).unwrap().as_bytes(), expected);
        let with_empty_address = Request { client: Some(b""), ..REQUEST };
        assert_eq!(encode_request(&with_empty_address).unwrap().as_bytes(), [WIRE, b"\0\0"].concat());
    }

    #[test]
    fn a_field_that_its_length_cannot_tell_is_an_error_that_names_it() {
        let longest = vec![b'x'; 65_535];
        let request = Request { password: &longest, ..REQUEST };
        assert_eq!(encode_request(&request).unwrap().len(), WIRE.len() - 6 + 65_535);
        let too_long = vec![b'x'; 65_536];
        let error = encode_request(&Request { password: &too_long, ..REQUEST }).err().unwrap();
        let text = "the password is 65536 bytes long, and the protocol takes at most 65535";
        assert_eq!(error.to_string(), text);
    }

    #[test]
    fn the_reply_comes_without_its_length_however_it_is_cut() {
        let (reply, request) = answer_of(b"\0\x11NO PAM auth error");
        assert_eq!(reply.unwrap(), b"NO PAM auth error");
        assert_eq!(request, WIRE);
    }

    #[test]
    fn a_daemon_that_says_too_little_is_told_in_the_words_of_c() {
        for (reply, text) in [
            (b"" as &[u8], "size read failed"),
            (b"\0", "size read failed"),
            (b"\0\x01O", "bad response from saslauthd"),
            (b"\0\0", "bad response from saslauthd"),
            (b"\0\x03NO", "read failed"),
        ] {
            assert_eq!(answer_of(reply).0.unwrap_err().to_string(), text, "{reply:?}");
        }
    }

    #[test]
    fn a_reply_that_comes_before_the_request_is_read_counts() {
        let directory = TempDir::new().unwrap();
        let path = directory.path().join("mux");
        let listener = UnixListener::bind(&path).unwrap();
        let daemon = thread::spawn(move || {
            let (mut client, _) = listener.accept().unwrap();
            client.write_all(b"\0\x03NO ").unwrap();
            client.shutdown(Shutdown::Both).unwrap();
        });
        // Larger than any socket buffer, so that the write cannot end by itself.
        let password = vec![b'x'; 65_535];
        let request = Request { login: &password, password: &password, service: &password, ..REQUEST };
        assert_eq!(ask(&path, &request, LONG).unwrap(), b"NO ");
        daemon.join().unwrap();
    }

    #[test]
    fn a_missing_socket_is_told_as_perror_does() {
        let directory = TempDir::new().unwrap();
        let error = ask(&directory.path().join("mux"), &REQUEST, LONG).unwrap_err();
        assert_eq!(error.to_string(), "connect() : No such file or directory");
    }

    #[test]
    fn a_path_that_no_socket_can_have_is_an_error_instead_of_another_path() {
        let long = PathBuf::from(format!("/{}", "d".repeat(107)));
        let error = ask(&long, &REQUEST, LONG).unwrap_err().to_string();
        assert!(error.starts_with("connect() : a socket's path has 1 to 107 bytes"), "{error}");
        assert!(ask(Path::new(""), &REQUEST, LONG).is_err());
    }

    #[test]
    fn a_daemon_that_never_answers_ends_with_the_time_limit() {
        let directory = TempDir::new().unwrap();
        let path = directory.path().join("mux");
        let _listener = UnixListener::bind(&path).unwrap();
        let error = ask(&path, &REQUEST, Duration::from_millis(100)).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("no answer from the daemon at {} within 0.1 s", path.display())
        );
    }
}
