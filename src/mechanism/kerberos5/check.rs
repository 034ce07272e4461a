//! What can be found out before anybody logs in.
#![forbid(unsafe_code)]

use super::outcomes::is_no_client;
use super::settings::Settings;
use crate::mechanism::{MechanismError, Reached, Unreached};
use crate::net::exchange::FailureKind;
use crate::settings::file::Problem;
use crate::settings::raw_settings::RawSettings;
use crate::sys::krb5::{Context, Keytab, Krb5Error, can_be_loaded};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

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
        problems.push(warning(error));
    }
    problems
}

fn look(settings: &Settings, problems: &mut Vec<Problem>) -> Result<(), String> {
    let context = Context::new().map_err(|error| format!("krb5.conf cannot be used: {error}"))?;
    match context.default_realm() {
        Err(error) => {
            problems.push(warning(format!("Logins without a realm cannot be asked about: {error}")))
        }
        Ok(realm) if settings.realms.as_ref().is_some_and(|realms| !realms.contains(&realm)) => {
            let realm = String::from_utf8_lossy(&realm);
            let text = format!(
                "Logins without a realm are refused: krb5_realms does not have the default realm {realm}"
            );
            problems.push(warning(text));
        }
        Ok(_) => {}
    }
    let keytab = context.keytab(settings.keytab.as_deref());
    let keytab = keytab.map_err(|error| format!("The keytab cannot be used: {error}"))?;
    // The library would wait for somebody to write to a FIFO.
    let is_none = |path: &PathBuf| fs::metadata(path).is_ok_and(|found| !found.is_file());
    if let Some(path) = path_of(&keytab).filter(is_none) {
        return Err(format!("The keytab {} is not a regular file", path.display()));
    }
    let server = context.service_principal(&settings.verify_service, settings.server_name.as_deref());
    let server = server.map_err(|error| format!("This host has no name to look for in it: {error}"))?;
    if let Err(error) = keytab.find(&server) {
        // The realm is empty where krb5.conf leaves it to the server.
        let (keytab, server) = (keytab.name(), server.name());
        let server = server.trim_end_matches('@');
        let text =
            format!("No login can be accepted until the keytab {keytab} has a key of {server}: {error}");
        problems.push(warning(text));
    }
    problems.extend(openness(&keytab));
    Ok(())
}

/// Asks a server of this host's realm, which mostly is the default realm, for a ticket by the key in the keytab, which shows
/// whether a login could have one. Without a default realm or a key [`probe`] has said so.
pub(super) fn reach(sources: &RawSettings) -> Result<Vec<Reached>, MechanismError> {
    let settings = Settings::read(sources, &mut Vec::new());
    let Ok(context) = Context::new() else { return Ok(Vec::new()) };
    let Ok(realm) = context.default_realm() else { return Ok(Vec::new()) };
    let reached = ask_by_key(&settings, &context, &realm).map(|(realm, asked)| Reached {
        server: format!("of the realm {realm}"),
        host_and_port: None,
        has_tls: false,
        reached: asked.map_err(|error| unreached(&error)),
    });
    Ok(reached.into_iter().collect())
}

/// Whose servers were asked, and what came of it; `None` if there is nothing to ask with.
fn ask_by_key(
    settings: &Settings,
    context: &Context,
    default_realm: &[u8],
) -> Option<(String, Result<(), Krb5Error>)> {
    let keytab = context.keytab(settings.keytab.as_deref()).ok()?;
    let own = context.service_principal(&settings.verify_service, settings.server_name.as_deref()).ok()?;
    keytab.find(&own).ok()?;
    let name = own.name();
    let (name, realm) = name.rsplit_once('@')?;
    let realm = if realm.is_empty() { String::from_utf8_lossy(default_realm) } else { realm.into() };
    let own = context.principal(format!("{name}@{realm}").as_bytes()).ok()?;
    let asked = match context.ticket_by_key(&own, &keytab) {
        Err(error) if !is_no_client(error.code()) => Err(error),
        _ => Ok(()),
    };
    Some((realm.into_owned(), asked))
}

fn unreached(error: &Krb5Error) -> Unreached {
    let remedy = "see which servers krb5.conf names, that one runs and no firewall is between, that the clocks agree, and that \
                  the key is the newest (`kinit -k -t KEYTAB PRINCIPAL` tries the same, `klist -k KEYTAB` shows the keys)";
    Unreached { kind: FailureKind::Contact, reason: error.to_string(), remedy: Some(remedy) }
}

/// Whoever has the key can make tickets for this host, and so have any password accepted.
fn openness(keytab: &Keytab<'_>) -> Option<Problem> {
    let path = path_of(keytab)?;
    let mode = fs::metadata(&path).ok()?.permissions().mode();
    let advice = format!("(mode {:04o}), make it 0600 or 0640", mode & 0o7777);
    (mode & READABLE != 0)
        .then(|| Problem::warning(&path, format!("everybody can read the keys in it {advice}")))
}

/// `None` for a keytab that is no file.
pub(super) fn path_of(keytab: &Keytab<'_>) -> Option<PathBuf> {
    let name = keytab.name();
    name.strip_prefix("FILE:").or_else(|| name.strip_prefix("WRFILE:")).map(PathBuf::from)
}

/// What may be put right while the daemon runs: it is looked at again for each login.
fn warning(text: String) -> Problem {
    Problem::warning(Path::new(""), text)
}
