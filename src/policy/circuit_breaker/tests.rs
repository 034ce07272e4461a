#![allow(clippy::unwrap_used, clippy::cast_possible_truncation)]

use super::*;
use crate::simulation::{Random, of_all_seeds};

const SECOND: Duration = Duration::from_secs(1);

fn backend(name: &str) -> Backend {
    Backend { instance: InstanceId(0), name: name.as_bytes().into() }
}

fn login(name: &str) -> Rc<Login> {
    Rc::new(Login { name: name.as_bytes().to_vec(), client: None })
}

/// Two logins have waited for long, and still do.
fn open(now: Instant) -> (CircuitBreakers, Backend) {
    let (mut breakers, backend) = (CircuitBreakers::new(60 * SECOND), backend("B"));
    breakers.begin(&backend, JobId(1), login("anna"), now - PATIENCE);
    breakers.begin(&backend, JobId(2), login("otto"), now - PATIENCE);
    assert_eq!(breakers.next_timeout(), Some(now));
    assert_eq!(breakers.handle_timeout(now), std::slice::from_ref(&backend));
    (breakers, backend)
}

#[test]
fn a_backend_that_answers_nobody_gets_one_login_at_a_time() {
    let now = Instant::now();
    let (mut breakers, backend) = open(now);
    assert!(breakers.admit(&backend, JobId(3)));
    assert!(breakers.admit(&backend, JobId(3)), "it is the same one");
    assert!(!breakers.admit(&backend, JobId(4)));
    breakers.begin(&backend, JobId(3), login("eva"), now);
    assert_eq!(breakers.end(&backend, JobId(3), End::GivenUp, now + 9 * SECOND), None);
    assert!(breakers.admit(&backend, JobId(5)), "the next one tries");
    breakers.withdraw(&backend, JobId(5));
    assert!(breakers.admit(&backend, JobId(6)), "its client has hung up");
}

#[test]
fn another_backend_is_not_concerned() {
    let (mut breakers, _) = open(Instant::now());
    let others = [backend("A"), Backend { instance: InstanceId(1), ..backend("B") }];
    assert!(others.iter().all(|other| breakers.admit(other, JobId(3)) && breakers.admit(other, JobId(4))));
}

#[test]
fn any_answer_closes_the_circuit() {
    let now = Instant::now();
    for (job, end) in [(1, End::Decided), (3, End::Decided), (3, End::Undecided)] {
        let (mut breakers, backend) = open(now);
        assert!(breakers.admit(&backend, JobId(3)));
        breakers.begin(&backend, JobId(3), login("eva"), now);
        assert_eq!(breakers.end(&backend, JobId(job), end, now + SECOND), Some(Change::Closed), "{end:?}");
        assert!(breakers.admit(&backend, JobId(4)) && breakers.admit(&backend, JobId(5)));
    }
}

#[test]
fn a_login_that_is_tried_again_and_again_shuts_nobody_out() {
    let mut now = Instant::now();
    let (mut breakers, backend) = (CircuitBreakers::new(60 * SECOND), backend("B"));
    for job in 1..20 {
        assert!(breakers.admit(&backend, JobId(job)));
        breakers.begin(&backend, JobId(job), login("anna"), now);
        now += 27 * SECOND;
        assert!(breakers.handle_timeout(now).is_empty());
        assert_eq!(breakers.end(&backend, JobId(job), End::Undecided, now), None);
    }
}

#[test]
fn logins_that_wait_while_others_are_answered_are_no_sign() {
    let mut now = Instant::now();
    let (mut breakers, backend) = (CircuitBreakers::new(60 * SECOND), backend("B"));
    breakers.begin(&backend, JobId(1), login("anna"), now);
    breakers.begin(&backend, JobId(2), login("otto"), now);
    for job in 3..30 {
        now += SECOND;
        breakers.begin(&backend, JobId(job), login("eva"), now);
        assert!(breakers.handle_timeout(now).is_empty());
        assert_eq!(breakers.end(&backend, JobId(job), End::Decided, now), None);
    }
    for (job, end) in [(1, End::Undecided), (2, End::GivenUp)] {
        assert_eq!(breakers.end(&backend, JobId(job), end, now + SECOND), None);
    }
    assert!(breakers.circuits.values().all(|circuit| circuit.witness.is_none()));
}

#[test]
fn who_waited_before_the_last_answer_is_no_witness() {
    let mut now = Instant::now();
    let (mut breakers, backend) = (CircuitBreakers::new(60 * SECOND), backend("B"));
    for (job, name, wait, end) in [
        (1, "anna", 2 * PATIENCE, End::Undecided),
        (2, "eva", SECOND, End::Decided),
        (3, "otto", 2 * PATIENCE, End::Undecided),
    ] {
        breakers.begin(&backend, JobId(job), login(name), now);
        now += wait;
        assert_eq!(breakers.end(&backend, JobId(job), end, now), None, "{name}");
    }
}

