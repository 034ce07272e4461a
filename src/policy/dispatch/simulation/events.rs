//! What happens in the world: clients ask and hang up, workers and servers answer or do not, time passes.

use super::super::testing::{SECOND, credentials};
use super::super::*;
use super::{Asked, Process, Question, World, sites};
use crate::credentials::Credentials;
use crate::job::{Answer, WorkerId};
use crate::outcome::Outcome;

impl World {
    pub(super) fn ask(&mut self) {
        if self.asked.len() >= self.service.max_connections {
            return;
        }
        let number = self.random.below(3) as u32;
        self.last_client += 1;
        let request = RequestId { client: ClientId(self.last_client), number: u64::from(number) };
        let endpoint = self.random.pick(&sites::ENDPOINTS).unwrap();
        let service = self.random.pick(&sites::SERVICES).unwrap();
        let question = Question {
            route: sites::route_of(&self.site, endpoint, service),
            service,
            login: format!("user{}", self.random.below(if self.outages { 2 } else { 8 })),
            password: format!("password{}", self.random.below(if self.outages { 2 } else { 3 })),
            client: self.client(),
        };
        let longest = self.service.request_timeout;
        let time = if self.random.one_in(3) { longest.mul_f64(0.25) } else { longest };
        let deadline = self.now + time;
        let credentials = credentials(&question.login, &question.password);
        let credentials = Credentials { service: service.into(), client: question.client, ..credentials };
        let uid = self.random.below(3) as u32;
        let known = self.may_be_refused(&question);
        self.asked.insert(request, Asked { question, since: self.now, deadline, job: None, known });
        self.looked_up += u64::from(self.service.cache.is_some());
        self.dispatcher.handle_request(request, endpoint, credentials, || Some(uid), deadline, self.now);
        self.note_job(request);
    }

    pub(super) fn hang_up(&mut self) {
        let requests: Vec<_> = self.asked.keys().copied().collect();
        if let Some(request) = self.random.pick(&requests) {
            self.asked.remove(&request);
            self.answered += u64::from(matches!(self.dispatcher.requests[&request], Waits::Delay(..)));
            self.dispatcher.handle_hang_up(request, self.now);
        }
    }

    pub(super) fn answer(&mut self) {
        let working = self.workers_that(|process| matches!(process, Process::Working(_)));
        if let Some(worker) = self.random.pick(&working) {
            self.answer_by(worker);
        }
    }

    pub(super) fn answer_by(&mut self, worker: WorkerId) {
        let (pool, process) = self.processes[&worker].clone();
        let Process::Working(mut jobs) = process else { return };
        let is_silent = jobs.iter().any(|job| self.is_silent_about(*job));
        let gives_up =
            is_silent && jobs.iter().all(|job| self.has_had(*job) > SECOND * 9) && self.random.one_in(3);
        if self.hanging == Some(pool) || is_silent && !gives_up {
            return;
        }
        if self.random.one_in(12) && !self.are_asked_of_a_prompt_realm(&jobs) {
            self.processes.insert(worker, (pool, Process::Stuck(jobs)));
            return;
        }
        if self.random.one_in(8) && self.retiring.insert(worker) {
            self.dispatcher.handle_retiring(worker, self.now);
        }
        // All of them, or the answers to some of them come later.
        let count = if self.random.one_in(2) { jobs.len() } else { 1 };
        let rest = jobs.split_off(count);
        let process = if rest.is_empty() { Process::Idle } else { Process::Working(rest) };
        self.processes.insert(worker, (pool, process));
        for job in jobs {
            self.held.remove(&job);
            // What nobody needs any more has an answer all the same.
            let verdict = if gives_up {
                self.say(job, Outcome::unavailable("none", "no server"))
            } else {
                self.verdict(job)
            };
            self.note_heard(job, &verdict.outcome);
            self.dispatcher.handle_answer(worker, job, Answer::Verdict(verdict), self.now);
        }
    }

