//! Sites of all kinds, and which route of theirs a request takes.

use crate::config::site::{
    Continuation, Instance, InstanceId, Pool, Privileges, Route, Routes, Selector, Site, Step,
};
use crate::config::{WorkerFlag, WorkerSettings};
use crate::simulation::Random;
use std::rc::Rc;

pub(super) const ENDPOINTS: [&str; 2] = ["mux", "/run/other"];
pub(super) const SERVICES: [&str; 2] = ["smtp", "imap"];

/// Up to four mechanisms and four routes.
pub(super) fn random(random: &mut Random) -> Site {
    let count = 1 + random.below(4) as usize;
    let instance = |place: usize| Instance {
        name: format!("instance{place}"),
        mechanism: "any",
        option: None,
        line: None,
    };
    let (local, remote): (Vec<_>, Vec<_>) = (0..count).partition(|_| !random.one_in(3));
    let mut pools: Vec<_> = local.into_iter().map(|place| pool(random, Some(InstanceId(place)))).collect();
    let has_policy_server = random.one_in(2);
    if has_policy_server || !remote.is_empty() {
        pools.push(pool(random, None));
    }
    let special = (0..random.below(4)).map(|_| (selector(random), route(random, count))).collect();
    Site {
        instances: (0..count).map(instance).collect(),
        pools,
        routes: Routes { default: route(random, count), special, default_realm: Vec::new() },
        endpoints: Vec::new(),
        has_policy_server,
    }
}

fn pool(random: &mut Random, instance: Option<InstanceId>) -> Pool {
    let most = 1 + random.below(5) as usize;
    let one_each = random.one_in(4);
    let workers = WorkerSettings {
        most,
        ready: if one_each { 1 } else { most },
        requests_each: if one_each { 1 } else { 1 + random.below(20) as u32 },
        flag: WorkerFlag::Processes,
    };
    let batch = if instance.is_some() && random.one_in(2) { 2 + random.below(3) as usize } else { 1 };
    Pool { instance, gssapi_for: None, workers, batch, privileges: Privileges::Root }
}

fn selector(random: &mut Random) -> Selector {
    let endpoint = random.one_in(2).then(|| ENDPOINTS[random.below(2) as usize].to_owned());
    let service = random.one_in(2).then(|| SERVICES[random.below(2) as usize].to_owned());
    Selector { endpoint, service, realm: None }
}

/// Each mechanism once at the most, in any order.
fn route(random: &mut Random, instances: usize) -> Rc<Route> {
    let mut left: Vec<_> = (0..instances).collect();
    let length = 1 + random.below(instances as u64);
    let continuation = |random: &mut Random| {
        if random.one_in(4) { Continuation::Stop } else { Continuation::Next }
    };
    let steps = (0..length).map(|_| Step {
        instance: InstanceId(left.swap_remove(random.below(left.len() as u64) as usize)),
        on_reject: continuation(random),
        on_unknown: continuation(random),
        on_unavailable: continuation(random),
    });
    Rc::new(Route { steps: steps.collect(), login_format: None })
}

/// The number of the route: 0 for the default, else the place behind it.
pub(super) fn route_of(site: &Site, endpoint: &str, service: &str) -> usize {
    let holds = |selector: &Selector| {
        selector.endpoint.as_deref().unwrap_or(endpoint) == endpoint
            && selector.service.as_deref().unwrap_or(service) == service
    };
    site.routes.special.iter().position(|(selector, _)| holds(selector)).map_or(0, |place| place + 1)
}

pub(super) fn numbered(site: &Site, route: usize) -> &Route {
    match route.checked_sub(1) {
        None => &site.routes.default,
        Some(place) => &site.routes.special[place].1,
    }
}
