//! `[socket PATH]`: sockets beside those of the command line, of which the same can be said.
#![forbid(unsafe_code)]

use super::Source;
use crate::config::endpoint::KEYS;
use crate::config::site::Endpoint;
use crate::settings::file::{Problem, Section, Severity};
use crate::settings::keys::Keys;
use crate::settings::scope::Scope;
use std::path::Path;

/// Those of the command line, and behind them those of the file.
pub(super) fn read(source: Source<'_>, of_flags: &[Endpoint], problems: &mut Vec<Problem>) -> Vec<Endpoint> {
    let mut endpoints = of_flags.to_vec();
    for section in &source.file.sections {
        let Scope::Socket(path) = &section.scope else { continue };
        match endpoint(source, section, path, &endpoints, problems) {
            Ok(endpoint) => endpoints.push(endpoint),
            Err(text) => problems.push(Problem {
                source: source.path.to_owned(),
                line: Some(section.line),
                column: None,
                severity: Severity::Error,
                text,
            }),
        }
    }
    endpoints
}

fn endpoint(
    source: Source<'_>,
    section: &Section,
    path: &str,
    earlier: &[Endpoint],
    problems: &mut Vec<Problem>,
) -> Result<Endpoint, String> {
    let mut endpoint = Endpoint::at(Path::new(path))?;
    if let Some(same) = earlier.iter().find(|other| other.path == endpoint.path) {
        return Err(twice(section, same));
    }
    endpoint.line = Some(section.line);
    let keys = &mut Keys::new(source.path, vec![section], problems);
    KEYS.iter().for_each(|flag| set(&mut endpoint, keys, flag));
    Ok(endpoint)
}

fn twice(section: &Section, same: &Endpoint) -> String {
    match same.line {
        Some(line) => format!("{} already has a section on line {line}", section.scope),
        None if same.name == Endpoint::MUX => {
            format!("{} exists already: it is the mux of -m, which --no-mux omits", section.scope)
        }
        None => format!("{} is already on the command line", section.scope),
    }
}

/// On the command line words have hyphens, and lists colons between their parts.
fn set(endpoint: &mut Endpoint, keys: &mut Keys<'_>, flag: &str) {
    let key = flag.replace('-', "_");
    let Some(entry) = keys.entry(&[&key]) else { return };
    let Some(text) = keys.text(&[&key]) else { return };
    let is_list = key.starts_with("allow_");
    let value =
        if is_list { text.split_ascii_whitespace().collect::<Vec<_>>().join(":") } else { text.into() };
    if let Err(wrong) = endpoint.set(flag, &value) {
        keys.complain(entry, wrong.strip_prefix(&format!("{flag} ")).unwrap_or(&wrong));
    }
}
