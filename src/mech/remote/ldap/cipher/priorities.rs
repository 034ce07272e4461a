//! A priority string of GnuTLS taken apart: `gnutls_priority_init`, "Priority strings" of its manual.
#![forbid(unsafe_code)]

use super::suites::{CIPHERS, KEY_EXCHANGES, MACS, SUITES, SUITES_OF_TLS_13};
use crate::mech::remote::TlsVersion;
use std::collections::BTreeSet;

/// What a keyword stands for, as `gnutls-cli --list --priority KEYWORD` of GnuTLS 3.7 tells.
struct Keyword {
    name: &'static str,
    key_exchanges: &'static [&'static str],
    ciphers: &'static [&'static str],
    macs: &'static [&'static str],
    only_tls_12: bool,
}

const USUAL: &[&str] = &["ECDHE-ECDSA", "ECDHE-RSA", "RSA", "DHE-RSA"];
const AES: &[&str] = &[
    "AES-256-GCM",
    "CHACHA20-POLY1305",
    "AES-256-CCM",
    "AES-256-CBC",
    "AES-128-GCM",
    "AES-128-CCM",
    "AES-128-CBC",
];
const OF_256: &[&str] = &["AES-256-GCM", "CHACHA20-POLY1305", "AES-256-CBC", "AES-256-CCM"];

const fn keyword(
    name: &'static str,
    key_exchanges: &'static [&'static str],
    ciphers: &'static [&'static str],
    macs: &'static [&'static str],
) -> Keyword {
    Keyword { name, key_exchanges, ciphers, macs, only_tls_12: false }
}

const fn suite_b(name: &'static str, ciphers: &'static [&'static str]) -> Keyword {
    Keyword { name, key_exchanges: &["ECDHE-ECDSA"], ciphers, macs: &["AEAD"], only_tls_12: true }
}

/// SYSTEM is what the distribution says.
const KEYWORDS: [Keyword; 13] = [
    keyword("NONE", &[], &[], &[]),
    keyword("NORMAL", USUAL, AES, &["SHA1", "AEAD"]),
    keyword("PERFORMANCE", USUAL, AES, &["SHA1", "AEAD"]),
    keyword("LEGACY", USUAL, AES, &["SHA1", "AEAD"]),
    keyword("SYSTEM", USUAL, AES, &["SHA1", "AEAD"]),
    keyword("@SYSTEM", USUAL, AES, &["SHA1", "AEAD"]),
    keyword("PFS", &["ECDHE-ECDSA", "ECDHE-RSA", "DHE-RSA"], AES, &["SHA1", "AEAD"]),
    keyword("SECURE", USUAL, AES, &["SHA1", "AEAD"]),
    keyword("SECURE128", USUAL, AES, &["SHA1", "AEAD"]),
    keyword("SECURE192", USUAL, OF_256, &["AEAD"]),
    keyword("SECURE256", USUAL, OF_256, &["AEAD"]),
    suite_b("SUITEB128", &["AES-256-GCM", "AES-128-GCM"]),
    suite_b("SUITEB192", &["AES-256-GCM"]),
];

/// Keywords that leave the choice to the library, as long as nothing else is said.
const LIBRARYS_CHOICE: [&str; 5] = ["NORMAL", "PERFORMANCE", "LEGACY", "SYSTEM", "@SYSTEM"];

const VERSIONS: [(&str, TlsVersion); 4] = [
    ("VERS-TLS1.0", TlsVersion::Tls10),
    ("VERS-TLS1.1", TlsVersion::Tls11),
    ("VERS-TLS1.2", TlsVersion::Tls12),
    ("VERS-TLS1.3", TlsVersion::Tls13),
];

/// What GnuTLS knows and OpenSSL never does here, so that taking it away changes nothing.
const NEVER_SPOKEN: [&str; 17] = [
    "ARCFOUR-",
    "3DES-",
    "DES-",
    "RC2-",
    "NULL",
    "MD5",
    "ANON-",
    "PSK",
    "SRP",
    "RSA-PSK",
    "RSA-EXPORT",
    "DHE-PSK",
    "ECDHE-PSK",
    "CAMELLIA-128-GCM",
    "CAMELLIA-256-GCM",
    "COMP-",
    "CTYPE-",
];

/// Options of GnuTLS that are about old faults of servers, or about what OpenSSL does anyway. The others, such as
/// `%PROFILE_HIGH`, want more or less of a server than it would have to prove here.
const OPTIONS_WITHOUT_EFFECT: [&str; 15] = [
    "%COMPAT",
    "%DUMBFW",
    "%LATEST_RECORD_VERSION",
    "%NO_ETM",
    "%NO_EXTENSIONS",
    "%NO_SESSION_HASH",
    "%NO_STATUS_REQUEST",
    "%NO_TICKETS",
    "%NO_TICKETS_TLS12",
    "%PARTIAL_RENEGOTIATION",
    "%SAFE_RENEGOTIATION",
    "%SERVER_PRECEDENCE",
    "%SSL3_RECORD_VERSION",
    "%STATELESS_COMPRESSION",
    "%UNSAFE_RENEGOTIATION",
];

/// What is allowed so far.
pub(super) struct Priorities {
    key_exchanges: BTreeSet<&'static str>,
    ciphers: BTreeSet<&'static str>,
    macs: BTreeSet<&'static str>,
    /// Whether the library's own choice is all that is meant.
    is_librarys_choice: bool,
    /// Whether versions were named at all.
    is_versioned: bool,
    /// By the order of [`VERSIONS`]. It begins with what OpenSSL speaks by itself: taking TLS 1.0 away is not meant
    /// to bring TLS 1.1 back.
    versions: [bool; 4],
}

/// What a part came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Taken {
    /// It has its effect, or there was none to have.
    Whole,
    /// It cannot be translated and is left out.
    LeftOut,
}

