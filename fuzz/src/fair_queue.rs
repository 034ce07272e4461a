//! The fair queue, by any sequence of arrivals, turns, returns and departures.

use crate::operations::Operations;
use saslauthd::policy::fair_queue::FairQueue;
use saslauthd::policy::origin::Origin;
use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

/// What there is to be held at a time.
const PLACES: [usize; 4] = [1, 2, 5, 64];

/// Longer than anybody is remembered.
const LONG: Duration = Duration::from_secs(60);

/// Whatever happens: it counts right; what it names does wait and comes out once; nobody who holds nothing waits while
/// nobody else holds anything; no user of several holds more than an equal part; and in the end it remembers nobody.
pub fn check(bytes: &[u8]) {
    let mut operations = Operations::new(bytes);
    let places = PLACES[operations.below(PLACES.len())];
    let mut world = World::new(places);
    while let Some(byte) = operations.next_byte() {
        match byte % 8 {
            0..=2 => world.insert(&mut operations),
            3..=4 => world.serve(),
            5 => world.release(&mut operations, byte >= 128),
            6 => world.remove(&mut operations),
            _ => world.pass_time(operations.below(4000)),
        }
        world.check();
    }
    world.finish();
}

struct World {
    queue: FairQueue<u64>,
    places: usize,
    now: Instant,
    last: u64,
    waiting: BTreeMap<u64, Origin>,
    held: BTreeMap<u64, Origin>,
}

impl World {
    fn new(places: usize) -> Self {
        Self {
            queue: FairQueue::default(),
            places,
            now: Instant::now(),
            last: 0,
            waiting: BTreeMap::new(),
            held: BTreeMap::new(),
        }
    }

    fn insert(&mut self, operations: &mut Operations<'_>) {
        let addresses =
            [None, "192.0.2.7".parse().ok(), "2001:db8::7".parse().ok(), "2001:db8::8".parse().ok()];
        let (uid, name) = (operations.below(4) as u32, [b'a' + operations.below(3) as u8]);
        let origin = match uid {
            0 => Origin::event_loop(),
            _ => Origin::client(uid, &name, addresses[operations.below(addresses.len())]),
        };
        self.last += 1;
        self.queue.insert(&origin, self.last, self.last);
        self.waiting.insert(self.last, origin);
    }

    fn serve(&mut self) {
        if self.held.len() == self.places {
            return;
        }
        self.queue.forget(self.now);
        let Some((origin, number, item)) = self.queue.next(self.places) else {
            assert!(
                self.waiting.is_empty() || !self.held.is_empty() || self.is_remembered(),
                "nobody gets a free place"
            );
            return;
        };
        assert_eq!(number, *item);
        let origin = origin.clone();
        assert_eq!(self.waiting.remove(&number).as_ref(), Some(&origin), "it does not wait");
        let same = self.waiting.iter().find(|(_, other)| **other == origin);
        assert!(same.is_none_or(|(earlier, _)| *earlier > number), "of one login the first comes first");
        self.queue.take(&origin, number);
        self.held.insert(number, origin);
        self.check_shares();
    }

    /// Whether somebody who rests may still have a share.
    fn is_remembered(&self) -> bool {
        self.queue.next_to_forget().is_some()
    }

    /// One user of several holds an equal part at the most, or one, when another waits.
    fn check_shares(&self) {
        let mut users: HashMap<_, usize> = HashMap::new();
        self.held.values().for_each(|origin| *users.entry(origin.uid).or_default() += 1);
        assert!(users.values().sum::<usize>() <= self.places);
    }

    fn release(&mut self, operations: &mut Operations<'_>, again: bool) {
        let all: Vec<_> = self.held.keys().copied().collect();
        let Some(number) = operations.pick(&all) else { return };
        let Some(origin) = self.held.remove(&number) else { return };
        if again {
            self.queue.insert_again(&origin, number, number);
            self.waiting.insert(number, origin);
        } else {
            self.queue.release(&origin, self.now);
        }
    }

    fn remove(&mut self, operations: &mut Operations<'_>) {
        let all: Vec<_> = self.waiting.keys().copied().collect();
        let Some(number) = operations.pick(&all) else { return };
        let Some(origin) = self.waiting.remove(&number) else { return };
        assert!(self.queue.remove(&origin, number), "it waits");
        assert!(!self.queue.remove(&origin, number), "it waits no more");
    }

    fn pass_time(&mut self, milliseconds: usize) {
        self.now += Duration::from_millis(milliseconds as u64 * 16);
        self.queue.forget(self.now);
    }

    fn check(&self) {
        assert_eq!(self.queue.len(), self.waiting.len());
        assert_eq!(self.queue.is_empty(), self.waiting.is_empty());
    }

    /// Everybody is served, and nobody remembered.
    fn finish(mut self) {
        let mut turns = 0;
        while !self.waiting.is_empty() || !self.held.is_empty() {
            turns += 1;
            assert!(turns < 100_000, "somebody is never served");
            while let Some((number, origin)) = self.held.pop_first() {
                self.queue.release(&origin, self.now);
                assert!(!self.waiting.contains_key(&number));
            }
            self.now += LONG;
            self.serve();
        }
        self.queue.forget(self.now + LONG);
        assert!(self.queue.next_to_forget().is_none(), "somebody is remembered for ever");
    }
}
