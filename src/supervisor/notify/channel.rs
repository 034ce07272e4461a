//! The socket of the service manager. Nothing waits for whoever reads there, and nobody has to.
#![forbid(unsafe_code)]

use std::collections::VecDeque;
use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::{Duration, Instant};

/// How soon a message that found no room is tried again.
const RETRY: Duration = Duration::from_millis(100);

/// How many messages wait for room; beyond that the oldest is given up.
const MOST_WAITING: usize = 16;

/// How long the one message may take that has to arrive before the launching process ends.
const PATIENCE: Duration = Duration::from_secs(1);

/// Where messages go, and those that have found no room there yet.
pub(super) struct Channel {
    address: SocketAddr,
    socket: UnixDatagram,
    waiting: VecDeque<String>,
    retry_at: Option<Instant>,
}

impl Channel {
    /// To the address of `$NOTIFY_SOCKET`: a path, or with `@` before it the name of an abstract socket.
    ///
    /// # Errors
    /// When it is neither, or is too long, or there is no socket to send by.
    pub(super) fn to(address: &OsStr) -> io::Result<Self> {
        let address = match address.as_bytes() {
            [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
            [b'/', ..] => SocketAddr::from_pathname(address)?,
            _ => return Err(io::Error::other("it begins neither with / nor with @")),
        };
        let socket = UnixDatagram::unbound()?;
        socket.set_nonblocking(true)?;
        Ok(Self { address, socket, waiting: VecDeque::new(), retry_at: None })
    }

    /// Sends a message, after those that wait for room; what cannot be delivered at all is given up.
    pub(super) fn send(&mut self, message: String, now: Instant) {
        if self.waiting.len() >= MOST_WAITING {
            self.waiting.pop_front();
        }
        self.waiting.push_back(message);
        self.flush(now);
    }

    /// As [`Self::send`], but waits for room, for a second at the most.
    pub(super) fn send_patiently(&mut self, message: String, now: Instant) {
        let may_wait = self.socket.set_write_timeout(Some(PATIENCE));
        let waits = may_wait.and_then(|()| self.socket.set_nonblocking(false));
        self.send(message, now);
        if waits.is_ok() {
            // It worked the other way round.
            let _ = self.socket.set_nonblocking(true);
        }
    }

    /// Whether messages wait for room.
    pub(super) fn is_full(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Sends what there was no room for.
    pub(super) fn flush(&mut self, now: Instant) {
        self.retry_at = None;
        while let Some(message) = self.waiting.front() {
            let sent = self.socket.send_to_addr(message.as_bytes(), &self.address);
            if sent.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock) {
                self.retry_at = Some(now + RETRY);
                return;
            }
            self.waiting.pop_front();
        }
    }

    /// When [`Self::flush`] is due.
    pub(super) fn next_timeout(&self) -> Option<Instant> {
        self.retry_at
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    fn listener() -> (tempfile::TempDir, UnixDatagram, Channel) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("notify");
        let listener = UnixDatagram::bind(&path).unwrap();
        listener.set_nonblocking(true).unwrap();
        let channel = Channel::to(path.as_os_str()).unwrap();
        (directory, listener, channel)
    }

    fn received(listener: &UnixDatagram) -> Vec<String> {
        let mut buffer = [0; 64];
        let one = || listener.recv(&mut buffer).ok().map(|length| buffer[..length].to_vec());
        std::iter::from_fn(one).map(|bytes| String::from_utf8(bytes).unwrap()).collect()
    }

    #[test]
    fn what_finds_no_room_waits_in_its_order_and_the_oldest_goes() {
        let (_directory, listener, mut channel) = listener();
        let now = Instant::now();
        let mut sent = 0;
        while !channel.is_full() {
            sent += 1;
            channel.send(sent.to_string(), now);
        }
        let delivered = received(&listener).len();
        assert_eq!(delivered + 1, sent, "one has found no room");
        assert_eq!(channel.next_timeout(), Some(now + RETRY));
        while !received(&listener).is_empty() {}
        let other: Vec<_> = (0..MOST_WAITING).map(|number| format!("later {number}")).collect();
        channel.waiting.extend(other.iter().cloned());
        channel.waiting.pop_back();
        channel.send("last".to_owned(), now);
        let mut all = Vec::new();
        while channel.is_full() {
            all.extend(received(&listener));
            channel.flush(now);
        }
        all.extend(received(&listener));
        assert_eq!(
            (all.len(), all.first(), all.last()),
            (MOST_WAITING, Some(&other[0]), Some(&"last".to_owned()))
        );
        assert_eq!(channel.next_timeout(), None);
    }

    #[test]
    fn where_nobody_listens_a_message_is_given_up() {
        let (directory, listener, mut channel) = listener();
        drop((listener, directory));
        channel.send("READY=1".to_owned(), Instant::now());
        assert!(!channel.is_full());
    }

    #[test]
    fn an_address_is_a_path_or_an_abstract_name() {
        for address in ["", "relative", "vsock:2:1234", &format!("/{}", "x".repeat(200))] {
            assert!(Channel::to(OsStr::new(address)).is_err(), "{address}");
        }
        for address in ["/run/systemd/notify", "@abstract"] {
            assert!(Channel::to(OsStr::new(address)).is_ok(), "{address}");
        }
    }
}
