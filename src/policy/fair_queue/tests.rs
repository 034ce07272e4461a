#![allow(clippy::unwrap_used)]

use super::*;
use crate::policy::fair_queue::turns::STAYS;
use crate::simulation::{Random, of_all_seeds};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

const EVIL: u32 = 65534;
const GOOD: u32 = 1000;

fn origin(uid: u32, login: &str) -> Origin {
    Origin::client(uid, login.as_bytes(), None)
}

fn queue_of(waiting: &[(u32, &str)]) -> FairQueue<u64> {
    let mut queue = FairQueue::default();
    for (number, (uid, login)) in (1..).zip(waiting) {
        queue.insert(&origin(*uid, login), number, number);
    }
    queue
}

/// Serves all that may be served with so many places, in turn.
fn serve(queue: &mut FairQueue<u64>, places: usize) -> Vec<u64> {
    let next = || {
        let (origin, number, _) = queue.next(places)?;
        let origin = origin.clone();
        queue.take(&origin, number);
        Some(number)
    };
    std::iter::from_fn(next).collect()
}

#[test]
fn of_one_login_the_first_comes_first() {
    assert_eq!(serve(&mut queue_of(&[(1, "a"), (1, "a"), (1, "a")]), 9), [1, 2, 3]);
}

#[test]
fn whoever_has_many_waiting_has_his_turn_as_often_as_others() {
    let mut queue = queue_of(&[(EVIL, "a"), (EVIL, "a"), (EVIL, "a"), (GOOD, "b"), (GOOD, "b")]);
    assert_eq!(serve(&mut queue, 99), [1, 4, 2, 5, 3]);
}

#[test]
fn within_a_user_the_logins_have_their_turn() {
    let mut queue = queue_of(&[(1, "a"), (1, "a"), (1, "a"), (1, "b"), (1, "c")]);
    assert_eq!(serve(&mut queue, 99), [1, 4, 5, 2, 3]);
}

#[test]
fn whoever_guesses_many_logins_from_one_address_holds_up_no_other_address() {
    let from = |login: &str, address: &str| Origin::client(1, login.as_bytes(), address.parse().ok());
    for (evil, same, good) in
        [("192.0.2.7", "192.0.2.7", "192.0.2.8"), ("2001:db8::7", "2001:db8::ffff", "2001:db8:0:1::7")]
    {
        let mut queue = FairQueue::default();
        for number in 1..=60 {
            let address = if number % 2 == 0 { evil } else { same };
            queue.insert(&from(&number.to_string(), address), number, number);
        }
        assert_eq!(serve(&mut queue, 2), [1, 2], "who is alone may hold everything");
        queue.insert(&from("anna", good), 61, 61);
        queue.release(&from("1", same), Instant::now());
        assert_eq!(serve(&mut queue, 2), [61], "{good}");
        queue.release(&from("anna", good), Instant::now());
        assert_eq!(serve(&mut queue, 2), [0; 0], "the place is kept for whoever comes next from there");
    }
}

#[test]
fn one_login_from_two_addresses_has_two_turns() {
    let mut queue = queue_of(&[(1, "a"), (1, "a")]);
    let elsewhere = Origin::client(1, b"a", "192.0.2.7".parse().ok());
    queue.insert(&elsewhere, 3, 3);
    assert_eq!(serve(&mut queue, 99), [1, 3, 2]);
}

#[test]
fn whoever_is_alone_may_hold_everything() {
    assert_eq!(serve(&mut queue_of(&[(EVIL, "a"); 9]), 5), [1, 2, 3, 4, 5]);
}

#[test]
fn beside_others_a_user_holds_an_equal_part_and_a_login_half_of_it() {
    let mut waiting = vec![(EVIL, "a"); 9];
    waiting.push((GOOD, "b"));
    let mut queue = queue_of(&waiting);
    assert_eq!(serve(&mut queue, 6), [1, 10, 2, 3]);
    let mut waiting = vec![(EVIL, "a"); 9];
    waiting.push((EVIL, "b"));
    assert_eq!(serve(&mut queue_of(&waiting), 5), [1, 10, 2, 3]);
}

#[test]
fn one_place_is_always_allowed() {
    let mut queue = queue_of(&[(1, "a"), (2, "a"), (3, "a"), (4, "a")]);
    assert_eq!(serve(&mut queue, 2), [1, 2, 3, 4], "who has the places may give them all");
    assert_eq!(serve(&mut queue_of(&[(1, "a"), (1, "b")]), 1), [1]);
}

