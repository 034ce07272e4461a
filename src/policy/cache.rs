//! The credential cache (`-c`): who was accepted lately, without the passwords.
#![forbid(unsafe_code)]

mod fingerprint;
mod listing;
mod recency;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::cast_possible_truncation)]
mod tests;

pub use fingerprint::{Fingerprint, Fingerprints};
pub use listing::{CachedLogin, CachedNames, is_named};

use crate::config::CacheSettings;
use fingerprint::Name;
use recency::Recency;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::time::{Duration, Instant};
use subtle::ConstantTimeEq;

/// What an entry costs at the most beside its names, in bytes: itself, and its place in a hash table that is between 44 %
/// and 88 % full.
pub const ENTRY_BYTES: usize = 128;

/// What the names of an entry usually cost: `user@example.org`, a service and a realm.
pub const USUAL_NAMES: usize = 48;

/// The least that `-s` can mean: one entry.
const LEAST_BYTES: usize = ENTRY_BYTES + 2 * USUAL_NAMES;

/// Acceptances, each for a limited time and all within a limited size. Only acceptances are ever stored.
///
/// A request is recognized by its [`Fingerprint`]. Login, realm and service are kept in clear, too, for whoever lists the
/// cache or takes a login out of it.
pub struct Cache {
    lifetime: Duration,
    stale: Duration,
    most_bytes: usize,
    /// What the names of all entries cost.
    names_bytes: usize,
    places: HashMap<Name, u32, BuildHasherDefault<FirstBytes>>,
    entries: Vec<Entry>,
    recency: Recency,
}

struct Entry {
    fingerprint: Fingerprint,
    expires: Instant,
    names: CachedNames,
    newer: u32,
    older: u32,
}

impl Cache {
    /// An empty cache.
    pub fn new(settings: &CacheSettings) -> Self {
        Self {
            lifetime: settings.lifetime,
            stale: settings.stale,
            most_bytes: settings.bytes.max(LEAST_BYTES),
            names_bytes: 0,
            places: HashMap::default(),
            entries: Vec::new(),
            recency: Recency::default(),
        }
    }

    /// Whether exactly these credentials were accepted less than the lifetime ago.
    pub fn lookup(&mut self, fingerprint: &Fingerprint, now: Instant) -> bool {
        let Some(&place) = self.places.get(&fingerprint.name) else { return false };
        let Some(entry) = self.entries.get(place as usize) else { return false };
        let known = now < entry.expires && entry.fingerprint.password.ct_eq(&fingerprint.password).into();
        if known {
            self.recency.renew(&mut self.entries, place);
        }
        known
    }

    /// Whether exactly these credentials were accepted at a time that is no longer past its lifetime than
    /// `--stale-if-unavailable` allows. That renews nothing.
    pub fn lookup_stale(&self, fingerprint: &Fingerprint, now: Instant) -> bool {
        let is_in_time = |entry: &&Entry| {
            !self.stale.is_zero() && entry.expires.checked_add(self.stale).is_none_or(|end| now < end)
        };
        let entry = self.places.get(&fingerprint.name).and_then(|place| self.entries.get(*place as usize));
        entry
            .filter(is_in_time)
            .is_some_and(|entry| entry.fingerprint.password.ct_eq(&fingerprint.password).into())
    }

    /// A mechanism has refused exactly these credentials.
    pub fn forget(&mut self, fingerprint: &Fingerprint) {
        let Some(&place) = self.places.get(&fingerprint.name) else { return };
        let entry = self.entries.get(place as usize);
        if entry.is_some_and(|entry| entry.fingerprint.password.ct_eq(&fingerprint.password).into()) {
            self.remove(place);
        }
    }

    /// Remembers that this was accepted under these names; another password of the same is forgotten. When the cache is
    /// full, entries that were not used for the longest time make room.
    pub fn remember(&mut self, fingerprint: Fingerprint, names: CachedNames, now: Instant) {
        if let Some(&place) = self.places.get(&fingerprint.name) {
            self.remove(place);
        }
        let bytes = names.bytes();
        if ENTRY_BYTES.saturating_add(bytes) > self.most_bytes {
            return;
        }
        self.make_room(bytes);
        let place = u32::try_from(self.entries.len()).unwrap_or(recency::NOBODY);
        self.names_bytes += bytes;
        self.places.insert(fingerprint.name, place);
        let expires = now + self.lifetime;
        let (newer, older) = (recency::NOBODY, recency::NOBODY);
        self.entries.push(Entry { fingerprint, expires, names, newer, older });
        self.recency.link_as_newest(&mut self.entries, place);
    }

    /// Number of entries, expired ones among them.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nothing is remembered.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How many entries fit, if their names are as long as those that are there.
    pub fn most(&self) -> usize {
        let usual = self.names_bytes.checked_div(self.entries.len()).unwrap_or(USUAL_NAMES);
        self.most_bytes / ENTRY_BYTES.saturating_add(usual)
    }

    /// How long an entry lives.
    pub fn lifetime(&self) -> Duration {
        self.lifetime
    }

    /// What it takes, of the bytes that it may take.
    pub fn bytes(&self) -> (usize, usize) {
        (self.entries.len() * ENTRY_BYTES + self.names_bytes, self.most_bytes)
    }

    /// Until an entry with so many bytes of names fits. Places that were once made count whether or not they are taken:
    /// they are not given back.
    fn make_room(&mut self, names: usize) {
        loop {
            let free = self.most_bytes.saturating_sub(self.names_bytes + names);
            let capacity = self.entries.capacity();
            let fits = capacity * ENTRY_BYTES <= free;
            if fits && (self.entries.len() < capacity || self.grow(free - capacity * ENTRY_BYTES)) {
                return;
            }
            let Some(oldest) = self.recency.oldest() else { return self.give_back_room() };
            self.remove(oldest);
        }
    }

    /// Grows by a quarter and never beyond what may be stored: doubling would cost more than is charged.
    fn grow(&mut self, free: usize) -> bool {
        let usual = (free / (ENTRY_BYTES + USUAL_NAMES)).max(1);
        let more = (self.entries.len() / 4).max(16).min(usual).min(free / ENTRY_BYTES);
        self.entries.reserve_exact(more);
        more > 0
    }

    fn give_back_room(&mut self) {
        self.entries = Vec::with_capacity(1);
        self.places = HashMap::default();
    }

    /// The last entry takes the place of the one that goes.
    fn remove(&mut self, place: u32) {
        self.recency.unlink(&mut self.entries, place);
        if place as usize >= self.entries.len() {
            return;
        }
        let gone = self.entries.swap_remove(place as usize);
        self.names_bytes = self.names_bytes.saturating_sub(gone.names.bytes());
        self.places.remove(&gone.fingerprint.name);
        if let Some(moved) = self.entries.get(place as usize) {
            self.places.insert(moved.fingerprint.name, place);
            self.recency.note_moved(&mut self.entries, place);
        }
    }
}

/// A name is already the output of a keyed hash, so its first bytes spread evenly and no client can choose them.
#[derive(Default)]
struct FirstBytes(u64);

impl Hasher for FirstBytes {
    fn write(&mut self, bytes: &[u8]) {
        if let Some((first, _)) = bytes.split_first_chunk() {
            self.0 = u64::from_le_bytes(*first);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
