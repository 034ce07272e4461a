//! Files that `saslauthd.conf` and `ldap.conf` name for TLS: whether they can be read, also those that nothing needs yet, and
//! what is in them.
#![forbid(unsafe_code)]

use crate::config::site::Site;
use crate::mechanism::gssapi;
use crate::mechanism::ldap::ldap_conf::LdapConf;
use crate::net::tls_files;
use crate::settings::file::{Entry, Problem, Severity, Text};
use crate::settings::raw_settings::RawSettings;
use crate::settings::tls_files::TlsFiles;
use crate::strerror::strerror;
use crate::weakforced;
use std::ffi::OsStr;
use std::fs::OpenOptions;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// The keys behind the mechanism's prefix that name a file or directory.
const KEYS: [&str; 4] = ["_tls_cacert_file", "_tls_cacert_dir", "_tls_cert", "_tls_key"];

/// Those that name what a login by GSSAPI is made with, which comes to no process but that which logs in.
const CREDENTIALS: [&str; 2] = ["_krb5_keytab", "_krb5_ccache"];

/// A warning for each that cannot be read or is not what it is to be, of the general part and of every section. `mechanisms` are the types in use.
/// Without TLS nobody misses them, until somebody turns it on.
pub fn check(text: &Text, mechanisms: &[&str]) -> Vec<Problem> {
    let file = text.parse(&mut Vec::new());
    let entries = file.all().flat_map(|section| &section.entries);
    let mut problems: Vec<_> = entries
        .filter_map(|entry| match entry {
            _ if names_file(entry, mechanisms, &KEYS) => check_entry(text, entry, unreadable),
            _ if names_file(entry, mechanisms, &CREDENTIALS) => check_entry(text, entry, gssapi::fault),
            _ => None,
        })
        .collect();
    problems.sort_by_key(|problem| problem.line);
    problems
}

/// The files for TLS that these name, each once.
pub fn paths(text: &Text, mechanisms: &[&str]) -> Vec<PathBuf> {
    let file = text.parse(&mut Vec::new());
    let entries = file.all().flat_map(|section| &section.entries);
    let mut paths: Vec<_> = entries
        .filter(|entry| names_file(entry, mechanisms, &KEYS))
        .map(|entry| path_of(entry).to_owned())
        .collect();
    paths.sort_unstable();
    paths.dedup();
    paths
}

/// What is in the files that mechanisms of the site may need; those of `ldap.conf` included.
pub fn read(sources: &RawSettings, site: &Site) -> TlsFiles {
    let mechanisms = site.remote_instances().map(|(_, instance)| instance.mechanism);
    let prefixes: Vec<_> = mechanisms.chain(site.has_policy_server.then_some(weakforced::PREFIX)).collect();
    let mut named = sources.file.as_ref().map(|text| paths(text, &prefixes)).unwrap_or_default();
    named.extend(sources.ldap_conf.iter().flat_map(LdapConf::files));
    named.into_iter().map(|path| (path.clone(), tls_files::read(&path))).collect()
}

fn names_file(entry: &Entry, mechanisms: &[&str], keys: &[&str]) -> bool {
    let is_of =
        |mechanism: &&str| entry.key.strip_prefix(*mechanism).is_some_and(|behind| keys.contains(&behind));
    mechanisms.iter().any(is_of)
}

fn path_of(entry: &Entry) -> &Path {
    let name = OsStr::from_bytes(entry.value.as_bytes());
    // As libraries write names of keytabs.
    gssapi::path_of(name).unwrap_or_else(|| Path::new(name))
}

fn check_entry(text: &Text, entry: &Entry, fault: fn(&Path) -> Option<String>) -> Option<Problem> {
    let fault = fault(path_of(entry))?;
    Some(Problem {
        source: text.path.clone(),
        line: Some(entry.line),
        column: Some(entry.column),
        severity: Severity::Warning,
        text: format!("{} {fault}", entry.key),
    })
}

fn unreadable(path: &Path) -> Option<String> {
    // A FIFO would wait for a writer.
    let error = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path).err()?;
    Some(format!("cannot be read: {}", strerror(&error)))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    #[test]
    fn a_keytab_is_looked_for_and_is_none_of_the_files_that_the_frontend_gets() {
        let conf = "ldap_krb5_keytab: FILE:/nonexistent/keytab\nldap_tls_cert: /nonexistent/a\n";
        let text = Text { path: "/c".into(), bytes: Secret::copy_of(conf.as_bytes()) };
        assert_eq!(check(&text, &["ldap"]).len(), 2);
        assert_eq!(paths(&text, &["ldap"]), [Path::new("/nonexistent/a")]);
    }

    #[test]
    fn each_file_that_cannot_be_read_is_told_with_its_line() {
        let directory = tempfile::tempdir().unwrap();
        let there = directory.path().display();
        let conf = format!(
            "ldap_tls_cert: /nonexistent/a\nldap_tls_cacert_dir: {there}\nrimap_tls_key: /nonexistent/b\n\
             [realm x]\nldap_tls_cacert_file: {there}/c\nldap_tls_key: /dev/null\n"
        );
        let text = Text { path: "/etc/saslauthd.conf".into(), bytes: Secret::copy_of(conf.as_bytes()) };
        let told: Vec<_> = check(&text, &["ldap"]).iter().map(ToString::to_string).collect();
        let missing = "cannot be read: No such file or directory";
        assert_eq!(
            told,
            [
                format!("/etc/saslauthd.conf:1:16: ldap_tls_cert {missing}"),
                format!("/etc/saslauthd.conf:5:23: ldap_tls_cacert_file {missing}"),
            ]
        );
    }
}