/// With `--request-timeout` below the patience, or one worker.
#[test]
fn logins_that_are_given_up_one_after_the_other_open_it_too() {
    let now = Instant::now();
    let (mut breakers, backend) = (CircuitBreakers::new(SECOND), backend("B"));
    for (job, name, change) in [(1, "anna", None), (2, "anna", None), (3, "otto", Some(Change::Opened))] {
        breakers.begin(&backend, JobId(job), login(name), now);
        assert_eq!(breakers.end(&backend, JobId(job), End::GivenUp, now + SECOND), change);
    }
}

/// Where a queue is long: workers get logins that have hardly any time left. A single one says nothing of the backend, but many
/// without an answer do.
#[test]
fn logins_that_had_waited_for_a_worker_count_by_the_time_that_the_backend_had() {
    let mut now = Instant::now();
    let (mut breakers, backend) = (CircuitBreakers::new(60 * SECOND), backend("B"));
    for job in 1..20 {
        breakers.begin(&backend, JobId(2 * job), login("anna"), now);
        breakers.begin(&backend, JobId(2 * job + 1), login("otto"), now);
        now += SECOND;
        let ended = breakers.end(&backend, JobId(2 * job), End::GivenUp, now);
        let decided = breakers.end(&backend, JobId(2 * job + 1), End::Decided, now);
        assert_eq!((ended, decided), (None, None));
    }
    assert!(breakers.circuits.is_empty());
    let ended = (1..=6).map(|job| {
        breakers.begin(&backend, JobId(job), login(&job.to_string()), now);
        now += SECOND;
        breakers.end(&backend, JobId(job), End::GivenUp, now)
    });
    assert_eq!(ended.collect::<Vec<_>>(), [None, None, None, None, None, Some(Change::Opened)]);
}

/// Whatever names clients make up.
#[test]
fn what_is_remembered_is_bounded() {
    let now = Instant::now();
    let mut breakers = CircuitBreakers::new(60 * SECOND);
    for number in 0..2000 {
        let backend = backend(&number.to_string());
        breakers.begin(&backend, JobId(number), login("anna"), now + SECOND * number as u32);
        breakers.end(&backend, JobId(number), End::GivenUp, now + SECOND * (number as u32 + 1));
    }
    assert_eq!(breakers.circuits.len(), MOST);
    assert!(breakers.circuits.contains_key(&backend("1999")), "the newest are remembered");
}

/// Backends go silent and come back; workers have what was admitted, as long as a library would wait.
#[test]
fn a_silent_backend_holds_few_workers_and_one_that_answers_is_found_soon() {
    of_all_seeds(|seed| {
        let mut random = Random(seed);
        let start = Instant::now();
        let mut now = start;
        let mut breakers = CircuitBreakers::new(60 * SECOND);
        let backend = backend("B");
        // Since when it is silent, or answers.
        let (mut is_silent, mut since) = (false, now);
        let mut out: BTreeMap<JobId, Instant> = BTreeMap::new();
        for number in 0..800 {
            now += Duration::from_millis(random.below(400));
            if random.one_in(80) {
                (is_silent, since) = (!is_silent, now);
            }
            breakers.handle_timeout(now);
            // A library asks again and again, so what has waited hears of an answer, too.
            let is_over = |begun: &Instant| !is_silent || *begun + 27 * SECOND <= now;
            let over: Vec<_> = out.iter().filter(|(_, begun)| is_over(begun)).map(|(job, _)| *job).collect();
            for job in over {
                out.remove(&job);
                let end = if is_silent { End::Undecided } else { End::Decided };
                breakers.end(&backend, job, end, now);
            }
            let is_admitted = breakers.admit(&backend, JobId(number));
            if is_admitted {
                let name = format!("user{}", random.below(50));
                breakers.begin(&backend, JobId(number), login(&name), now);
                out.insert(JobId(number), now);
            }
            let lasts = now - since;
            assert!(is_silent || lasts < SECOND || is_admitted, "seed {seed}: it answers");
            if is_silent && lasts > PATIENCE + 3 * SECOND {
                let late = out.values().filter(|begun| **begun > since + PATIENCE + 3 * SECOND).count();
                assert!(late <= 1, "seed {seed}: {late} hold workers of a silent backend");
            }
        }
    });
}

#[test]
fn a_login_that_no_worker_got_has_waited_for_nobody_and_still_is_the_one_that_tries() {
    let now = Instant::now();
    let (mut breakers, backend) = (CircuitBreakers::new(60 * SECOND), backend("B"));
    breakers.begin(&backend, JobId(1), login("anna"), now);
    breakers.begin(&backend, JobId(2), login("otto"), now);
    breakers.take_back(&backend, JobId(2));
    assert!(breakers.handle_timeout(now + PATIENCE).is_empty());
    breakers.begin(&backend, JobId(2), login("otto"), now + PATIENCE);
    assert_eq!(breakers.handle_timeout(now + 2 * PATIENCE).first(), Some(&backend));
    assert!(breakers.admit(&backend, JobId(3)));
    breakers.begin(&backend, JobId(3), login("anna"), now + 2 * PATIENCE);
    breakers.take_back(&backend, JobId(3));
    assert!(!breakers.admit(&backend, JobId(4)) && breakers.admit(&backend, JobId(3)));
}
