//! The names behind `-a`.
#![forbid(unsafe_code)]

use super::value::InvalidValue;
use crate::mechanism::FileUse;
use crate::registry::site::MOST_STEPS;
use crate::registry::{self, Mechanism};
use crate::settings::scope::is_name;
use std::ffi::OsStr;

/// The names behind `-a`, with commas between them: built-in ones, or of sections of the file.
pub(super) fn mechanisms(value: &OsStr) -> Result<Vec<String>, InvalidValue> {
    let unknown = || InvalidValue(format!("unknown authentication mechanism: {}", value.to_string_lossy()));
    let mut names: Vec<String> = Vec::new();
    for name in value.to_str().ok_or_else(unknown)?.split(',') {
        if !is_name(name) {
            return Err(unknown());
        }
        let name = registry::find(name).map_or(name, |built_in| built_in.name);
        if names.iter().any(|other| other.eq_ignore_ascii_case(name)) {
            return Err(InvalidValue(format!("-a names {name} twice")));
        }
        names.push(name.to_owned());
    }
    match names.len() {
        0..=MOST_STEPS => Ok(names),
        number => Err(InvalidValue(format!("-a takes at most {MOST_STEPS} mechanisms, not {number}"))),
    }
}

/// The mechanism, if there is one only and it is built in.
pub(super) fn only_built_in(mechanisms: &[String]) -> Option<&'static Mechanism> {
    match mechanisms {
        [only] => registry::find(only),
        _ => None,
    }
}

/// Whether one of several mechanisms cannot be set up without the file. A name that is not built in may be in none: the
/// error is then that nobody knows it.
pub(super) fn is_file_required(mechanisms: &[String]) -> bool {
    let needs_file =
        |mechanism: &Mechanism| mechanism.option_key.is_some() || mechanism.conf() == FileUse::Required;
    mechanisms.iter().filter_map(|name| registry::find(name)).any(needs_file)
}
