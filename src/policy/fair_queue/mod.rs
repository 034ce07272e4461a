//! A queue in which nobody can put himself before the others by asking more often.
//!
//! Served in turn by user of the machine, within a user in turn by client address (all logins without one together),
//! within an address by login, and of one login in the order of arrival. Whoever is served goes to the end of each turn.
//!
//! What is served out is shared as well, as long as others are about (they wait, hold something, or did so in the last
//! two seconds): one user holds no more than an equal part, one address no more than half of what its user may hold, and
//! one login no more than half of that, rounded up; one is always allowed. Who is alone may hold everything.
//!
//! Pure. Each operation takes logarithmic time, [`FairQueue::next`] besides a step for each one that holds its whole
//! share, of whom there are no more than there is to be shared.
#![forbid(unsafe_code)]

#[cfg(test)]
mod tests;
mod turns;

use crate::policy::origin::{Login, Origin, Subnet};
use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;
use std::rc::Rc;
use std::time::Instant;
use turns::Turns;

/// Things that wait, each from an [`Origin`] and with a number: the order of arrival among those of one login.
#[derive(Clone)]
pub struct FairQueue<T> {
    users: Turns<Option<u32>>,
    subnets: HashMap<Option<u32>, Turns<Subnet>>,
    logins: HashMap<(Option<u32>, Subnet), Turns<Rc<Login>>>,
    waiting: HashMap<Origin, BTreeMap<u64, T>>,
    length: usize,
}

impl<T> Default for FairQueue<T> {
    fn default() -> Self {
        Self {
            users: Turns::default(),
            subnets: HashMap::new(),
            logins: HashMap::new(),
            waiting: HashMap::new(),
            length: 0,
        }
    }
}

impl<T> FairQueue<T> {
    /// It waits.
    pub fn insert(&mut self, origin: &Origin, number: u64, item: T) {
        if self.put(origin, number, item) {
            let subnet = origin.subnet();
            self.users.join(&origin.uid);
            self.subnets.entry(origin.uid).or_default().join(&subnet);
            self.logins.entry((origin.uid, subnet)).or_default().join(&origin.login);
        }
    }

    /// It waits again, since what it was given was of no use; its user, address and login come first.
    pub fn insert_again(&mut self, origin: &Origin, number: u64, item: T) {
        if self.put(origin, number, item) {
            let subnet = origin.subnet();
            self.users.give_back(&origin.uid);
            self.subnets.entry(origin.uid).or_default().give_back(&subnet);
            self.logins.entry((origin.uid, subnet)).or_default().give_back(&origin.login);
        }
    }

    /// Whether it waits.
    pub fn contains(&self, origin: &Origin, number: u64) -> bool {
        self.waiting.get(origin).is_some_and(|items| items.contains_key(&number))
    }

    /// It waits no more. `false` if it did not wait.
    pub fn remove(&mut self, origin: &Origin, number: u64) -> bool {
        let removed = self.pull(origin, number);
        if removed {
            self.users.leave(&origin.uid);
            self.change(origin, |subnets, subnet| subnets.leave(subnet), Turns::leave);
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
        let subnets = self.subnets.get(&uid)?;
        let of_subnet = share(places, subnets);
        let in_turn = subnets.in_turn().filter(|subnet| subnets.held(subnet) < of_subnet);
        in_turn.filter_map(|subnet| self.next_at(uid, *subnet, of_subnet)).next()
    }

    fn next_at(&self, uid: Option<u32>, subnet: Subnet, places: usize) -> Option<(&Origin, u64, &T)> {
        let logins = self.logins.get(&(uid, subnet))?;
        let of_login = share(places, logins);
        let login = logins.in_turn().find(|login| logins.held(login) < of_login)?;
        let (origin, items) = self.waiting.get_key_value(&Origin { uid, login: Rc::clone(login) })?;
        items.first_key_value().map(|(number, item)| (origin, *number, item))
    }

    /// All that wait, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.waiting.values().flat_map(BTreeMap::values)
    }

    /// All that wait, in the order in which they would be served if nobody else came and each was done with at once.
    pub fn all_in_turn(&self) -> Vec<T>
    where
        T: Clone,
    {
        let mut rest = self.clone();
        let mut all = Vec::with_capacity(self.length);
        while let Some((origin, number, item)) = rest.next(usize::MAX) {
            all.push(item.clone());
            let origin = origin.clone();
            rest.pass(&origin, number);
        }
        all
    }

    /// It is served and holds a place until [`Self::release`].
    pub fn take(&mut self, origin: &Origin, number: u64) {
        if self.pull(origin, number) {
            self.users.take(&origin.uid);
            self.change(origin, |subnets, subnet| subnets.take(subnet), Turns::take);
        }
    }

    /// It is served without holding a place.
    pub fn pass(&mut self, origin: &Origin, number: u64) {
        if self.pull(origin, number) {
            self.users.pass(&origin.uid);
            self.change(origin, |subnets, subnet| subnets.pass(subnet), Turns::pass);
        }
    }

    /// Something of it has given its place back.
    pub fn release(&mut self, origin: &Origin, now: Instant) {
        self.users.release(&origin.uid, now);
        self.change(
            origin,
            |subnets, subnet| subnets.release(subnet, now),
            |logins, login| logins.release(login, now),
        );
    }

    /// Forgets those who have not been about for a while: others may hold more then.
    pub fn forget(&mut self, now: Instant) {
        self.users.forget(now);
        self.subnets.retain(|_, subnets| {
            subnets.forget(now);
            subnets.len() > 0
        });
        self.logins.retain(|_, logins| {
            logins.forget(now);
            logins.len() > 0
        });
    }

    /// When [`Self::forget`] may change whose turn it is.
    pub fn next_to_forget(&self) -> Option<Instant> {
        let subnets = self.subnets.values().filter_map(Turns::next_to_forget);
        let logins = self.logins.values().filter_map(Turns::next_to_forget);
        subnets.chain(logins).chain(self.users.next_to_forget()).min()
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

    /// Changes the turns within the user, of whom nothing is kept when nobody is about.
    fn change(
        &mut self,
        origin: &Origin,
        subnet: impl FnOnce(&mut Turns<Subnet>, &Subnet),
        login: impl FnOnce(&mut Turns<Rc<Login>>, &Rc<Login>),
    ) {
        let key = origin.subnet();
        if let Some(subnets) = self.subnets.get_mut(&origin.uid) {
            subnet(subnets, &key);
            if subnets.len() == 0 {
                self.subnets.remove(&origin.uid);
            }
        }
        if let Some(logins) = self.logins.get_mut(&(origin.uid, key)) {
            login(logins, &origin.login);
            if logins.len() == 0 {
                self.logins.remove(&(origin.uid, key));
            }
        }
    }
}

/// What one may hold of the places while others are about.
fn share<K: Clone + Eq + Hash>(places: usize, among: &Turns<K>) -> usize {
    if among.len() > 1 { places.div_ceil(2) } else { places }
}
