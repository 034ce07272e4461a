//! A socket that knows whether it is worth asking the kernel again.
//!
//! The event loop is edge-triggered: a read or write that did not fill or empty its buffer means that there is no more
//! until the next event. That is remembered here, so that plain connections and OpenSSL can both go on until they are
//! told `WouldBlock` and yet cost no system call for it.
#![forbid(unsafe_code)]

use super::upstream::Target;
use crate::sys::socket;
use mio::event::Event;
use mio::net::{TcpStream, UnixStream};
use mio::{Interest, Registry, Token};
use std::io::{self, Read, Write};
use std::os::fd::AsFd;

/// How often one connection may read before the others get their turn: a quarter of a megabyte.
const MOST_READS: u32 = 16;

/// A connection that may not be there yet.
pub(super) struct Socket {
    stream: Stream,
    readable: bool,
    writable: bool,
    /// The server has closed its end, or worse: a short read is not the last one.
    ended: bool,
    /// The kernel has an error to tell.
    failed: bool,
    reads_left: u32,
}

enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Socket {
    /// Begins to connect.
    pub(super) fn connect(target: &Target, registry: &Registry, token: Token) -> io::Result<Self> {
        let mut stream = Stream::connect(target)?;
        let both = Interest::READABLE | Interest::WRITABLE;
        match &mut stream {
            Stream::Tcp(stream) => registry.register(stream, token, both),
            Stream::Unix(stream) => registry.register(stream, token, both),
        }?;
        Ok(Self {
            stream,
            readable: false,
            writable: false,
            ended: false,
            failed: false,
            reads_left: MOST_READS,
        })
    }

    /// Remembers what the event loop has seen.
    pub(super) fn note(&mut self, event: &Event) {
        self.failed |= event.is_error() || event.is_write_closed();
        self.ended |= event.is_read_closed() || self.failed;
        self.readable |= event.is_readable() || self.ended;
        self.writable |= event.is_writable() || self.failed;
        self.allow_reads();
    }

    /// Gives the connection its turn.
    pub(super) fn allow_reads(&mut self) {
        self.reads_left = MOST_READS;
    }

    /// Has the kernel look after a connection that is kept for more than one question.
    pub(super) fn watch_peer(&self) {
        if let Stream::Tcp(stream) = &self.stream {
            // Without it a dead connection is found out by its next question.
            let _ = socket::watch_peer(stream.as_fd());
        }
    }

    /// Whether there is more to read, but others come first.
    pub(super) fn is_out_of_turn(&self) -> bool {
        self.readable && self.reads_left == 0
    }

    /// Whether a write is worth a try.
    pub(super) fn is_writable(&self) -> bool {
        self.writable
    }

    /// Reads up to the end from now on, since the connection cannot be written to.
    pub(super) fn expect_end(&mut self) {
        self.ended = true;
        self.readable = true;
    }

    /// Whether the connection is there.
    ///
    /// # Errors
    /// Why there will be none.
    pub(super) fn is_connected(&self) -> io::Result<bool> {
        match self.failed {
            true => Err(self.stream.take_error()?.unwrap_or_else(|| io::ErrorKind::ConnectionReset.into())),
            false => Ok(self.writable),
        }
    }
}

impl Stream {
    fn connect(target: &Target) -> io::Result<Self> {
        match target {
            Target::Socket(address) => {
                let stream = TcpStream::connect(*address)?;
                // Questions that travel together must not wait for the acknowledgement of those before them.
                let _ = stream.set_nodelay(true);
                Ok(Self::Tcp(stream))
            }
            Target::Path(path) => UnixStream::connect(path).map(Self::Unix),
        }
    }

    fn take_error(&self) -> io::Result<Option<io::Error>> {
        match self {
            Self::Tcp(stream) => stream.take_error(),
            Self::Unix(stream) => stream.take_error(),
        }
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.read(buffer),
            Self::Unix(stream) => stream.read(buffer),
        }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.write(bytes),
            Self::Unix(stream) => stream.write(bytes),
        }
    }
}

impl Read for Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if !self.readable || self.reads_left == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.reads_left -= 1;
        let read = uninterrupted(|| self.stream.read(buffer));
        self.readable = match &read {
            Ok(length) => *length == buffer.len() || self.ended,
            Err(error) => error.kind() != io::ErrorKind::WouldBlock,
        };
        read
    }
}

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !self.writable {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let written = uninterrupted(|| self.stream.write(bytes));
        self.writable = match &written {
            Ok(length) => *length == bytes.len(),
            Err(error) => error.kind() != io::ErrorKind::WouldBlock,
        };
        written
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn uninterrupted(mut call: impl FnMut() -> io::Result<usize>) -> io::Result<usize> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}
