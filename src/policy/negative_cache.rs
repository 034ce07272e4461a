//! The negative cache (`--negative-cache-ttl`): which login was refused with which password a moment ago. A device that
//! tries its old password again and again costs a server, or a slow hash, one question in that time.
#![forbid(unsafe_code)]

use crate::outcome::Outcome;
use crate::policy::cache::{CachedNames, Fingerprint};
use crate::policy::route::chain::{Decision, Source};
use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

/// The most that all entries together take, in bytes: some two thousand of them.
const MOST_BYTES: usize = 2 << 20;

/// What an entry costs beside its names and texts, in bytes: itself and its places in the table and in the order, both
/// half empty.
const ENTRY_BYTES: usize = 768;

/// Refusals, each for a short time and all within a limited size. Outages are none of them.
///
/// A request is recognized by its [`Fingerprint`], so no password is kept, not even a wrong one: that is often the right
/// one of another service.
pub struct NegativeCache {
    lifetime: Duration,
    entries: HashMap<Fingerprint, Entry>,
    /// In the order in which they expire, which is that in which they came. One that is gone is skipped.
    order: VecDeque<(Instant, Fingerprint)>,
    bytes: usize,
}

struct Entry {
    decision: Decision,
    names: CachedNames,
    expires: Instant,
}

impl Entry {
    fn bytes(&self) -> usize {
        let texts = match &self.decision.outcome {
            Outcome::Reject(refusal) | Outcome::Unavailable(refusal) => {
                refusal.text.len() + refusal.reason.len()
            }
            Outcome::Accept(text) => text.len(),
        };
        ENTRY_BYTES + texts + self.names.bytes()
    }
}

impl NegativeCache {
    /// An empty one.
    pub fn new(lifetime: Duration) -> Self {
        Self { lifetime, entries: HashMap::new(), order: VecDeque::new(), bytes: 0 }
    }

    /// What became of exactly these credentials less than the lifetime ago, if they were refused.
    pub fn lookup(&mut self, fingerprint: &Fingerprint, now: Instant) -> Option<Decision> {
        self.forget_expired(now);
        let decision = self.entries.get(fingerprint).map(|entry| &entry.decision)?;
        Some(Decision { source: Source::NegativeCache, ..decision.clone() })
    }

    /// Remembers a refusal; anything else is none of its business. When it is full, the oldest make room.
    pub fn remember(
        &mut self,
        fingerprint: &Fingerprint,
        decision: &Decision,
        names: CachedNames,
        now: Instant,
    ) {
        self.forget_expired(now);
        if !matches!(decision.outcome, Outcome::Reject(_)) {
            return;
        }
        let expires = now + self.lifetime;
        let entry = Entry { decision: decision.clone(), names, expires };
        self.forget(fingerprint);
        self.bytes += entry.bytes();
        self.entries.insert(fingerprint.clone(), entry);
        self.order.push_back((expires, fingerprint.clone()));
        if self.order.len() > 2 * self.entries.len() + 64 {
            self.forget_gone();
        }
        while self.bytes > MOST_BYTES {
            let Some((expires, oldest)) = self.order.pop_front() else { return };
            self.forget_if_made(&oldest, expires);
        }
    }

    /// These credentials were accepted meanwhile.
    pub fn forget(&mut self, fingerprint: &Fingerprint) {
        if let Some(entry) = self.entries.remove(fingerprint) {
            self.bytes = self.bytes.saturating_sub(entry.bytes());
        }
    }

    /// Forgets the refusals of a login, or all; returns how many entries that were. It is named as for the cache, see
    /// [`is_named`](crate::policy::cache::is_named).
    pub fn flush(&mut self, login: Option<&[u8]>) -> usize {
        let before = self.entries.len();
        match login {
            Some(login) => self.entries.retain(|_, entry| !entry.names.are_of(login)),
            None => self.entries.clear(),
        }
        self.bytes = self.entries.values().map(Entry::bytes).sum();
        self.forget_gone();
        before - self.entries.len()
    }

    /// How many refusals it knows now.
    pub fn len(&mut self, now: Instant) -> usize {
        self.forget_expired(now);
        self.entries.len()
    }

    /// How long an entry lives.
    pub fn lifetime(&self) -> Duration {
        self.lifetime
    }

    /// What it takes, of the bytes that it may take.
    pub fn bytes(&self) -> (usize, usize) {
        (self.bytes, MOST_BYTES)
    }

    fn forget_expired(&mut self, now: Instant) {
        while self.order.front().is_some_and(|(expires, _)| *expires <= now) {
            let Some((expires, fingerprint)) = self.order.pop_front() else { return };
            self.forget_if_made(&fingerprint, expires);
        }
    }

    /// Those that are gone lose their place in the order, too.
    fn forget_gone(&mut self) {
        let entries = &self.entries;
        let is_there = |expires: Instant, fingerprint: &Fingerprint| {
            entries.get(fingerprint).is_some_and(|entry| entry.expires == expires)
        };
        self.order.retain(|(expires, fingerprint)| is_there(*expires, fingerprint));
    }

