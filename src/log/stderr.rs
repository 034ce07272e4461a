//! The way to the standard error stream, which others share and may have stopped reading.
#![forbid(unsafe_code)]

use super::line;
use super::spool::{Flow, Spool, Taken};
use crate::sys::descriptor::{send_now, wait_writable};
use env_logger::{Builder, Logger, Target, WriteStyle};
use log::{LevelFilter, Log, Record};
use std::fs::{File, OpenOptions};
use std::io::ErrorKind::{Interrupted, QuotaExceeded, StorageFull, WouldBlock};
use std::io::{self, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// As much as a pipe takes at once when poll(2) says that it takes anything (PIPE_BUF).
const PIECE: usize = 4096;

/// Lines for the standard error stream, formatted by env_logger.
pub(super) struct Stderr {
    logger: Logger,
    output: Output,
}

impl Stderr {
    /// Lines for `stream`, whatever their level. `None` when it is closed.
    pub(super) fn new(stream: BorrowedFd<'_>) -> Option<Self> {
        let stream = Stream::open(stream).ok()?;
        let output = Output(Arc::new(Mutex::new(Queue { stream: Some(stream), spool: Spool::default() })));
        let logger = Builder::new()
            .filter_level(LevelFilter::Trace)
            .write_style(WriteStyle::Never)
            .format(|buffer, record| buffer.write_all(line::stderr_line(&line::text(record)).as_bytes()))
            .target(Target::Pipe(Box::new(output.clone())))
            .build();
        Some(Self { logger, output })
    }

    /// Writes `record` behind what waits, or lets it wait.
    pub(super) fn log(&self, record: &Record<'_>) {
        self.logger.log(record);
    }

    /// The same for a line that is ready.
    pub(super) fn send(&self, line: Vec<u8>) {
        let mut queue = self.output.queue();
        queue.spool.push(line);
        queue.flush();
    }

    /// Writes what waits, as far as the stream takes it.
    pub(super) fn flush(&self) {
        self.output.queue().flush();
    }

    /// After how long [`Self::flush`] is worth a try; `None` when nothing waits.
    pub(super) fn pending(&self) -> Option<Duration> {
        (!self.output.queue().spool.is_empty()).then_some(super::RETRY)
    }

    /// How many lines were dropped since this was asked last.
    pub(super) fn take_lost(&self) -> u64 {
        self.output.queue().spool.take_lost()
    }

    /// The stream, when something waits for its reader.
    pub(super) fn stalled(&self) -> Option<OwnedFd> {
        let queue = self.output.queue();
        let stream = queue.stream.as_ref().filter(|_| !queue.spool.is_empty())?;
        stream.as_fd().try_clone_to_owned().ok()
    }
}

/// The queue as env_logger sees it: a writer that takes everything at once.
#[derive(Clone)]
struct Output(Arc<Mutex<Queue>>);

impl Output {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Write for Output {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.queue().spool.push(line.to_vec());
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.queue().flush();
        Ok(())
    }
}

struct Queue {
    /// `None` once nobody can read it any more.
    stream: Option<Stream>,
    spool: Spool,
}

impl Queue {
    fn flush(&mut self) {
        let flow = match &mut self.stream {
            Some(stream) => self.spool.flush(notice, |line| stream.hand_over(line)),
            None => Flow::Broken,
        };
        if flow == Flow::Broken {
            self.stream = None;
            self.spool.clear();
        }
    }
}

fn notice(dropped: u64) -> Vec<u8> {
    let text =
        format!("{dropped} log messages were dropped while the standard error stream did not take them");
    line::stderr_line(&text).into_bytes()
}

/// The ways to write without waiting and without changing the stream for those who share it: O_NONBLOCK would
/// belong to them all.
enum Stream {
    Socket(OwnedFd),
    /// A regular file, which makes nobody wait, or a pipe or terminal opened anew for ourselves.
    Own(File),
    /// What may not be opened anew. Only a second writer that fills the pipe between poll and write could make us
    /// wait.
    Guarded(File),
}

impl Stream {
    fn open(stream: BorrowedFd<'_>) -> io::Result<Self> {
        let shared = File::from(stream.try_clone_to_owned()?);
        let kind = shared.metadata()?.file_type();
        if kind.is_socket() {
            return Ok(Self::Socket(shared.into()));
        }
        if !kind.is_fifo() && !kind.is_char_device() {
            // A second description would have its own offset and overwrite what the others write.
            return Ok(Self::Own(shared));
        }
        Ok(reopen(&shared).map_or(Self::Guarded(shared), Self::Own))
    }

    fn hand_over(&mut self, line: &[u8]) -> Taken {
        let written = match self {
            Self::Socket(socket) => send_now(socket.as_fd(), line),
            Self::Own(file) => file.write(line),
            Self::Guarded(file) if wait_writable(&[file.as_fd()], Duration::ZERO) => {
                file.write(line.get(..PIECE).unwrap_or(line))
            }
            Self::Guarded(_) => return Taken::Later,
        };
        match written {
            Ok(length) if length == line.len() => Taken::Whole,
            Ok(0) => Taken::Never,
            Ok(length) => Taken::Part(length),
            Err(error) => refused(&error),
        }
    }
}

fn refused(error: &io::Error) -> Taken {
    match error.kind() {
        WouldBlock | Interrupted => Taken::Later,
        StorageFull | QuotaExceeded => Taken::Never,
        _ => Taken::Gone,
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Socket(socket) => socket.as_fd(),
            Self::Own(file) | Self::Guarded(file) => file.as_fd(),
        }
    }
}

