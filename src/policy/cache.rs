//! The credential cache (`-c`): who was accepted lately, without the passwords.
#![forbid(unsafe_code)]

use crate::config::CacheSettings;
use crate::config::selector::realm_of;
use crate::credentials::Credentials;
use crate::policy::route::RouteId;
use hmac::digest::FixedOutput;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::time::{Duration, Instant};
use subtle::ConstantTimeEq;

/// What one name costs at the most, in bytes: its entry, and its place in a hash table that is between 44 % and
/// 88 % full. `-s` is divided by it.
pub const ENTRY_BYTES: usize = 128;

const NO_ENTRY: u32 = u32::MAX;

/// Acceptances, each for a limited time and all within a limited size. Only acceptances are ever stored.
///
/// Names and passwords are kept as HMAC-SHA256 under a key that is made at start and never leaves the process, so
/// the memory tells nothing about a password without that key (the C daemon writes unsalted MD5 into a file).
pub struct Cache {
    keyed: Hmac<Sha256>,
    lifetime: Duration,
    most: usize,
    places: HashMap<Name, u32, BuildHasherDefault<FirstBytes>>,
    entries: Vec<Entry>,
    newest: u32,
    oldest: u32,
}

type Name = [u8; 16];

/// What the cache knows of one request: whom it is about, and a proof of the password.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Fingerprint {
    name: Name,
    password: [u8; 32],
}

struct Entry {
    fingerprint: Fingerprint,
    expires: Instant,
    newer: u32,
    older: u32,
}

impl Cache {
    /// An empty cache. `key` must be random and new for each process.
    pub fn new(settings: &CacheSettings, key: &[u8; 32]) -> Self {
        let most = (settings.bytes / ENTRY_BYTES).clamp(1, NO_ENTRY as usize - 1);
        Self {
            // HMAC takes a key of any length, so this never fails; an error would be a cache that never matches.
            keyed: Hmac::new_from_slice(key)
                .unwrap_or_else(|_| unreachable!("HMAC takes keys of any length")),
            lifetime: settings.lifetime,
            most,
            places: HashMap::default(),
            entries: Vec::new(),
            newest: NO_ENTRY,
            oldest: NO_ENTRY,
        }
    }

    /// The fingerprint of a request. Login, realm, service and client address are all part of it, since a
    /// mechanism may decide by any of them, also the realm that a format has taken off, by which sections are chosen; and
    /// so is the route, since by another one others decide.
    pub fn fingerprint(&self, credentials: &Credentials, route: RouteId) -> Fingerprint {
        let mut name = self.keyed.clone();
        if let (Some(sent), true) = (&credentials.sent_login, credentials.realm.is_empty()) {
            // No part is as long as that.
            name.update(&usize::MAX.to_le_bytes());
            let realm = realm_of(sent, b"", b"");
            name.update(&realm.len().to_le_bytes());
            realm.iter().for_each(|byte| name.update(&[byte.to_ascii_lowercase()]));
        }
        for part in [&credentials.login, &credentials.realm, &credentials.service] {
            name.update(&part.len().to_le_bytes());
            name.update(part);
        }
        if let Some(address) = credentials.client {
            name.update(address.to_string().as_bytes());
        }
        if route != RouteId::DEFAULT {
            // No address has such a byte in it.
            name.update(&[0xFF]);
            name.update(&route.number().to_le_bytes());
        }
        let name: [u8; 32] = name.finalize_fixed().into();
        let mut password = self.keyed.clone();
        password.update(&name);
        password.update(credentials.password.as_bytes());
        let (short, _) = name.split_first_chunk().unwrap_or((&[0; 16], &[]));
        Fingerprint { name: *short, password: password.finalize_fixed().into() }
    }

    /// Whether exactly these credentials were accepted less than the lifetime ago.
    pub fn lookup(&mut self, fingerprint: &Fingerprint, now: Instant) -> bool {
        let Some(&place) = self.places.get(&fingerprint.name) else { return false };
        let Some(entry) = self.entries.get(place as usize) else { return false };
        let known = now < entry.expires && entry.fingerprint.password.ct_eq(&fingerprint.password).into();
        if known {
            self.unlink(place);
            self.link_as_newest(place);
        }
        known
    }