impl Priorities {
    /// What a first word stands for; `None` if it is no keyword of GnuTLS.
    pub(super) fn begin(word: &str) -> Option<Self> {
        find(word)?;
        let mut priorities = Self {
            key_exchanges: BTreeSet::new(),
            ciphers: BTreeSet::new(),
            macs: BTreeSet::new(),
            is_librarys_choice: true,
            is_versioned: false,
            versions: [false, false, true, true],
        };
        priorities.take(word);
        Some(priorities)
    }

    /// Takes a part: another keyword, which adds to the first, or something that is added or taken away.
    pub(super) fn take(&mut self, word: &str) -> Taken {
        let word = word.trim().to_ascii_uppercase();
        if word.is_empty() || OPTIONS_WITHOUT_EFFECT.contains(&word.as_str()) {
            return Taken::Whole;
        }
        if let Some(keyword) = find(&word) {
            self.add_keyword(keyword);
            return Taken::Whole;
        }
        match word.split_at_checked(1) {
            Some(("+", name)) => self.change(true, name),
            Some(("-" | "!", name)) => self.change(false, name),
            _ => Taken::LeftOut,
        }
    }

    fn add_keyword(&mut self, keyword: &Keyword) {
        self.is_librarys_choice &= LIBRARYS_CHOICE.contains(&keyword.name);
        self.key_exchanges.extend(keyword.key_exchanges);
        self.ciphers.extend(keyword.ciphers);
        self.macs.extend(keyword.macs);
        if keyword.name == "NONE" {
            (self.is_versioned, self.versions) = (true, [false; 4]);
        }
        if keyword.only_tls_12 {
            (self.is_versioned, self.versions) = (true, [false, false, true, false]);
        }
    }

