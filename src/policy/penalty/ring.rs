//! The last ten of something.
#![forbid(unsafe_code)]

/// How many are remembered: as many as Dovecot does.
pub(super) const LENGTH: usize = 10;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ring<T> {
    /// The oldest is at `next` when all are taken.
    items: [Option<T>; LENGTH],
    next: usize,
}

impl<T: Copy> Default for Ring<T> {
    fn default() -> Self {
        Self { items: [None; LENGTH], next: 0 }
    }
}

impl<T: Copy> Ring<T> {
    /// The oldest makes room, and is returned.
    pub(super) fn push(&mut self, item: T) -> Option<T> {
        let place = self.items.get_mut(self.next)?;
        self.next = (self.next + 1) % LENGTH;
        place.replace(item)
    }

    /// The oldest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        let (newer, older) = self.items.split_at(self.next.min(LENGTH));
        older.iter().chain(newer).flatten()
    }

    /// Only these stay.
    pub(super) fn retain(&mut self, mut is_kept: impl FnMut(&T) -> bool) {
        let kept: Vec<T> = self.iter().filter(|item| is_kept(item)).copied().collect();
        *self = kept.into_iter().collect();
    }

    pub(super) fn len(&self) -> usize {
        self.iter().count()
    }
}

impl<T: Copy> FromIterator<T> for Ring<T> {
    /// The last ten.
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        let mut ring = Self::default();
        for item in items {
            ring.push(item);
        }
        ring
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_ten_are_there_in_their_order() {
        let mut ring: Ring<u32> = (0..7).collect();
        assert!(ring.iter().copied().eq(0..7));
        assert_eq!(ring.push(7), None);
        ring = ring.iter().copied().chain(8..24).collect();
        assert!(ring.iter().copied().eq(14..24));
        assert_eq!(ring.push(24), Some(14));
        ring.retain(|item| item % 2 == 0);
        assert!(ring.iter().copied().eq([16, 18, 20, 22, 24]));
        assert_eq!(ring.len(), 5);
    }
}