    /// Not one that has come in its place since.
    fn forget_if_made(&mut self, fingerprint: &Fingerprint, expires: Instant) {
        if self.entries.get(fingerprint).is_some_and(|entry| entry.expires == expires) {
            self.forget(fingerprint);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::credentials::Credentials;
    use crate::policy::cache::Fingerprints;
    use crate::policy::route::RouteId;
    use crate::policy::route::chain::Chain;
    use std::rc::Rc;

    const SECOND: Duration = Duration::from_secs(1);

    fn fingerprint(login: &str, password: &str) -> Fingerprint {
        let credentials = Credentials::of_login(login, password);
        Fingerprints::new(&[7; 32]).of(&credentials, RouteId::DEFAULT)
    }

    fn decision(outcome: Outcome) -> Decision {
        let mut decision = Chain::new(Rc::default()).cut_short(crate::outcome::Refusal::new(""));
        decision.outcome = outcome;
        decision
    }

    fn remember(cache: &mut NegativeCache, login: &str, password: &str, outcome: Outcome, now: Instant) {
        let names = CachedNames::new(login.as_bytes(), b"", b"smtp");
        cache.remember(&fingerprint(login, password), &decision(outcome), names, now);
    }

    fn refuse(cache: &mut NegativeCache, login: &str, password: &str, now: Instant) {
        remember(cache, login, password, Outcome::reject("wrong"), now);
    }

    fn knows(cache: &mut NegativeCache, login: &str, password: &str, now: Instant) -> bool {
        cache.lookup(&fingerprint(login, password), now).is_some()
    }

    #[test]
    fn only_the_password_that_was_refused_is_known_and_only_for_its_time() {
        let start = Instant::now();
        let mut cache = NegativeCache::new(5 * SECOND);
        refuse(&mut cache, "anna", "old", start);
        refuse(&mut cache, "anna", "older", start + SECOND);
        assert!(!knows(&mut cache, "anna", "new", start) && !knows(&mut cache, "bert", "old", start));
        assert!(knows(&mut cache, "anna", "old", start + 4 * SECOND));
        assert!(!knows(&mut cache, "anna", "old", start + 5 * SECOND));
        assert!(knows(&mut cache, "anna", "older", start + 5 * SECOND));
        assert_eq!(cache.len(start + 6 * SECOND), 0);
        assert_eq!(cache.bytes().0, 0);
    }

    #[test]
    fn what_is_known_says_where_it_comes_from_and_is_the_same_refusal() {
        let now = Instant::now();
        let mut cache = NegativeCache::new(SECOND);
        refuse(&mut cache, "anna", "old", now);
        let known = cache.lookup(&fingerprint("anna", "old"), now).unwrap();
        assert_eq!((known.outcome, known.source), (Outcome::reject("wrong"), Source::NegativeCache));
    }

    #[test]
    fn nothing_but_a_refusal_is_remembered() {
        let now = Instant::now();
        let mut cache = NegativeCache::new(SECOND);
        remember(&mut cache, "anna", "old", Outcome::ACCEPT, now);
        remember(&mut cache, "anna", "old", Outcome::internal_failure("down"), now);
        assert_eq!(cache.len(now), 0);
    }

    #[test]
    fn an_acceptance_takes_the_refusal_away_and_a_later_refusal_lives_its_whole_time() {
        let start = Instant::now();
        let mut cache = NegativeCache::new(5 * SECOND);
        refuse(&mut cache, "anna", "one", start);
        cache.forget(&fingerprint("anna", "one"));
        assert!(!knows(&mut cache, "anna", "one", start));
        refuse(&mut cache, "anna", "one", start + 3 * SECOND);
        assert!(knows(&mut cache, "anna", "one", start + 6 * SECOND));
    }

    #[test]
    fn the_same_refusal_again_and_again_takes_as_much_as_one() {
        let mut now = Instant::now();
        let mut cache = NegativeCache::new(SECOND);
        for _ in 0..1000 {
            now += Duration::from_micros(1);
            refuse(&mut cache, "anna", "old", now);
            assert!(cache.order.len() < 100);
        }
        assert!(knows(&mut cache, "anna", "old", now));
    }

    #[test]
    fn a_flood_of_passwords_is_bounded_and_drives_out_the_oldest() {
        let now = Instant::now();
        let mut cache = NegativeCache::new(300 * SECOND);
        for number in 0..10_000 {
            let (login, long) = (format!("user{number}"), "x".repeat(number % 1000));
            remember(&mut cache, &login, "old", Outcome::reject(long), now);
            assert!(cache.bytes <= MOST_BYTES && cache.order.len() == cache.entries.len());
        }
        assert!(!knows(&mut cache, "user0", "old", now) && knows(&mut cache, "user9999", "old", now));
        assert!(cache.len(now) > 1000);
    }

    #[test]
    fn a_login_is_flushed_by_its_name_or_with_all_others() {
        let now = Instant::now();
        let mut cache = NegativeCache::new(SECOND);
        refuse(&mut cache, "anna", "one", now);
        refuse(&mut cache, "Anna", "two", now);
        refuse(&mut cache, "bert", "one", now);
        assert_eq!(cache.flush(Some(b"anna")), 2);
        assert!(knows(&mut cache, "bert", "one", now));
        assert_eq!(cache.flush(None), 1);
        assert_eq!((cache.bytes().0, cache.order.len()), (0, 0));
    }
}
