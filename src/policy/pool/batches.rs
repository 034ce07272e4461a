//! Handing out what waits: to each idle worker the job whose turn it is, or several at a time where its pool has it so.
#![forbid(unsafe_code)]

use super::{Command, Pool, State};
use crate::job::{JobId, WorkerId};
use std::time::Instant;

impl Pool {
    /// The same, whose workers get up to `most` jobs at a time, which [`Self::hand_out`] gives them.
    pub fn in_batches(mut self, most: usize) -> Self {
        self.batch = most.max(1);
        self
    }

    /// All that has come at once has been looked at: idle workers get it in batches, a full one before another worker is
    /// woken. A batch has no more than `room` bytes, by the `size` of each job; the first job goes in any case. `true` if there
    /// was one. Workers that get one job at a time have it already.
    pub fn hand_out(&mut self, room: usize, size: impl Fn(JobId) -> usize, now: Instant) -> bool {
        self.batch > 1 && self.fill(room, size, now)
    }

    /// Gives idle workers one job each, where they get no more at a time.
    pub(super) fn assign(&mut self, now: Instant) {
        if self.batch == 1 {
            self.fill(usize::MAX, |_| 0, now);
        }
    }

    /// How many jobs may be with workers at the same time.
    pub(super) fn places(&self) -> usize {
        self.settings.most.saturating_mul(self.batch)
    }

    fn fill(&mut self, room: usize, size: impl Fn(JobId) -> usize, now: Instant) -> bool {
        if self.idle.is_empty() || self.queue.is_empty() {
            return false;
        }
        self.queue.forget(now);
        let mut has_any = false;
        while let Some(&id) = self.idle.front() {
            let batch = self.take_batch(id, room, &size, now);
            if batch.is_empty() {
                break;
            }
            has_any = true;
            self.idle.pop_front();
            self.commands.extend(batch.iter().map(|job| Command::Send(id, *job)));
            if let Some(worker) = self.workers.get_mut(&id) {
                worker.state = State::Busy(batch);
            }
        }
        has_any
    }

    /// The next jobs in turn, as many as that worker may have.
    fn take_batch(
        &mut self,
        id: WorkerId,
        room: usize,
        size: impl Fn(JobId) -> usize,
        now: Instant,
    ) -> Vec<JobId> {
        let share = self.workers.get(&id).map_or(0, |worker| worker.requests_left);
        let most = self.batch.min(usize::try_from(share).unwrap_or(usize::MAX));
        let (mut batch, mut left) = (Vec::new(), room);
        while batch.len() < most {
            let Some((origin, number, &job)) = self.queue.next(self.places()) else { break };
            let size = size(job);
            if size > left && !batch.is_empty() {
                break;
            }
            left = left.saturating_sub(size);
            let origin = origin.clone();
            self.queue.take(&origin, number);
            if let Some(taken) = self.jobs.get_mut(&job) {
                self.waits.record(now.saturating_duration_since(taken.since));
                taken.since = now;
            }
            batch.push(job);
        }
        batch
    }
}
