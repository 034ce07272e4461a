//! `ldap_tls_ciphers`: OpenSSL's lists go as they are. Debian's libldap was built with GnuTLS, so files from there
//! have GnuTLS's priority strings, of which the common ones are translated.
#![forbid(unsafe_code)]

use crate::mech::remote::{TlsSettings, TlsVersion};

/// Why a list cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CipherError {
    /// Where in the list, in bytes.
    pub offset: usize,
    /// What goes on after the name of the key.
    pub text: String,
}

/// The keywords that a priority string can begin with, and OpenSSL's ciphers for them; an empty list is OpenSSL's own
/// choice, which has nothing below 112 bits.
const KEYWORDS: [(&str, &str); 8] = [
    ("NORMAL", ""),
    ("PERFORMANCE", ""),
    ("SYSTEM", ""),
    ("@SYSTEM", ""),
    ("PFS", "DEFAULT:!kRSA"),
    ("SECURE128", "DEFAULT:!3DES"),
    ("SECURE192", STRONGEST),
    ("SECURE256", STRONGEST),
];

/// Keywords that have no counterpart.
const UNKNOWN_KEYWORDS: [&str; 4] = ["NONE", "LEGACY", "EXPORT", "SECURE"];

const STRONGEST: &str = "AES256:CHACHA20:!aNULL:!eNULL:!PSK:!SRP";
const STRONGEST_OF_TLS_13: &str = "TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";

/// What a priority string can take away, as GnuTLS and as OpenSSL call it.
const REMOVABLE: [(&str, &str); 8] = [
    ("RSA", "!kRSA"),
    ("DHE-RSA", "!kDHE"),
    ("ARCFOUR-128", "!RC4"),
    ("3DES-CBC", "!3DES"),
    ("AES-128-CBC", "!AES128"),
    ("MD5", "!MD5"),
    ("SHA1", "!SHA1"),
    ("CAMELLIA-128-CBC", "!CAMELLIA128"),
];

const VERSIONS: [(&str, TlsVersion); 4] = [
    ("VERS-TLS1.0", TlsVersion::Tls10),
    ("VERS-TLS1.1", TlsVersion::Tls11),
    ("VERS-TLS1.2", TlsVersion::Tls12),
    ("VERS-TLS1.3", TlsVersion::Tls13),
];

/// Puts a list into the settings.
///
/// # Errors
/// When it is a priority string of GnuTLS with parts that cannot be translated. Whether OpenSSL knows an OpenSSL list
/// shows when the mechanism starts.
pub fn apply(list: &str, settings: &mut TlsSettings) -> Result<(), CipherError> {
    let mut words = words(list);
    let Some((_, keyword)) = words.next().filter(|(_, keyword)| is_keyword(keyword)) else {
        settings.ciphers = Some(list.to_owned());
        return Ok(());
    };
    let known = KEYWORDS.iter().find(|(known, _)| known.eq_ignore_ascii_case(keyword));
    let (_, ciphers) = known.ok_or_else(|| refusal(0, keyword))?;
    let mut priorities = Priorities::new(ciphers);
    words.try_for_each(|(offset, word)| priorities.take(word).ok_or_else(|| refusal(offset, word)))?;
    priorities.apply(settings).ok_or_else(|| CipherError {
        offset: 0,
        text: "leaves no version of TLS, or some with a gap between them".to_owned(),
    })
}

fn words(list: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut offset = 0;
    list.split(':').map(move |word| {
        let start = offset;
        offset += word.len() + 1;
        (start, word)
    })
}

fn is_keyword(word: &str) -> bool {
    let mut keywords = KEYWORDS.iter().map(|(keyword, _)| keyword).chain(&UNKNOWN_KEYWORDS);
    keywords.any(|keyword| keyword.eq_ignore_ascii_case(word))
}

fn refusal(offset: usize, word: &str) -> CipherError {
    let text = format!(
        "has \"{word}\", which is GnuTLS's and cannot be translated for OpenSSL: write a list as ciphers(1) tells, or \
         NORMAL, PFS, SECURE128, SECURE192 or SECURE256, followed by the like of :-VERS-TLS1.0, :-RSA, :-3DES-CBC"
    );
    CipherError { offset, text }
}

struct Priorities {
    ciphers: String,
    /// Whether versions were named at all.
    versioned: bool,
    /// By the order of [`VERSIONS`]. It begins with what OpenSSL speaks by itself: taking TLS 1.0 away is not meant
    /// to bring TLS 1.1 back.
    versions: [bool; 4],
}

impl Priorities {
    fn new(ciphers: &str) -> Self {
        Self { ciphers: ciphers.to_owned(), versioned: false, versions: [false, false, true, true] }
    }

    /// Takes a part that follows the keyword; `None` if it cannot be translated.
    fn take(&mut self, word: &str) -> Option<()> {
        let upper = word.to_ascii_uppercase();
        // Options of GnuTLS itself, such as %COMPAT and %SERVER_PRECEDENCE, are about things that OpenSSL does anyway.
        if upper.is_empty() || upper.starts_with('%') {
            return Some(());
        }
        let (add, name) = match upper.split_at_checked(1)? {
            ("+", name) => (true, name),
            ("-" | "!", name) => (false, name),
            _ => return None,
        };
        match name {
            _ if name.starts_with("VERS-") => self.take_version(add, name),
            _ if add => None,
            _ => {
                let (_, removed) = REMOVABLE.iter().find(|(known, _)| *known == name)?;
                self.remove(removed);
                Some(())
            }
        }
    }

