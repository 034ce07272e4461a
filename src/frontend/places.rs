//! Who holds how many of the connections, and who makes room when all are taken.
//!
//! Everybody may hold as many as there are while nobody else wants them. Then a user who holds fewer than another gets
//! one of the other's: of the user who holds most that connection goes which has been silent for longest; if none is
//! silent, one that is answered already and only sends on; if there is none either, the newest of the requests that
//! wait for an answer is answered as unavailable. Within one user only the first two make room.
//!
//! Pure. Operations take logarithmic time.
#![forbid(unsafe_code)]

use crate::policy::dispatch::ClientId;
use std::collections::{BTreeSet, HashMap};
use std::time::Instant;

/// What a connection waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// Its request is not complete; it was accepted then.
    Silent(Instant),
    /// It has been answered at that time.
    Answered(Instant),
    /// It has sent its request and waits for the answer.
    Owed,
}

/// The connections that are held, by user.
#[derive(Default)]
pub(super) struct Places {
    users: HashMap<u32, User>,
    /// Each user with the number of connections held.
    by_number: BTreeSet<(usize, u32)>,
    held: usize,
}

#[derive(Default)]
struct User {
    held: usize,
    silent: BTreeSet<(Instant, ClientId)>,
    answered: BTreeSet<(Instant, ClientId)>,
    owed: BTreeSet<ClientId>,
}

impl Places {
    /// A connection of the user takes a place.
    pub(super) fn enter(&mut self, uid: u32, client: ClientId, standing: Standing) {
        self.change(uid, |user| {
            user.held += 1;
            user.add(client, standing);
        });
        self.held += 1;
    }

    /// It gives its place back.
    pub(super) fn leave(&mut self, uid: u32, client: ClientId, standing: Standing) {
        self.change(uid, |user| {
            user.held = user.held.saturating_sub(1);
            user.remove(client, standing);
        });
        self.held = self.held.saturating_sub(1);
    }

    /// Which connection makes room for one more of the user. A silent one of the same user does so if it has been
    /// silent since `since` or longer.
    pub(super) fn who_makes_room(&self, uid: u32, since: Instant) -> Option<ClientId> {
        let held = self.held_by(uid);
        let richer = self.by_number.iter().rev().take_while(|(number, _)| *number > held);
        let of_others = richer.filter_map(|(_, other)| {
            let other = self.users.get(other)?;
            other.idle().map(|(_, client)| client).or_else(|| other.owed.last().copied())
        });
        of_others.chain(self.users.get(&uid).and_then(|user| user.idle_since(since))).next()
    }

    /// How many are held in all.
    pub(super) fn held(&self) -> usize {
        self.held
    }

    /// How many the user holds.
    pub(super) fn held_by(&self, uid: u32) -> usize {
        self.users.get(&uid).map_or(0, |user| user.held)
    }

    fn change(&mut self, uid: u32, change: impl FnOnce(&mut User)) {
        let user = self.users.entry(uid).or_default();
        self.by_number.remove(&(user.held, uid));
        change(user);
        match user.held {
            0 => drop(self.users.remove(&uid)),
            held => drop(self.by_number.insert((held, uid))),
        }
    }
}

impl User {
    fn add(&mut self, client: ClientId, standing: Standing) {
        match standing {
            Standing::Silent(since) => self.silent.insert((since, client)),
            Standing::Answered(since) => self.answered.insert((since, client)),
            Standing::Owed => self.owed.insert(client),
        };
    }

    fn remove(&mut self, client: ClientId, standing: Standing) {
        match standing {
            Standing::Silent(since) => self.silent.remove(&(since, client)),
            Standing::Answered(since) => self.answered.remove(&(since, client)),
            Standing::Owed => self.owed.remove(&client),
        };
    }

    fn idle(&self) -> Option<(Instant, ClientId)> {
        self.silent.first().or_else(|| self.answered.first()).copied()
    }

