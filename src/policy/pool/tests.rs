#![allow(clippy::unwrap_used)]
use super::*;
use crate::config::WorkerFlag;

pub(super) fn settings(most: usize, ready: usize, requests_each: u32) -> WorkerSettings {
    WorkerSettings { most, ready, requests_each, flag: WorkerFlag::Processes }
}

fn anna() -> Origin {
    Origin::client(1000, b"anna", None)
}

pub(super) fn commands(pool: &mut Pool) -> Vec<Command> {
    std::iter::from_fn(|| pool.next_command()).collect()
}

/// A pool whose `count` workers, numbered from 1, are all idle.
pub(super) fn pool_of(count: usize, settings: WorkerSettings, now: Instant) -> Pool {
    let mut pool = Pool::new(settings);
    pool.handle_timeout(now);
    assert_eq!(commands(&mut pool), vec![Command::Start; count]);
    for number in 1..=count as u64 {
        pool.handle_started(WorkerId(number), now);
        assert_eq!(pool.handle_ready(WorkerId(number), now), []);
    }
    pool
}

#[test]
fn all_workers_are_started_before_anyone_asks() {
    let now = Instant::now();
    let pool = pool_of(5, settings(5, 5, 100), now);
    assert_eq!((pool.size(), pool.idle()), (5, 5));
}

#[test]
fn jobs_are_served_in_the_order_in_which_they_came() {
    let now = Instant::now();
    let mut pool = pool_of(1, settings(1, 1, 100), now);
    for job in 1..=3 {
        pool.submit(JobId(job), anna(), now);
    }
    for job in 1..=3 {
        assert_eq!(commands(&mut pool), [Command::Send(WorkerId(1), JobId(job))]);
        assert_eq!(pool.handle_answer(WorkerId(1), JobId(job), now), Ok(Duration::ZERO));
    }
}

#[test]
fn a_dead_worker_gives_back_its_job_and_is_replaced() {
    let now = Instant::now();
    let mut pool = pool_of(1, settings(1, 1, 100), now);
    pool.submit(JobId(7), anna(), now);
    commands(&mut pool);
    assert_eq!(pool.handle_gone(WorkerId(1), now), [JobId(7)]);
    assert_eq!(commands(&mut pool), [Command::Start]);
}

#[test]
fn a_worker_that_answers_out_of_turn_is_killed_and_its_answer_does_not_count() {
    let now = Instant::now();
    let mut pool = pool_of(1, settings(1, 1, 100), now);
    assert_eq!(pool.handle_answer(WorkerId(1), JobId(9), now), Err(Vec::new()));
    assert_eq!(commands(&mut pool), [Command::Kill(WorkerId(1)), Command::Start]);
}

/// Otherwise its client would wait for the request timeout.
#[test]
fn a_busy_worker_that_is_killed_for_speaking_out_of_turn_gives_back_its_job() {
    let now = Instant::now();
    let speaks: [fn(&mut Pool, Instant) -> Vec<JobId>; 2] = [
        |pool, now| pool.handle_answer(WorkerId(1), JobId(9), now).unwrap_err(),
        |pool, now| pool.handle_ready(WorkerId(1), now),
    ];
    for speak in speaks {
        let mut pool = pool_of(1, settings(1, 1, 100), now);
        pool.submit(JobId(1), anna(), now);
        commands(&mut pool);
        assert_eq!(speak(&mut pool, now), [JobId(1)]);
        assert_eq!(commands(&mut pool).first(), Some(&Command::Kill(WorkerId(1))));
    }
}

/// And replaced at once: others may wait for it, and nothing else may happen for long.
#[test]
fn a_worker_that_says_ready_twice_is_killed() {
    let now = Instant::now();
    let mut pool = pool_of(1, settings(1, 1, 100), now);
    assert_eq!(pool.handle_ready(WorkerId(1), now), []);
    assert_eq!(commands(&mut pool), [Command::Kill(WorkerId(1)), Command::Start]);
}

#[test]
fn a_worker_retires_after_its_share_of_requests() {
    let now = Instant::now();
    let mut pool = pool_of(1, settings(1, 1, 2), now);
    for job in [JobId(1), JobId(2)] {
        pool.submit(job, anna(), now);
        assert_eq!(commands(&mut pool), [Command::Send(WorkerId(1), job)]);
        assert_eq!(pool.handle_answer(WorkerId(1), job, now), Ok(Duration::ZERO));
    }
    assert_eq!(commands(&mut pool), [Command::Retire(WorkerId(1)), Command::Start]);
}

