//! The pools of workers: one for each mechanism that blocks, and one for errands.
#![forbid(unsafe_code)]

use super::instances::{Found, Instances};
use crate::config::site::{InstanceId, Pool, Privileges, Route};
use crate::config::{WorkerFlag, WorkerSettings};
use crate::registry::{Kind, find};

/// The pools, those of mechanisms in their order. `workers` is `-n`, which each pool has for itself.
///
/// All workers of the mechanism that is asked first are kept ready, as ever; one of each that may come after it, so that
/// nobody waits for a process to start; none of those that only some logins need, which start with the first of these. The
/// policy server has errands, too.
pub(super) fn of(
    instances: &Instances<'_>,
    default: &Route,
    workers: &WorkerSettings,
    has_policy_server: bool,
) -> Vec<Pool> {
    let is_remote = |found: &Found| {
        find(found.instance.mechanism).is_some_and(|mechanism| matches!(mechanism.kind, Kind::Remote(..)))
    };
    let local = instances.iter().filter(|(_, found)| !is_remote(found));
    let mut pools: Vec<_> = local
        .map(|(id, found)| {
            let own = with_own_number(workers, found.workers);
            // With `-n 0` a process is started for each login.
            let all = if workers.flag == WorkerFlag::MaxProcesses { 1 } else { own.most };
            let workers = WorkerSettings { ready: ready(id, default, all), ..own };
            Pool { instance: Some(id), workers, privileges: privileges_of(found) }
        })
        .collect();
    if has_policy_server || instances.iter().any(|(_, found)| is_remote(found)) {
        let workers = WorkerSettings { ready: 1, ..workers.clone() };
        pools.push(Pool { instance: None, workers, privileges: Privileges::Unprivileged });
    }
    pools
}

fn privileges_of(found: &Found) -> Privileges {
    match find(found.instance.mechanism).map(|mechanism| &mechanism.kind) {
        Some(Kind::Local(local)) => local.privileges,
        // Those have no pool.
        Some(Kind::Remote(..)) | None => Privileges::Unprivileged,
    }
}

fn with_own_number(workers: &WorkerSettings, own: Option<usize>) -> WorkerSettings {
    match own {
        Some(most) => WorkerSettings { most, flag: WorkerFlag::Key, ..workers.clone() },
        None => workers.clone(),
    }
}

fn ready(instance: InstanceId, default: &Route, all: usize) -> usize {
    match default.steps.iter().position(|step| step.instance == instance) {
        Some(0) => all,
        Some(_) => 1,
        None => 0,
    }
}
