//! Does what the dispatcher orders, as the frontend would.

use super::super::{Action, Asker, DecidedBy, Event};
use super::{Process, World};
use crate::config::site::InstanceId;
use crate::job::{JobId, Purpose, WorkerId};
use crate::outcome::Outcome;

impl World {
    pub(super) fn carry_out(&mut self) {
        while let Some(action) = self.dispatcher.next_action() {
            match action {
                Action::Reply(request, _, outcome) => {
                    self.answered += 1;
                    self.judge(request, &outcome);
                }
                Action::StartWorker(pool) => self.ordered.push(pool),
                Action::Send(worker, job, purpose) => self.deliver(worker, job, purpose),
                Action::Retire(worker) => {
                    let process = self.processes.remove(&worker).map(|(_, process)| process);
                    assert_eq!(process, Some(Process::Idle), "retired at work");
                }
                Action::Kill(worker) => {
                    self.processes.remove(&worker);
                    self.held.remove(&worker);
                }
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

    fn deliver(&mut self, worker: WorkerId, job: JobId, purpose: Purpose) {
        if self.random.one_in(20) || !self.processes.contains_key(&worker) {
            self.processes.remove(&worker);
            return self.dispatcher.handle_undelivered(worker, job, purpose, self.now);
        }
        let (pool, process) = self.processes[&worker].clone();
        assert_eq!(process, Process::Idle, "one request at a time");
        assert!(!self.retiring.contains(&worker), "a job for one that has given its last answer");
        self.note_turn(worker, pool, job);
        let instance = self.site.pools[pool.0].instance;
        let process = match (&purpose, instance) {
            (Purpose::CheckLogin(credentials), Some(instance)) => {
                self.note_asked(job, instance, credentials);
                Process::Working(job)
            }
            (Purpose::Errand(_), None) => Process::Errand(job),
            _ => panic!("a worker of another kind"),
        };
        self.note_sent(job, pool);
        let is_lost = self.random.one_in(20) && !self.is_asked_of_a_prompt_realm(job);
        let process = if is_lost { Process::Stuck(job) } else { process };
        self.processes.insert(worker, (pool, process));
    }
}
