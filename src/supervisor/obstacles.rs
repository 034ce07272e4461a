//! For `--check`: what a start meets outside of flags and files. Accounts and directories that are not there.
#![forbid(unsafe_code)]

use super::StartError;
use super::account::account_of;
use super::endpoints::obstacle;
use crate::config::Config;
use crate::config::site::{Endpoint, Site};
use crate::settings::file::Problem;
use std::fmt::Display;
use std::path::Path;

/// What keeps the daemon from starting with these settings on this machine, as far as looking tells. `file` is where the
/// sections of sockets are. Nothing is made or changed.
pub fn obstacles(config: &Config, site: &Site, file: Option<&Path>) -> Vec<Problem> {
    let account = config.user.as_deref().and_then(|user| account_of(user).err());
    let account = account.map(|error: StartError| Problem::error(Path::new(""), error.to_string()));
    let control = config.control.iter().filter(|control| control.required).map(|control| &control.endpoint);
    let sockets = site
        .endpoints
        .iter()
        .chain(control)
        .filter_map(|endpoint| Some(problem(endpoint, file, obstacle(endpoint, &config.run_directory)?)));
    account.into_iter().chain(sockets).collect()
}

/// With the line of its section, where it has one.
fn problem(endpoint: &Endpoint, file: Option<&Path>, error: impl Display) -> Problem {
    let file = file.filter(|_| endpoint.line.is_some()).unwrap_or_else(|| Path::new(""));
    Problem { line: endpoint.line, ..Problem::error(file, error.to_string()) }
}
