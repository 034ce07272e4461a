//! Who is in the cache, and taking them out by name.
#![forbid(unsafe_code)]

use super::{Cache, recency};
use std::time::Instant;

/// The least that an allocation costs, the unit in which it is made, and what it costs beside what was asked for.
const LEAST_ALLOCATION: usize = 32;
const UNIT: usize = 16;
const OVERHEAD: usize = 8;

/// Login, realm and service as the mechanism sees them, in one piece.
pub struct CachedNames {
    bytes: Box<[u8]>,
    login: u32,
    realm: u32,
}

/// One login that is in the cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CachedLogin<'a> {
    /// As the mechanism sees it.
    pub login: &'a [u8],
    /// The realm that the client sent, which is empty for most.
    pub realm: &'a [u8],
    /// The service.
    pub service: &'a [u8],
    /// When the mechanism accepted it.
    pub made: Instant,
    /// Until when it is answered by the cache.
    pub expires: Instant,
}

impl CachedNames {
    /// A copy of these.
    pub fn new(login: &[u8], realm: &[u8], service: &[u8]) -> Self {
        let length = |part: &[u8]| u32::try_from(part.len()).unwrap_or(u32::MAX);
        Self { login: length(login), realm: length(realm), bytes: [login, realm, service].concat().into() }
    }

    /// What they cost on the heap.
    pub(in crate::policy) fn bytes(&self) -> usize {
        self.bytes.len().saturating_add(OVERHEAD).next_multiple_of(UNIT).max(LEAST_ALLOCATION)
    }

    /// Whether that login is meant; see [`is_named`].
    pub(in crate::policy) fn are_of(&self, login: &[u8]) -> bool {
        let (name, realm, _) = self.parts();
        is_named(login, name, realm)
    }

    fn parts(&self) -> (&[u8], &[u8], &[u8]) {
        let (login, rest) = self.bytes.split_at_checked(self.login as usize).unwrap_or_default();
        let (realm, service) = rest.split_at_checked(self.realm as usize).unwrap_or_default();
        (login, realm, service)
    }
}

impl Cache {
    /// All that are answered by the cache now, the one that was used last first.
    pub fn logins(&self, now: Instant) -> impl Iterator<Item = CachedLogin<'_>> {
        let entry = |place: u32| self.entries.get(place as usize);
        let all = std::iter::successors(entry(self.recency.newest()), move |last| entry(last.older));
        all.filter(move |entry| now < entry.expires).map(|entry| {
            let (login, realm, service) = entry.names.parts();
            let made = entry.expires.checked_sub(self.lifetime).unwrap_or(entry.expires);
            CachedLogin { login, realm, service, made, expires: entry.expires }
        })
    }

    /// Forgets whatever is known of a login, or of all; returns how many entries that were.
    pub fn flush(&mut self, login: Option<&[u8]>) -> usize {
        let before = self.entries.len();
        let Some(login) = login else {
            self.clear();
            return before;
        };
        let mut place = 0;
        while let Some(entry) = self.entries.get(place as usize) {
            // Another one takes the place of one that goes.
            if entry.names.are_of(login) { self.remove(place) } else { place += 1 }
        }
        before - self.entries.len()
    }

    fn clear(&mut self) {
        self.entries = Vec::new();
        self.places.clear();
        self.places.shrink_to_fit();
        self.recency = recency::Recency::default();
        self.names_bytes = 0;
    }
}

/// Whether that login is meant: by its name alone, whatever its realm, or by name and realm with an `@` between them.
/// `Anna` is meant by `anna` as well: most servers take both for the same account, so its password is the same.
pub fn is_named(wanted: &[u8], login: &[u8], realm: &[u8]) -> bool {
    let with_realm = || {
        let (name, rest) = wanted.split_at_checked(login.len()).unwrap_or_default();
        let is_realm = |rest: &[u8]| rest.eq_ignore_ascii_case(realm);
        !realm.is_empty() && name.eq_ignore_ascii_case(login) && rest.strip_prefix(b"@").is_some_and(is_realm)
    };
    wanted.eq_ignore_ascii_case(login) || with_realm()
}
