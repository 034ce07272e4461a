//! What happens to the lines logged through the `log` facade.
//!
//! The column with a name in front of each line is the target: `log::info!(target: "do_auth", "auth failure: …")`.
//! Nothing here waits for a reader: what syslog or the standard error stream does not take at once is queued (1024
//! lines), what finds no room is dropped and counted. An event loop asks [`pending`] how long it may sleep and calls
//! [`retry`] when it wakes.
#![forbid(unsafe_code)]

mod dev_log;
mod escape;
mod line;
mod spool;
mod stderr;
mod syslog;
pub mod worker;

pub use escape::{Escaped, clean, one_line};

use crate::config::LogTargets;
use crate::config::log_level::LogLevel;
use crate::sys::descriptor::wait_writable;
use log::{Level, LevelFilter, Log, Metadata, Record};
use std::fmt;
use std::io;
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use stderr::Stderr;
use syslog::{DEV_LOG, Syslog};

/// How soon a reader that takes nothing is asked again.
const RETRY: Duration = Duration::from_millis(100);

static LOGGER: Logger = Logger { sinks: Mutex::new(Sinks::NONE) };

/// Logs to `targets` from now on, down to `level`. May be called again, as a daemon
/// does that leaves its terminal: what still waits for syslog stays in its queue.
pub fn init(targets: LogTargets, level: LogLevel) {
    let stderr = targets.stderr.then(|| Stderr::new(io::stderr().as_fd())).flatten();
    let before = std::mem::replace(&mut *LOGGER.sinks(), Sinks::NONE);
    let syslog = match before {
        Sinks::Own { syslog, .. } => syslog,
        Sinks::Frontend(_) => None,
    };
    let syslog = targets.syslog.then(|| syslog.unwrap_or_else(|| Box::new(Syslog::new(Path::new(DEV_LOG)))));
    install(Sinks::Own { syslog, stderr }, level);
}

/// Hands on a syslog datagram that a worker or a PAM module in it has made: unchanged to syslog, its text to the
/// standard error stream.
pub fn relay(datagram: &[u8]) {
    // syslog(3) ends it so while it takes `/dev/log` for a stream.
    let datagram = datagram.strip_suffix(&[dev_log::END]).unwrap_or(datagram);
    if let Sinks::Own { syslog, stderr } = &mut *LOGGER.sinks() {
        if let Some(stderr) = stderr {
            stderr.send(line::relayed_stderr_line(datagram).into_bytes());
        }
        if let Some(syslog) = syslog {
            syslog.send(datagram.to_vec(), Instant::now());
        }
    }
}

/// After how long [`retry`] is worth a call; `None` when no line waits.
pub fn pending(now: Instant) -> Option<Duration> {
    match &*LOGGER.sinks() {
        Sinks::Own { syslog, stderr } => {
            let syslog = syslog.as_ref().and_then(|syslog| syslog.pending(now));
            let stderr = stderr.as_ref().and_then(Stderr::pending);
            [syslog, stderr].into_iter().flatten().min()
        }
        Sinks::Frontend(_) => None,
    }
}

/// Sends the lines that wait, as far as their readers take them. Costs nothing when none waits.
pub fn retry(now: Instant) {
    if let Sinks::Own { syslog, stderr } = &mut *LOGGER.sinks() {
        if let Some(stderr) = stderr {
            stderr.flush();
        }
        if let Some(syslog) = syslog {
            syslog.flush(now);
        }
    }
}

/// How many lines of this process were dropped since this was asked last.
pub fn take_dropped() -> u64 {
    match &mut *LOGGER.sinks() {
        Sinks::Own { syslog, stderr } => {
            let syslog = syslog.as_mut().map_or(0, |syslog| syslog.take_lost());
            syslog.saturating_add(stderr.as_ref().map_or(0, Stderr::take_lost))
        }
        Sinks::Frontend(_) => 0,
    }
}

/// For the end of a process: gives readers that are there but slow up to `limit` to take the lines that wait.
pub fn flush_briefly(limit: Duration) {
    let Some(end) = Instant::now().checked_add(limit) else { return };
    loop {
        let now = Instant::now();
        retry(now);
        if now >= end || !LOGGER.sinks().wait_for_reader(end - now) {
            return;
        }
    }
}

/// Writes a line of the level of debugging without `-V` too, and without the column: there are some that the C daemon
/// hands to syslog directly.
pub fn debug_always(text: fmt::Arguments<'_>) {
    let record = Record::builder().level(Level::Debug).target("").args(text).build();
    LOGGER.sinks().log(&record);
}

fn install(sinks: Sinks, level: LogLevel) {
    *LOGGER.sinks() = sinks;
    // Only the first call can set it; it is the same one ever after.
    let _ = log::set_logger(&LOGGER);
    set_level(level);
}

/// Logs down to `level` from now on.
pub fn set_level(level: LogLevel) {
    log::set_max_level(match level {
        LogLevel::Error => LevelFilter::Error,
        LogLevel::Warning => LevelFilter::Warn,
        LogLevel::Info => LevelFilter::Info,
        LogLevel::Debug => LevelFilter::Debug,
    });
}

struct Logger {
    sinks: Mutex<Sinks>,
}

impl Logger {
    fn sinks(&self) -> MutexGuard<'_, Sinks> {
        self.sinks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Log for Logger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= log::max_level()
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            self.sinks().log(record);
        }
    }

    fn flush(&self) {
        retry(Instant::now());
    }
}

