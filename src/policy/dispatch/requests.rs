//! Requests: what is known already is answered, the rest becomes a login or joins one.
#![forbid(unsafe_code)]

use super::job::{Asker, Login, Place, Timer, Waits};
use super::{DecidedBy, Dispatcher, Names, RequestId};
use crate::config::site::Route;
use crate::credentials::Credentials;
use crate::job::{JobId, Purpose};
use crate::outcome::Outcome;
use crate::policy::cache::Fingerprint;
use crate::policy::origin::Origin;
use crate::policy::route::chain::{Asked, Chain};
use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Instant;

/// What is there to answer a request by.
enum Known {
    No,
    Answered,
    Joined(JobId),
}

impl Dispatcher {
    /// A client has sent a whole request to that endpoint. It is answered by the `deadline`, and by `--request-timeout`
    /// after the first of those that it is decided with. `uid`, asked only when it matters, is the user who asks, and
    /// `None` when the client has hung up already: then nothing more is done for it. Returns the job that it waits for, if
    /// it does.
    pub fn handle_request(
        &mut self,
        request: RequestId,
        endpoint: &str,
        mut credentials: Credentials,
        uid: impl FnOnce() -> Option<u32>,
        deadline: Instant,
        now: Instant,
    ) -> Option<JobId> {
        let (route_id, route) = self.site.routes.find(endpoint, &credentials);
        let route = Rc::clone(route);
        if let Some(format) = &route.login_format {
            if let Err(refusal) = format.apply(&mut credentials, self.limits) {
                self.refuse(request, credentials, &route, Outcome::Reject(refusal), now);
                return None;
            }
        }
        let fingerprint =
            self.fingerprints.as_ref().map(|fingerprints| fingerprints.of(&credentials, route_id));
        match self.known(request, &mut credentials, fingerprint.as_ref(), deadline, now) {
            Known::No => {}
            Known::Answered => return None,
            Known::Joined(id) => return Some(id),
        }
        let uid = uid()?;
        let attempt = self.policy_attempt(&credentials);
        let Some(place) = route.steps.first().and_then(|step| self.place_of(step.instance)) else {
            let outcome = Outcome::internal_failure("there is no mechanism to ask");
            self.refuse(request, credentials, &route, outcome, now);
            return None;
        };
        let id = self.add_login(credentials, fingerprint, Chain::new(route), place, uid, now);
        self.join(id, request, deadline, now);
        match attempt {
            Some(attempt) => self.consult(id, attempt, now),
            None => self.begin_chain(id, now),
        }
        Some(id)
    }

    /// Whether it is answered by what is remembered, or will be by what is being decided.
    fn known(
        &mut self,
        request: RequestId,
        credentials: &mut Credentials,
        fingerprint: Option<&Fingerprint>,
        deadline: Instant,
        now: Instant,
    ) -> Known {
        let Some(fingerprint) = fingerprint else { return Known::No };
        if self.answer_from_memory(request, credentials, fingerprint, deadline, now) {
            return Known::Answered;
        }
        let Some(&id) = self.in_flight.get(fingerprint) else { return Known::No };
        self.jobs.get_mut(&id).into_iter().for_each(|job| job.supply(credentials));
        self.join(id, request, deadline, now);
        Known::Joined(id)
    }

    /// The client has closed its connection, or wants nothing of this request any more. Its job is dropped with the last
    /// request that waits for it, unless it is being decided: that goes on, and an acceptance is remembered.
    pub fn handle_hang_up(&mut self, request: RequestId, now: Instant) {
        match self.requests.remove(&request) {
            Some(Waits::Job(id, deadline, _)) => {
                self.timers.remove(&(deadline, Timer::Request(request)));
                self.leave(id, request, now);
            }
            Some(Waits::Delay(.., until)) => {
                self.punishment.release(request);
                self.held_back.remove(request, until);
                self.timers.remove(&(until, Timer::Request(request)));
            }
            None => {}
        }
    }

    /// Answers a request about which nobody can be asked.
    fn refuse(
        &mut self,
        request: RequestId,
        mut credentials: Credentials,
        route: &Rc<Route>,
        outcome: Outcome,
        now: Instant,
    ) {
        self.counters.note_verdict(None, &outcome);
        let names = Names::of(&mut credentials);
        self.reply_at_once(request, names, outcome, DecidedBy::Mechanisms(Asked::all(route)), now);
    }

    fn add_login(
        &mut self,
        credentials: Credentials,
        fingerprint: Option<Fingerprint>,
        chain: Chain,
        place: Place,
        uid: u32,
        now: Instant,
    ) -> JobId {
        let origin = Origin::client(uid, &credentials.login, credentials.client);
        let login = Login {
            names: Rc::new(Names::copy_of(&credentials, self.next_job())),
            fingerprint: fingerprint.clone(),
            attempt: self.punishment.attempt(&credentials),
            chain,
            policy_attempt: None,
            credentials: None,
            requests: BTreeSet::new(),
            backend: None,
            errand: None,
            has_been_late: false,
        };
        let asker = Asker::Requests(Box::new(login));
        let id = self.add(Purpose::CheckLogin(credentials), asker, origin, place, now);
        if self.cache.is_some() {
            self.in_flight.extend(fingerprint.map(|fingerprint| (fingerprint, id)));
        }
        id
    }

    /// When a request that waits for a login has to be answered.
    pub(super) fn deadline_of(&self, request: RequestId) -> Option<Instant> {
        match self.requests.get(&request)? {
            Waits::Job(_, deadline, _) => Some(*deadline),
            Waits::Delay(..) => None,
        }
    }

    fn join(&mut self, id: JobId, request: RequestId, deadline: Instant, now: Instant) {
        let Some(job) = self.jobs.get_mut(&id) else { return };
        if deadline < job.deadline {
            self.timers.insert((deadline, Timer::Request(request)));
        }
        if let Some(login) = job.login() {
            login.requests.insert(request);
            self.requests.insert(request, Waits::Job(id, deadline, now));
        }
    }
}
