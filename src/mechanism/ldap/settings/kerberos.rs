//! `ldap_krb5_keytab`, `ldap_krb5_ccache`, `ldap_krb5_principal`: who logs in by GSSAPI.
#![forbid(unsafe_code)]

use super::super::sasl::Mechanism;
use super::super::sasl_choice::Choice;
use crate::mechanism::{CredentialPath, gssapi};
use crate::settings::file::Section;
use crate::settings::keys::Keys;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// A key, which gets tickets.
const KEYTAB: &str = "ldap_krb5_keytab";
/// Tickets, which somebody else renews.
const CACHE: &str = "ldap_krb5_ccache";
/// Whose.
const PRINCIPAL: &str = "ldap_krb5_principal";

/// `ldap_krb5_principal`, which is for GSSAPI only.
pub(super) fn principal(keys: &mut Keys<'_>, choice: &Choice) -> String {
    if !choice.has(Mechanism::Gssapi) {
        for key in [KEYTAB, CACHE, PRINCIPAL] {
            if let Some(entry) = keys.entry(&[key]) {
                keys.warn(entry, "has no effect: ldap_mech is not GSSAPI");
            }
        }
    }
    keys.text(&[PRINCIPAL]).unwrap_or_default().to_owned()
}

/// The file of a mechanism, whose keys these are.
pub(super) fn path(keys: &mut Keys<'_>) -> CredentialPath {
    let keytab = file(keys, KEYTAB);
    let cache = file(keys, CACHE);
    if let (Some(_), Some(entry), true) = (&keytab, keys.entry(&[CACHE]), cache.is_some()) {
        keys.warn(entry, "has no effect beside ldap_krb5_keytab, which gets tickets by itself");
    }
    keytab.or(cache).map_or(CredentialPath::OfEnvironment, CredentialPath::Configured)
}

/// With or without what libraries write before it.
fn file(keys: &mut Keys<'_>, key: &str) -> Option<PathBuf> {
    let (name, entry) = (keys.text(&[key])?, keys.entry(&[key])?);
    let path = gssapi::path_of(OsStr::new(name));
    if path.is_none() {
        keys.complain(
            entry,
            "takes the absolute path of a file: what is kept in other places is another account's",
        );
    }
    path.map(Path::to_owned)
}

/// In a section about logins: all of them share a process, which has one such file.
pub(super) fn complain_of_section(keys: &mut Keys<'_>, section: &Section) {
    let is_file = |key: &str| key == KEYTAB || key == CACHE;
    for entry in section.entries.iter().filter(|entry| is_file(&entry.key)) {
        keys.complain(
            entry,
            "is not for a realm or a service: each file needs a [mechanism] section of its own",
        );
    }
}
