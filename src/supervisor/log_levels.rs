//! Which log level the processes are to be told, and when. Pure: `now` goes in.
//!
//! A frontend in the hands of somebody else may ask for another level without end. The first is told at once; of those
//! that follow soon only the last is, later: what the others are told must not fill their sockets, nor keep them from
//! reading anything else.
#![forbid(unsafe_code)]

use crate::config::log_level::LogLevel;
use std::time::{Duration, Instant};

/// How long after a level the next is told at the earliest.
const PAUSE: Duration = Duration::from_millis(100);

/// What was asked for and not told yet.
#[derive(Debug, Default)]
pub(super) struct LogLevels {
    wanted: Option<LogLevel>,
    told: Option<Instant>,
}

impl LogLevels {
    /// This is to be the level.
    pub(super) fn ask(&mut self, level: LogLevel) {
        self.wanted = Some(level);
    }

    /// What all are to be told now; also if it is the level that they have, since somebody waits for it.
    pub(super) fn take_due(&mut self, now: Instant) -> Option<LogLevel> {
        self.next_timeout(now).filter(|due| *due <= now)?;
        self.told = Some(now);
        self.wanted.take()
    }

    /// When there is something to tell.
    pub(super) fn next_timeout(&self, now: Instant) -> Option<Instant> {
        self.wanted?;
        Some(self.told.map_or(now, |told| told + PAUSE))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_level_is_told_at_once_and_of_many_the_last() {
        let (mut levels, start) = (LogLevels::default(), Instant::now());
        assert_eq!((levels.take_due(start), levels.next_timeout(start)), (None, None));
        levels.ask(LogLevel::Debug);
        assert_eq!(levels.take_due(start), Some(LogLevel::Debug));
        levels.ask(LogLevel::Error);
        levels.ask(LogLevel::Info);
        assert_eq!(levels.take_due(start + PAUSE / 2), None);
        assert_eq!(levels.next_timeout(start + PAUSE / 2), Some(start + PAUSE));
        assert_eq!(levels.take_due(start + PAUSE), Some(LogLevel::Info));
        assert_eq!(levels.take_due(start + 9 * PAUSE), None, "once");
    }

    #[test]
    fn whoever_asks_without_end_is_heard_ten_times_a_second() {
        let (mut levels, start) = (LogLevels::default(), Instant::now());
        let told = (0..100_000_u32).filter(|number| {
            let level = if number % 2 == 0 { LogLevel::Debug } else { LogLevel::Error };
            levels.ask(level);
            levels.take_due(start + Duration::from_micros(10) * *number).is_some()
        });
        assert_eq!(told.count(), 10);
    }
}