/// Where the lines of this process go.
enum Sinks {
    Own { syslog: Option<Box<Syslog>>, stderr: Option<Stderr> },
    Frontend(worker::Send),
}

impl Sinks {
    const NONE: Self = Self::Own { syslog: None, stderr: None };

    fn log(&mut self, record: &Record<'_>) {
        match self {
            Self::Own { syslog, stderr } => {
                // Lines that are written at any level are for syslog only.
                if let Some(stderr) = stderr.as_ref().filter(|_| record.level() <= log::max_level()) {
                    stderr.log(record);
                }
                if let Some(syslog) = syslog {
                    syslog.send(line::datagram(record), Instant::now());
                }
            }
            Self::Frontend(send) => send(&line::datagram(record)),
        }
    }

    /// Waits until a reader that stalled takes something; `false` when none does or none has stalled.
    fn wait_for_reader(&self, limit: Duration) -> bool {
        let Self::Own { syslog, stderr } = self else { return false };
        let stderr = stderr.as_ref().and_then(Stderr::stalled);
        let stalled: Vec<_> =
            [syslog.as_ref().and_then(|syslog| syslog.stalled()), stderr.as_ref().map(AsFd::as_fd)]
                .into_iter()
                .flatten()
                .collect();
        !stalled.is_empty() && wait_writable(&stalled, limit)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::sys::testing::{listen_at_dev_log, next, stall_dev_log, with_private_dev};
    use std::sync::mpsc;

    const SYSLOG: LogTargets = LogTargets { syslog: true, stderr: false };

    #[test]
    fn lines_of_our_own_and_of_modules_reach_syslog() {
        with_private_dev("log::tests::lines_of_our_own_and_of_modules_reach_syslog", || {
            let dev_log = listen_at_dev_log();
            init(SYSLOG, LogLevel::Info);
            log::debug!(target: "do_auth", "only with -V");
            debug_always(format_args!("DEBUG: auth_pam: without -V too"));
            assert!(next(&dev_log).ends_with("]: DEBUG: auth_pam: without -V too"));
            log::info!(target: "do_auth", "auth failure: [user={}]", clean(b"a]\n"));
            assert!(next(&dev_log).ends_with("]: do_auth         : auth failure: [user=a\\x5D\\x0A]"));
            relay(b"<86>Nov  1 03:36:49 saslauthd[7]: pam_unix(smtp:auth): x");
            assert_eq!(next(&dev_log), "<86>Nov  1 03:36:49 saslauthd[7]: pam_unix(smtp:auth): x");
            init(SYSLOG, LogLevel::Debug);
            log::debug!(target: "do_auth", "only with -V");
            assert!(next(&dev_log).ends_with("only with -V"));
            log::trace!("never");
            assert_eq!(pending(Instant::now()), None);
        });
    }

    #[test]
    fn a_line_of_a_module_that_takes_syslog_for_a_stream_reaches_one_of_datagrams() {
        let name = "a_line_of_a_module_that_takes_syslog_for_a_stream_reaches_one_of_datagrams";
        with_private_dev(&format!("log::tests::{name}"), || {
            let dev_log = listen_at_dev_log();
            init(SYSLOG, LogLevel::Info);
            relay(b"<86>Nov  1 03:36:49 saslauthd[7]: x\0");
            assert_eq!(next(&dev_log), "<86>Nov  1 03:36:49 saslauthd[7]: x");
        });
    }

    #[test]
    fn lines_wait_for_a_stalled_syslog_and_the_end_of_a_process_waits_for_them_briefly() {
        let name =
            "log::tests::lines_wait_for_a_stalled_syslog_and_the_end_of_a_process_waits_for_them_briefly";
        with_private_dev(name, || {
            let dev_log = listen_at_dev_log();
            stall_dev_log();
            init(SYSLOG, LogLevel::Info);
            log::info!("late");
            assert_eq!(pending(Instant::now()), Some(RETRY));
            let limit = Duration::from_millis(50);
            let start = Instant::now();
            flush_briefly(limit);
            assert!(start.elapsed() >= limit && pending(Instant::now()).is_some());

            let reader = std::thread::spawn(move || while !next(&dev_log).ends_with(": late") {});
            flush_briefly(Duration::from_secs(10));
            reader.join().unwrap();
            assert_eq!(pending(Instant::now()), None);
        });
    }

    #[test]
    fn a_missing_syslog_does_not_delay_the_end_of_a_process() {
        with_private_dev("log::tests::a_missing_syslog_does_not_delay_the_end_of_a_process", || {
            init(SYSLOG, LogLevel::Info);
            log::info!("nobody is there");
            let start = Instant::now();
            flush_briefly(Duration::from_secs(10));
            assert!(start.elapsed() < Duration::from_secs(5));
        });
    }

    #[test]
    fn a_worker_hands_its_lines_to_the_frontend_as_datagrams() {
        with_private_dev("log::tests::a_worker_hands_its_lines_to_the_frontend_as_datagrams", || {
            let (sender, receiver) = mpsc::channel();
            let sender = Mutex::new(sender);
            let send = move |datagram: &[u8]| sender.lock().unwrap().send(datagram.to_vec()).unwrap();
            worker::init(Box::new(send), LogLevel::Info);
            log::error!(target: "auth_pam", "it broke");
            let datagram = String::from_utf8(receiver.try_recv().unwrap()).unwrap();
            assert!(datagram.starts_with("<35>") && datagram.ends_with("]: auth_pam        : it broke"));
        });
    }
}
