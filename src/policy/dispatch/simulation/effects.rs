//! Does what the dispatcher orders, as the frontend would.

use super::super::{Action, Asker, DecidedBy, Event};
use super::{Process, World};
use crate::config::site::InstanceId;
use crate::job::{JobId, Purpose, WorkerId};
use crate::outcome::Outcome;

impl World {
    pub(super) fn carry_out(&mut self) {
        loop {
            self.act();
            let has_any = !self.unsent.is_empty();
            for (worker, jobs) in std::mem::take(&mut self.unsent) {
                self.deliver(worker, jobs);
            }
            if !has_any && !self.dispatcher.hand_out(self.now) {
                return;
            }
        }
    }

    fn act(&mut self) {
        while let Some(action) = self.dispatcher.next_action() {
            match action {
                Action::Reply(request, _, outcome) => {
                    self.answered += 1;
                    self.judge(request, &outcome);
                }
                Action::StartWorker(pool) => self.ordered.push(pool),
                Action::Send(worker, job, purpose) => match self.unsent.last_mut() {
                    Some((last, jobs)) if *last == worker => jobs.push((job, purpose)),
                    _ => self.unsent.push((worker, vec![(job, purpose)])),
                },
                Action::Retire(worker) => {
                    let process = self.processes.remove(&worker).map(|(_, process)| process);
                    assert_eq!(process, Some(Process::Idle), "retired at work");
                }
                Action::Kill(worker) => self.forget_process(worker),
                Action::Withdraw(instance, job) => self.withdraw(instance, job),
                Action::Ask(instance, job, _, credentials) => {
                    self.note_asked(job, instance, &credentials);
                    assert_eq!(self.network.insert(job, instance), None, "asked twice");
                }
                Action::Abandon(instance, job) => {
                    let asked = self.network.remove(&job);
                    assert!(asked.is_none_or(|at| at == instance), "asked elsewhere");
                }
                Action::Report(instance, id, _) => {
                    assert_eq!(self.errands.remove(&id), Some(instance), "exactly one result");
                }
                Action::AskPolicyServer(id, _, question) => self.put_to_policy(id, &question),
                Action::AbandonPolicyQuestion(id) => self.abandon_policy_question(id),
                Action::Log(Event::Decided(_, outcome, by)) => self.note_told(&outcome, &by),
                Action::Log(event) => self.note_backend(&event),
            }
        }
    }

    /// The log names who decided.
    fn note_told(&mut self, outcome: &Outcome, by: &DecidedBy) {
        let asked = match by {
            DecidedBy::Cache => return self.told.cache_hits += 1,
            DecidedBy::NegativeCache(_) => return self.told.negative_hits += 1,
            DecidedBy::StaleCache(_) => return self.told.stale_hits += 1,
            DecidedBy::Mechanisms(asked) => asked,
        };
        let last = asked.instances().last();
        let name = last.map(|last| self.site.instances[last.0].name.clone()).unwrap_or_default();
        let verdicts = self.told.mechanisms.entry(name).or_default();
        match outcome {
            Outcome::Accept(_) => verdicts.accept += 1,
            Outcome::Reject(_) => verdicts.reject += 1,
            Outcome::Unavailable(_) => verdicts.unavailable += 1,
        }
    }

    /// The driver gives up a login that nobody waits for if nothing is being asked for it.
    fn withdraw(&mut self, instance: InstanceId, job: JobId) {
        let Asker::Requests(login) = &self.dispatcher.jobs[&job].asker else { panic!("an errand") };
        assert!(login.requests.is_empty(), "somebody waits for it");
        if self.random.one_in(2) && self.network.get(&job) == Some(&instance) {
            self.network.remove(&job);
            let outcome = Outcome::internal_failure("nobody waits");
            self.note_answer(job, outcome.clone());
            self.dispatcher.handle_decision(instance, job, outcome.into(), self.now);
        }
    }

    /// Whatever it had, it has no more.
    pub(super) fn forget_process(&mut self, worker: WorkerId) {
        if let Some((_, Process::Working(jobs) | Process::Stuck(jobs))) = self.processes.remove(&worker) {
            jobs.iter().for_each(|job| drop(self.held.remove(job)));
        }
    }

    fn deliver(&mut self, worker: WorkerId, jobs: Vec<(JobId, Purpose)>) {
        if self.random.one_in(20) || !self.processes.contains_key(&worker) {
            self.processes.remove(&worker);
            return self.dispatcher.handle_undelivered(worker, jobs, self.now);
        }
        let (pool, process) = self.processes[&worker].clone();
        assert_eq!(process, Process::Idle, "one message at a time");
        assert!(!self.retiring.contains(&worker), "a job for one that has given its last answer");
        let settings = &self.site.pools[pool.0];
        let share = settings.batch.min(settings.workers.requests_each as usize);
        assert!(jobs.len() <= share, "more than it may have");
        let instance = settings.instance;
        let mut process = Process::Working(Vec::new());
        for (job, purpose) in &jobs {
            self.note_turn(pool, *job);
            match (purpose, instance) {
                (Purpose::CheckLogin(credentials), Some(instance)) => {
                    self.note_asked(*job, instance, credentials)
                }
                (Purpose::Errand(_), None) => process = Process::Errand(*job),
                _ => panic!("a worker of another kind"),
            }
        }
        let jobs: Vec<_> = jobs.into_iter().map(|(job, _)| job).collect();
        jobs.iter().for_each(|job| self.note_sent(*job, pool));
        let is_lost = self.random.one_in(20) && !self.are_asked_of_a_prompt_realm(&jobs);
        let process = match process {
            _ if is_lost => Process::Stuck(jobs),
            Process::Working(_) => Process::Working(jobs),
            process => process,
        };
        self.processes.insert(worker, (pool, process));
    }
}
