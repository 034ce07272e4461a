//! What can be found out before anybody logs in.
#![forbid(unsafe_code)]

use super::settings::Settings;
use crate::settings::file::Problem;
use crate::settings::raw_settings::RawSettings;
use crate::sys::krb5::{Context, Keytab, Krb5Error, can_be_loaded};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Permission bits of everybody.
const READABLE: u32 = 0o004;

/// The keys, and whether the library is there: nothing that could wait for somebody.
pub(super) fn check(sources: &RawSettings) -> Vec<Problem> {
    let mut problems = Vec::new();
    Settings::read(sources, &mut problems);
    problems.extend(can_be_loaded().err().map(|error| Problem::error(Path::new(""), error.to_string())));
    problems
}

/// Whether krb5.conf can be read and has a default realm, and the keytab a key for the proof that servers owe. The name of
/// this host is looked up for that as for a login.
pub(super) fn probe(sources: &RawSettings) -> Vec<Problem> {
    let settings = Settings::read(sources, &mut Vec::new());
    let mut problems = Vec::new();
    if let Err(error) = look(&settings, &mut problems) {
        problems.push(warning(error.to_string()));
    }
    problems
}

fn look(settings: &Settings, problems: &mut Vec<Problem>) -> Result<(), Krb5Error> {
    let context = Context::new()?;
    if let Err(error) = context.default_realm() {
        problems.push(warning(format!("Logins without a realm cannot be asked about: {error}")));
    }
    let keytab = context.keytab(settings.keytab.as_deref())?;
    let server = context.service_principal(&settings.verify_service, settings.server_name.as_deref())?;
    if let Err(error) = keytab.find(&server) {
        let text = format!(
            "No login can be accepted until the keytab {} has a key of {}: {error}",
            keytab.name(),
            server.name()
        );
        problems.push(warning(text));
    }
    problems.extend(openness(&keytab));
    Ok(())
}

/// Whoever has the key can make tickets for this host, and so have any password accepted.
fn openness(keytab: &Keytab<'_>) -> Option<Problem> {
    let name = keytab.name();
    let path = Path::new(name.strip_prefix("FILE:").or_else(|| name.strip_prefix("WRFILE:"))?);
    let mode = fs::metadata(path).ok()?.permissions().mode();
    let advice = format!("(mode {:04o}), make it 0600 or 0640", mode & 0o7777);
    (mode & READABLE != 0)
        .then(|| Problem::warning(path, format!("everybody can read the keys in it {advice}")))
}

/// What may be put right while the daemon runs: it is looked at again for each login.
fn warning(text: String) -> Problem {
    Problem::warning(Path::new(""), text)
}
