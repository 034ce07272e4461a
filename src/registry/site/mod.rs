//! From flags and file to a [`Site`]: who is asked about which login, in which processes, at which sockets.
#![forbid(unsafe_code)]

mod after;
mod endpoints;
mod instances;
mod names;
mod pools;
mod routes;
#[cfg(test)]
mod tests;
mod types;
mod words;

pub use types::type_of;

use crate::config::FrontendSettings;
use crate::config::site::{Endpoint, Instance, Site};
use crate::settings::file::{File, Problem, Text};
use crate::settings::raw_settings::RawSettings;
use crate::weakforced;
use instances::Instances;
use std::path::Path;

/// The general key that names the mechanisms, where `-a` does not.
const MECHANISMS_KEY: &str = "mechanisms";

/// The most mechanisms that one login can be asked of in turn. Each costs its time, and a name in every line of the log.
pub const MOST_STEPS: usize = 16;

/// The site, and what is wrong with it: each line is blamed once. With an error among the problems it is of no use, but
/// whole in itself. `endpoints` are those of the command line. Touches no file; lines that are none are not told here.
pub fn resolve(
    settings: &FrontendSettings,
    endpoints: &[Endpoint],
    sources: &RawSettings,
) -> (Site, Vec<Problem>) {
    let mut problems = Vec::new();
    let file = sources.file.as_ref().map(|text| text.parse(&mut Vec::new())).unwrap_or_default();
    let source =
        Source { path: sources.file.as_ref().map_or_else(|| Path::new(""), Text::path), file: &file };
    let mut instances = Instances::new(source, settings, sources.option.as_deref());
    let routes = routes::read(source, settings, &mut instances, &mut problems);
    let has_policy_server = weakforced::is_configured(sources);
    let pools = pools::of(&instances, &routes.default, &settings.workers, has_policy_server, sources);
    let endpoints = endpoints::read(source, endpoints, &mut problems);
    problems.extend(instances.unused(source));
    let site = Site { instances: instances.into_found(), pools, routes, endpoints, has_policy_server };
    (site, once_each(problems))
}

/// The file that is read, and its name for problems.
#[derive(Clone, Copy)]
struct Source<'a> {
    path: &'a Path,
    file: &'a File,
}

/// What one mechanism is set up from.
pub fn sources_of(sources: &RawSettings, instance: &Instance) -> RawSettings {
    RawSettings { option: instance.option.clone(), ..sources.of_instance(&instance.name) }
}

/// The problems without those that are there already. Where one is found as a warning and as an error it is an error.
pub fn once_each(problems: Vec<Problem>) -> Vec<Problem> {
    let mut once: Vec<Problem> = Vec::new();
    for problem in problems {
        let same =
            |other: &&mut Problem| Problem { severity: problem.severity, ..(*other).clone() } == problem;
        match once.iter_mut().find(same) {
            Some(other) if problem.is_error() => other.severity = problem.severity,
            Some(_) => {}
            None => once.push(problem),
        }
    }
    once
}
