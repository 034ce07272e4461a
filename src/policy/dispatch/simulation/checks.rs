//! What must hold, judged by what the world itself remembers.

use super::super::{Asker, Job, Place, RequestId, Waits};
use super::policy_server::PolicyAnswer;
use super::{Origins, Process, Question, World, sites};
use crate::config::site::{Continuation, InstanceId, PoolId, Route, Step};
use crate::credentials::Credentials;
use crate::job::{JobId, Purpose, WorkerId};
use crate::outcome::{Outcome, Refusal};
use crate::policy::pool::START_TIME;
use crate::secret;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// Of those of an address.
const LONGEST_PENALTY: Duration = Duration::from_secs(15);

/// What has become of a login.
pub(super) struct History {
    pub(super) question: Question,
    /// Of its steps so far, in order.
    pub(super) answers: Vec<Outcome>,
    pub(super) owes_failure_delay: bool,
    /// When the last of these came.
    answered_at: Instant,
    pub(super) deadline: Instant,
    /// What the policy server has said of it.
    pub(super) policy: PolicyAnswer,
}

/// What follows that answer to that step.
fn continuation(step: &Step, answer: &Outcome) -> Continuation {
    match answer {
        Outcome::Accept(_) => Continuation::Stop,
        Outcome::Reject(Refusal { is_unknown_login: true, .. }) => step.on_unknown,
        Outcome::Reject(_) => step.on_reject,
        Outcome::Unavailable(_) => step.on_unavailable,
    }
}