    fn take_version(&mut self, add: bool, name: &str) -> Option<()> {
        // OpenSSL has no SSL 3.0 any more, and DTLS is not for streams.
        if !add && (name.starts_with("VERS-SSL") || name.starts_with("VERS-DTLS")) {
            return Some(());
        }
        self.versioned = true;
        if matches!(name, "VERS-ALL" | "VERS-TLS-ALL") {
            self.versions = [add; 4];
            return Some(());
        }
        let index = VERSIONS.iter().position(|(known, _)| *known == name)?;
        *self.versions.get_mut(index)? = add;
        Some(())
    }

    fn remove(&mut self, removed: &str) {
        if self.ciphers.is_empty() {
            self.ciphers.push_str("DEFAULT");
        }
        self.ciphers.push(':');
        self.ciphers.push_str(removed);
    }

    fn apply(self, settings: &mut TlsSettings) -> Option<()> {
        if self.versioned {
            let oldest = self.versions.iter().position(|spoken| *spoken)?;
            let newest = self.versions.iter().rposition(|spoken| *spoken)?;
            let spoken = self.versions.get(oldest..=newest)?;
            spoken.iter().all(|spoken| *spoken).then_some(())?;
            settings.oldest_version = VERSIONS.get(oldest).map(|(_, version)| *version);
            settings.newest_version = VERSIONS.get(newest).map(|(_, version)| *version);
        }
        settings.ciphers = None;
        if self.ciphers.starts_with(STRONGEST) {
            settings.cipher_suites = Some(STRONGEST_OF_TLS_13.to_owned());
        }
        if !self.ciphers.is_empty() {
            settings.ciphers = Some(self.ciphers);
        }
        Some(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use openssl::ssl::{SslContext, SslMethod};

    fn settings(list: &str) -> TlsSettings {
        let mut settings = TlsSettings::default();
        apply(list, &mut settings).unwrap();
        settings
    }

    #[test]
    fn lists_of_openssl_go_as_they_are() {
        for list in
            ["HIGH:!aNULL", "DEFAULT", "ECDHE-RSA-AES256-GCM-SHA384", "SUITEB128", "!NULL", "ALL:@STRENGTH"]
        {
            assert_eq!(settings(list), TlsSettings { ciphers: Some(list.to_owned()), ..Default::default() });
        }
    }

    #[test]
    fn openssl_takes_every_list_that_a_priority_string_becomes() {
        for (keyword, _) in KEYWORDS {
            for (name, _) in REMOVABLE {
                let settings = settings(&format!("{keyword}:-{name}:%COMPAT"));
                let mut builder = SslContext::builder(SslMethod::tls_client()).unwrap();
                builder.set_cipher_list(settings.ciphers.as_deref().unwrap()).unwrap();
                if let Some(suites) = settings.cipher_suites {
                    builder.set_ciphersuites(&suites).unwrap();
                }
            }
        }
    }

    #[test]
    fn plain_keywords_are_openssls_own_choice() {
        for list in ["NORMAL", "normal", "PERFORMANCE", "@SYSTEM", "NORMAL:%COMPAT", "NORMAL:-VERS-SSL3.0"] {
            assert_eq!(settings(list), TlsSettings::default(), "{list}");
        }
        assert!(settings("SECURE256").ciphers.unwrap().starts_with("AES256"));
        assert!(settings("SECURE192").cipher_suites.is_some());
        assert_eq!(settings("NORMAL:-RSA:!MD5").ciphers.unwrap(), "DEFAULT:!kRSA:!MD5");
    }

    #[test]
    fn versions_are_bounded_as_the_string_says() {
        use TlsVersion::{Tls10, Tls11, Tls12, Tls13};
        for (list, oldest, newest) in [
            ("NORMAL:-VERS-TLS1.0", Tls12, Tls13),
            ("NORMAL:-VERS-TLS1.0:-VERS-TLS1.1", Tls12, Tls13),
            ("NORMAL:-VERS-TLS1.3", Tls12, Tls12),
            ("NORMAL:!VERS-TLS1.2", Tls13, Tls13),
            ("SECURE256:-VERS-ALL:+VERS-TLS1.2", Tls12, Tls12),
            ("NORMAL:-VERS-TLS-ALL:+VERS-TLS1.0:+VERS-TLS1.1", Tls10, Tls11),
            ("NORMAL:+VERS-TLS1.1", Tls11, Tls13),
            ("NORMAL:+VERS-ALL", Tls10, Tls13),
        ] {
            let settings = settings(list);
            assert_eq!(
                (settings.oldest_version, settings.newest_version),
                (Some(oldest), Some(newest)),
                "{list}"
            );
        }
    }

    #[test]
    fn what_cannot_be_translated_is_refused_with_its_place() {
        for (list, offset) in [
            ("NONE:+VERS-TLS1.2", 0),
            ("LEGACY", 0),
            ("NORMAL:+AES-256-CBC", 7),
            ("NORMAL:-VERS-TLS1.0:-KX-ALL", 20),
            ("NORMAL:-VERS-TLS2.0", 7),
            ("NORMAL:é", 7),
            ("NORMAL:-VERS-ALL", 0),
            ("NORMAL:+VERS-TLS1.0:-VERS-TLS1.1", 0),
        ] {
            let mut settings = TlsSettings::default();
            assert_eq!(apply(list, &mut settings).unwrap_err().offset, offset, "{list}");
            assert_eq!(settings, TlsSettings::default());
        }
    }
}