    fn idle_since(&self, since: Instant) -> Option<ClientId> {
        let silent = self.silent.first().filter(|(began, _)| *began <= since);
        silent.or_else(|| self.answered.first()).map(|(_, client)| *client)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::simulation::{Random, of_all_seeds};
    use std::time::Duration;

    const SECOND: Duration = Duration::from_secs(1);

    /// Users 1 and 2 with so many silent connections each, numbered from 1 and accepted a second apart.
    fn places(numbers: [u64; 2], start: Instant) -> Places {
        let mut places = Places::default();
        let mut number = 0;
        for (uid, count) in (1..).zip(numbers) {
            for _ in 0..count {
                number += 1;
                let accepted = start + SECOND * u32::try_from(number).unwrap();
                places.enter(uid, ClientId(number), Standing::Silent(accepted));
            }
        }
        places
    }

    #[test]
    fn the_longest_silent_connection_of_who_holds_most_makes_room() {
        let now = Instant::now();
        let places = places([3, 5], now);
        assert_eq!(places.who_makes_room(1, now), Some(ClientId(4)));
        assert_eq!(places.who_makes_room(77, now), Some(ClientId(4)));
    }

    #[test]
    fn of_the_same_user_only_one_that_has_been_silent_for_long_makes_room() {
        let now = Instant::now();
        let places = places([3, 5], now);
        assert_eq!(places.who_makes_room(2, now), None);
        assert_eq!(places.who_makes_room(2, now + 4 * SECOND), Some(ClientId(4)));
    }

    #[test]
    fn whoever_is_answered_makes_room_before_those_who_wait_for_an_answer() {
        let now = Instant::now();
        let mut places = places([0, 3], now);
        for client in 1..=3 {
            places.leave(2, ClientId(client.into()), Standing::Silent(now + SECOND * client));
            let standing = if client == 2 { Standing::Answered(now) } else { Standing::Owed };
            places.enter(2, ClientId(client.into()), standing);
        }
        assert_eq!(places.who_makes_room(1, now), Some(ClientId(2)));
        places.leave(2, ClientId(2), Standing::Answered(now));
        assert_eq!(places.who_makes_room(1, now), Some(ClientId(3)), "the newest");
        assert_eq!(places.who_makes_room(2, now), None, "never for the same user");
    }

    #[test]
    fn users_who_hold_the_same_take_nothing_from_each_other() {
        let now = Instant::now();
        assert_eq!(places([4, 4], now).who_makes_room(1, now), None);
    }

    /// Whatever many users do, one that holds fewer than another finds room.
    #[test]
    fn a_user_below_its_share_is_never_refused() {
        of_all_seeds(|seed| {
            let (mut random, start) = (Random(seed), Instant::now());
            let mut places = Places::default();
            let mut all: Vec<(u32, ClientId, Standing)> = Vec::new();
            let most = 1 + usize::try_from(random.below(12)).unwrap();
            for number in 0..200 {
                let now = start + SECOND * number;
                let uid = u32::try_from(random.below(4)).unwrap();
                if places.held() == most {
                    let Some(victim) = places.who_makes_room(uid, now - SECOND) else {
                        let richest = (0..4).map(|uid| places.held_by(uid)).max().unwrap();
                        assert_eq!(places.held_by(uid), richest, "refused below its share");
                        continue;
                    };
                    let index = all.iter().position(|(_, client, _)| *client == victim).unwrap();
                    let (of, client, standing) = all.swap_remove(index);
                    let held = |user| places.held_by(user);
                    assert!(of == uid && standing != Standing::Owed || held(of) > held(uid));
                    places.leave(of, client, standing);
                }
                let standing = match random.below(3) {
                    0 => Standing::Silent(now),
                    1 => Standing::Answered(now),
                    _ => Standing::Owed,
                };
                places.enter(uid, ClientId(number.into()), standing);
                all.push((uid, ClientId(number.into()), standing));
                if let Some(index) = random.one_in(4).then(|| random.below(all.len() as u64)) {
                    let (uid, client, standing) = all.swap_remove(usize::try_from(index).unwrap());
                    places.leave(uid, client, standing);
                }
                assert!(places.held() <= most && places.held() == all.len());
            }
            all.drain(..).for_each(|(uid, client, standing)| places.leave(uid, client, standing));
            assert!(places.users.is_empty() && places.by_number.is_empty());
        });
    }
}