#[test]
fn a_worker_that_retires_gets_no_further_job() {
    let now = Instant::now();
    let mut pool = pool_of(1, settings(1, 1, 100), now);
    pool.submit(JobId(1), anna(), now);
    pool.submit(JobId(2), anna(), now);
    assert_eq!(commands(&mut pool), [Command::Send(WorkerId(1), JobId(1))]);
    pool.handle_retiring(WorkerId(1), now);
    assert_eq!(commands(&mut pool), [], "it has not answered yet");
    assert_eq!(pool.handle_answer(WorkerId(1), JobId(1), now), Ok(Duration::ZERO));
    assert_eq!(commands(&mut pool), [Command::Retire(WorkerId(1)), Command::Start]);
    assert_eq!(pool.waiting(), 1);
}

#[test]
fn a_worker_that_dies_between_its_farewell_and_its_answer_gives_back_its_job() {
    let now = Instant::now();
    let mut pool = pool_of(1, settings(1, 1, 100), now);
    pool.submit(JobId(1), anna(), now);
    commands(&mut pool);
    pool.handle_retiring(WorkerId(1), now);
    assert_eq!(pool.handle_gone(WorkerId(1), now), [JobId(1)]);
    assert_eq!(commands(&mut pool), [Command::Start]);
}

#[test]
fn a_worker_that_retires_without_a_job_is_killed() {
    let now = Instant::now();
    let mut pool = pool_of(1, settings(1, 1, 100), now);
    pool.handle_retiring(WorkerId(1), now);
    assert_eq!(commands(&mut pool), [Command::Kill(WorkerId(1)), Command::Start]);
}

#[test]
fn workers_are_taken_in_turn() {
    let now = Instant::now();
    let mut pool = pool_of(3, settings(3, 3, 100), now);
    for (job, worker) in (1..=7).zip([1, 2, 3].into_iter().cycle()) {
        pool.submit(JobId(job), anna(), now);
        assert_eq!(commands(&mut pool), [Command::Send(WorkerId(worker), JobId(job))]);
        assert_eq!(pool.handle_answer(WorkerId(worker), JobId(job), now), Ok(Duration::ZERO));
    }
}

#[test]
fn a_worker_that_hangs_before_it_is_ready_is_killed_and_replaced_ever_more_slowly() {
    let begin = Instant::now();
    let mut now = begin;
    let mut pool = Pool::new(settings(1, 1, 100));
    pool.handle_timeout(now);
    let mut waits = Vec::new();
    for number in 1..=5 {
        assert_eq!(commands(&mut pool), [Command::Start]);
        pool.handle_started(WorkerId(number), now);
        assert_eq!(pool.next_timeout(), Some(now + START_TIME));
        now += START_TIME;
        pool.handle_timeout(now - Duration::from_millis(1));
        assert_eq!(commands(&mut pool), []);
        pool.handle_timeout(now);
        assert_eq!(pool.next_command(), Some(Command::GiveUp(WorkerId(number))));
        let held_until = pool.next_timeout().unwrap_or(now);
        waits.push((held_until - now).as_millis());
        now = held_until;
        pool.handle_timeout(now);
    }
    assert_eq!(waits, [0, 10, 20, 40, 80]);
    assert_eq!(pool.handle_gone(WorkerId(5), now), [], "its death is no news");
}

#[test]
fn one_process_per_request_grows_with_the_queue_up_to_its_bound() {
    let now = Instant::now();
    let mut pool = pool_of(1, settings(3, 1, 1), now);
    for job in 1..=5 {
        pool.submit(JobId(job), anna(), now);
    }
    assert_eq!(commands(&mut pool), [Command::Send(WorkerId(1), JobId(1)), Command::Start, Command::Start]);
    assert_eq!(pool.handle_answer(WorkerId(1), JobId(1), now), Ok(Duration::ZERO));
    assert_eq!(commands(&mut pool), [Command::Retire(WorkerId(1)), Command::Start]);
    assert_eq!(pool.size(), 3);
}