    fn change(&mut self, add: bool, name: &str) -> Taken {
        if name.starts_with("VERS-") {
            return self.change_version(add, name);
        }
        let known = [
            (&mut self.key_exchanges, "KX-ALL", &KEY_EXCHANGES[..]),
            (&mut self.ciphers, "CIPHER-ALL", &CIPHERS[..]),
            (&mut self.macs, "MAC-ALL", &MACS[..]),
        ];
        for (set, all, names) in known {
            let wanted: Vec<_> = names.iter().filter(|known| **known == name || name == all).collect();
            if wanted.is_empty() {
                continue;
            }
            let before = set.len();
            for name in wanted {
                if add {
                    set.insert(name)
                } else {
                    set.remove(name)
                };
            }
            self.is_librarys_choice &= before == set.len();
            return Taken::Whole;
        }
        let is_never_spoken = NEVER_SPOKEN.iter().any(|start| name.starts_with(start));
        let changes_nothing = matches!(
            name,
            "SIGN-ALL" | "GROUP-ALL" | "CURVE-ALL" | "COMP-NULL" | "CTYPE-X509" | "CTYPE-X.509"
        );
        match add {
            true if changes_nothing => Taken::Whole,
            false if is_never_spoken => Taken::Whole,
            _ => Taken::LeftOut,
        }
    }

    fn change_version(&mut self, add: bool, name: &str) -> Taken {
        // OpenSSL has no SSL 3.0 any more, and DTLS is not for streams.
        if name.starts_with("VERS-SSL") || name.starts_with("VERS-DTLS") {
            return if add { Taken::LeftOut } else { Taken::Whole };
        }
        if matches!(name, "VERS-ALL" | "VERS-TLS-ALL") {
            (self.is_versioned, self.versions) = (true, [add; 4]);
            return Taken::Whole;
        }
        let index = VERSIONS.iter().position(|(known, _)| *known == name);
        let Some(version) = index.and_then(|index| self.versions.get_mut(index)) else {
            return Taken::LeftOut;
        };
        *version = add;
        self.is_versioned = true;
        Taken::Whole
    }

    /// The suites of TLS 1.2 and older, as OpenSSL calls them; `None` for its own choice.
    pub(super) fn suites(&self) -> Option<Vec<&'static str>> {
        let allowed = SUITES.iter().filter(|suite| {
            self.key_exchanges.contains(suite.key_exchange)
                && self.ciphers.contains(suite.cipher)
                && self.macs.contains(suite.mac)
        });
        (!self.is_librarys_choice).then(|| allowed.map(|suite| suite.name).collect())
    }

    /// The same for TLS 1.3, whose suites all have the MAC in them.
    pub(super) fn suites_of_tls_13(&self) -> Option<Vec<&'static str>> {
        let allowed = SUITES_OF_TLS_13
            .iter()
            .filter(|(_, cipher)| self.ciphers.contains(cipher) && self.macs.contains("AEAD"));
        (!self.is_librarys_choice).then(|| allowed.map(|(name, _)| *name).collect())
    }

    /// The oldest and the newest version, of those that follow each other without a gap; `None` for OpenSSL's own
    /// choice, an error if there is none. `older`, `newest`: whether there is a suite for TLS 1.2 and older, and for 1.3.
    pub(super) fn versions(&self, older: bool, newest: bool) -> Result<Option<(TlsVersion, TlsVersion)>, ()> {
        if !self.is_versioned && older && newest {
            return Ok(None);
        }
        let usable: Vec<_> = VERSIONS
            .iter()
            .zip(self.versions)
            .map(|((_, version), spoken)| {
                let has_suite = if *version == TlsVersion::Tls13 { newest } else { older };
                (*version, spoken && has_suite)
            })
            .collect();
        let mut run = usable.iter().rev().skip_while(|(_, spoken)| !spoken).take_while(|(_, spoken)| *spoken);
        let newest = run.next().ok_or(())?.0;
        Ok(Some((run.last().map_or(newest, |(version, _)| *version), newest)))
    }

    /// Whether a version was left out since there is a gap.
    pub(super) fn has_gap(&self) -> bool {
        let changes = self.versions.windows(2).filter(|pair| matches!(pair, [true, false])).count();
        let begins = self.versions.iter().position(|spoken| *spoken);
        begins.is_some() && changes + usize::from(self.versions.last() == Some(&true)) > 1
    }
}

fn find(word: &str) -> Option<&'static Keyword> {
    KEYWORDS.iter().find(|keyword| keyword.name.eq_ignore_ascii_case(word.trim()))
}
