//! Answers that are held back for a penalty. Each takes a place of somebody else: there may not be too many.
#![forbid(unsafe_code)]

use std::collections::{BTreeMap, BTreeSet};

/// How many answers of one connection may be held back: a quarter of what it may have open at a time. A mail server with all its
/// users on one connection must not be kept from asking for them.
const MOST_EACH: usize = 16;

/// Requests by connection and number.
#[derive(Debug)]
pub struct Held<C, R> {
    most: usize,
    requests: BTreeMap<C, BTreeSet<R>>,
    count: usize,
}

impl<C: Ord + Copy, R: Ord> Held<C, R> {
    /// None yet, and a quarter of all connections at the most.
    pub fn new(connections: usize) -> Self {
        Self { most: connections / 4, requests: BTreeMap::new(), count: 0 }
    }

    /// Whether one more may be held back; it is counted until it is released.
    pub fn admit(&mut self, connection: C, request: R) -> bool {
        let of_it = self.requests.get(&connection).map_or(0, BTreeSet::len);
        if self.count >= self.most || of_it >= MOST_EACH {
            return false;
        }
        self.count += usize::from(self.requests.entry(connection).or_default().insert(request));
        true
    }

    /// It is answered or not waited for any longer.
    pub fn release(&mut self, connection: C, request: &R) {
        let Some(of_it) = self.requests.get_mut(&connection) else { return };
        self.count -= usize::from(of_it.remove(request));
        if of_it.is_empty() {
            self.requests.remove(&connection);
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulation::{Random, of_all_seeds};

    #[test]
    fn no_more_are_held_than_a_quarter_of_the_connections() {
        let mut held = Held::new(100);
        assert_eq!((0..100).filter(|client| held.admit(*client, 0)).count(), 25);
        held.release(7, &0);
        assert!(held.admit(99, 0) && !held.admit(98, 0));
        assert!(!Held::new(3).admit(1, 0), "few connections are for those who ask");
    }

    #[test]
    fn one_connection_has_few_of_them() {
        let mut held = Held::new(4096);
        assert_eq!((0..64).filter(|number| held.admit(1, *number)).count(), MOST_EACH);
        assert!(held.admit(2, 0));
    }

    #[test]
    fn all_that_are_released_are_forgotten() {
        of_all_seeds(|seed| {
            let (mut random, mut held, mut known) = (Random(seed), Held::new(40), BTreeSet::new());
            for _ in 0..100 {
                let (client, number) = (random.below(4), random.below(4));
                if random.one_in(2) {
                    held.release(client, &number);
                    known.remove(&(client, number));
                } else if held.admit(client, number) {
                    known.insert((client, number));
                }
                assert_eq!(held.len(), known.len());
            }
            known.iter().for_each(|(client, number)| held.release(*client, number));
            assert!(held.is_empty() && held.requests.is_empty());
        });
    }
}