#[test]
fn somebody_served_a_moment_ago_keeps_his_share_free() {
    let now = Instant::now();
    let mut queue = queue_of(&[(GOOD, "b")]);
    serve(&mut queue, 4);
    queue.release(&origin(GOOD, "b"), now);
    (2..9).for_each(|number| queue.insert(&origin(EVIL, "a"), number, number));
    assert_eq!(serve(&mut queue, 4), [2, 3]);
    queue.forget(now + STAYS - Duration::from_millis(1));
    assert_eq!(serve(&mut queue, 4), []);
    assert_eq!(queue.next_to_forget(), Some(now + STAYS));
    queue.forget(now + STAYS);
    assert_eq!(queue.next(4).map(|(_, number, _)| number), Some(4));
}

#[test]
fn what_is_given_back_comes_first() {
    let mut queue = queue_of(&[(1, "a"), (2, "b"), (3, "c")]);
    queue.take(&origin(1, "a"), 1);
    queue.insert_again(&origin(1, "a"), 1, 1);
    assert_eq!(serve(&mut queue, 99), [1, 2, 3]);
}

#[test]
fn nothing_is_kept_of_those_who_are_gone() {
    let now = Instant::now();
    let mut queue = queue_of(&[(1, "a"), (1, "b"), (2, "c"), (3, "d")]);
    assert!(queue.remove(&origin(1, "a"), 1) && !queue.remove(&origin(1, "a"), 1));
    queue.pass(&origin(3, "d"), 4);
    assert_eq!(serve(&mut queue, 99), [2, 3]);
    queue.release(&origin(1, "b"), now);
    queue.release(&origin(2, "c"), now);
    queue.forget(now + STAYS);
    assert!(queue.is_empty() && queue.logins.is_empty() && queue.waiting.is_empty());
    assert_eq!(queue.users.len(), 0);
}

/// Nobody who waits and holds nothing sees another served twice, and nobody waits for what he may have.
#[test]
fn nobody_is_overtaken_twice_while_holding_nothing() {
    of_all_seeds(|seed| {
        let (mut random, mut now) = (Random(seed), Instant::now());
        let places = 1 + usize::try_from(random.below(8)).unwrap();
        let mut queue = FairQueue::default();
        let mut waiting: Vec<(Origin, u64)> = Vec::new();
        let mut held: Vec<Origin> = Vec::new();
        let mut overtaken: BTreeMap<(u32, u32), usize> = BTreeMap::new();
        let mut starving: BTreeSet<u32> = BTreeSet::new();
        for number in 0..300 {
            now += random.milliseconds(900);
            queue.forget(now);
            match random.below(5) {
                0..=2 => {
                    let uid = u32::try_from(random.below(3)).unwrap();
                    let origin = origin(uid, if random.one_in(3) { "a" } else { "b" });
                    queue.insert(&origin, number, ());
                    waiting.push((origin, number));
                }
                3 if !held.is_empty() => {
                    let index = usize::try_from(random.below(held.len() as u64)).unwrap();
                    queue.release(&held.swap_remove(index), now);
                }
                _ if !waiting.is_empty() => {
                    let index = usize::try_from(random.below(waiting.len() as u64)).unwrap();
                    let (origin, number) = waiting.swap_remove(index);
                    assert!(queue.remove(&origin, number));
                }
                _ => {}
            }
            overtaken.retain(|(other, _), _| waiting.iter().any(|(origin, _)| origin.uid == Some(*other)));
            while held.len() < places {
                let Some((origin, number, ())) = queue.next(places) else { break };
                let origin = origin.clone();
                queue.take(&origin, number);
                waiting.retain(|(_, other)| *other != number);
                held.push(origin.clone());
                let served = origin.uid.unwrap();
                overtaken.retain(|(other, _), _| {
                    let has = |origin: &Origin| origin.uid == Some(*other);
                    *other != served && waiting.iter().any(|(origin, _)| has(origin)) && !held.iter().any(has)
                });
                for (other, _) in
                    waiting.iter().filter(|(other, _)| !held.iter().any(|one| one.uid == other.uid))
                {
                    starving.insert(other.uid.unwrap());
                }
                for other in std::mem::take(&mut starving) {
                    let count = overtaken.entry((other, served)).or_default();
                    *count += 1;
                    assert!(*count <= 1, "overtaken twice by the same user");
                }
            }
            assert_eq!(queue.len(), waiting.len());
            let free = held.len() < places;
            let starving = waiting.iter().find(|(origin, _)| !held.iter().any(|held| held.uid == origin.uid));
            assert!(!free || starving.is_none(), "idle beside {starving:?}");
        }
    });
}

/// Whoever invents a login for each request leaves no more behind than that.
#[test]
fn those_who_want_nothing_any_more_are_remembered_within_a_bound() {
    let (mut queue, now) = (FairQueue::default(), Instant::now());
    for number in 0..5000 {
        let origin = origin(GOOD, &number.to_string());
        queue.insert(&origin, number, number);
        queue.take(&origin, number);
        queue.release(&origin, now);
    }
    let remembered: usize = queue.logins.values().map(Turns::len).sum();
    assert!((1..=1024).contains(&remembered), "{remembered}");
}
