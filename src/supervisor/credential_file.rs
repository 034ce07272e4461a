//! Which keytab or cache of tickets a mechanism logs in with at its servers.
#![forbid(unsafe_code)]

use crate::mechanism::{CredentialPath, gssapi};
use crate::sys::inode;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// A key that programs get tickets with by themselves.
const CLIENT_KEYTAB: &str = "KRB5_CLIENT_KTNAME";
/// Where tickets are.
const CACHE: &str = "KRB5CCNAME";

/// The file; `None` where tickets are in something else, which only the account that has got them can open.
pub fn find(path: &CredentialPath) -> Option<PathBuf> {
    match path {
        CredentialPath::Configured(path) => Some(path.clone()),
        CredentialPath::OfEnvironment => {
            let found = of_environment(|name| std::env::var_os(name), inode::own_user_and_group().0);
            if found.is_none() {
                log::warn!(
                    target: "supervisor",
                    "{CACHE} names no file, so there are no tickets for ldap_mech GSSAPI; set ldap_krb5_keytab"
                );
            }
            found
        }
    }
}

/// A key comes first, since its tickets do not end. Without either variable it is MIT's default, as for the C daemon.
fn of_environment(variable: impl Fn(&str) -> Option<OsString>, user: u32) -> Option<PathBuf> {
    let set = |name: &str| variable(name).filter(|value| !value.is_empty());
    let named = set(CLIENT_KEYTAB).or_else(|| set(CACHE));
    named.map_or_else(
        || Some(format!("/tmp/krb5cc_{user}").into()),
        |named| gssapi::path_of(&named).map(Path::to_owned),
    )
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn found(keytab: Option<&str>, cache: Option<&str>) -> Option<String> {
        let variable = |name: &str| match name {
            CLIENT_KEYTAB => keytab.map(OsString::from),
            CACHE => cache.map(OsString::from),
            _ => panic!("{name}"),
        };
        of_environment(variable, 7).map(|path| path.display().to_string())
    }

    #[test]
    fn a_key_of_the_environment_comes_before_its_tickets_and_these_before_the_default() {
        assert_eq!(found(Some("/k"), Some("FILE:/c")).unwrap(), "/k");
        assert_eq!(found(Some("FILE:/k"), None).unwrap(), "/k");
        assert_eq!(found(None, Some("FILE:/c")).unwrap(), "/c");
        assert_eq!(found(Some(""), Some("/c")).unwrap(), "/c");
        assert_eq!(found(None, None).unwrap(), "/tmp/krb5cc_7");
    }

    #[test]
    fn what_is_no_file_is_none() {
        assert_eq!(found(None, Some("KCM:")), None);
        assert_eq!(found(None, Some("DIR:/d")).unwrap(), "/d");
    }
}
