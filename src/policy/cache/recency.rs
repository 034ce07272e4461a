//! The order in which entries were last used, as links from one to the next.
#![forbid(unsafe_code)]

use super::Entry;

/// The place of no entry.
pub(super) const NOBODY: u32 = u32::MAX;

pub(super) struct Recency {
    newest: u32,
    oldest: u32,
}

impl Default for Recency {
    fn default() -> Self {
        Self { newest: NOBODY, oldest: NOBODY }
    }
}

impl Recency {
    /// The one that was not used for longest.
    pub(super) fn oldest(&self) -> Option<u32> {
        (self.oldest != NOBODY).then_some(self.oldest)
    }

    /// The one that was used last.
    pub(super) fn newest(&self) -> u32 {
        self.newest
    }

    /// It was used now.
    pub(super) fn renew(&mut self, entries: &mut [Entry], place: u32) {
        self.unlink(entries, place);
        self.link_as_newest(entries, place);
    }

    pub(super) fn unlink(&mut self, entries: &mut [Entry], place: u32) {
        let Some(entry) = entries.get(place as usize) else { return };
        let (newer, older) = (entry.newer, entry.older);
        self.set_older(entries, newer, older);
        self.set_newer(entries, older, newer);
    }

    pub(super) fn link_as_newest(&mut self, entries: &mut [Entry], place: u32) {
        let second = self.newest;
        if let Some(entry) = entries.get_mut(place as usize) {
            (entry.newer, entry.older) = (NOBODY, second);
        }
        self.set_newer(entries, second, place);
        self.newest = place;
    }

    /// An entry has come to that place with the links that it had.
    pub(super) fn note_moved(&mut self, entries: &mut [Entry], place: u32) {
        let Some(entry) = entries.get(place as usize) else { return };
        let (newer, older) = (entry.newer, entry.older);
        self.set_older(entries, newer, place);
        self.set_newer(entries, older, place);
    }

    fn set_older(&mut self, entries: &mut [Entry], of: u32, older: u32) {
        match entries.get_mut(of as usize) {
            Some(entry) => entry.older = older,
            None => self.newest = older,
        }
    }

    fn set_newer(&mut self, entries: &mut [Entry], of: u32, newer: u32) {
        match entries.get_mut(of as usize) {
            Some(entry) => entry.newer = newer,
            None => self.oldest = newer,
        }
    }
}
