//! Logins that have begun. Pure.
#![forbid(unsafe_code)]

use crate::job::ConversationId;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// How many there can be at a time; the oldest makes room. Each is of a connection that is being opened.
const MOST: usize = 256;

/// For how long one is kept that nobody goes on with: longer than a server may take for an answer.
const LONGEST: Duration = Duration::from_secs(60);

/// Logins by their numbers, which ascend.
pub(super) struct Conversations<T> {
    begun: BTreeMap<ConversationId, (T, Instant)>,
    last: u64,
}

impl<T> Conversations<T> {
    /// None, numbered differently from those of other processes: one that takes the place of another must not go on with
    /// what that had begun.
    pub(super) fn numbered_after(process: u32) -> Self {
        Self { begun: BTreeMap::new(), last: u64::from(process) << 32 }
    }

    pub(super) fn insert(&mut self, conversation: T, now: Instant) -> ConversationId {
        self.forget_old(now);
        while self.begun.len() >= MOST {
            self.begun.pop_first();
        }
        self.last += 1;
        self.begun.insert(ConversationId(self.last), (conversation, now));
        ConversationId(self.last)
    }

    /// Takes one out, to go on with it.
    ///
    /// # Errors
    /// When it is not there (any more).
    pub(super) fn take(&mut self, id: ConversationId, now: Instant) -> Result<T, String> {
        self.forget_old(now);
        let found = self.begun.remove(&id).map(|(conversation, _)| conversation);
        found.ok_or_else(|| "the worker has not begun this login, or has given it up".to_owned())
    }

    /// Keeps one that was taken out.
    pub(super) fn put_back(&mut self, id: ConversationId, conversation: T, now: Instant) {
        self.begun.insert(id, (conversation, now));
    }

    fn forget_old(&mut self, now: Instant) {
        self.begun.retain(|_, (_, since)| now.saturating_duration_since(*since) < LONGEST);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_was_begun_is_gone_on_with_once_for_each_time_it_is_kept() {
        let (mut begun, now) = (Conversations::numbered_after(7), Instant::now());
        let (first, second) = (begun.insert("a", now), begun.insert("b", now));
        assert_eq!((first.0, second.0), ((7 << 32) + 1, (7 << 32) + 2));
        assert_eq!(begun.take(first, now), Ok("a"));
        assert!(begun.take(first, now).is_err());
        begun.put_back(first, "a", now);
        assert_eq!((begun.take(first, now), begun.take(second, now)), (Ok("a"), Ok("b")));
    }

    #[test]
    fn what_nobody_goes_on_with_is_given_up_after_a_minute() {
        let (mut begun, now) = (Conversations::numbered_after(7), Instant::now());
        let (first, second) = (begun.insert("a", now), begun.insert("b", now));
        let later = now + LONGEST.mul_f32(0.5);
        let kept = begun.take(second, later).unwrap();
        begun.put_back(second, kept, later);
        assert!(begun.take(first, now + LONGEST).is_err());
        assert_eq!(begun.take(second, now + LONGEST), Ok("b"));
    }

    #[test]
    fn the_oldest_makes_room() {
        let (mut begun, now) = (Conversations::numbered_after(7), Instant::now());
        let all: Vec<_> = (0..=MOST).map(|number| begun.insert(number, now)).collect();
        let kept: Vec<_> = all.iter().map(|id| begun.take(*id, now).is_ok()).collect();
        assert_eq!(kept.iter().filter(|kept| **kept).count(), MOST);
        assert!(!kept.first().unwrap());
    }
}