    /// What a mechanism makes of a login, remembered if it is an acceptance.
    fn verdict(&mut self, job: JobId) -> Verdict {
        let text = format!("said to {job:?} as number {}", self.histories[&job].answers.len());
        let outcome = match self.random.below(6) {
            0 => Outcome::reject(text),
            1 => Outcome::unknown_login("", text),
            2 => Outcome::unavailable("PAM start error", text),
            3 | 4 if self.outages => Outcome::unavailable("PAM start error", text),
            _ => Outcome::ACCEPT,
        };
        self.say(job, outcome)
    }

    fn say(&mut self, job: JobId, outcome: Outcome) -> Verdict {
        if outcome == Outcome::ACCEPT {
            let question = self.histories[&job].question.clone();
            self.verdicts.push(question.clone());
            if !self.unremembered.contains(&job) {
                // Another password of the same login is forgotten.
                self.accepted.retain(|other, _| {
                    Question { password: question.password.clone(), ..other.clone() } != question
                });
                self.accepted.insert(question, self.now);
            }
        }
        let delay = if self.random.one_in(2) { None } else { Some(SECOND * self.random.below(4) as u32) };
        if let (Outcome::Reject(_), None, Some(history)) = (&outcome, delay, self.histories.get_mut(&job)) {
            history.owes_failure_delay = true;
        }
        self.note_answer(job, outcome.clone());
        if !self.unremembered.contains(&job) {
            self.note_remembered(job);
        }
        Verdict { outcome, delay }
    }

    /// The servers decide; now and then about a login that nobody waits for any more, or that others are asked about.
    pub(super) fn decide(&mut self) {
        let asked: Vec<_> = self.network.keys().copied().collect();
        let Some(job) = self.random.pick(&asked) else { return };
        if self.random.one_in(10) {
            let unknown = JobId(u64::MAX - self.random.below(3));
            let others = InstanceId(self.site.instances.len());
            self.dispatcher.handle_decision(self.network[&job], unknown, Outcome::ACCEPT.into(), self.now);
            return self.dispatcher.handle_decision(others, job, Outcome::ACCEPT.into(), self.now);
        }
        let instance = self.network.remove(&job).unwrap();
        let verdict = self.verdict(job);
        self.dispatcher.handle_decision(instance, job, verdict, self.now);
    }

    pub(super) fn send_an_errand(&mut self) {
        let policy_server = self.site.has_policy_server.then_some(InstanceId::POLICY_SERVER);
        let drivers: Vec<_> = self.site.remote_instances().map(|(id, _)| id).chain(policy_server).collect();
        let Some(instance) = self.random.pick(&drivers).filter(|_| self.errands.len() < 20) else { return };
        self.last_errand += 1;
        let id = ErrandId(self.last_errand);
        let has_none = |job: &JobId| matches!(&self.dispatcher.jobs[job].asker, Asker::Requests(login) if login.errand.is_none());
        let logins = self.network.iter().filter(|(job, at)| **at == instance && has_none(job));
        let logins: Vec<_> = logins.map(|(job, _)| *job).collect();
        let login = self.random.pick(&logins);
        self.errands.insert(id, instance);
        let errand = Errand::Resolve { host: "localhost".into(), service: "389".into() };
        self.dispatcher.handle_errand(instance, id, errand, login, self.now);
    }

    pub(super) fn run_an_errand(&mut self) {
        let running = self.workers_that(|process| matches!(process, Process::Errand(_)));
        let Some(worker) = self.random.pick(&running) else { return };
        let (pool, process) = self.processes[&worker].clone();
        let Process::Errand(job) = process else { return };
        if self.hanging == Some(pool) {
            return;
        }
        self.processes.insert(worker, (pool, Process::Idle));
        self.held.remove(&job);
        let answer = if self.random.one_in(10) {
            Answer::Verdict(Outcome::ACCEPT.into())
        } else {
            Answer::Errand(ErrandResult::PasswordChecked(true))
        };
        self.dispatcher.handle_answer(worker, job, answer, self.now);
    }

