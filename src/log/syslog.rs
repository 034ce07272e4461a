//! The way to syslog: a socket of our own to `/dev/log` that never waits.
//!
//! The C daemon calls syslog(3), which blocks while the reader of `/dev/log` is stalled, and with it the service.
#![forbid(unsafe_code)]

use super::dev_log::DevLog;
use super::line;
use super::spool::{Flow, Spool, Taken};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Where syslog listens.
pub(super) const DEV_LOG: &str = "/dev/log";

/// How long to leave a missing syslog alone at first; doubled up to [`LONGEST_WAIT`].
const FIRST_WAIT: Duration = Duration::from_secs(1);

/// The longest time until a syslog that came back gets what waits for it.
const LONGEST_WAIT: Duration = Duration::from_secs(8);

/// Records for syslog, and those that it has not taken yet.
pub(super) struct Syslog {
    path: PathBuf,
    socket: Option<DevLog>,
    spool: Spool,
    /// Whether the first record that waits has lost its beginning to the present connection, a stream.
    half_sent: bool,
    /// Until when nobody looks for a syslog that was missing.
    missing_until: Option<Instant>,
    wait: Duration,
}

impl Syslog {
    pub(super) fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            socket: None,
            spool: Spool::default(),
            half_sent: false,
            missing_until: None,
            wait: FIRST_WAIT,
        }
    }

    /// Sends `datagram` behind those that wait, or lets it wait.
    pub(super) fn send(&mut self, datagram: Vec<u8>, now: Instant) {
        self.spool.push(datagram);
        self.flush(now);
    }

    /// Sends what waits, as far as syslog takes it.
    pub(super) fn flush(&mut self, now: Instant) {
        // A restarted syslog has made a new socket: one reconnection finds it.
        for _ in 0..2 {
            if self.spool.is_empty() || !self.connect(now) || self.flush_connected() != Flow::Broken {
                return;
            }
            self.socket = None;
        }
        self.give_up_until_later(now);
    }

    /// After how long [`Self::flush`] is worth a try; `None` when nothing waits.
    pub(super) fn pending(&self, now: Instant) -> Option<Duration> {
        let wait = || match self.missing_until {
            Some(until) => until.saturating_duration_since(now),
            None => super::RETRY,
        };
        (!self.spool.is_empty()).then(wait)
    }

    /// How many records were dropped since this was asked last.
    pub(super) fn take_lost(&mut self) -> u64 {
        self.spool.take_lost()
    }

    /// The socket of a syslog that is there and does not read.
    pub(super) fn stalled(&self) -> Option<BorrowedFd<'_>> {
        self.socket.as_ref().filter(|_| !self.spool.is_empty()).map(AsFd::as_fd)
    }

    fn flush_connected(&mut self) -> Flow {
        let (Some(socket), half_sent) = (&self.socket, &mut self.half_sent) else { return Flow::Broken };
        let notice = |dropped| {
            line::own_datagram(&format!("{dropped} log messages were dropped while syslog did not take them"))
        };
        let flow = self.spool.flush(notice, |record| {
            let taken = socket.hand_over(record);
            match taken {
                Taken::Part(_) => *half_sent = true,
                Taken::Whole | Taken::Never => *half_sent = false,
                Taken::Later | Taken::Gone => {}
            }
            taken
        });
        if flow == Flow::Broken && std::mem::take(half_sent) {
            // Its other half alone is no record.
            self.spool.drop_first();
        }
        flow
    }

    fn connect(&mut self, now: Instant) -> bool {
        if self.socket.is_some() {
            return true;
        }
        if self.missing_until.is_some_and(|until| now < until) {
            return false;
        }
        self.socket = DevLog::connect(&self.path).ok();
        if self.socket.is_some() {
            self.missing_until = None;
            self.wait = FIRST_WAIT;
        } else {
            self.give_up_until_later(now);
        }
        self.socket.is_some()
    }

    fn give_up_until_later(&mut self, now: Instant) {
        self.missing_until = now.checked_add(self.wait);
        self.wait = self.wait.saturating_mul(2).min(LONGEST_WAIT);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::io::{self, Read};
    use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
    use std::{fs, iter};
    use tempfile::TempDir;

    /// A syslog of either kind.
    struct Reader {
        directory: TempDir,
        socket: Option<UnixDatagram>,
    }

    impl Reader {
        fn absent() -> Self {
            Self { directory: TempDir::new().unwrap(), socket: None }
        }

        fn start(&mut self) {
            let _ = fs::remove_file(self.path());
            let socket = UnixDatagram::bind(self.path()).unwrap();
            socket.set_nonblocking(true).unwrap();
            self.socket = Some(socket);
        }

        fn start_stream(&self) -> UnixListener {
            let _ = fs::remove_file(self.path());
            UnixListener::bind(self.path()).unwrap()
        }

        fn stop(&mut self) {
            self.socket = None;
        }

        fn path(&self) -> PathBuf {
            self.directory.path().join("log")
        }

        fn read(&self) -> Vec<String> {
            let mut buffer = [0; 1024];
            let socket = self.socket.as_ref().unwrap();
            iter::from_fn(|| socket.recv(&mut buffer).ok().map(|length| (length, buffer)))
                .map(|(length, buffer)| String::from_utf8(buffer.get(..length).unwrap().to_vec()).unwrap())
                .collect()
        }
    }

    /// All records of a stream until it takes no more from us.
    fn records(syslog: &mut Syslog, connection: &mut UnixStream) -> Vec<String> {
        connection.set_nonblocking(true).unwrap();
        let mut bytes = Vec::new();
        loop {
            let waits = syslog.pending(Instant::now()).is_some();
            match connection.read_to_end(&mut bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock && !waits => break,
                _ => syslog.flush(Instant::now()),
            }
        }
        assert!(bytes.is_empty() || bytes.ends_with(b"\0"), "a record without its end");
        String::from_utf8(bytes).unwrap().split_terminator('\0').map(str::to_owned).collect()
    }

    fn started() -> (Reader, Syslog) {
        let mut reader = Reader::absent();
        reader.start();
        let syslog = Syslog::new(&reader.path());
        (reader, syslog)
    }

    #[test]
    fn lines_reach_a_syslog_that_listens() {
        let (reader, mut syslog) = started();
        let now = Instant::now();
        syslog.send(b"one".to_vec(), now);
        assert_eq!(reader.read(), ["one"]);
        assert_eq!(syslog.pending(now), None);
    }

    #[test]
    fn a_syslog_that_stops_reading_loses_only_what_finds_no_room_and_hears_how_much() {
        let (reader, mut syslog) = started();
        let now = Instant::now();
        let sent = 3000;
        (0..sent).for_each(|number| syslog.send(number.to_string().into_bytes(), now));
        assert_eq!(syslog.pending(now), Some(super::super::RETRY));
        let mut read = Vec::new();
        while syslog.pending(now).is_some() {
            read.extend(reader.read());
            syslog.flush(now);
        }
        read.extend(reader.read());
        let notice = read.pop().unwrap();
        let dropped = sent - read.len();
        assert!(
            notice
                .ends_with(&format!(": {dropped} log messages were dropped while syslog did not take them"))
        );
        assert!(
            read.iter().enumerate().all(|(number, line)| *line == number.to_string()),
            "in order, no gaps"
        );
        assert!(read.len() >= 1024);
    }

    #[test]
    fn a_restarted_syslog_is_found_with_the_very_line_that_missed_it() {
        let (mut reader, mut syslog) = started();
        let now = Instant::now();
        syslog.send(b"before".to_vec(), now);
        reader.start();
        syslog.send(b"after".to_vec(), now);
        assert_eq!(reader.read(), ["after"]);
    }

    #[test]
    fn a_missing_syslog_is_looked_for_once_a_second_at_most_and_then_gets_what_waited() {
        let mut reader = Reader::absent();
        let mut syslog = Syslog::new(&reader.path());
        let now = Instant::now();
        syslog.send(b"early".to_vec(), now);
        assert_eq!(syslog.pending(now), Some(FIRST_WAIT));
        reader.start();
        syslog.send(b"soon".to_vec(), now + FIRST_WAIT / 2);
        assert_eq!(reader.read(), Vec::<String>::new(), "too early to look");
        syslog.flush(now + FIRST_WAIT);
        assert_eq!(reader.read(), ["early", "soon"]);
    }

    #[test]
    fn a_syslog_that_stays_away_is_looked_for_less_and_less() {
        let reader = Reader::absent();
        let mut syslog = Syslog::new(&reader.path());
        let mut now = Instant::now();
        syslog.send(b"x".to_vec(), now);
        for seconds in [1, 2, 4, 8, 8] {
            assert_eq!(syslog.pending(now), Some(Duration::from_secs(seconds)));
            now += Duration::from_secs(seconds);
            syslog.flush(now);
        }
    }

    #[test]
    fn a_syslog_that_dies_keeps_its_lines_waiting() {
        let (mut reader, mut syslog) = started();
        let now = Instant::now();
        syslog.send(b"before".to_vec(), now);
        reader.stop();
        syslog.send(b"meanwhile".to_vec(), now);
        reader.start();
        syslog.flush(now + FIRST_WAIT);
        assert_eq!(reader.read(), ["meanwhile"]);
    }

    #[test]
    fn a_syslog_that_is_a_stream_gets_records_that_end_with_nul() {
        let reader = Reader::absent();
        let listener = reader.start_stream();
        let mut syslog = Syslog::new(&reader.path());
        syslog.send(b"one".to_vec(), Instant::now());
        syslog.send(b"two".to_vec(), Instant::now());
        let mut connection = listener.accept().unwrap().0;
        assert_eq!(records(&mut syslog, &mut connection), ["one", "two"]);
    }

    #[test]
    fn a_stream_that_stops_reading_tears_no_record_and_loses_only_what_finds_no_room() {
        let reader = Reader::absent();
        let listener = reader.start_stream();
        let mut syslog = Syslog::new(&reader.path());
        let line = |number: usize| format!("{number} {}", "x".repeat(997));
        (0..3000).for_each(|number| syslog.send(line(number).into_bytes(), Instant::now()));
        assert!(syslog.stalled().is_some());
        let mut read = records(&mut syslog, &mut listener.accept().unwrap().0);
        let notice = read.pop().unwrap();
        let dropped = 3000 - read.len();
        assert!(
            notice
                .ends_with(&format!(": {dropped} log messages were dropped while syslog did not take them"))
        );
        assert!(read.iter().enumerate().all(|(number, read)| *read == line(number)), "in order, no gaps");
    }

    #[test]
    fn a_record_that_was_half_sent_when_a_stream_ended_is_dropped_and_counted() {
        let reader = Reader::absent();
        let listener = reader.start_stream();
        let mut syslog = Syslog::new(&reader.path());
        // The kernel takes a part only of what is large.
        let taken_in_part = (0..10).any(|_| {
            syslog.send(vec![b'x'; 150_000], Instant::now());
            syslog.half_sent
        });
        assert!(taken_in_part);
        let ended = listener.accept().unwrap().0;
        syslog.send(b"next".to_vec(), Instant::now());
        drop((ended, listener));
        let listener = reader.start_stream();
        syslog.flush(Instant::now());
        let mut connection = listener.accept().unwrap().0;
        let read = records(&mut syslog, &mut connection);
        assert_eq!(read.first().map(String::as_str), Some("next"), "{read:?}");
        assert!(
            read.last().unwrap().ends_with(": 1 log messages were dropped while syslog did not take them")
        );
    }

    #[test]
    fn a_syslog_that_comes_back_as_the_other_kind_is_found() {
        let (mut reader, mut syslog) = started();
        let now = Instant::now();
        syslog.send(b"before".to_vec(), now);
        reader.stop();
        let listener = reader.start_stream();
        syslog.send(b"after".to_vec(), now);
        assert_eq!(records(&mut syslog, &mut listener.accept().unwrap().0), ["after"]);
    }
}
