//! What the dispatcher wants done.
#![forbid(unsafe_code)]

use super::{Shed, Waiting};
use crate::config::site::{InstanceId, PoolId};
use crate::credentials::Credentials;
use crate::job::{ErrandId, ErrandResult, Purpose};
use crate::job::{JobId, WorkerId};
use crate::outcome::Outcome;
use crate::policy::circuit_breaker::Backend;
use crate::policy::origin::Origin;
use crate::policy::policy_server::{OnUnavailable, Question};
use crate::policy::route::chain::Asked;
use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;

/// A connection, numbered by the frontend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClientId(pub u64);

/// A complete request. None that waits for its reply may have the id of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RequestId {
    /// The connection that it came over.
    pub client: ClientId,
    /// Tells the requests of a connection apart.
    pub number: u64,
}

impl RequestId {
    /// That of a connection which carries no other.
    pub const fn sole(client: ClientId) -> Self {
        Self { client, number: 0 }
    }
}

/// What the caller must do now.
pub enum Action {
    /// Send the client the one reply to its request, or the close that stands for it. The login in the names is the one
    /// that a format has made.
    Reply(RequestId, Rc<Names>, Outcome),
    /// Have a worker started for that pool; answered by `handle_worker` or `handle_start_failed`.
    StartWorker(PoolId),
    /// Hand the job to the worker; wipe it afterwards.
    Send(WorkerId, JobId, Purpose),
    /// Let the worker end.
    Retire(WorkerId),
    /// Kill the worker.
    Kill(WorkerId),
    /// Ask the servers of that mechanism; answered by `handle_decision`.
    Ask(InstanceId, JobId, Origin, Credentials),
    /// Nobody waits for the servers' answer any more: what is asked for it is given up.
    Abandon(InstanceId, JobId),
    /// All who waited for the login have hung up. If nothing is being asked for it, it is over, which
    /// `handle_decision` tells.
    Withdraw(InstanceId, JobId),
    /// Ask the policy server, or tell it; answered by `handle_policy_answer`.
    AskPolicyServer(JobId, Origin, Question),
    /// Nobody waits for the policy server's answer any more.
    AbandonPolicyQuestion(JobId),
    /// Tell the mechanism that sent the errand.
    Report(InstanceId, ErrandId, ErrandResult),
    /// Write a line to the log.
    Log(Event),
}

/// What is worth a log line.
pub enum Event {
    /// One request was decided.
    Decided(Rc<Names>, Outcome, DecidedBy),
    /// Logins wait for a worker.
    Waiting(Waiting),
    /// Logins were told early that no worker would take them in time.
    Shed(Shed),
    /// A worker answered what it was not asked; it is killed.
    WorkerOutOfTurn(WorkerId),
    /// A worker did not become ready in time; it is killed.
    NeverReady(WorkerId),
    /// There were many different wrong passwords for that login within a short time.
    ManyFailures(Rc<Names>),
    /// The policy server cannot be asked, and what that means for logins.
    PolicyServerFailed(String, OnUnavailable),
    /// The policy server, which could not be asked, answers.
    PolicyServerRecovered,
    /// The policy server has not heard what came of a login.
    ReportFailed(String),
    /// The policy server would have a login refused, which is only logged; and what it says of that.
    PolicyWouldRefuse(Rc<Names>, String),
    /// What decides about logins behind a mechanism answers nobody: no more than one login at a time waits for it.
    BackendSilent(Backend),
    /// A login is not asked of one that answers nobody.
    LeftAlone(Rc<Names>, Backend),
    /// It answers again.
    BackendRecovered(Backend),
    /// A worker took longer than `--request-timeout` over a request.
    TimedOut(Rc<Names>, Duration),
}

/// Who decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DecidedBy {
    /// The mechanism that accepted it, otherwise all that were asked, or the daemon itself when they could not be asked.
    Mechanisms(Asked),
    /// The cache.
    Cache,
    /// The negative cache: these have refused the same a moment ago.
    NegativeCache(Asked),
    /// The cache by an acceptance that has expired: none of these could be asked.
    StaleCache(Asked),
}

/// What the log says of a request; never the password.
#[derive(Debug, PartialEq, Eq)]
pub struct Names {
    /// The job that it became or joined, if it did.
    pub id: Option<JobId>,
    /// The login as the mechanism sees it.
    pub login: Vec<u8>,
    /// The service.
    pub service: Vec<u8>,
    /// The realm.
    pub realm: Vec<u8>,
    /// The bare client address, if one was sent.
    pub client: Option<IpAddr>,
}

impl Names {
    pub(super) fn of(credentials: &mut Credentials) -> Self {
        Self {
            id: None,
            login: std::mem::take(&mut credentials.login),
            service: std::mem::take(&mut credentials.service),
            realm: std::mem::take(&mut credentials.realm),
            client: credentials.client,
        }
    }

    pub(super) fn copy_of(credentials: &Credentials, id: JobId) -> Self {
        Self {
            id: Some(id),
            login: credentials.login.clone(),
            service: credentials.service.clone(),
            realm: credentials.realm.clone(),
            client: credentials.client,
        }
    }
}
