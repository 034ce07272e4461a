//! Notices when logins wait too long for a worker, and says so without flooding the log.
#![forbid(unsafe_code)]

use crate::config::WorkerFlag;
use crate::config::site::PoolId;
use std::time::{Duration, Instant};

/// How long a login may wait for a worker before it is worth a warning.
const PATIENCE: Duration = Duration::from_secs(3);
/// The shortest time between two warnings.
const SILENCE: Duration = Duration::from_secs(60);

/// Logins that wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waiting {
    /// For whose workers.
    pub pool: PoolId,
    /// How many.
    pub logins: usize,
    /// How long the first of them has waited.
    pub longest: Duration,
    /// The flag that would help.
    pub flag: WorkerFlag,
}

pub(super) struct QueueWatch {
    patience: Duration,
    next_look: Option<Instant>,
    silent_until: Option<Instant>,
}

impl QueueWatch {
    /// Has less patience than usual with logins that wait for `most` or longer.
    pub(super) fn new(most: Duration) -> Self {
        Self { patience: PATIENCE.min(most), next_look: None, silent_until: None }
    }

    /// Looks at the queue; `oldest` (asked only when it matters) is when its first login came. Returns how many wait
    /// and how long the first has, when that is worth a warning.
    pub(super) fn observe(
        &mut self,
        logins: usize,
        oldest: impl FnOnce() -> Option<Instant>,
        now: Instant,
    ) -> Option<(usize, Duration)> {
        if logins == 0 {
            self.next_look = None;
            return None;
        }
        let look = *self.next_look.get_or_insert(now + self.patience);
        if now < look {
            return None;
        }
        self.next_look = Some(now + self.patience);
        let longest = now.saturating_duration_since(oldest()?);
        if longest < self.patience || self.silent_until.is_some_and(|until| now < until) {
            return None;
        }
        self.silent_until = Some(now + SILENCE);
        Some((logins, longest))
    }

    pub(super) fn next_timeout(&self) -> Option<Instant> {
        self.next_look
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_short_wait_is_not_worth_a_warning() {
        let start = Instant::now();
        let mut watch = QueueWatch::new(PATIENCE);
        for seconds in 0..20 {
            let now = start + SECOND * seconds;
            assert_eq!(watch.observe(3, || Some(now), now), None);
        }
    }

    #[test]
    fn a_long_wait_is_warned_of_once_a_minute() {
        let start = Instant::now();
        let mut watch = QueueWatch::new(PATIENCE);
        let warnings =
            (0..=130).filter(|second| watch.observe(3, || Some(start), start + SECOND * *second).is_some());
        assert_eq!(warnings.collect::<Vec<_>>(), [3, 63, 123]);
    }

    #[test]
    fn an_empty_queue_needs_no_look() {
        let now = Instant::now();
        let mut watch = QueueWatch::new(PATIENCE);
        watch.observe(1, || None, now);
        assert!(watch.next_timeout().is_some());
        watch.observe(0, || None, now);
        assert_eq!(watch.next_timeout(), None);
    }
}
