//! What a frontend serves by, at the start and from every reload on.
#![forbid(unsafe_code)]

use super::endpoints::Listening;
use crate::config::Config;
use crate::config::site::Site;
use crate::registry::load::{Loaded, load};
use crate::settings::file::Problem;
use crate::settings::raw_settings::RawSettings;
use crate::sys::memory;
use std::rc::Rc;

/// What a frontend is set up with.
pub(super) struct Serving {
    /// What flags and files say.
    pub(super) settings: Rc<Settings>,
    /// Its sockets.
    pub(super) listening: Vec<Listening>,
    /// When the files were read, in seconds since the epoch.
    pub(super) configured: u64,
}

/// What flags and files say.
pub(super) struct Settings {
    /// The files.
    pub(super) sources: RawSettings,
    /// What they mean, together with the flags.
    pub(super) site: Site,
}

/// Reads the files and logs the warnings.
///
/// # Errors
/// All the reasons why they cannot be used; at least one.
pub(super) fn read(config: &Config) -> Result<Settings, Vec<Problem>> {
    if config.file.is_some() {
        // It may hold passwords, which stay here for the next frontend.
        memory::forbid_dumps();
    }
    let Loaded { sources, site, problems } = load(config);
    let (errors, warnings): (Vec<_>, Vec<_>) = problems.into_iter().partition(Problem::is_error);
    for warning in warnings {
        log::warn!(target: config.only_mechanism().unwrap_or("saslauthd.conf"), "{warning}");
    }
    if errors.is_empty() { Ok(Settings { sources, site }) } else { Err(errors) }
}
