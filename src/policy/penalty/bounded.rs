//! A table with a bound: who was renewed the longest time ago makes room.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;

/// What a table costs at the most for each entry, as a multiple of the entry: nodes of a B-tree are at least 5/11 full.
#[cfg(test)]
pub(super) const OVERHEAD: f64 = 2.2;

/// Trees, since nobody can choose names by which they grow slow, and no growth of theirs takes long.
pub(super) struct Bounded<K, V> {
    most: usize,
    entries: BTreeMap<K, (u64, V)>,
    /// By when they were renewed.
    order: BTreeMap<u64, K>,
    last: u64,
}

impl<K: Ord + Copy, V> Bounded<K, V> {
    pub(super) fn new(most: usize) -> Self {
        Self { most, entries: BTreeMap::new(), order: BTreeMap::new(), last: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn get(&self, key: &K) -> Option<&V> {
        self.entries.get(key).map(|(_, value)| value)
    }

    pub(super) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.entries.get_mut(key).map(|(_, value)| value)
    }

    /// It is the newest from now on.
    pub(super) fn insert(&mut self, key: K, value: V) {
        self.remove(&key);
        while self.len() >= self.most.max(1) && self.remove_oldest_if(|_| true) {}
        self.last += 1;
        self.order.insert(self.last, key);
        self.entries.insert(key, (self.last, value));
    }

    pub(super) fn remove(&mut self, key: &K) -> Option<V> {
        let (renewed, value) = self.entries.remove(key)?;
        self.order.remove(&renewed);
        Some(value)
    }

    /// Whether there was one.
    pub(super) fn remove_oldest_if(&mut self, is_over: impl FnOnce(&V) -> bool) -> bool {
        let Some(key) = self.order.first_key_value().map(|(_, key)| *key) else { return false };
        self.get(&key).is_some_and(is_over) && self.remove(&key).is_some()
    }

    /// Everything, and how much that was.
    pub(super) fn clear(&mut self) -> usize {
        self.order.clear();
        std::mem::take(&mut self.entries).len()
    }

    /// The newest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = (K, &V)> {
        self.order.values().rev().filter_map(|key| self.get(key).map(|value| (*key, value)))
    }
}

#[cfg(test)]
#[allow(clippy::cast_possible_truncation)]
mod tests {
    use super::*;
    use crate::simulation::{Random, of_all_seeds};

    /// As a plain list would do it.
    #[test]
    fn the_one_that_was_renewed_the_longest_time_ago_makes_room() {
        of_all_seeds(|seed| {
            let mut random = Random(seed);
            let most = 1 + random.below(6) as usize;
            let (mut table, mut expected) = (Bounded::new(most), Vec::new());
            for step in 0..60 {
                let key = random.below(9);
                let known = expected.iter().position(|(other, _)| *other == key);
                let known = known.map(|place| expected.remove(place));
                if random.one_in(4) {
                    assert_eq!(table.remove(&key), known.map(|(_, value)| value));
                } else {
                    table.insert(key, step);
                    expected.insert(0, (key, step));
                    expected.truncate(most);
                }
                assert!(table.iter().map(|(key, value)| (key, *value)).eq(expected.iter().copied()));
                assert_eq!((table.len(), table.order.len()), (expected.len(), expected.len()));
            }
        });
    }
}
