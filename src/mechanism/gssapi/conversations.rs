//! Logins that have begun, and those that protect a connection. Pure.
#![forbid(unsafe_code)]

use crate::job::ConversationId;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// How many are kept, and for how long.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// How many there can be at a time; the one that has rested longest makes room.
    most: usize,
    /// For how long one is kept that nobody goes on with.
    longest: Duration,
}

/// Of connections that are being opened: some times what a server has by default (`--max-server-connections`), for longer than it may take for
/// an answer.
pub(super) const OF_OPENING: Bounds = Bounds { most: 2048, longest: Duration::from_secs(60) };

/// Of connections that are protected, some 25 KiB each of MIT's 1.20. Nobody says when one is closed, which one that rests is after a minute by default
/// (`--idle-time`). One that is forgotten and still open is opened anew when it is needed.
pub(super) const OF_PROTECTED: Bounds = Bounds { most: 2048, longest: Duration::from_secs(600) };

/// Logins by their numbers, which ascend.
pub(super) struct Conversations<T> {
    begun: BTreeMap<ConversationId, (T, Instant)>,
    last: u64,
    bounds: Bounds,
}

impl<T> Conversations<T> {
    /// None, numbered differently from those of other processes: one that takes the place of another must not go on with
    /// what that had begun.
    pub(super) fn numbered_after(process: u32, bounds: Bounds) -> Self {
        Self { begun: BTreeMap::new(), last: u64::from(process) << 32, bounds }
    }

    pub(super) fn insert(&mut self, conversation: T, now: Instant) -> ConversationId {
        self.last += 1;
        self.insert_as(ConversationId(self.last), conversation, now);
        ConversationId(self.last)
    }

    /// Takes one over that has its number from elsewhere.
    pub(super) fn insert_as(&mut self, id: ConversationId, conversation: T, now: Instant) {
        let longest = self.bounds.longest;
        self.begun.retain(|_, (_, since)| now.saturating_duration_since(*since) < longest);
        while self.begun.len() >= self.bounds.most {
            let rested_longest = self.begun.iter().min_by_key(|(_, (_, since))| *since).map(|(id, _)| *id);
            rested_longest.and_then(|id| self.begun.remove(&id));
        }
        self.keep(id, conversation, now);
    }

    /// Takes one out, to go on with it.
    ///
    /// # Errors
    /// When it is not there (any more).
    pub(super) fn take(&mut self, id: ConversationId, now: Instant) -> Result<T, String> {
        let found = self.begun.remove(&id);
        let found = found.filter(|(_, since)| now.saturating_duration_since(*since) < self.bounds.longest);
        found
            .map(|(conversation, _)| conversation)
            .ok_or_else(|| "the worker has not begun this login, or has given it up".to_owned())
    }

    /// Keeps one that was taken out.
    pub(super) fn keep(&mut self, id: ConversationId, conversation: T, now: Instant) {
        self.begun.insert(id, (conversation, now));
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    const BOUNDS: Bounds = OF_OPENING;

    #[test]
    fn what_was_begun_is_gone_on_with_once_for_each_time_it_is_kept() {
        let (mut begun, now) = (Conversations::numbered_after(7, BOUNDS), Instant::now());
        let (first, second) = (begun.insert("a", now), begun.insert("b", now));
        assert_eq!((first.0, second.0), ((7 << 32) + 1, (7 << 32) + 2));
        assert_eq!(begun.take(first, now), Ok("a"));
        assert!(begun.take(first, now).is_err());
        begun.keep(first, "a", now);
        assert_eq!((begun.take(first, now), begun.take(second, now)), (Ok("a"), Ok("b")));
    }

    #[test]
    fn what_nobody_goes_on_with_is_given_up_after_a_minute() {
        let (mut begun, now) = (Conversations::numbered_after(7, BOUNDS), Instant::now());
        let (first, second) = (begun.insert("a", now), begun.insert("b", now));
        let later = now + BOUNDS.longest.mul_f32(0.5);
        let kept = begun.take(second, later).unwrap();
        begun.keep(second, kept, later);
        assert!(begun.take(first, now + BOUNDS.longest).is_err());
        assert_eq!(begun.take(second, now + BOUNDS.longest), Ok("b"));
    }

    #[test]
    fn the_one_that_has_rested_longest_makes_room() {
        let (mut begun, now) = (Conversations::numbered_after(7, BOUNDS), Instant::now());
        let first: Vec<_> = (0..BOUNDS.most).map(|number| begun.insert(number, now)).collect();
        let used = begun.take(first[0], now).unwrap();
        let later = now + Duration::from_secs(1);
        begun.keep(first[0], used, later);
        let last = begun.insert(BOUNDS.most, later);
        let is_kept = |begun: &mut Conversations<_>, id| begun.take(id, later).is_ok();
        assert!(is_kept(&mut begun, first[0]) && is_kept(&mut begun, last));
        assert_eq!(first[1..].iter().filter(|id| is_kept(&mut begun, **id)).count(), BOUNDS.most - 2);
    }

    #[test]
    fn what_is_kept_from_elsewhere_has_room_and_keeps_its_number() {
        let now = Instant::now();
        let mut protected = Conversations::numbered_after(7, OF_PROTECTED);
        for number in 0..=OF_PROTECTED.most {
            let later = now + Duration::from_micros(number as u64);
            protected.insert_as(ConversationId(number as u64), number, later);
        }
        assert!(protected.take(ConversationId(0), now).is_err());
        assert_eq!(protected.take(ConversationId(1), now), Ok(1));
    }
}
