//! `ldap_tls_ciphers`: OpenSSL's lists go as they are. Debian's libldap was built with GnuTLS, so files from there
//! have GnuTLS's priority strings, which are translated. What they allow and OpenSSL has not is left out; what they take
//! away and OpenSSL cannot is an error, as nothing is ever allowed that the string does not allow.
#![forbid(unsafe_code)]

mod algorithms;
mod keywords;
mod priorities;
mod suites;
#[cfg(test)]
mod tests;
mod words;

use crate::net::exchange::TlsSettings;
use priorities::{Priorities, Taken};

/// Something about a list that its writer should know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remark {
    /// Where in the list, in bytes.
    pub offset: usize,
    /// What goes on after the name of the key.
    pub text: String,
}

/// Puts a list into the settings, and tells what of it is left out. Whether OpenSSL knows an OpenSSL list shows when
/// the mechanism starts.
///
/// # Errors
/// When a priority string leaves nothing that could be spoken, or takes away what cannot be taken away here.
pub fn apply(list: &str, settings: &mut TlsSettings) -> Result<Vec<Remark>, Remark> {
    let mut words = words(list);
    let Some(mut priorities) = words.next().and_then(|(_, word)| Priorities::begin(word)) else {
        settings.ciphers = Some(list.to_owned());
        return Ok(Vec::new());
    };
    let mut remarks = Vec::new();
    for (offset, word) in words {
        let text = match priorities.take(word) {
            Taken::Whole => continue,
            Taken::LeftOut => {
                format!("has \"{word}\", which is GnuTLS's and not translated for OpenSSL: it is left out")
            }
            Taken::Needed => {
                let text = format!(
                    "has \"{word}\", which is not translated for OpenSSL: without it more would be allowed"
                );
                return Err(Remark { offset, text });
            }
        };
        remarks.push(Remark { offset, text });
    }
    if priorities.has_gap() {
        let text = "has versions of TLS with a gap between them: only the newest are spoken".to_owned();
        remarks.push(Remark { offset: 0, text });
    }
    apply_priorities(&priorities, settings)?;
    Ok(remarks)
}

fn apply_priorities(priorities: &Priorities, settings: &mut TlsSettings) -> Result<(), Remark> {
    let (suites, newest_suites) = (priorities.suites(), priorities.suites_of_tls_13());
    let has_any = |suites: &Option<Vec<_>>| suites.as_ref().is_none_or(|suites| !suites.is_empty());
    let versions = priorities.versions(has_any(&suites), has_any(&newest_suites));
    let versions = versions.map_err(|()| Remark {
        offset: 0,
        text: "leaves no version of TLS with a cipher that OpenSSL has".to_owned(),
    })?;
    let signatures = priorities.signatures();
    if signatures.as_ref().is_some_and(Vec::is_empty) {
        let text = "allows no signature, without which no server can prove anything".to_owned();
        return Err(Remark { offset: 0, text });
    }
    if let Some((oldest, newest)) = versions {
        (settings.oldest_version, settings.newest_version) = (Some(oldest), Some(newest));
    }
    let list =
        |suites: Option<Vec<&str>>| suites.filter(|suites| !suites.is_empty()).map(|suites| suites.join(":"));
    settings.ciphers = list(suites);
    settings.cipher_suites = list(newest_suites).or_else(|| settings.cipher_suites.take());
    settings.groups = list(priorities.groups());
    settings.signatures = list(signatures);
    settings.least_security_level = priorities.security_level();
    Ok(())
}

/// The words with their places. GnuTLS takes a comma for a colon.
fn words(list: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut offset = 0;
    list.split([':', ',']).map(move |word| {
        let start = offset;
        offset += word.len() + 1;
        (start, word)
    })
}
