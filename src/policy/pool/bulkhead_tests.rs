//! Pools whose workers ask several backends.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::cast_possible_truncation)]

use super::tests::{commands, pool_of, settings};
use super::*;
use crate::simulation::{Random, of_all_seeds};
use std::collections::{BTreeMap, BTreeSet};

const SECOND: Duration = Duration::from_secs(1);

fn origin(number: u64) -> Origin {
    Origin::client(1000, format!("user{number}").as_bytes(), None)
}

fn name(letter: &str) -> Rc<[u8]> {
    letter.as_bytes().into()
}

/// Which jobs have a worker by these commands.
fn sent(commands: &[Command]) -> Vec<u64> {
    let of = |command: &Command| if let Command::Send(_, job) = command { Some(job.0) } else { None };
    commands.iter().filter_map(of).collect()
}

#[test]
fn one_backend_alone_has_all_workers() {
    let now = Instant::now();
    let mut pool = pool_of(3, settings(3, 3, 100), now);
    pool.prove(&name("B"));
    (1..=5).for_each(|job| {
        pool.submit_for(&name("B"), JobId(job), origin(job), now);
    });
    assert_eq!(sent(&commands(&mut pool)), [1, 2, 3]);
}

#[test]
fn what_a_client_makes_up_takes_no_worker_from_a_backend() {
    let now = Instant::now();
    let mut pool = pool_of(2, settings(2, 2, 1000), now);
    pool.prove(&name("A"));
    for job in 1..=20 {
        pool.submit_for(&name(&format!("made up {job}")), JobId(job), origin(job), now);
        pool.handle_answer(WorkerId(1 + (job + 1) % 2), JobId(job), now).unwrap();
    }
    commands(&mut pool);
    (21..=23).for_each(|job| {
        pool.submit_for(&name("A"), JobId(job), origin(job), now);
    });
    assert_eq!(sent(&commands(&mut pool)), [21, 22]);
    pool.handle_answer(WorkerId(1), JobId(21), now).unwrap();
    pool.handle_answer(WorkerId(2), JobId(22), now).unwrap();
    pool.handle_answer(WorkerId(1), JobId(23), now).unwrap();
    (31..=35).for_each(|job| {
        pool.submit_for(&name("made up"), JobId(job), origin(job), now);
    });
    assert_eq!(pool.busy(), 1, "nor has what is made up the last one");
}

#[test]
fn no_backend_gets_the_last_worker_when_there_are_others() {
    let now = Instant::now();
    let mut pool = pool_of(3, settings(3, 3, 100), now);
    pool.prove(&name("A"));

    pool.submit_for(&name("A"), JobId(1), origin(1), now);
    pool.handle_answer(WorkerId(1), JobId(1), now).unwrap();
    (2..=9).for_each(|job| {
        pool.submit_for(&name("B"), JobId(job), origin(job), now);
    });
    assert_eq!(sent(&commands(&mut pool)), [1, 2, 3]);
    assert_eq!((pool.idle(), pool.waiting()), (1, 6));
    pool.submit_for(&name("A"), JobId(10), origin(10), now);
    assert_eq!(sent(&commands(&mut pool)), [10], "it has not waited");
    // What has no backend at all is nobody's compartment.
    pool.handle_answer(WorkerId(1), JobId(10), now).unwrap();
    pool.submit(JobId(11), origin(11), now);
    assert_eq!(sent(&commands(&mut pool)), [11]);
}

#[test]
fn whoever_waits_outside_comes_in_turn_and_not_in_the_order_of_arrival() {
    let now = Instant::now();
    let mut pool = pool_of(2, settings(2, 2, 100), now);
    pool.prove(&name("A"));

    pool.submit_for(&name("A"), JobId(1), origin(1), now);
    pool.handle_answer(WorkerId(1), JobId(1), now).unwrap();
    // One login, many times, and then another.
    (2..=8).for_each(|job| {
        pool.submit_for(&name("B"), JobId(job), origin(2), now);
    });
    pool.submit_for(&name("B"), JobId(9), origin(9), now);
    assert_eq!(sent(&commands(&mut pool)), [1, 2]);
    pool.handle_answer(WorkerId(2), JobId(2), now).unwrap();
    pool.handle_answer(WorkerId(1), JobId(3), now).unwrap();
    assert_eq!(sent(&commands(&mut pool)), [3, 9]);
}