#[test]
fn abandoning_a_job_kills_the_worker_on_it_and_forgets_one_that_waits() {
    let now = Instant::now();
    let mut pool = pool_of(1, settings(1, 1, 100), now);
    pool.submit(JobId(1), anna(), now);
    pool.submit(JobId(2), anna(), now);
    commands(&mut pool);
    pool.abandon(JobId(2), now);
    assert_eq!(commands(&mut pool), []);
    pool.abandon(JobId(1), now);
    assert_eq!(commands(&mut pool), [Command::Kill(WorkerId(1)), Command::Start]);
    assert_eq!(pool.handle_gone(WorkerId(1), now), []);
}

#[test]
fn an_undelivered_job_goes_first_to_the_next_worker() {
    let now = Instant::now();
    let mut pool = pool_of(2, settings(2, 2, 100), now);
    pool.submit(JobId(1), anna(), now);
    assert_eq!(commands(&mut pool), [Command::Send(WorkerId(1), JobId(1))]);
    pool.handle_undelivered(WorkerId(1), now);
    assert_eq!(commands(&mut pool), [Command::Start, Command::Send(WorkerId(2), JobId(1))]);
}

#[test]
fn workers_that_die_at_start_are_replaced_ever_more_slowly() {
    let mut now = Instant::now();
    let mut pool = pool_of(1, settings(1, 1, 100), now);
    pool.handle_gone(WorkerId(1), now);
    let (mut starts, begin) = (0, now);
    while now - begin < Duration::from_secs(60) {
        for command in commands(&mut pool) {
            assert_eq!(command, Command::Start);
            starts += 1;
            pool.handle_started(WorkerId(100 + starts), now);
            pool.handle_gone(WorkerId(100 + starts), now);
        }
        now = pool.next_timeout().unwrap();
        pool.handle_timeout(now);
    }
    assert!((25..60).contains(&starts), "{starts}");
}

#[test]
fn workers_that_cannot_be_started_are_tried_ever_more_seldom() {
    let mut now = Instant::now();
    let (mut pool, begin, mut tries) = (Pool::new(settings(1, 1, 100)), now, 0);
    pool.handle_timeout(now);
    while now - begin < Duration::from_secs(60) {
        for command in commands(&mut pool) {
            assert_eq!(command, Command::Start);
            tries += 1;
            pool.handle_start_failed(now);
        }
        now = pool.next_timeout().unwrap_or(now).max(now);
        pool.handle_timeout(now);
        assert!(tries < 1000, "without a pause");
    }
    assert!((25..60).contains(&tries), "{tries}");
}

/// A worker is kept free for a moment for the user whose turn it was; then somebody else has it, without another event.
#[test]
fn a_worker_that_was_kept_free_is_used_when_the_moment_is_over() {
    let now = Instant::now();
    let mut pool = pool_of(2, settings(2, 2, 100), now);
    pool.submit(JobId(1), Origin::client(2, b"bert", None), now);
    assert_eq!(commands(&mut pool), [Command::Send(WorkerId(1), JobId(1))]);
    assert!(pool.handle_answer(WorkerId(1), JobId(1), now).is_ok());
    pool.submit(JobId(2), anna(), now);
    pool.submit(JobId(3), anna(), now);
    assert_eq!(commands(&mut pool), [Command::Send(WorkerId(2), JobId(2))]);
    let due = pool.next_timeout().unwrap();
    assert!(due - now <= Duration::from_secs(2));
    pool.handle_timeout(due);
    assert_eq!(commands(&mut pool), [Command::Send(WorkerId(1), JobId(3))]);
}

/// An answer and the end of its worker may be heard of at once: the next job is assigned then and on no way yet.
#[test]
fn a_job_that_was_assigned_to_a_worker_and_not_sent_goes_to_the_next_one() {
    let now = Instant::now();
    let mut pool = pool_of(1, settings(1, 1, 100), now);
    (1..=3).for_each(|job| pool.submit(JobId(job), anna(), now));
    assert_eq!(commands(&mut pool), [Command::Send(WorkerId(1), JobId(1))]);
    assert!(pool.handle_answer(WorkerId(1), JobId(1), now).is_ok());
    assert_eq!(pool.handle_gone(WorkerId(1), now), [], "it has never seen the next one");
    pool.handle_timeout(now + Duration::from_secs(60));
    assert_eq!(commands(&mut pool), [Command::Start]);
    pool.handle_started(WorkerId(2), now);
    assert_eq!(pool.handle_ready(WorkerId(2), now), []);
    assert_eq!(commands(&mut pool), [Command::Send(WorkerId(2), JobId(2))]);
}
