//! Whose turn it is among those who share something, and how much of it each holds.
#![forbid(unsafe_code)]

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::hash::Hash;
use std::time::{Duration, Instant};

/// How long a member that has been served still counts as one that is about: what comes next of it is not to find
/// everything taken. Long enough for the pause between two logins of somebody who logs in again and again, short
/// enough not to leave workers idle for somebody who has gone.
pub(super) const STAYS: Duration = Duration::from_secs(2);

/// How many that want nothing any more are remembered; the rest of them is forgotten earlier.
const MOST_REMEMBERED: usize = 1024;

/// Those who wait for something, hold something, or did so a moment ago.
#[derive(Clone)]
pub(super) struct Turns<K> {
    members: HashMap<K, Member>,
    /// Those who wait, by whose turn it is.
    order: BTreeMap<u64, K>,
    /// Those who neither wait nor hold anything, and since when, the longest first. One that has come back since is
    /// skipped.
    resting: VecDeque<(Instant, K)>,
    last_turn: u64,
}

#[derive(Default, Clone)]
struct Member {
    waiting: usize,
    held: usize,
    turn: u64,
    resting_since: Option<Instant>,
}

impl<K> Default for Turns<K> {
    fn default() -> Self {
        // In the middle, so that there is always a place before the first.
        let last_turn = u64::MAX / 2;
        Self { members: HashMap::new(), order: BTreeMap::new(), resting: VecDeque::new(), last_turn }
    }
}

impl<K: Clone + Eq + Hash> Turns<K> {
    /// It wants one more. Whoever wanted nothing so far comes last.
    pub(super) fn join(&mut self, key: &K) {
        self.last_turn += 1;
        self.join_at(key, self.last_turn);
    }

    fn join_at(&mut self, key: &K, turn: u64) {
        let member = self.members.entry(key.clone()).or_default();
        member.resting_since = None;
        member.waiting += 1;
        if member.waiting == 1 {
            member.turn = turn;
            self.order.insert(turn, key.clone());
        }
    }

    /// It wants one less.
    pub(super) fn leave(&mut self, key: &K) {
        let Some(member) = self.members.get_mut(key) else { return };
        member.waiting = member.waiting.saturating_sub(1);
        if member.waiting == 0 {
            self.order.remove(&member.turn);
            if member.held == 0 {
                self.members.remove(key);
            }
        }
    }

    /// It gets one of those it wants, and the others have their turn before it gets another.
    pub(super) fn take(&mut self, key: &K) {
        let Some(member) = self.members.get_mut(key) else { return };
        member.held += 1;
        member.waiting = member.waiting.saturating_sub(1);
        self.order.remove(&member.turn);
        if member.waiting > 0 {
            self.last_turn += 1;
            member.turn = self.last_turn;
            self.order.insert(member.turn, key.clone());
        }
    }

    /// It gets one of those it wants, which is over at once.
    pub(super) fn pass(&mut self, key: &K) {
        self.take(key);
        let Some(member) = self.members.get_mut(key) else { return };
        member.held = member.held.saturating_sub(1);
        if member.held == 0 && member.waiting == 0 {
            self.members.remove(key);
        }
    }

    /// It holds one less.
    pub(super) fn release(&mut self, key: &K, now: Instant) {
        let Some(member) = self.members.get_mut(key) else { return };
        member.held = member.held.saturating_sub(1);
        if member.held == 0 && member.waiting == 0 {
            member.resting_since = Some(now);
            self.resting.push_back((now, key.clone()));
        }
        self.forget(now);
    }

    /// What it got was of no use: it wants it again, and comes first.
    pub(super) fn give_back(&mut self, key: &K) {
        let first = self.order.first_key_value().map_or(self.last_turn, |(turn, _)| turn - 1);
        if let Some(member) = self.members.get_mut(key) {
            member.held = member.held.saturating_sub(1);
            if member.waiting > 0 {
                self.order.remove(&member.turn);
                self.order.insert(first, key.clone());
                member.turn = first;
            }
        }
        self.join_at(key, first);
    }

    /// Forgets those who have rested for long.
    pub(super) fn forget(&mut self, now: Instant) {
        let is_over = |resting: &VecDeque<(Instant, K)>, since: Instant| {
            since + STAYS <= now || resting.len() > MOST_REMEMBERED
        };
        while let Some((since, _)) = self.resting.front() {
            if !is_over(&self.resting, *since) {
                return;
            }
            let Some((since, key)) = self.resting.pop_front() else { return };
            if self.members.get(&key).is_some_and(|member| member.resting_since == Some(since)) {
                self.members.remove(&key);
            }
        }
    }

    /// When [`Self::forget`] has something to do.
    pub(super) fn next_to_forget(&self) -> Option<Instant> {
        self.resting.front().map(|(since, _)| *since + STAYS)
    }

    /// Those who wait, in turn.
    pub(super) fn in_turn(&self) -> impl Iterator<Item = &K> {
        self.order.values()
    }

    /// How much it holds.
    pub(super) fn held(&self, key: &K) -> usize {
        self.members.get(key).map_or(0, |member| member.held)
    }

    /// How many are about.
    pub(super) fn len(&self) -> usize {
        self.members.len()
    }
}
