use super::tests::{commands, pool_of, settings};
use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn origin(number: u64) -> Origin {
    Origin::client(1000, format!("user{number}").as_bytes(), None)
}

/// `workers` idle ones, who get up to `batch` jobs at a time, and jobs of different logins that wait, numbered from 1.
fn pool(workers: usize, requests_each: u32, batch: usize, jobs: u64, now: Instant) -> Pool {
    let mut pool = pool_of(workers, settings(workers, workers, requests_each), now).in_batches(batch);
    (1..=jobs).for_each(|job| pool.submit(JobId(job), origin(job), now));
    pool
}

/// What is handed out when every job has that size and a batch has room for ten.
fn hand_out(pool: &mut Pool, size: usize, now: Instant) -> Vec<Command> {
    let has_any = pool.hand_out(10, |_| size, now);
    let handed_out = commands(pool);
    assert_eq!(has_any, !handed_out.is_empty());
    handed_out
}

fn sent(worker: u64, jobs: impl IntoIterator<Item = u64>) -> Vec<Command> {
    jobs.into_iter().map(|job| Command::Send(WorkerId(worker), JobId(job))).collect()
}

fn answer(pool: &mut Pool, worker: u64, jobs: impl IntoIterator<Item = u64>, now: Instant) {
    jobs.into_iter().for_each(|job| {
        assert!(pool.handle_answer(WorkerId(worker), JobId(job), now).is_ok());
    });
}

#[test]
fn what_has_come_at_once_is_handed_out_together_and_no_worker_is_woken_without_need() {
    let now = Instant::now();
    let mut pool = pool(3, 100, 4, 6, now);
    assert_eq!(commands(&mut pool), [], "not before all that has come was looked at");
    assert_eq!(hand_out(&mut pool, 1, now), [sent(1, 1..=4), sent(2, 5..=6)].concat());
    assert_eq!((pool.busy(), pool.idle(), pool.waiting()), (2, 1, 0));
}

#[test]
fn a_worker_gets_nothing_more_before_it_has_answered_all() {
    let now = Instant::now();
    let mut pool = pool(1, 100, 2, 4, now);
    assert_eq!(hand_out(&mut pool, 1, now), sent(1, 1..=2));
    answer(&mut pool, 1, [1], now);
    assert_eq!((hand_out(&mut pool, 1, now), pool.busy()), (Vec::new(), 1));
    answer(&mut pool, 1, [2], now);
    assert_eq!(hand_out(&mut pool, 1, now), sent(1, 3..=4));
}

#[test]
fn a_batch_fits_into_a_message_and_a_job_that_fits_into_none_goes_alone() {
    let now = Instant::now();
    assert_eq!(hand_out(&mut pool(1, 100, 16, 5, now), 4, now), sent(1, 1..=2));
    assert_eq!(hand_out(&mut pool(1, 100, 16, 5, now), 11, now), sent(1, [1]));
}

#[test]
fn answers_that_are_not_in_order_are_not_believed() {
    let now = Instant::now();
    let mut pool = pool(1, 100, 3, 3, now);
    hand_out(&mut pool, 1, now);
    let lost = [1, 2, 3].map(JobId).to_vec();
    assert_eq!(pool.handle_answer(WorkerId(1), JobId(2), now), Err(lost));
    assert_eq!(commands(&mut pool).first(), Some(&Command::Kill(WorkerId(1))));
}

#[test]
fn a_worker_that_dies_gives_back_what_it_has_not_answered() {
    let now = Instant::now();
    let mut pool = pool(1, 100, 3, 3, now);
    hand_out(&mut pool, 1, now);
    answer(&mut pool, 1, [1], now);
    assert_eq!(pool.handle_gone(WorkerId(1), now), [2, 3].map(JobId));
}

