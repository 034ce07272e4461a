//! The pools of workers: one for each mechanism that blocks, one for errands, and one for each login by GSSAPI.
#![forbid(unsafe_code)]

use super::instances::{Found, Instances};
use crate::config::site::{Instance, InstanceId, Pool, Privileges, Route};
use crate::config::{WorkerFlag, WorkerSettings};
use crate::registry::{Kind, credentials_of, find, only_looks_up, privileges_of};
use crate::settings::raw_settings::RawSettings;

/// How many logins a worker gets at a time that only looks them up. To wake it costs about as much as four of them, and so does
/// to be woken by its answer; with more the first one of a batch waits longer for the last, and more are lost with a worker.
const LOOKUPS_AT_ONCE: usize = 16;

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
    sources: &RawSettings,
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
            Pool {
                instance: Some(id),
                gssapi_for: None,
                workers,
                batch: batch(&found.instance),
                privileges: privileges_of(&found.instance),
            }
        })
        .collect();
    if has_policy_server || instances.iter().any(|(_, found)| is_remote(found)) {
        let workers = WorkerSettings { ready: 1, ..workers.clone() };
        pools.push(Pool {
            instance: None,
            gssapi_for: None,
            workers,
            batch: 1,
            privileges: Privileges::Unprivileged,
        });
    }
    let logs_in = |(_, found): &(InstanceId, &Found)| credentials_of(&found.instance, sources).is_some();
    pools.extend(instances.iter().filter(logs_in).map(|(id, _)| of_gssapi(id, workers)));
    pools
}

/// One worker, which is not replaced without need: a login takes several errands, and what is known of it stays there.
fn of_gssapi(instance: InstanceId, workers: &WorkerSettings) -> Pool {
    let workers = WorkerSettings { most: 1, ready: 1, requests_each: u32::MAX, ..workers.clone() };
    Pool {
        instance: None,
        gssapi_for: Some(instance),
        workers,
        batch: 1,
        privileges: Privileges::Unprivileged,
    }
}

/// Where a login costs less than to wake a worker for it, one of them is woken for several.
fn batch(instance: &Instance) -> usize {
    if only_looks_up(instance.mechanism) { LOOKUPS_AT_ONCE } else { 1 }
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
