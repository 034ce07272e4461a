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
            let variable = |name: &str| std::env::var_os(name);
            let found = of_environment(variable, inode::own_user_and_group().0);
            if let (None, Some((name, value))) = (&found, named(variable)) {
                log::warn!(
                    target: "supervisor",
                    "{name}={} is no file, and only its owner can open it, so there are no tickets for ldap_mech GSSAPI: set \
                     ldap_krb5_keytab, or let k5start keep tickets in a file and name that with {name}=FILE:/PATH",
                    Path::new(&value).display()
                );
            }
            found
        }
    }
}

/// A key comes first, since its tickets do not end. Without either variable it is MIT's default, as for the C daemon.
fn of_environment(variable: impl Fn(&str) -> Option<OsString>, user: u32) -> Option<PathBuf> {
    named(variable).map_or_else(
        || Some(format!("/tmp/krb5cc_{user}").into()),
        |(_, named)| gssapi::path_of(&named).map(Path::to_owned),
    )
}

/// The variable that counts, and what it says.
fn named(variable: impl Fn(&str) -> Option<OsString>) -> Option<(&'static str, OsString)> {
    let set = |name| Some((name, variable(name).filter(|value| !value.is_empty())?));
    set(CLIENT_KEYTAB).or_else(|| set(CACHE))
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
