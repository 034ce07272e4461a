//! One request and its reply.
#![forbid(unsafe_code)]

use super::failure::Failure;
use crate::cli::saslauthdctl::Question;
use crate::sys::unix_stream;
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;

/// The longest first line: a sentence.
const LONGEST_HEAD: usize = 4096;

/// The longest reply: a hundred times what a large cache needs, so that nothing that is no reply fills the memory.
const LONGEST_REPLY: usize = 1 << 30;

/// What the daemon wants shown.
pub(super) fn ask(question: &Question) -> Result<Vec<u8>, Failure> {
    let mut stream = connect(question)?;
    let sent = stream.write_all(&question.line);
    let mut reply = Reply { stream, question, received: Vec::new() };
    // One that refuses at once closes before it has read all: what it says counts.
    let head = reply.head();
    if let (Err(error), Err(Failure::BrokenOff(_))) = (sent, &head) {
        return Err(reply.failed(&error));
    }
    let head = head?;
    match head.split_once(' ') {
        Some(("ok", length)) => reply.body(length.parse().ok().filter(|length| *length <= LONGEST_REPLY)),
        Some(("error", sentence)) => Err(Failure::Refused(sentence.to_owned())),
        _ => Err(reply.no_answer()),
    }
}

fn connect(question: &Question) -> Result<UnixStream, Failure> {
    let connected = unix_stream::connect(&question.path, question.timeout);
    let stream =
        connected.and_then(|stream| stream.set_read_timeout(Some(question.timeout)).map(|()| stream));
    stream.map_err(|error| match error.kind() {
        ErrorKind::WouldBlock | ErrorKind::TimedOut => silent(question),
        _ => {
            let has_mux = question.mux.as_ref().is_some_and(|mux| mux.exists());
            Failure::Connect { path: question.path.clone(), error, has_mux }
        }
    })
}

fn silent(question: &Question) -> Failure {
    Failure::Silent { path: question.path.clone(), timeout: question.timeout }
}

struct Reply<'a> {
    stream: UnixStream,
    question: &'a Question,
    received: Vec<u8>,
}

impl Reply<'_> {
    /// The first line, without its end.
    fn head(&mut self) -> Result<String, Failure> {
        loop {
            if let Some(end) = self.received.iter().position(|byte| *byte == b'\n') {
                let rest = self.received.split_off(end + 1);
                self.received.pop();
                let head = String::from_utf8(std::mem::replace(&mut self.received, rest));
                return head.map_err(|_| self.no_answer());
            }
            if self.received.len() > LONGEST_HEAD {
                return Err(self.no_answer());
            }
            self.receive()?;
        }
    }

    /// So many bytes behind it.
    fn body(mut self, length: Option<usize>) -> Result<Vec<u8>, Failure> {
        let length = length.ok_or_else(|| self.no_answer())?;
        while self.received.len() < length {
            self.receive()?;
        }
        self.received.truncate(length);
        Ok(self.received)
    }

    /// Some more.
    fn receive(&mut self) -> Result<(), Failure> {
        let mut buffer = [0; 64 * 1024];
        loop {
            match self.stream.read(&mut buffer) {
                Ok(0) => return Err(Failure::BrokenOff(self.question.path.clone())),
                Ok(length) => {
                    self.received.extend_from_slice(buffer.get(..length).unwrap_or_default());
                    return Ok(());
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(self.failed(&error)),
            }
        }
    }

    fn failed(&self, error: &io::Error) -> Failure {
        match error.kind() {
            ErrorKind::WouldBlock | ErrorKind::TimedOut => silent(self.question),
            _ => Failure::BrokenOff(self.question.path.clone()),
        }
    }

    fn no_answer(&self) -> Failure {
        Failure::NoAnswer(self.question.path.clone())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixListener;
    use std::thread;
    use std::time::Duration;
    use tempfile::tempdir;

    /// What becomes of a question to somebody who says that.
    fn answer_of(says: &'static [u8]) -> Result<Vec<u8>, Failure> {
        let directory = tempdir().unwrap();
        let path = directory.path().join("control");
        let listener = UnixListener::bind(&path).unwrap();
        let daemon = thread::spawn(move || {
            let (mut client, _) = listener.accept().unwrap();
            client.read_exact(&mut [0; 5]).unwrap();
            client.write_all(says).unwrap();
        });
        let timeout = Duration::from_secs(20);
        let answer = ask(&Question { path, mux: None, timeout, line: b"ping\n".to_vec(), watch: None });
        daemon.join().unwrap();
        answer
    }

    #[test]
    fn an_answer_is_what_its_first_line_says() {
        assert_eq!(answer_of(b"ok 5\npong\n").unwrap(), b"pong\n");
        assert_eq!(answer_of(b"ok 0\n").unwrap(), b"");
        assert_eq!(answer_of(b"ok 2\nabc").unwrap(), b"ab");
    }

    #[test]
    fn everything_else_is_a_failure_with_a_code_of_its_own() {
        for (says, code) in [
            (b"error no cache\n" as &[u8], 1),
            (b"ok 5\npong", 69),
            (b"", 69),
            (b"ok", 69),
            (b"ok x\n", 76),
            (b"ok 99999999999\n", 76),
            (b"220 mail.example.org ESMTP\n", 76),
            (&[b'x'; 5000], 76),
            (b"\xff\n", 76),
        ] {
            let failure = answer_of(says).unwrap_err();
            assert_eq!(failure.exit_code(), code, "{}: {failure}", says.escape_ascii());
        }
        assert_eq!(answer_of(b"error no cache\n").unwrap_err().to_string(), "no cache");
    }
}