    pub(super) fn kill_a_worker(&mut self) {
        let all = self.workers_that(|_| true);
        if let Some(worker) = self.random.pick(&all) {
            self.note_lost(worker);
            self.forget_process(worker);
            self.dispatcher.handle_worker_gone(worker, self.now);
        }
    }

    /// A worker gone mad, or one that was killed and whose message comes late: a verdict nobody asked it for.
    pub(super) fn speak_out_of_turn(&mut self) {
        let worker = WorkerId(1 + self.random.below(self.last_worker.max(1)));
        let process = self.processes.get(&worker).map(|(_, process)| process.clone());
        if matches!(process, Some(Process::Working(_) | Process::Errand(_))) {
            return;
        }
        let job = JobId(1 + self.random.below(self.last_client.max(1)));
        let is_stuck = matches!(process, Some(Process::Stuck(_)));
        if self.random.one_in(6) {
            self.dispatcher.handle_retiring(worker, self.now);
        } else if self.random.one_in(2) && !matches!(process, Some(Process::Booting(_))) {
            self.note_lost(worker);
            self.dispatcher.handle_ready(worker, self.now);
        } else if !is_stuck {
            let verdict = Answer::Verdict(Outcome::ACCEPT.into());
            self.dispatcher.handle_answer(worker, job, verdict, self.now);
        }
    }

    pub(super) fn start_a_worker(&mut self) {
        if self.ordered.is_empty() {
            return;
        }
        let pool = self.ordered.swap_remove(self.random.below(self.ordered.len() as u64) as usize);
        if self.random.one_in(6) {
            return self.dispatcher.handle_start_failed(pool, self.now);
        }
        self.last_worker += 1;
        let worker = WorkerId(self.last_worker);
        self.processes.insert(worker, (pool, Process::Booting(self.now)));
        self.dispatcher.handle_worker(worker, pool, self.now);
    }

    pub(super) fn make_a_worker_ready(&mut self) {
        let booting = self.workers_that(|process| matches!(process, Process::Booting(_)));
        if let Some(worker) = self.random.pick(&booting) {
            let pool = self.processes[&worker].0;
            self.processes.insert(worker, (pool, Process::Idle));
            self.dispatcher.handle_ready(worker, self.now);
        }
    }

    /// What is known of a login, or of all, is forgotten, and what is being decided will not be remembered.
    pub(super) fn flush(&mut self) {
        let login = format!("user{}", self.random.below(8));
        let login = if self.random.one_in(4) { None } else { Some(login) };
        let is_meant = |question: &Question| login.as_ref().is_none_or(|login| *login == question.login);
        let deciding = self.histories.iter().filter(|(_, history)| is_meant(&history.question));
        self.unremembered.extend(deciding.map(|(job, _)| *job));
        self.accepted.retain(|question, _| !is_meant(question));
        self.memory.forget(is_meant);
        self.dispatcher.flush_cache(login.as_deref().map(str::as_bytes));
        let mut logins = self.dispatcher.cached_logins(self.now);
        assert!(!logins.any(|cached| login.as_ref().is_none_or(|login| login.as_bytes() == cached.login)));
    }

    pub(super) fn forget_all(&mut self) {
        self.service.cache = None;
        self.service.negative_cache_ttl = Duration::ZERO;
        self.dispatcher.forget_all();
    }

    pub(super) fn pass_time(&mut self) {
        self.let_prompt_realms_answer();
        let jump = Duration::from_millis(self.random.below(5000));
        // Like the event loop: never later than the dispatcher wants to be woken.
        let due = self.dispatcher.next_timeout().unwrap_or(self.now + jump);
        self.now = due.min(self.now + jump).max(self.now);
        self.wake();
    }

    pub(super) fn wake(&mut self) {
        let waiting = self.waiting_logins();
        self.dispatcher.handle_timeout(self.now);
        self.note_shed(waiting);
    }
}
