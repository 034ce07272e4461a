//! Where in the file each login is: 8 bytes a login, and no login or hash itself.
#![forbid(unsafe_code)]

use std::hash::{DefaultHasher, Hash, Hasher};

/// Logins by a hash of 32 bits. Different logins may share one, so whoever reads the line has to compare.
pub(super) struct Index {
    /// Sorted; the first line of a login only.
    entries: Vec<Entry>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    key: u32,
    offset: u32,
}

impl Index {
    /// How many logins there are.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Where `login` may be; mostly one place or none.
    pub(super) fn places(&self, login: &[u8]) -> impl Iterator<Item = u64> {
        let key = key(login);
        let entries = self.entries.get(self.first_at(key)..).unwrap_or_default();
        entries.iter().take_while(move |entry| entry.key == key).map(|entry| entry.offset.into())
    }

    /// Whether two logins look the same to [`places`](Self::places).
    pub(super) fn are_alike(one: &[u8], other: &[u8]) -> bool {
        key(one) == key(other)
    }

    /// The place of some other login. For the same unknown `login` it is the same one in every worker and after every
    /// reload: an unknown login whose hash costs now this and now that would be told from a known one by the time.
    pub(super) fn stand_in(&self, login: &[u8]) -> Option<u64> {
        let next = self.entries.get(self.first_at(key(login)));
        next.or_else(|| self.entries.first()).map(|entry| entry.offset.into())
    }

    fn first_at(&self, key: u32) -> usize {
        self.entries.partition_point(|entry| entry.key < key)
    }
}

/// Collects the logins of a file in their order.
#[derive(Default)]
pub(super) struct Builder {
    entries: Vec<(Entry, u32)>,
}

impl Builder {
    /// Adds the login of line `number`, which begins at `offset`.
    pub(super) fn add(&mut self, login: &[u8], offset: u32, number: u32) {
        self.entries.push((Entry { key: key(login), offset }, number));
    }

    /// The index, and the numbers of the lines whose login was on an earlier line. `are_same` tells whether the lines
    /// at two offsets have the same login; it is asked for those few that share a key.
    pub(super) fn finish(mut self, mut are_same: impl FnMut(u32, u32) -> bool) -> (Index, Vec<u32>) {
        self.entries.sort_unstable();
        let mut entries: Vec<Entry> = Vec::with_capacity(self.entries.len());
        let mut doubled = Vec::new();
        for (entry, number) in self.entries {
            let mut alike = entries.iter().rev().take_while(|earlier| earlier.key == entry.key);
            if alike.any(|earlier| are_same(earlier.offset, entry.offset)) {
                doubled.push(number);
            } else {
                entries.push(entry);
            }
        }
        entries.shrink_to_fit();
        doubled.sort_unstable();
        (Index { entries }, doubled)
    }
}

/// Without a random key, hence the same in all processes of this binary; see [`Index::stand_in`].
fn key(login: &[u8]) -> u32 {
    let mut hasher = DefaultHasher::new();
    login.hash(&mut hasher);
    u32::try_from(hasher.finish() >> 32).unwrap_or(u32::MAX)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    /// An index of `logins`, each at its own number as offset, and the doubled ones.
    fn index(logins: &[String]) -> (Index, Vec<u32>) {
        let mut builder = Builder::default();
        for (number, login) in (0u32..).zip(logins) {
            builder.add(login.as_bytes(), number, number);
        }
        builder.finish(|one, other| logins[one as usize] == logins[other as usize])
    }

    #[test]
    fn every_login_is_found_at_its_place_among_200000() {
        let logins: Vec<String> = (0..200_000).map(|number| format!("user{number}@example.org")).collect();
        let (index, doubled) = index(&logins);
        assert_eq!((index.len(), doubled.len()), (200_000, 0));
        for (offset, login) in (0u64..).zip(&logins) {
            let places: Vec<u64> = index.places(login.as_bytes()).collect();
            assert!(places.contains(&offset) && places.len() < 10, "{login}: {places:?}");
        }
    }

    #[test]
    fn an_unknown_login_has_hardly_a_place_but_a_steady_stand_in() {
        let logins: Vec<String> = (0..1000).map(|number| format!("user{number}")).collect();
        let (index, _) = index(&logins);
        let places: usize =
            (0..1000).map(|number| index.places(format!("no{number}").as_bytes()).count()).sum();
        assert!(places < 10);
        assert!(index.stand_in(b"nobody").is_some());
        assert_eq!(index.stand_in(b"nobody"), index.stand_in(b"nobody"));
    }

    #[test]
    fn every_worker_has_the_same_stand_in_for_an_unknown_login() {
        let logins: Vec<String> = (0..1000).map(|number| format!("user{number}")).collect();
        let ((one, _), (other, _)) = (index(&logins), index(&logins));
        for number in 0..1000 {
            let unknown = format!("no{number}");
            assert_eq!(one.stand_in(unknown.as_bytes()), other.stand_in(unknown.as_bytes()), "{unknown}");
        }
    }

    #[test]
    fn the_first_line_of_a_login_counts_and_the_others_are_told() {
        let logins = ["anna", "otto", "anna", "eva", "anna", "otto"].map(str::to_owned);
        let (index, doubled) = index(&logins);
        assert_eq!(doubled, [2, 4, 5]);
        assert_eq!(index.len(), 3);
        assert!(index.places(b"anna").eq([0]));
        assert!(index.places(b"otto").eq([1]));
    }

    #[test]
    fn an_empty_index_finds_nothing() {
        let (index, _) = index(&[]);
        assert_eq!(index.places(b"anna").count(), 0);
        assert_eq!(index.stand_in(b"anna"), None);
    }
}
