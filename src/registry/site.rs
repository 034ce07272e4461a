//! From flags and file to a [`Site`].
#![forbid(unsafe_code)]

use super::{Kind, find};
use crate::config::FrontendSettings;
use crate::config::site::{Continuation, Endpoint, Instance, InstanceId, Pool, Route, Routes, Site, Step};
use crate::settings::file::Problem;
use crate::settings::raw_settings::RawSettings;
use std::path::Path;
use std::rc::Rc;

/// The site, and what is wrong with it. `endpoints` are those of the command line. Touches no file.
pub fn resolve(
    settings: &FrontendSettings,
    endpoints: &[Endpoint],
    sources: &RawSettings,
) -> (Site, Vec<Problem>) {
    let Some(mechanism) = find(&settings.mechanism) else {
        let text = format!("unknown authentication mechanism: {}", settings.mechanism);
        return (Site::default(), vec![Problem::error(Path::new("-a"), text)]);
    };
    let instance = Instance {
        name: mechanism.name.to_owned(),
        mechanism: mechanism.name,
        option: sources.option.clone(),
        line: None,
    };
    let is_local = matches!(mechanism.kind, Kind::Local(_));
    let step = Step {
        instance: InstanceId(0),
        on_reject: Continuation::Next,
        on_unknown: Continuation::Next,
        on_unavailable: Continuation::Next,
    };
    let route = Route { steps: vec![step], login_format: settings.login_format.clone() };
    let site = Site {
        instances: vec![instance],
        pools: vec![Pool { instance: is_local.then_some(InstanceId(0)), workers: settings.workers.clone() }],
        routes: Routes { default: Rc::new(route), ..Routes::default() },
        endpoints: endpoints.to_vec(),
    };
    (site, Vec::new())
}
