//! Workers do the same work side by side, and each says the same about a bad line in a file: once is enough.
#![forbid(unsafe_code)]

use std::collections::VecDeque;
use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, Instant};

/// How long a line is remembered: workers find a changed file at their next login, which may be a while.
const MEMORY: Duration = Duration::from_secs(600);
/// How many lines are remembered.
const MOST: usize = 256;

/// The lines that workers have written lately.
#[derive(Default)]
pub(super) struct RepeatedLines {
    hasher: RandomState,
    lately: VecDeque<(Instant, u64)>,
}

impl RepeatedLines {
    /// Whether no worker has just said the same. The header with time and process number does not count.
    pub(super) fn is_news(&mut self, datagram: &[u8], now: Instant) -> bool {
        if !is_complaint(datagram) {
            return true;
        }
        let text_at = datagram.windows(3).position(|bytes| bytes == b"]: ").unwrap_or(0);
        let said = self.hasher.hash_one(datagram.get(text_at..).unwrap_or_default());
        while self.lately.front().is_some_and(|(when, _)| now.duration_since(*when) >= MEMORY) {
            self.lately.pop_front();
        }
        if self.lately.iter().any(|(_, before)| *before == said) {
            return false;
        }
        if self.lately.len() == MOST {
            self.lately.pop_front();
        }
        self.lately.push_back((now, said));
        true
    }
}

/// Whether the line is a warning or worse: what is only told for those who search may be about one login.
fn is_complaint(datagram: &[u8]) -> bool {
    let priority = datagram.strip_prefix(b"<").and_then(|rest| rest.split(|byte| *byte == b'>').next());
    let priority = priority.and_then(|digits| std::str::from_utf8(digits).ok()?.parse::<i32>().ok());
    priority.is_some_and(|priority| priority & libc::LOG_PRIMASK <= libc::LOG_WARNING)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_five_workers_say_is_news_once() {
        let now = Instant::now();
        let mut repeated_lines = RepeatedLines::default();
        let news = (0..5).filter(|pid| {
            repeated_lines
                .is_news(format!("<36>Nov 21 06:00:00 saslauthd[{pid}]: line 7 is bad").as_bytes(), now)
        });
        assert_eq!(news.count(), 1);
        assert!(repeated_lines.is_news(b"<36>Nov 21 06:00:00 saslauthd[1]: line 8 is bad", now));
    }

    #[test]
    fn the_same_is_news_again_after_a_while() {
        let now = Instant::now();
        let mut repeated_lines = RepeatedLines::default();
        assert!(repeated_lines.is_news(b"<36> saslauthd[1]: line 7 is bad", now));
        assert!(repeated_lines.is_news(b"<36> saslauthd[1]: line 7 is bad", now + MEMORY));
    }

    #[test]
    fn what_is_told_of_single_logins_is_always_news() {
        let now = Instant::now();
        let mut repeated_lines = RepeatedLines::default();
        for _ in 0..3 {
            assert!(
                repeated_lines.is_news(b"<39>Nov 21 06:00:00 saslauthd[1]: pam_authenticate failed", now)
            );
        }
    }

    #[test]
    fn only_so_much_is_remembered() {
        let now = Instant::now();
        let mut repeated_lines = RepeatedLines::default();
        for line in 0..10 * MOST {
            repeated_lines.is_news(format!("<36> saslauthd[1]: line {line} is bad").as_bytes(), now);
        }
        assert_eq!(repeated_lines.lately.len(), MOST);
    }
}
