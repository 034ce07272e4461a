//! Logins that the dispatcher gives up, as the world sees it: one that waited for a worker in time, and does not any more.

use super::super::{Asker, Job, Place};
use super::World;
use crate::job::JobId;
use crate::outcome::Outcome;

impl World {
    /// The logins that wait for a worker.
    pub(super) fn waiting_logins(&self) -> Vec<(JobId, Place)> {
        let is_login = |job: &Job| job.purpose.is_some() && matches!(&job.asker, Asker::Requests(_));
        let waits = |job: &Job| is_login(job) && matches!(job.place, Place::Pool(_));
        let waiting = self.dispatcher.jobs.iter().filter(|(_, job)| waits(job));
        waiting.map(|(id, job)| (*id, job.place)).collect()
    }

    /// Time has passed, and nothing else happened.
    pub(super) fn note_shed(&mut self, waited: Vec<(JobId, Place)>) {
        let left_alone = self.about_to_be_told();
        for (id, place) in waited.into_iter().filter(|(id, _)| !left_alone.contains(id)) {
            let is_there = self.dispatcher.jobs.get(&id).is_some_and(|job| job.place == place);
            let asked = self.asked.values().filter(|asked| asked.job == Some(id));
            let deadline = asked.map(|asked| asked.deadline).max();
            let in_time = |deadline| self.now < deadline && self.now < self.histories[&id].deadline;
            if !is_there && deadline.is_some_and(in_time) {
                self.shed += 1;
                self.note_answer(id, Outcome::internal_failure("given up"));
            }
        }
    }
}
