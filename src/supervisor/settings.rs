//! What the files say, at the start and on every reload.
#![forbid(unsafe_code)]

use crate::config::Config;
use crate::registry::load::{Loaded, load};
use crate::settings::file::Problem;
use crate::settings::raw_settings::RawSettings;
use crate::sys::memory;

/// Reads them and logs the warnings.
///
/// # Errors
/// All the reasons why they cannot be used; at least one.
pub(super) fn read(config: &Config) -> Result<RawSettings, Vec<Problem>> {
    if config.file.is_some() {
        // It may hold passwords, which stay here for the next frontend.
        memory::forbid_dumps();
    }
    let Loaded { sources, problems, .. } = load(config);
    let (errors, warnings): (Vec<_>, Vec<_>) = problems.into_iter().partition(Problem::is_error);
    for warning in warnings {
        log::warn!(target: config.only_mechanism().unwrap_or("saslauthd.conf"), "{warning}");
    }
    if errors.is_empty() { Ok(sources) } else { Err(errors) }
}
