//! Where the test client's password comes from when it is not on the command line: the terminal or a stream.
#![forbid(unsafe_code)]

use crate::secret::Secret;
use crate::sys::descriptor::wait_readable;
use crate::sys::terminal::EchoOff;
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use signal_hook::low_level::{emulate_default_handler, pipe};
use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Two bytes of the protocol tell its length.
const LONGEST_PASSWORD: usize = u16::MAX as usize;

/// A line typed on the controlling terminal, not shown while it is typed; `None` when nobody sits there.
///
/// A redirected standard input counts as nobody, since a script must not stop at a prompt.
pub fn password() -> io::Result<Option<Secret>> {
    if !io::stdin().is_terminal() {
        return Ok(None);
    }
    match OpenOptions::new().read(true).write(true).open("/dev/tty") {
        Ok(terminal) => ask_on(&terminal).map(Some),
        Err(_) => Ok(None),
    }
}

/// The first line of `input`, without its newline; it passes through no buffer that is not wiped. A line that is too
/// long for a password is not read to its end, which it may not have.
pub fn first_line(mut input: impl Read) -> io::Result<Secret> {
    let mut line = Secret::default();
    while line.len() <= LONGEST_PASSWORD && !read_some(&mut input, &mut line)? {}
    Ok(line)
}

fn ask_on(terminal: &File) -> io::Result<Secret> {
    let mut screen = terminal;
    let signals = HeldSignals::new()?;
    // Before the prompt, which invites to type: what is typed before the echo goes off is discarded.
    let echo_off = EchoOff::new(&terminal)?;
    screen.write_all(b"Password: ")?;
    let typed = signals.or_line(terminal);
    drop(echo_off);
    // The newline that was typed was not shown either.
    screen.write_all(b"\n")?;
    signals.let_go()?;
    typed
}

/// Appends one read's worth; true at the end of the line or the input.
fn read_some(input: &mut impl Read, line: &mut Secret) -> io::Result<bool> {
    let mut chunk = Secret::default();
    chunk.resize(4096);
    let count = match input.read(chunk.as_mut_bytes()) {
        Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(false),
        count => count?,
    };
    let read = chunk.as_bytes().get(..count).unwrap_or_default();
    let end = read.iter().position(|byte| *byte == b'\n');
    line.extend_from_slice(read.get(..end.unwrap_or(count)).unwrap_or_default());
    Ok(end.is_some() || count == 0)
}

/// The signals that end a program from the keyboard or from outside, held back while the echo is off.
///
/// They cannot be given back to the system afterwards, so once let go they do what they do by default.
struct HeldSignals {
    /// The signal that came; 0 for none.
    came: Arc<AtomicUsize>,
    let_go: Arc<AtomicBool>,
    wake: UnixStream,
}

impl HeldSignals {
    fn new() -> io::Result<Self> {
        let (wake, waker) = UnixStream::pair()?;
        let signals = Self { came: Arc::default(), let_go: Arc::default(), wake };
        for signal in [SIGINT, SIGTERM, SIGHUP, SIGQUIT] {
            let number = usize::try_from(signal).unwrap_or_default();
            signal_hook::flag::register_conditional_default(signal, Arc::clone(&signals.let_go))?;
            signal_hook::flag::register_usize(signal, Arc::clone(&signals.came), number)?;
            pipe::register(signal, waker.try_clone()?)?;
        }
        Ok(signals)
    }

    /// What is typed on `terminal` up to the newline, or as far as it came when a signal did.
    fn or_line(&self, mut terminal: &File) -> io::Result<Secret> {
        let mut line = Secret::default();
        loop {
            let (typed, signalled) = wait_readable(terminal.as_fd(), self.wake.as_fd())?;
            if signalled || (typed && read_some(&mut terminal, &mut line)?) {
                return Ok(line);
            }
        }
    }

    /// Lets a signal that came do its work, and all that come later.
    fn let_go(&self) -> io::Result<()> {
        self.let_go.store(true, Ordering::SeqCst);
        match i32::try_from(self.came.load(Ordering::SeqCst)) {
            Ok(signal) if signal != 0 => emulate_default_handler(signal),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::client::{ClientError, Request, encode_request};

    fn line(input: impl Read) -> Vec<u8> {
        first_line(input).unwrap().as_bytes().to_vec()
    }

    #[test]
    fn the_password_ends_at_the_first_newline_or_the_end() {
        assert_eq!(line(&b"secret\nmore\n"[..]), b"secret");
        assert_eq!(line(&b"secret"[..]), b"secret");
        assert_eq!(line(&b"\nmore"[..]), b"");
        assert_eq!(line(&b""[..]), b"");
        assert_eq!(line(&b" a\tb \r\n"[..]), b" a\tb \r");
    }

    #[test]
    fn a_password_may_come_in_pieces_and_be_long() {
        let long = vec![b'x'; 10_000];
        assert_eq!(line((&long[..]).chain(&b"y\nz"[..])), [&long[..], b"y"].concat());
        let longest = vec![b'x'; 65_535];
        assert_eq!(line((&longest[..]).chain(&b"\nz"[..])), longest);
    }

    #[test]
    fn a_line_without_an_end_is_a_password_that_is_too_long() {
        let endless = first_line(io::repeat(b'x')).unwrap();
        let request = Request {
            login: b"anna",
            password: endless.as_bytes(),
            service: b"imap",
            realm: b"",
            client: None,
        };
        assert!(matches!(
            encode_request(&request),
            Err(ClientError::FieldTooLong { field: "password", length: 65_536..70_000 })
        ));
    }
}
