//! Who waits for a worker in vain: those whose turn comes too late at the pace of the workers.
#![forbid(unsafe_code)]

use super::Pool;
use crate::job::JobId;
use std::time::{Duration, Instant};

/// How many answers it takes to know the pace: the first ones may have been slow, since modules and files are read.
const ENOUGH: u32 = 16;

/// What one answer counts of the mean: one in so many.
const WEIGHT: u64 = 32;

/// An answer counts as no more than so many times the mean: where a few take most of the time nobody can foresee who will
/// be served, and whoever knows a slow login must not make others be given up.
const LARGEST_SHARE: u64 = 4;

/// For how long a job has waited at the least before it is given up: what made the others slow may be over.
const PATIENCE: Duration = Duration::from_secs(1);

/// How long workers take over a job that they answer, as a moving mean. What they do not answer says nothing of the others.
#[derive(Default)]
pub(super) struct Pace {
    nanoseconds: u64,
    answers: u32,
}

impl Pace {
    pub(super) fn record(&mut self, taken: Duration) {
        let taken = u64::try_from(taken.as_nanos()).unwrap_or(u64::MAX);
        let most = if self.answers < ENOUGH { u64::MAX } else { self.nanoseconds.max(1) };
        let taken = taken.min(most.saturating_mul(LARGEST_SHARE));
        self.answers = self.answers.saturating_add(1);
        let weight = WEIGHT.min(self.answers.into());
        let kept =
            self.nanoseconds / weight * (weight - 1) + self.nanoseconds % weight * (weight - 1) / weight;
        self.nanoseconds = kept.saturating_add(taken / weight);
    }

    /// What a job is expected to take; `None` while that is not known.
    fn expected(&self) -> Option<Duration> {
        (self.answers >= ENOUGH).then(|| Duration::from_nanos(self.nanoseconds))
    }
}

impl Pool {
    /// The waiting jobs that no worker is expected to finish in seven eighths of the time that they have left, if nobody else
    /// comes; `deadline` knows those that may be given up. Jobs are taken to be served in turn, by all workers that there may
    /// be.
    ///
    /// Whoever is named makes room for those behind, so the others are served as if these had never come. The eighth is of
    /// what is left: who has been let wait because there was just time for it has more and more to spare, and is not given
    /// up later by chance; and who comes to a worker has time to be served even if it takes longer than usual. Without it
    /// workers would be killed in the middle of logins that were begun too late.
    pub fn find_late(&self, deadline: impl Fn(JobId) -> Option<Instant>, now: Instant) -> Vec<JobId> {
        let Some(each) = self.pace.expected() else { return Vec::new() };
        let places = self.places().max(1);
        let needed = |ahead: usize| {
            each.saturating_mul(u32::try_from(ahead / places).unwrap_or(u32::MAX).saturating_add(1))
        };
        let is_late = |job: &JobId, ahead| {
            let has_waited = self.jobs.get(job).is_some_and(|job| job.since + PATIENCE <= now);
            let left = || deadline(*job).map(|deadline| deadline.saturating_duration_since(now));
            has_waited && left().is_some_and(|left| needed(ahead) > left / 8 * 7)
        };
        // The last one is the first to be late; without one there is no need to find out the turns.
        let last = self.waiting().saturating_sub(1);
        if self.bulkheads.len() == 0 && !self.queue.iter().any(|job| is_late(job, last)) {
            return Vec::new();
        }
        let mut late = Vec::new();
        let mut ahead = 0;
        for job in self.queue.all_in_turn() {
            if is_late(&job, ahead) { late.push(job) } else { ahead += 1 }
        }
        // Behind the queue, and at the best not behind those of other backends.
        late.extend(
            self.bulkheads
                .all_in_turn()
                .filter(|(before, job)| is_late(job, ahead + before))
                .map(|(_, job)| job),
        );
        late
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::config::{WorkerFlag, WorkerSettings};
    use crate::job::WorkerId;
    use crate::policy::origin::Origin;

    const SECOND: Duration = Duration::from_secs(1);

    /// Two workers that have each taken a second over some jobs, and have one again.
    fn busy(waiting: u64) -> (Pool, Instant) {
        let mut pool =
            Pool::new(WorkerSettings { most: 2, ready: 2, requests_each: 1000, flag: WorkerFlag::Processes });
        let mut now = Instant::now();
        pool.handle_timeout(now);
        for worker in [WorkerId(1), WorkerId(2)] {
            pool.handle_started(worker, now);
            assert_eq!(pool.handle_ready(worker, now), []);
        }
        let origin = |number: u64| Origin::client(1000, format!("user{number}").as_bytes(), None);
        for number in 0..u64::from(ENOUGH) {
            pool.submit(JobId(number), origin(number), now);
            now += SECOND;
            pool.handle_answer(WorkerId(1 + number % 2), JobId(number), now).unwrap();
        }
        for number in 100..102 + waiting {
            pool.submit(JobId(number), origin(number), now);
        }
        (pool, now + PATIENCE)
    }

    #[test]
    fn a_queue_that_can_be_served_in_time_is_left_alone() {
        let (pool, now) = busy(16);
        let late = pool.find_late(|_| Some(now + 10 * SECOND), now);
        assert_eq!(late, []);
    }

    #[test]
    fn those_whose_turn_comes_too_late_are_found_and_nobody_before_them() {
        let (pool, now) = busy(40);
        let late = pool.find_late(|_| Some(now + 10 * SECOND), now);
        // Eight rounds of a second for two.
        assert_eq!(late, (102 + 16..142).map(JobId).collect::<Vec<_>>());
    }

    #[test]
    fn whoever_has_no_time_left_makes_room_for_those_behind() {
        let (pool, now) = busy(36);
        let deadline = |job: JobId| Some(if job.0 < 122 { now } else { now + 10 * SECOND });
        assert_eq!(pool.find_late(deadline, now), (102..122).map(JobId).collect::<Vec<_>>());
    }

    #[test]
    fn nobody_is_given_up_who_has_just_come_or_may_not_be() {
        let (pool, now) = busy(40);
        assert_eq!(pool.find_late(|_| Some(now), now - PATIENCE / 2), []);
        assert_eq!(pool.find_late(|_| None, now), []);
    }

    #[test]
    fn without_a_pace_nobody_is_given_up() {
        let mut pace = Pace::default();
        (1..ENOUGH).for_each(|_| pace.record(SECOND));
        assert_eq!(pace.expected(), None);
        pace.record(SECOND);
        let expected = pace.expected().unwrap();
        assert!(expected <= SECOND && expected > SECOND * 9 / 10, "{expected:?}");
    }

    #[test]
    fn a_few_that_take_much_longer_change_little() {
        let mut pace = Pace::default();
        (0..1000).for_each(|number| pace.record(if number % 10 == 9 { 10 * SECOND } else { SECOND / 100 }));
        assert!(pace.expected().unwrap() < SECOND / 10);
    }

    #[test]
    fn the_pace_follows_what_has_become_faster() {
        let mut pace = Pace::default();
        (0..100).for_each(|_| pace.record(10 * SECOND));
        (0..100).for_each(|_| pace.record(SECOND / 100));
        assert!(pace.expected().unwrap() < SECOND / 2);
    }
}