    /// Remembers an acceptance; another password of the same name is forgotten. When the cache is full, the entry
    /// that was not used for the longest time makes room.
    pub fn remember(&mut self, fingerprint: Fingerprint, now: Instant) {
        let expires = now + self.lifetime;
        let place = match self.places.get(&fingerprint.name) {
            Some(&place) => {
                self.unlink(place);
                place
            }
            None => self.make_room(),
        };
        let name = fingerprint.name;
        let entry = Entry { fingerprint, expires, newer: NO_ENTRY, older: NO_ENTRY };
        match self.entries.get_mut(place as usize) {
            Some(old) => *old = entry,
            None => self.append(entry),
        }
        self.places.insert(name, place);
        self.link_as_newest(place);
    }

    /// Number of entries, expired ones among them.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether nothing is remembered.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// How many names fit.
    pub fn most(&self) -> usize {
        self.most
    }

    /// A place that is linked nowhere: behind the last entry, or the least recently used one's.
    fn make_room(&mut self) -> u32 {
        if self.entries.len() < self.most {
            // `most` is below u32::MAX.
            return u32::try_from(self.entries.len()).unwrap_or(NO_ENTRY);
        }
        let place = self.oldest;
        if let Some(entry) = self.entries.get(place as usize) {
            self.places.remove(&entry.fingerprint.name);
        }
        self.unlink(place);
        place
    }

    /// Grows by a quarter and never beyond what may be stored: doubling would cost more than is charged.
    fn append(&mut self, entry: Entry) {
        if self.entries.len() == self.entries.capacity() {
            let more = (self.entries.len() / 4).max(16);
            self.entries.reserve_exact(more.min(self.most.saturating_sub(self.entries.len())));
        }
        self.entries.push(entry);
    }

    fn unlink(&mut self, place: u32) {
        let Some(entry) = self.entries.get(place as usize) else { return };
        let (newer, older) = (entry.newer, entry.older);
        match self.entries.get_mut(newer as usize) {
            Some(neighbour) => neighbour.older = older,
            None => self.newest = older,
        }
        match self.entries.get_mut(older as usize) {
            Some(neighbour) => neighbour.newer = newer,
            None => self.oldest = newer,
        }
    }

