//! What a frontend serves by, at the start and from every reload on.
#![forbid(unsafe_code)]

use super::endpoints::Listening;
use crate::config::Config;
use crate::config::site::Endpoint;
use crate::registry::load::load;
use crate::registry::site::resolve;
use crate::settings::file::Problem;
use crate::settings::raw_settings::RawSettings;
use crate::sys::memory;

/// What a frontend is set up with.
pub(super) struct Serving {
    /// What its mechanism's settings come from.
    pub(super) sources: RawSettings,
    /// Its sockets.
    pub(super) listening: Vec<Listening>,
}

/// The sockets that flags and files want. What is wrong with the files is told by [`read`].
pub(super) fn endpoints(config: &Config, sources: &RawSettings) -> Vec<Endpoint> {
    resolve(&config.frontend, &config.endpoints, sources).0.endpoints
}

/// Reads the files and logs the warnings.
///
/// # Errors
/// All the reasons why they cannot be used; at least one.
pub(super) fn read(config: &Config) -> Result<RawSettings, Vec<Problem>> {
    if config.file.is_some() {
        // It may hold passwords, which stay here for the next frontend.
        memory::forbid_dumps();
    }
    let (sources, problems) = load(config);
    let (errors, warnings): (Vec<_>, Vec<_>) = problems.into_iter().partition(Problem::is_error);
    for warning in warnings {
        log::warn!(target: config.mechanism, "{warning}");
    }
    if errors.is_empty() { Ok(sources) } else { Err(errors) }
}
