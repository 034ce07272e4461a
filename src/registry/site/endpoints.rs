//! `[socket PATH]`: sockets beside those of the command line.
#![forbid(unsafe_code)]

use super::Source;
use crate::config::site::{Endpoint, Protocol};
use crate::settings::file::{Problem, Section, Severity};
use crate::settings::keys::Keys;
use crate::settings::scope::Scope;
use std::path::{Path, PathBuf};

/// The longest `sun_path` in bytes without its closing NUL: clients must be able to name the socket.
const LONGEST_PATH: usize = 107;

/// Permission bits without `mode`: for its owner and group.
const MODE: u32 = 0o660;

/// Those of the command line, and behind them those of the file.
pub(super) fn read(source: Source<'_>, of_flags: &[Endpoint], problems: &mut Vec<Problem>) -> Vec<Endpoint> {
    let mut endpoints = of_flags.to_vec();
    for section in &source.file.sections {
        let Scope::Socket(path) = &section.scope else { continue };
        let wrong = if path.len() > LONGEST_PATH {
            Some(format!("{} has a path of {} bytes and can have {LONGEST_PATH}", section.scope, path.len()))
        } else {
            let taken = of_flags.iter().any(|endpoint| endpoint.path == Path::new(path));
            taken.then(|| format!("{} is on the command line already", section.scope))
        };
        let problem = wrong.map(|text| Problem {
            source: source.path.to_owned(),
            line: Some(section.line),
            column: None,
            severity: Severity::Error,
            text,
        });
        problems.extend(problem);
        let keys = &mut Keys::new(source.path, vec![section], problems);
        endpoints.push(endpoint(keys, section, path));
    }
    endpoints
}

fn endpoint(keys: &mut Keys<'_>, section: &Section, path: &str) -> Endpoint {
    let protocols = [("mux", Protocol::Mux), ("dovecot", Protocol::Dovecot)];
    let text = |keys: &mut Keys<'_>, name| keys.text(&[name]).map(str::to_owned);
    Endpoint {
        name: path.to_owned(),
        path: PathBuf::from(path),
        protocol: keys.choice(&["protocol"], &protocols).unwrap_or(Protocol::Mux),
        mode: mode(keys).unwrap_or(MODE),
        owner: text(keys, "owner"),
        group: text(keys, "group"),
        service: text(keys, "service"),
        allow_users: list(keys, "allow_users"),
        allow_groups: list(keys, "allow_groups"),
        line: Some(section.line),
    }
}

fn mode(keys: &mut Keys<'_>) -> Option<u32> {
    let (text, entry) = (keys.text(&["mode"])?, keys.entry(&["mode"])?);
    let is_octal = (3..=4).contains(&text.len()) && text.bytes().all(|byte| matches!(byte, b'0'..=b'7'));
    let mode = u32::from_str_radix(text, 8).ok().filter(|mode| is_octal && *mode <= 0o777);
    if mode.is_none() {
        keys.complain(entry, "takes permission bits such as 0660");
    }
    mode
}

fn list(keys: &mut Keys<'_>, name: &str) -> Vec<String> {
    keys.text(&[name]).unwrap_or_default().split_ascii_whitespace().map(str::to_owned).collect()
}