    fn link_as_newest(&mut self, place: u32) {
        let second = self.newest;
        if let Some(entry) = self.entries.get_mut(place as usize) {
            (entry.newer, entry.older) = (NO_ENTRY, second);
        }
        match self.entries.get_mut(second as usize) {
            Some(neighbour) => neighbour.newer = place,
            None => self.oldest = place,
        }
        self.newest = place;
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::config::site::{Routes, Selector};
    use crate::secret::Secret;
    use std::rc::Rc;

    const LIFETIME: Duration = Duration::from_secs(100);

    fn cache(most: usize) -> Cache {
        Cache::new(&CacheSettings { bytes: most * ENTRY_BYTES, lifetime: LIFETIME }, &[7; 32])
    }

    fn credentials(login: &str, password: &str) -> Credentials {
        Credentials {
            login: login.into(),
            sent_login: None,
            password: Secret::copy_of(password.as_bytes()),
            service: b"smtp".to_vec(),
            realm: b"example.org".to_vec(),
            client: None,
        }
    }

    fn remember(cache: &mut Cache, login: &str, password: &str, now: Instant) {
        let fingerprint = cache.fingerprint(&credentials(login, password), RouteId::DEFAULT);
        cache.remember(fingerprint, now);
    }

    fn knows(cache: &mut Cache, login: &str, password: &str, now: Instant) -> bool {
        let fingerprint = cache.fingerprint(&credentials(login, password), RouteId::DEFAULT);
        cache.lookup(&fingerprint, now)
    }

    #[test]
    fn only_the_password_that_was_accepted_is_known() {
        let now = Instant::now();
        let mut cache = cache(10);
        remember(&mut cache, "anna", "secret", now);
        assert!(knows(&mut cache, "anna", "secret", now));
        assert!(!knows(&mut cache, "anna", "Secret", now));
        assert!(!knows(&mut cache, "bert", "secret", now));
    }

    #[test]
    fn an_entry_ends_with_its_lifetime_and_using_it_does_not_prolong_it() {
        let now = Instant::now();
        let mut cache = cache(10);
        remember(&mut cache, "anna", "secret", now);
        assert!(knows(&mut cache, "anna", "secret", now + LIFETIME - Duration::from_nanos(1)));
        assert!(!knows(&mut cache, "anna", "secret", now + LIFETIME));
    }

    #[test]
    fn another_accepted_password_replaces_the_first() {
        let now = Instant::now();
        let mut cache = cache(10);
        remember(&mut cache, "anna", "old", now);
        remember(&mut cache, "anna", "new", now);
        assert!(!knows(&mut cache, "anna", "old", now));
        assert!(knows(&mut cache, "anna", "new", now));
        assert_eq!(cache.len(), 1);
    }

    #[test]
    fn the_least_recently_used_entry_makes_room() {
        let now = Instant::now();
        let mut cache = cache(3);
        for login in ["anna", "bert", "cora"] {
            remember(&mut cache, login, "secret", now);
        }
        assert!(knows(&mut cache, "anna", "secret", now));
        remember(&mut cache, "dora", "secret", now);
        assert!(!knows(&mut cache, "bert", "secret", now));
        for login in ["anna", "cora", "dora"] {
            assert!(knows(&mut cache, login, "secret", now), "{login}");
        }
    }

    #[test]
    fn the_cache_never_holds_more_names_than_fit() {
        let now = Instant::now();
        let mut cache = cache(100);
        for number in 0..1000 {
            remember(&mut cache, &format!("user{number}"), "secret", now);
            assert!(cache.len() <= 100 && cache.entries.capacity() <= 100);
        }
        for number in 900..1000 {
            assert!(knows(&mut cache, &format!("user{number}"), "secret", now), "{number}");
        }
    }

    #[test]
    fn every_part_of_the_name_counts_and_none_runs_into_the_next() {
        let cache = cache(10);
        let plain = cache.fingerprint(&credentials("anna", "secret"), RouteId::DEFAULT);
        let mut variants = Vec::new();
        let mut routes = Routes::default();
        routes.special.push((Selector::default(), Rc::default()));
        let (route, _) = routes.find("mux", &credentials("anna", "secret"));
        for change in 0..8 {
            let mut other = credentials("anna", "secret");
            match change {
                0 => other.login = b"annae".to_vec(),
                1 => other.realm = b"xample.org".to_vec(),
                2 => other.service = b"imap".to_vec(),
                3 => other.client = Some("192.0.2.7".parse().unwrap()),
                4 => other.client = Some("192.0.2.8".parse().unwrap()),
                5 => {}
                6 => other.client = Some("192.0.2.9".parse().unwrap()),
                _ => (other.login, other.realm) = (b"annaexample.org".to_vec(), Vec::new()),
            }
            let route = if change == 5 || change == 6 { route } else { RouteId::DEFAULT };
            variants.push(cache.fingerprint(&other, route));
        }
        for (index, variant) in variants.iter().enumerate() {
            assert!(variant.name != plain.name, "{index}");
            assert!(variants.iter().filter(|other| other.name == variant.name).count() == 1);
        }
    }

    #[test]
    fn names_longer_than_the_c_daemons_sixty_bytes_are_cached() {
        let now = Instant::now();
        let mut cache = cache(10);
        let login = "a".repeat(1000);
        remember(&mut cache, &login, "secret", now);
        assert!(knows(&mut cache, &login, "secret", now));
    }

    /// A directory may have another section for each.
    #[test]
    fn logins_of_which_a_format_makes_the_same_one_share_an_acceptance_within_a_realm_only() {
        let cache = cache(10);
        let sent = |login: &str, realm: &str| {
            let sent_login = Some(login.as_bytes().to_vec());
            let realm = realm.as_bytes().to_vec();
            let credentials = Credentials { sent_login, realm, ..credentials("anna", "secret") };
            cache.fingerprint(&credentials, RouteId::DEFAULT)
        };
        assert!(sent("anna@a.org", "") == sent("ANNA@A.org", ""));
        assert!(sent("anna@a.org", "") != sent("anna@b.org", ""));
        assert!(sent("anna@a.org", "") != sent("anna", ""));
        assert!(sent("anna@a.org", "c.org") == sent("anna@b.org", "c.org"), "the client's realm is it");
    }

    #[test]
    fn another_key_makes_another_fingerprint() {
        let settings = CacheSettings { bytes: 1024, lifetime: LIFETIME };
        let request = credentials("anna", "secret");
        let one = Cache::new(&settings, &[1; 32]).fingerprint(&request, RouteId::DEFAULT);
        let two = Cache::new(&settings, &[2; 32]).fingerprint(&request, RouteId::DEFAULT);
        assert!(one != two);
    }

    #[test]
    fn an_entry_costs_less_than_it_is_charged() {
        // One byte of control and a load of 7/16 at the least, as after the table has just grown.
        let in_table = (size_of::<(Name, u32)>() + 1) * 16 / 7;
        assert!(size_of::<Entry>() + in_table <= ENTRY_BYTES, "{} + {in_table}", size_of::<Entry>());
    }
}
