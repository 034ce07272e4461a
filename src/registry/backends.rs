//! What is behind the mechanisms that block, for the dispatcher, which knows no mechanism.
#![forbid(unsafe_code)]

use super::{Kind, find, site};
use crate::config::site::{Instance, Site};
use crate::policy::dispatch::BackendOf;
use crate::settings::raw_settings::RawSettings;

/// For each instance of the site who decides about a login, if its mechanism can tell.
pub fn backends(site: &Site, sources: &RawSettings) -> Vec<Option<BackendOf>> {
    site.instances.iter().map(|instance| of_instance(instance, sources)).collect()
}

fn of_instance(instance: &Instance, sources: &RawSettings) -> Option<BackendOf> {
    let Kind::Local(local) = &find(instance.mechanism)?.kind else { return None };
    Some(local.peer?(&site::sources_of(sources, instance)))
}