fn reopen(shared: &File) -> io::Result<File> {
    OpenOptions::new()
        .append(true)
        .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY)
        .open(format!("/proc/self/fd/{}", shared.as_raw_fd()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::sys::descriptor::pipe;
    use std::io::{Read, Seek};
    use std::os::unix::net::UnixStream;

    fn pipe_files() -> (File, File) {
        let (reader, writer) = pipe().unwrap();
        (reader.into(), writer.into())
    }

    fn log_to(stream: &impl AsFd) -> Stderr {
        Stderr::new(stream.as_fd()).unwrap()
    }

    fn say(stderr: &Stderr, text: &str) {
        stderr.log(&Record::builder().level(log::Level::Info).args(format_args!("{text}")).build());
    }

    fn expected(text: &str) -> String {
        format!("saslauthd[{}] :{text}\n", std::process::id())
    }

    /// Reads until the queue is empty and everything has arrived.
    fn everything(stderr: &Stderr, reader: &mut impl Read) -> String {
        let mut read = Vec::new();
        let mut buffer = [0; 65536];
        while stderr.pending().is_some() {
            let length = reader.read(&mut buffer).unwrap();
            read.extend_from_slice(buffer.get(..length).unwrap());
            stderr.flush();
        }
        stderr.send(b"END".to_vec());
        while !read.ends_with(b"END") {
            stderr.flush();
            let length = reader.read(&mut buffer).unwrap();
            read.extend_from_slice(buffer.get(..length).unwrap());
        }
        String::from_utf8(read).unwrap()
    }

    fn overflow(stderr: &Stderr, reader: &mut impl Read) {
        let line = "x".repeat(1000);
        (0..3000).for_each(|_| say(stderr, &line));
        let read = everything(stderr, reader);
        let whole = read.lines().filter(|read| **read == *expected(&line).trim_end()).count();
        let notice = format!(
            "{} log messages were dropped while the standard error stream did not take them",
            3000 - whole
        );
        assert!((1024..3000).contains(&whole), "{whole}");
        assert!(read.contains(&expected(&notice)));
        assert_eq!(read.lines().count(), whole + 2, "no torn lines");
    }

    #[test]
    fn a_line_looks_like_the_c_daemons_and_is_one_line() {
        let (mut reader, writer) = pipe_files();
        let stderr = log_to(&writer);
        say(&stderr, "master pid is: 0\nx");
        assert_eq!(everything(&stderr, &mut reader), expected("master pid is: 0\\x0Ax") + "END");
    }

    #[test]
    fn a_pipe_that_nobody_reads_does_not_hold_the_process_up() {
        let (mut reader, writer) = pipe_files();
        overflow(&log_to(&writer), &mut reader);
    }

    #[test]
    fn a_socket_that_nobody_reads_does_not_hold_the_process_up() {
        let (mut reader, writer) = UnixStream::pair().unwrap();
        overflow(&log_to(&writer), &mut reader);
    }

    #[test]
    fn a_pipe_that_cannot_be_opened_anew_does_not_hold_the_process_up() {
        let (mut reader, writer) = pipe_files();
        let stderr = log_to(&writer);
        stderr.output.queue().stream = Some(Stream::Guarded(writer));
        overflow(&stderr, &mut reader);
    }

    #[test]
    fn a_pipe_shared_with_others_keeps_its_mode_for_them() {
        let (mut reader, mut writer) = pipe_files();
        let stderr = log_to(&writer);
        (0..3000).for_each(|_| say(&stderr, "filling"));
        let other = std::thread::spawn(move || writer.write_all(&[b'#'; 1 << 17]));
        let mut buffer = [0; 65536];
        let mut theirs = 0;
        while theirs < 1 << 17 {
            let length = reader.read(&mut buffer).unwrap();
            theirs += buffer.get(..length).unwrap().iter().filter(|&&byte| byte == b'#').count();
        }
        other.join().unwrap().unwrap();
    }

    #[test]
    fn lines_in_a_file_stand_between_those_of_others_who_write_there() {
        let mut file = tempfile::tempfile().unwrap();
        let stderr = log_to(&file);
        file.write_all(b"first\n").unwrap();
        say(&stderr, "ours");
        file.write_all(b"last\n").unwrap();
        let mut read = String::new();
        file.rewind().unwrap();
        file.read_to_string(&mut read).unwrap();
        assert_eq!(read, format!("first\n{}last\n", expected("ours")));
    }

    #[test]
    fn a_full_disk_and_a_used_up_quota_cost_a_line_and_not_the_stream() {
        for number in [libc::ENOSPC, libc::EDQUOT] {
            assert_eq!(refused(&io::Error::from_raw_os_error(number)), Taken::Never, "{number}");
        }
        assert_eq!(refused(&io::Error::from_raw_os_error(libc::EPIPE)), Taken::Gone);
    }

    #[test]
    fn a_stream_without_a_reader_is_given_up() {
        let (reader, writer) = UnixStream::pair().unwrap();
        let stderr = log_to(&writer);
        drop(reader);
        say(&stderr, "nobody hears this");
        assert_eq!(stderr.pending(), None);
    }
}