/// The outcome of a chain of which all these steps have answered, if it ends with that.
pub(super) fn end(route: &Route, answers: &[Outcome]) -> Option<Outcome> {
    let last = answers.len().checked_sub(1)?;
    let goes_on = continuation(&route.steps[last], &answers[last]) == Continuation::Next;
    if goes_on && answers.len() < route.steps.len() {
        return None;
    }
    let find = |wanted: fn(&Outcome) -> bool| answers.iter().find(|answer| wanted(answer));
    let accepted = find(|answer| matches!(answer, Outcome::Accept(_)));
    let unavailable = find(|answer| matches!(answer, Outcome::Unavailable(_)));
    let knows = find(|answer| matches!(answer, Outcome::Reject(refusal) if !refusal.is_unknown_login));
    accepted.or(unavailable).or(knows).or_else(|| answers.last()).cloned()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

impl World {
    /// A request waits for a job: for one that asks the same question.
    pub(super) fn note_job(&mut self, request: RequestId) {
        let Some(Waits::Job(job, ..)) = self.dispatcher.requests.get(&request) else { return };
        let Some(asked) = self.asked.get_mut(&request) else { return };
        asked.job = Some(*job);
        let deadline = self.now + self.service.request_timeout;
        let history = self.histories.entry(*job).or_insert_with(|| History {
            question: asked.question.clone(),
            answers: Vec::new(),
            owes_failure_delay: false,
            answered_at: self.now,
            deadline,
            policy: PolicyAnswer::default(),
        });
        assert_eq!(history.question, asked.question, "joined another question");
    }

    /// A mechanism is asked: the one whose turn it is, and with what the client sent.
    pub(super) fn note_asked(&mut self, job: JobId, instance: InstanceId, credentials: &Credentials) {
        let History { question, answers, policy, .. } = &self.histories[&job];
        self.judge_begin(question, policy, answers.is_empty());
        let route = sites::numbered(&self.site, question.route);
        assert_eq!(route.steps[answers.len()].instance, instance, "out of its turn");
        assert!(answers.is_empty() || end(route, answers).is_none(), "asked although it is decided");
        assert_eq!(text(&credentials.login), question.login);
        assert_eq!(text(credentials.password.as_bytes()), question.password);
        assert_eq!(text(&credentials.service), question.service);
    }

    /// A step has ended.
    pub(super) fn note_answer(&mut self, job: JobId, outcome: Outcome) {
        let history = self.histories.get_mut(&job).unwrap();
        history.answers.push(outcome);
        history.answered_at = self.now;
    }

    /// A worker will never answer what it has.
    pub(super) fn note_lost(&mut self, worker: WorkerId) {
        let Some((_, Process::Working(jobs) | Process::Stuck(jobs))) = self.processes.get(&worker) else {
            return;
        };
        for job in jobs.clone() {
            if self.histories.contains_key(&job) {
                self.note_answer(job, Outcome::internal_failure("lost"));
            }
        }
    }

    /// Nobody who waits and holds no worker sees another user get two, and nothing is done that nobody waits for.
    pub(super) fn note_turn(&mut self, pool: PoolId, id: JobId) {
        let job = &self.dispatcher.jobs[&id];
        assert!(!is_unwanted(job), "a login that nobody waits for");
        let served: Origins = (job.origin.uid, text(&job.origin.login.name));
        self.held.insert(id, (pool, served.clone()));
        self.forget_overtaken();
        // A batch is given out at once, and who waits behind a bulkhead comes in when others leave.
        if self.site.pools[pool.0].batch > 1 || self.has_backends(pool) {
            return;
        }
        for user in self.starving(pool).into_keys() {
            let count = self.overtaken.entry((pool, user, served.0)).or_default();
            *count += 1;
            assert!(*count <= 1, "overtaken twice by the same user");
        }
    }

    /// Whoever does not wait, or has something, was not overtaken; nor was who left the queue with all that waited there and
    /// came anew, be it in the same step.
    fn forget_overtaken(&mut self) {
        let pools: Vec<_> = self.dispatcher.pools.ids().collect();
        let waiting = pools
            .iter()
            .flat_map(|pool| self.starving(*pool).into_iter().map(|(user, jobs)| ((*pool, user), jobs)));
        let waiting: BTreeMap<_, _> = waiting.collect();
        let stays = |place: &(PoolId, Option<u32>)| match (self.waiting.get(place), waiting.get(place)) {
            (Some(before), Some(now)) => !before.is_disjoint(now),
            _ => false,
        };
        self.overtaken.retain(|(pool, user, _), _| stays(&(*pool, *user)));
        self.waiting = waiting;
    }

    /// The users who wait for a worker of that pool and hold none of it, with what waits in its queue.
    fn starving(&self, pool: PoolId) -> BTreeMap<Option<u32>, BTreeSet<JobId>> {
        let waits = |job: &Job| job.purpose.is_some() && job.place == Place::Pool(pool);
        let waiting = self.dispatcher.jobs.iter().filter(|(_, job)| waits(job));
        let mut users = BTreeMap::<_, BTreeSet<_>>::new();
        for (id, job) in waiting.filter(|(id, _)| !self.is_outside(**id, pool)) {
            users.entry(job.origin.uid).or_default().insert(*id);
        }
        let holds =
            |user: &Option<u32>| self.held.values().any(|(at, (holder, _))| *at == pool && holder == user);
        users.retain(|user, _| !holds(user));
        users
    }

    /// Invariants 1, 2 and 3, for one reply.
    pub(super) fn judge(&mut self, request: RequestId, outcome: &Outcome) {
        let asked = self.asked.remove(&request).expect("exactly one reply");
        assert!(self.now <= asked.deadline, "a reply after its deadline");
        let history = asked.job.map(|job| &self.histories[&job]);
        let route = sites::numbered(&self.site, asked.question.route);
        let end = history.and_then(|history| end(route, &history.answers));
        match outcome {
            Outcome::Accept(_) => {
                let decided_now = self.verdicts.contains(&asked.question);
                let cached = self.service.cache.as_ref().is_some_and(|cache| {
                    self.accepted.get(&asked.question).is_some_and(|when| self.now < *when + cache.lifetime)
                });
                let stale =
                    history.is_some_and(|history| self.may_be_stale(&asked.question, &history.answers));
                assert!(
                    decided_now || cached || stale,
                    "OK for credentials that nothing on the route accepted"
                );
                // Invariant 9.
                assert!(decided_now || stale || asked.job.is_none(), "held back although it is right");
            }
            Outcome::Reject(_) if history.is_some_and(|history| history.policy == PolicyAnswer::Refused) => {}
            Outcome::Reject(_) => {
                let known = asked.known.iter().find(|known| known.outcome == *outcome);
                let owes_delay = match history {
                    Some(history) => {
                        assert_eq!(end.as_ref(), Some(outcome), "not what the steps have said");
                        history.owes_failure_delay
                    }
                    None => known.expect("refused although nobody was asked").owes_failure_delay,
                };
                let held_until = (asked.since + self.service.failure_delay * 3 / 4).min(asked.deadline);
                assert!(!owes_delay || self.now >= held_until || self.is_stopping, "refused too early");
                let held = history.map(|history| self.now - history.answered_at);
                let longest = LONGEST_PENALTY.max(self.service.failure_delay * 5 / 4);
                assert!(held.is_none_or(|held| held <= longest), "held back for too long");
            }
            Outcome::Unavailable(_) => {
                let history = history.expect("somebody was asked");
                let an_outage =
                    history.answers.iter().any(|answer| matches!(answer, Outcome::Unavailable(_)))
                        || history.policy == PolicyAnswer::Missing;
                let late = self.now >= asked.deadline.min(history.deadline);
                assert!(an_outage || late || self.is_stopping, "unavailable without an outage");
            }
        }
    }

    pub(super) fn check(&mut self) {
        self.verdicts.clear();
        if self.random.one_in(8) {
            self.check_counts();
        }
        self.forget_overtaken();
        // Invariant 1: nobody waits beyond the deadline.
        let due = self.dispatcher.next_timeout();
        for asked in self.asked.values() {
            assert!(due.is_some_and(|due| due <= asked.deadline), "a client would be forgotten");
        }
        assert!(self.errands.is_empty() || due.is_some(), "an errand would be forgotten");
        let in_time = |process: &Process| !matches!(process, Process::Booting(since) if *since + START_TIME <= self.now);
        assert!(
            self.processes.values().all(|(_, process)| in_time(process)),
            "a worker that never becomes ready is kept"
        );
        // Invariant 4: no user waits without a worker while one of the same pool could serve, whatever other pools do.
        for (id, pool) in self.dispatcher.pools.ids().zip(self.dispatcher.pools.iter()) {
            assert!(pool.idle() == 0 || self.starving(id).is_empty(), "idle beside a queue");
            assert!(pool.size() <= self.site.pools[id.0].workers.most);
        }
        self.check_secrets();
        self.check_bounds();
        self.check_memory();
        self.check_policy();
        self.check_backends();
    }

    /// Invariant 7: what is counted is what the log was told and clients were answered.
    pub(super) fn check_counts(&mut self) {
        self.counted.add(&self.dispatcher.take_totals());
        assert_eq!(self.counted.mechanisms, self.told.mechanisms);
        assert_eq!(self.counted.cache_hits, self.told.cache_hits);
        assert_eq!(self.counted.negative_hits, self.told.negative_hits);
        assert_eq!(self.counted.stale_hits, self.told.stale_hits);
        assert_eq!(self.counted.logins_shed, self.shed);
        let (hits, misses) = (self.counted.cache_hits, self.counted.cache_misses);
        assert_eq!(hits + misses, self.looked_up);
        let delayed = self.dispatcher.requests.values().filter(|waits| matches!(waits, Waits::Delay(..)));
        assert_eq!(self.counted.durations.count(), self.answered + delayed.count() as u64);
    }

    /// Invariant 5: the only passwords are those of logins that wait for a worker, and one for each that is being asked
    /// about, has somebody who waits and may have another step.
    fn check_secrets(&self) {
        let waits = |job: &&Job| matches!(job.purpose, Some(Purpose::CheckLogin(_)));
        let waiting = self.dispatcher.jobs.values().filter(waits).count();
        let needed = self.dispatcher.jobs.iter().filter(|(id, job)| self.may_go_on(**id, job)).count();
        let held = secret::alive() - self.secrets_before;
        assert_eq!(held, waiting + needed, "a password outlives its use, or is lost");
    }

    fn may_go_on(&self, id: JobId, job: &Job) -> bool {
        let Some(History { question, answers, .. }) = self.histories.get(&id) else { return false };
        let steps = &sites::numbered(&self.site, question.route).steps;
        let Step { on_reject, on_unknown, on_unavailable, .. } = steps[answers.len()];
        job.purpose.is_none()
            && !is_unwanted(job)
            && answers.len() + 1 < steps.len()
            && [on_reject, on_unknown, on_unavailable].contains(&Continuation::Next)
    }

    /// Invariant 6: everything is bounded.
    fn check_bounds(&self) {
        assert_eq!(self.dispatcher.requests.len(), self.asked.len());
        let delayed = self.dispatcher.requests.values().filter(|waits| matches!(waits, Waits::Delay(..)));
        assert!(
            self.dispatcher.penalties(self.now).held <= delayed.count().min(self.service.max_connections / 4)
        );
        let jobs = || self.dispatcher.jobs.values();
        let unwanted = jobs().filter(|job| is_unwanted(job));
        assert!(unwanted.clone().all(|job| job.purpose.is_none()), "kept although nobody waits");
        let most = self.asked.len() + unwanted.count() + self.errands.len();
        assert!(self.dispatcher.jobs.len() <= most);
        assert!(self.dispatcher.timers.len() <= 2 * most + self.asked.len());
        let errands = jobs().filter(|job| matches!(job.asker, Asker::Driver(..))).count();
        assert_eq!(errands, self.errands.len());
        assert!(self.dispatcher.in_flight.len() <= self.dispatcher.jobs.len());
        if let Some(cache) = &self.dispatcher.cache {
            let (bytes, most) = cache.bytes();
            assert!(bytes <= most && cache.len() <= cache.most());
            assert!(cache.logins(self.now).count() <= cache.len());
        }
    }
}

fn is_unwanted(job: &Job) -> bool {
    matches!(&job.asker, Asker::Requests(login) if login.requests.is_empty())
}