#[test]
fn what_a_worker_never_got_goes_to_the_next_one_in_the_same_order() {
    let now = Instant::now();
    let mut pool = pool(2, 100, 3, 5, now);
    assert_eq!(hand_out(&mut pool, 4, now), [sent(1, 1..=2), sent(2, 3..=4)].concat());
    pool.handle_undelivered(WorkerId(1), now);
    answer(&mut pool, 2, [3, 4], now);
    commands(&mut pool);
    assert_eq!(hand_out(&mut pool, 3, now), sent(2, [1, 2, 5]));
}

#[test]
fn each_job_counts_of_the_share_of_a_worker_and_none_is_beyond_it() {
    let now = Instant::now();
    let mut pool = pool(1, 5, 4, 9, now);
    assert_eq!(hand_out(&mut pool, 1, now), sent(1, 1..=4));
    answer(&mut pool, 1, 1..=4, now);
    assert_eq!(hand_out(&mut pool, 1, now), sent(1, [5]));
    answer(&mut pool, 1, [5], now);
    assert_eq!(commands(&mut pool), [Command::Retire(WorkerId(1)), Command::Start]);
}

#[test]
fn a_worker_that_retires_answers_all_that_it_has_before() {
    let now = Instant::now();
    let mut pool = pool(1, 100, 3, 5, now);
    hand_out(&mut pool, 1, now);
    pool.handle_retiring(WorkerId(1), now);
    answer(&mut pool, 1, [1, 2], now);
    assert_eq!(commands(&mut pool), [], "it has one more");
    answer(&mut pool, 1, [3], now);
    assert_eq!(commands(&mut pool), [Command::Retire(WorkerId(1)), Command::Start]);
}

/// Those that it was sent together with one that is late are not late yet.
#[test]
fn a_worker_is_killed_when_nobody_needs_anything_that_it_has_and_not_before() {
    let now = Instant::now();
    let mut pool = pool(1, 100, 3, 3, now);
    hand_out(&mut pool, 1, now);
    assert!(!pool.abandon(JobId(2), now));
    answer(&mut pool, 1, [1], now);
    assert!(pool.abandon(JobId(3), now), "the other one is not needed either");
    assert_eq!(commands(&mut pool), [Command::Kill(WorkerId(1)), Command::Start]);
    assert_eq!(pool.handle_gone(WorkerId(1), now), []);
}

#[test]
fn an_answer_that_nobody_needs_any_more_leaves_the_worker_as_it_is() {
    let now = Instant::now();
    let mut pool = pool(1, 100, 2, 2, now);
    hand_out(&mut pool, 1, now);
    assert!(!pool.abandon(JobId(1), now));
    answer(&mut pool, 1, [1, 2], now);
    assert_eq!((pool.idle(), commands(&mut pool)), (1, Vec::new()));
}

/// A user who floods has his share of the places in batches, and not all of them.
#[test]
fn who_floods_leaves_places_to_others() {
    let now = Instant::now();
    let mut pool = pool_of(2, settings(2, 2, 100), now).in_batches(4);
    let user = |uid: u32, job: u64| (JobId(job), Origin::client(uid, b"anna", None));
    let jobs = (1..=20).map(|job| user(1, job)).chain([user(2, 21)]);
    jobs.for_each(|(job, origin)| pool.submit(job, origin, now));
    let handed_out = hand_out(&mut pool, 1, now);
    assert!(handed_out.iter().take(2).any(|command| matches!(command, Command::Send(_, JobId(21)))));
    assert_eq!(handed_out.len(), 1 + 4, "half of the eight places");
    answer(&mut pool, 1, [1, 21, 2, 3], now);
    assert_eq!(hand_out(&mut pool, 1, now + SECOND).len(), 3, "the other one may come back");
}

#[test]
fn with_one_process_for_each_login_there_is_nothing_to_put_together() {
    let now = Instant::now();
    let mut pool = pool(1, 1, 16, 3, now);
    assert_eq!(hand_out(&mut pool, 1, now), sent(1, [1]));
}