#[test]
fn who_waits_outside_can_be_found_late_and_be_withdrawn() {
    let now = Instant::now();
    let mut pool = pool_of(2, settings(2, 2, 100), now);
    pool.prove(&name("A"));

    for job in 1..=20 {
        pool.submit_for(&name("A"), JobId(job), origin(job), now);
        pool.handle_answer(WorkerId(1 + (job + 1) % 2), JobId(job), now + SECOND).unwrap();
    }
    (21..=60).for_each(|job| {
        pool.submit_for(&name("B"), JobId(job), origin(job), now);
    });
    let late = pool.find_late(|_| Some(now + 12 * SECOND), now + 2 * SECOND);
    assert!(!late.is_empty() && late.len() < 39, "{late:?}");
    let waiting = pool.waiting();
    assert!(late.iter().all(|job| pool.withdraw(*job, now)));
    assert_eq!(pool.waiting(), waiting - late.len());
}

#[test]
fn who_gives_one_up_and_has_another_one_outside_keeps_the_turn() {
    let now = Instant::now();
    let mut pool = pool_of(2, settings(2, 2, 100), now);
    let of_user = |uid| Origin::client(uid, b"anna", None);
    ["A", "B"].into_iter().for_each(|backend| pool.prove(&name(backend)));
    (1..=2).for_each(|job| pool.submit(JobId(job), of_user(1000), now));
    assert!(pool.submit_for(&name("A"), JobId(3), of_user(1001), now));
    assert!(!pool.submit_for(&name("A"), JobId(4), of_user(1001), now));
    pool.submit(JobId(5), of_user(1002), now);
    commands(&mut pool);
    assert!(pool.withdraw(JobId(3), now));
    pool.handle_answer(WorkerId(1), JobId(1), now).unwrap();
    assert_eq!(sent(&commands(&mut pool)), [4]);
}

/// Whatever comes, is answered, dies and is given up.
#[test]
fn one_worker_is_left_by_each_backend_and_nobody_is_forgotten() {
    of_all_seeds(|seed| {
        let mut random = Random(seed);
        let mut now = Instant::now();
        let workers = 2 + random.below(4) as usize;
        let mut pool = pool_of(workers, settings(workers, workers, 1000), now);
        let (mut held, mut last) = (BTreeMap::new(), workers as u64);
        let (mut waiting, mut backend_of) = (BTreeSet::new(), HashMap::new());
        let mut proved = BTreeSet::new();
        for step in 0..300_u64 {
            now += SECOND / 10;
            let is_over = step >= 200;
            match random.below(4) {
                0 | 1 if !is_over => {
                    let backend = ["A", "B", "B", "B", "C"][random.below(5) as usize];
                    let has_others = proved.iter().any(|other| *other != backend);
                    backend_of.insert(step, (backend, has_others));
                    waiting.insert(step);
                    pool.submit_for(&name(backend), JobId(step), origin(random.below(4)), now);
                }
                2 if !is_over && !waiting.is_empty() => {
                    let job = *waiting.iter().nth(random.below(waiting.len() as u64) as usize).unwrap();
                    waiting.remove(&job);
                    assert!(pool.withdraw(JobId(job), now), "seed {seed}: it waits");
                }
                _ => {
                    if let Some((worker, job)) = held.pop_first() {
                        if random.one_in(5) {
                            assert_eq!(pool.handle_gone(worker, now), [job]);
                        } else {
                            pool.handle_answer(worker, job, now).unwrap();
                            if random.one_in(2) {
                                proved.insert(backend_of[&job.0].0);
                                pool.prove(&name(backend_of[&job.0].0));
                            }
                        }
                    }
                }
            }
            pool.handle_timeout(now);
            while let Some(command) = pool.next_command() {
                match command {
                    Command::Start => {
                        last += 1;
                        pool.handle_started(WorkerId(last), now);
                        assert_eq!(pool.handle_ready(WorkerId(last), now), []);
                    }
                    Command::Send(worker, job) => {
                        assert!(waiting.remove(&job.0), "seed {seed}: it was given up");
                        held.insert(worker, job);
                    }
                    _ => {}
                }
            }
            for backend in ["A", "B", "C"] {
                let of = held.values().filter(|job| backend_of[&job.0] == (backend, true)).count();
                assert!(of < workers.max(2), "seed {seed}: {backend} has all workers");
            }
            assert_eq!(pool.waiting(), waiting.len(), "seed {seed}");
        }
        while let Some((worker, job)) = held.pop_first() {
            now += 3 * SECOND;
            pool.handle_answer(worker, job, now).unwrap();
            pool.handle_timeout(now);
            while let Some(command) = pool.next_command() {
                if let Command::Send(worker, job) = command {
                    waiting.remove(&job.0);
                    held.insert(worker, job);
                }
            }
        }
        assert!(waiting.is_empty(), "seed {seed}: {waiting:?} are forgotten");
    });
}
