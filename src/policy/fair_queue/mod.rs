//! A queue in which nobody can put himself before the others by asking more often.
//!
//! Served in turn by user of the machine, within a user in turn by login (with its client address, if one was sent),
//! and of one login in the order of arrival. Whoever is served goes to the end of both turns.
//!
//! What is served out is shared as well, as long as others are about (they wait, hold something, or did so in the last
//! two seconds): one user holds no more than an equal part, and one login no more than half of what its user may hold,
//! rounded up; one is always allowed. Who is alone may hold everything.
//!
//! Pure. Each operation takes logarithmic time, [`FairQueue::next`] besides a step for each one that holds its whole
//! share, of whom there are no more than there is to be shared.
#![forbid(unsafe_code)]

#[cfg(test)]
mod tests;
mod turns;

use crate::policy::origin::{Login, Origin};
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;
use std::time::Instant;
use turns::Turns;

/// Things that wait, each from an [`Origin`] and with a number: the order of arrival among those of one login.
pub struct FairQueue<T> {
    users: Turns<Option<u32>>,
    logins: HashMap<Option<u32>, Turns<Rc<Login>>>,
    waiting: HashMap<Origin, BTreeMap<u64, T>>,
    length: usize,
}

impl<T> Default for FairQueue<T> {
    fn default() -> Self {
        Self { users: Turns::default(), logins: HashMap::new(), waiting: HashMap::new(), length: 0 }
    }
}

impl<T> FairQueue<T> {
    /// It waits.
    pub fn insert(&mut self, origin: &Origin, number: u64, item: T) {
        if self.put(origin, number, item) {
            self.users.join(&origin.uid);
            self.logins.entry(origin.uid).or_default().join(&origin.login);
        }
    }

    /// It waits again, since what it was given was of no use; its user and login come first.
    pub fn insert_again(&mut self, origin: &Origin, number: u64, item: T) {
        if self.put(origin, number, item) {
            self.users.give_back(&origin.uid);
            self.logins.entry(origin.uid).or_default().give_back(&origin.login);
        }
    }

    /// It waits no more. `false` if it did not wait.
    pub fn remove(&mut self, origin: &Origin, number: u64) -> bool {
        let removed = self.pull(origin, number);
        if removed {
            self.users.leave(&origin.uid);
            if let Some(logins) = self.logins.get_mut(&origin.uid) {
                logins.leave(&origin.login);
            }
            self.tidy(origin.uid);
        }
        removed
    }

    /// Whose turn it is when `places` are shared in all; `None` if nobody waits who may hold more than he does.
    pub fn next(&self, places: usize) -> Option<(&Origin, u64, &T)> {
        let of_user = (places / self.users.len().max(1)).max(1);
        let users = self.users.in_turn().filter(|uid| self.users.held(uid) < of_user);
        users.filter_map(|uid| self.next_of(*uid, of_user)).next()
    }

    fn next_of(&self, uid: Option<u32>, places: usize) -> Option<(&Origin, u64, &T)> {
        let logins = self.logins.get(&uid)?;
        let of_login = if logins.len() > 1 { places.div_ceil(2) } else { places };
        let login = logins.in_turn().find(|login| logins.held(login) < of_login)?;
        let (origin, items) = self.waiting.get_key_value(&Origin { uid, login: Rc::clone(login) })?;
        items.first_key_value().map(|(number, item)| (origin, *number, item))
    }

    /// It is served and holds a place until [`Self::release`].
    pub fn take(&mut self, origin: &Origin, number: u64) {
        if self.pull(origin, number) {
            self.users.take(&origin.uid);
            self.logins.entry(origin.uid).or_default().take(&origin.login);
        }
    }

    /// It is served without holding a place.
    pub fn pass(&mut self, origin: &Origin, number: u64) {
        if self.pull(origin, number) {
            self.users.pass(&origin.uid);
            if let Some(logins) = self.logins.get_mut(&origin.uid) {
                logins.pass(&origin.login);
            }
            self.tidy(origin.uid);
        }
    }

    /// Something of it has given its place back.
    pub fn release(&mut self, origin: &Origin, now: Instant) {
        self.users.release(&origin.uid, now);
        if let Some(logins) = self.logins.get_mut(&origin.uid) {
            logins.release(&origin.login, now);
        }
        self.tidy(origin.uid);
    }

    /// Forgets those who have not been about for a while: others may hold more then.
    pub fn forget(&mut self, now: Instant) {
        self.users.forget(now);
        self.logins.retain(|_, logins| {
            logins.forget(now);
            logins.len() > 0
        });
    }

    /// When [`Self::forget`] may change whose turn it is.
    pub fn next_to_forget(&self) -> Option<Instant> {
        let logins = self.logins.values().filter_map(Turns::next_to_forget);
        logins.chain(self.users.next_to_forget()).min()
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether nobody waits.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    fn put(&mut self, origin: &Origin, number: u64, item: T) -> bool {
        let is_new = self.waiting.entry(origin.clone()).or_default().insert(number, item).is_none();
        self.length += usize::from(is_new);
        is_new
    }

    fn pull(&mut self, origin: &Origin, number: u64) -> bool {
        let Some(items) = self.waiting.get_mut(origin) else { return false };
        let removed = items.remove(&number).is_some();
        if items.is_empty() {
            self.waiting.remove(origin);
        }
        self.length -= usize::from(removed);
        removed
    }

    fn tidy(&mut self, uid: Option<u32>) {
        if self.logins.get(&uid).is_some_and(|logins| logins.len() == 0) {
            self.logins.remove(&uid);
        }
    }
}
