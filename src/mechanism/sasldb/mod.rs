//! `-a sasldb`: libsasl's own database, `/etc/sasldb2`, which saslpasswd2(8) writes.
//!
//! Its passwords are in clear, and belong to a login in a realm. What is decided is what C decides, except that a file which
//! cannot be read is an outage and in the log, where C says `NO` without a word, and that passwords are compared to their last
//! byte, where C stops at a NUL.
#![forbid(unsafe_code)]

pub mod database;
mod file;
mod users;

use crate::config::site::Privileges;
use crate::credentials::Credentials;
use crate::mechanism::{FileUse, Local, LocalMechanism, Means, MechanismError};
use crate::outcome::{Outcome, Refusal, Verdict};
use crate::settings::file::{Problem, Text};
use crate::settings::keys::Keys;
use crate::settings::raw_settings::RawSettings;
use crate::strerror::strerror;
use crate::sys::host_name::host_name;
use file::Sasldb;
use std::borrow::Cow;
use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Instant;
use users::Found;

/// The key of saslauthd.conf that names the file, where `-O` does not; libsasl's own name for it.
pub const PATH_KEY: &str = "sasldb_path";

/// The keys of saslauthd.conf.
pub const KEYS: &[&[&str]] = &[&[PATH_KEY]];

/// `-a sasldb`
pub const LOCAL: Local = Local {
    conf: FileUse::Unused,
    check,
    probe: None,
    reach: None,
    start,
    privileges: Privileges::Unprivileged,
    file: |option| Some(path(option)),
    peer: None,
    only_looks_up: true,
};

/// Where libsasl is built to look: Debian and Fedora, then most others.
const USUAL_PATHS: [&str; 2] = ["/etc/sasldb2", "/etc/sasl2/sasldb2"];

/// Of the C daemon, for every refusal; the log says more.
const REPLY: &str = "";

struct Mechanism {
    database: Sasldb,
}

/// Reads the whole file, so that whoever starts or reloads the daemon is told about it. One that is not there yet is made by the
/// first saslpasswd2.
fn check(sources: &RawSettings) -> Vec<Problem> {
    let problems = sources.file.as_ref().map(|text| check_key(text, sources)).unwrap_or_default();
    if !problems.is_empty() {
        return problems;
    }
    let path = path(sources.option.as_deref());
    if !path.is_absolute() {
        let told = format!("The sasldb must be given with its absolute path, not as {}", path.display());
        return vec![Problem::error(Path::new(""), told)];
    }
    match Sasldb::inspect(&path) {
        Ok(told) => told.into_iter().map(|sentence| Problem::warning(&path, sentence)).collect(),
        // The sentence names the file.
        Err(error) if error.is_missing() => vec![Problem::warning(Path::new(""), error.to_string())],
        Err(error) => vec![Problem::error(Path::new(""), error.to_string())],
    }
}

fn check_key(text: &Text, sources: &RawSettings) -> Vec<Problem> {
    let mut problems = Vec::new();
    let file = text.parse(&mut Vec::new());
    let sections = file.for_mechanism(sources.instance.as_deref());
    let mut keys = Keys::new(text.path(), sections, &mut problems);
    if let Some(entry) = keys.entry(&[PATH_KEY]).filter(|entry| !entry.value.as_bytes().starts_with(b"/")) {
        keys.complain(entry, "takes an absolute path");
    }
    problems
}

/// Reads the file once in advance. That it cannot be read *now* must not keep the worker from starting: each login is then
/// answered as unavailable, until the file is back.
fn start(means: Means<'_>) -> Result<Box<dyn LocalMechanism>, MechanismError> {
    let path = path(means.option);
    let Some(source) = means.file else {
        return Err(MechanismError(format!("The sasldb {} has nobody to open it", path.display())));
    };
    let database = Sasldb::new(path, source);
    let mut database = database.map_err(|error| MechanismError(strerror(&error)))?;
    if let Err(error) = database.refresh(Instant::now()) {
        log::debug!(target: "sasldb", "{error}");
    }
    Ok(Box::new(Mechanism { database }))
}

/// What `-O` or the key says, else the usual one that is there, else the first.
fn path(option: Option<&OsStr>) -> PathBuf {
    if let Some(option) = option.filter(|option| !option.is_empty()) {
        return option.into();
    }
    let [first, _] = USUAL_PATHS;
    USUAL_PATHS.into_iter().find(|path| Path::new(path).exists()).unwrap_or(first).into()
}

impl LocalMechanism for Mechanism {
    fn verify(&mut self, credentials: &Credentials) -> Verdict {
        verdict(&mut self.database, credentials).unwrap_or_else(|outage| outage).into()
    }
}

fn verdict(database: &mut Sasldb, credentials: &Credentials) -> Result<Outcome, Outcome> {
    let outage = |reason: String| Outcome::unavailable(REPLY, reason);
    let realm = realm(credentials).map_err(|error| outage(format!("gethostname: {}", strerror(&error))))?;
    let found = database.check(&credentials.login, &realm, &credentials.password, Instant::now());
    match found.map_err(|error| outage(error.to_string()))? {
        Found::Right => Ok(Outcome::ACCEPT),
        Found::Wrong => Ok(Outcome::Reject(Refusal::with_reason(REPLY, "Incorrect password"))),
        Found::Unknown => {
            let realm = String::from_utf8_lossy(&realm);
            Ok(Outcome::unknown_login(REPLY, format!("There is no such login in the realm {realm}")))
        }
    }
}

/// Of a login without a realm it is the name of the machine, as in C.
fn realm(credentials: &Credentials) -> io::Result<Cow<'_, [u8]>> {
    if credentials.realm.is_empty() {
        host_name().map(Cow::Owned)
    } else {
        Ok(Cow::Borrowed(&credentials.realm))
    }
}
