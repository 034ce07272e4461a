//! What is being decided, and who waits for it.
#![forbid(unsafe_code)]

use super::{Names, RequestId};
use crate::config::site::{InstanceId, PoolId};
use crate::credentials::Credentials;
use crate::job::{ErrandId, JobId, Purpose};
use crate::outcome::Outcome;
use crate::policy::cache::Fingerprint;
use crate::policy::circuit_breaker::Backend;
use crate::policy::origin::Origin;
use crate::policy::penalty::Attempt;
use crate::policy::policy_server;
use crate::policy::route::chain::Chain;
use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Instant;

/// Something that a worker or the servers are to do: an errand, or a login that goes from step to step.
pub(super) struct Job {
    /// Until a worker or the driver of the servers has it.
    pub(super) purpose: Option<Purpose>,
    pub(super) asker: Asker,
    pub(super) origin: Origin,
    pub(super) place: Place,
    /// When it came to that place.
    pub(super) since: Instant,
    /// Of all its steps together.
    pub(super) deadline: Instant,
}

/// Who gets the answer.
pub(super) enum Asker {
    /// Clients, to a login.
    Requests(Box<Login>),
    /// The driver of a mechanism that asks servers, to an errand.
    Driver(InstanceId, ErrandId),
}

/// Who works on it, or is to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// A worker of that pool.
    Pool(PoolId),
    /// The servers of that mechanism.
    Network(InstanceId),
    /// The policy server, until then.
    PolicyServer(Instant),
    /// Nobody until then, since the policy server wants it.
    Held(Instant),
}

impl Place {
    /// What ends the job's time there; `None` where only its deadline does.
    pub(super) fn timer(self, id: JobId) -> Option<(Instant, Timer)> {
        match self {
            Self::Pool(_) | Self::Network(_) => None,
            Self::PolicyServer(until) | Self::Held(until) => Some((until, Timer::Policy(id))),
        }
    }
}

/// A login that is being decided, for one request or several that are the same.
pub(super) struct Login {
    pub(super) names: Rc<Names>,
    /// With a cache or a negative one only.
    pub(super) fingerprint: Option<Fingerprint>,
    /// With penalties only.
    pub(super) attempt: Option<Attempt>,
    pub(super) chain: Chain,
    /// What the policy server knows of it, if it is asked about it.
    pub(super) policy_attempt: Option<Rc<policy_server::Attempt>>,
    /// While somebody works on it and a further step may follow.
    pub(super) credentials: Option<Credentials>,
    /// When none is left the job is dropped, unless it is being decided; then no further step follows.
    pub(super) requests: BTreeSet<RequestId>,
    /// Who decides about it behind the mechanism in whose pool it is, as far as that can be told.
    pub(super) backend: Option<Backend>,
    /// What a worker does for it while servers are asked.
    pub(super) errand: Option<JobId>,
    /// One of its requests was not waited for any longer by the daemon itself, and has been told so.
    pub(super) has_been_late: bool,
}

/// What a request waits for.
pub(super) enum Waits {
    /// The end of a job, or its own deadline if that is earlier; since when.
    Job(JobId, Instant, Instant),
    /// The end of the delay of its reply.
    Delay(Rc<Names>, Outcome, Instant),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Timer {
    /// The deadline of a job.
    Job(JobId),
    /// The end of its time at the policy server, or of the delay that this wants.
    Policy(JobId),
    /// The deadline of a request that is earlier than its job's, or the end of the delay of its reply.
    Request(RequestId),
}

impl Job {
    pub(super) fn login(&mut self) -> Option<&mut Login> {
        match &mut self.asker {
            Asker::Requests(login) => Some(login),
            Asker::Driver(..) => None,
        }
    }

    /// What is to be done, for whoever does it.
    pub(super) fn hand_out(&mut self) -> Option<Purpose> {
        let purpose = self.purpose.take()?;
        if let (Asker::Requests(login), Purpose::CheckLogin(credentials)) = (&mut self.asker, &purpose) {
            login.keep(credentials);
        }
        Some(purpose)
    }

    /// Somebody waits for it, maybe again after all had hung up, and has sent the same.
    pub(super) fn supply(&mut self, credentials: &Credentials) {
        let is_handed_out = self.purpose.is_none();
        if let Some(login) = self.login().filter(|login| is_handed_out && login.credentials.is_none()) {
            login.keep(credentials);
        }
    }

    /// It could not be handed over.
    pub(super) fn take_back(&mut self, purpose: Purpose) {
        self.purpose = Some(purpose);
        self.login().into_iter().for_each(|login| login.credentials = None);
    }
}

impl Login {
    fn keep(&mut self, credentials: &Credentials) {
        self.credentials = self.chain.may_go_on().then(|| credentials.copy());
    }
}
