//! A priority string of GnuTLS taken apart: `gnutls_priority_init`, "Priority strings" of its manual.
#![forbid(unsafe_code)]

use super::algorithms::{GROUPS, SIGNATURES, is_curve};
use super::keywords::{self, Keyword};
use super::suites::{CIPHERS, KEY_EXCHANGES, MACS, SUITES, SUITES_OF_TLS_13};
use super::words::{self, Flag};
use crate::net::exchange::TlsVersion;
use std::collections::BTreeSet;

const VERSIONS: [(&str, TlsVersion); 4] = [
    ("VERS-TLS1.0", TlsVersion::Tls10),
    ("VERS-TLS1.1", TlsVersion::Tls11),
    ("VERS-TLS1.2", TlsVersion::Tls12),
    ("VERS-TLS1.3", TlsVersion::Tls13),
];

/// What is allowed so far.
pub(super) struct Priorities {
    key_exchanges: BTreeSet<&'static str>,
    ciphers: BTreeSet<&'static str>,
    macs: BTreeSet<&'static str>,
    groups: BTreeSet<&'static str>,
    signatures: BTreeSet<&'static str>,
    /// Whether the library's own choice of suites is all that is meant.
    is_librarys_choice: bool,
    /// The same of groups.
    are_groups_librarys: bool,
    /// The same of signatures.
    are_signatures_librarys: bool,
    /// `%FORCE_ETM`: whether CBC needs encrypt-then-MAC (RFC 7366), which OpenSSL cannot demand.
    is_without_cbc: bool,
    /// Whether DHE needs primes longer than OpenSSL can demand without demanding as much of certificates.
    needs_long_primes: bool,
    /// The least of OpenSSL's security levels; 0 for any.
    security_level: u32,
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
    /// It would allow something that cannot be translated, and is left out.
    LeftOut,
    /// It takes something away, or may, that cannot be translated: without it more would be allowed.
    Needed,
}

impl Priorities {
    /// What a first word stands for; `None` if it is no keyword of GnuTLS.
    pub(super) fn begin(word: &str) -> Option<Self> {
        keywords::find(word)?;
        let mut priorities = Self {
            key_exchanges: BTreeSet::new(),
            ciphers: BTreeSet::new(),
            macs: BTreeSet::new(),
            groups: BTreeSet::new(),
            signatures: BTreeSet::new(),
            is_librarys_choice: true,
            are_groups_librarys: true,
            are_signatures_librarys: true,
            is_without_cbc: false,
            needs_long_primes: true,
            security_level: 0,
            is_versioned: false,
            versions: [false, false, true, true],
        };
        priorities.take(word);
        Some(priorities)
    }

    /// Takes a part: another keyword, which adds to the first, or something that is added or taken away.
    pub(super) fn take(&mut self, word: &str) -> Taken {
        let word = word.trim().to_ascii_uppercase();
        if word.is_empty() {
            return Taken::Whole;
        }
        if let Some(option) = word.strip_prefix('%') {
            return self.take_option(option);
        }
        if let Some(keyword) = keywords::find(&word) {
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
        let is_librarys = keyword.is_librarys_choice();
        self.is_librarys_choice &= is_librarys;
        self.are_groups_librarys &= is_librarys;
        self.are_signatures_librarys &= is_librarys;
        self.key_exchanges.extend(keyword.key_exchanges);
        self.ciphers.extend(keyword.ciphers);
        self.macs.extend(keyword.macs);
        self.groups.extend(keyword.groups);
        self.signatures.extend(keyword.signatures);
        self.security_level = self.security_level.max(keyword.security_level);
        self.needs_long_primes &= keyword.needs_long_primes;
        if keyword.name == "NONE" {
            (self.is_versioned, self.versions) = (true, [false; 4]);
        }
        if keyword.only_tls_12 {
            (self.is_versioned, self.versions) = (true, [false, false, true, false]);
        }
    }

    fn take_option(&mut self, option: &str) -> Taken {
        match words::flag(option) {
            Some(Flag::NoEffect) => {}
            Some(Flag::SecurityLevel(level)) => self.security_level = self.security_level.max(level),
            Some(Flag::EncryptThenMac) => (self.is_without_cbc, self.is_librarys_choice) = (true, false),
            None => return Taken::Needed,
        }
        Taken::Whole
    }

    fn change(&mut self, add: bool, name: &str) -> Taken {
        if name.starts_with("VERS-") {
            return self.change_version(add, name);
        }
        if let Some(group) = name.strip_prefix("GROUP-").or_else(|| name.strip_prefix("CURVE-")) {
            let has_changed = change_named(&mut self.groups, add, group, &GROUPS);
            self.are_groups_librarys &= has_changed == Some(false);
            return known_or(has_changed, add, words::is_group(group));
        }
        if let Some(signature) = name.strip_prefix("SIGN-") {
            let has_changed = change_named(&mut self.signatures, add, signature, &SIGNATURES);
            self.are_signatures_librarys &= has_changed == Some(false);
            return known_or(has_changed, add, words::is_signature(signature));
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
        if add && words::CHANGES_NOTHING.contains(&name) {
            return Taken::Whole;
        }
        known_or(None, add, words::is_never_spoken(name))
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
            return known_or(None, add, false);
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
                && (self.has_curve() || !suite.key_exchange.starts_with("ECDHE"))
                && !(self.needs_long_primes && suite.key_exchange.starts_with("DHE"))
                && !(self.is_without_cbc && suite.cipher.ends_with("CBC"))
        });
        let is_librarys = self.is_librarys_choice && self.has_curve();
        (!is_librarys).then(|| allowed.map(|suite| suite.name).collect())
    }

    /// The same for TLS 1.3, whose suites all have the MAC in them.
    pub(super) fn suites_of_tls_13(&self) -> Option<Vec<&'static str>> {
        let allowed = SUITES_OF_TLS_13.iter().filter(|(_, cipher)| {
            self.ciphers.contains(cipher) && self.macs.contains("AEAD") && !self.groups.is_empty()
        });
        (!self.is_librarys_choice || self.groups.is_empty()).then(|| allowed.map(|(name, _)| *name).collect())
    }

    fn has_curve(&self) -> bool {
        self.groups.iter().any(|group| is_curve(group))
    }

    /// The groups of key exchanges, as OpenSSL calls them and in its order; `None` for its own choice.
    pub(super) fn groups(&self) -> Option<Vec<&'static str>> {
        let allowed = GROUPS.iter().filter(|(name, _)| self.groups.contains(name));
        (!self.are_groups_librarys).then(|| allowed.map(|(_, name)| *name).collect())
    }

    /// The same of signatures.
    pub(super) fn signatures(&self) -> Option<Vec<&'static str>> {
        let allowed = SIGNATURES.iter().filter(|(name, _)| self.signatures.contains(name));
        let mut names: Vec<_> = allowed.map(|(_, name)| *name).collect();
        names.dedup();
        (!self.are_signatures_librarys).then_some(names)
    }

    /// The least of OpenSSL's security levels; 0 for any.
    pub(super) fn security_level(&self) -> u32 {
        self.security_level
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

/// Adds a name of a table to a set or takes it away; `ALL` is all of them. Whether that changed something, `None` when
/// the table has no such name.
fn change_named(
    set: &mut BTreeSet<&'static str>,
    add: bool,
    name: &str,
    table: &[(&'static str, &'static str)],
) -> Option<bool> {
    let before = set.len();
    let mut is_known = false;
    // TLS 1.2 and TLS 1.3 have two names for some signatures, which OpenSSL cannot tell apart: both go with one.
    let theirs = table.iter().find(|(known, _)| *known == name).map(|(_, theirs)| *theirs);
    for (known, _) in table.iter().filter(|(_, other)| name == "ALL" || theirs == Some(*other)) {
        is_known = true;
        if add {
            set.insert(known)
        } else {
            set.remove(known)
        };
    }
    is_known.then_some(before != set.len())
}

/// What a change came to that may have been of something unknown. `is_gnutls`: GnuTLS has it, and OpenSSL does not do it
/// here.
fn known_or(has_changed: Option<bool>, add: bool, is_gnutls: bool) -> Taken {
    match (has_changed, add) {
        (Some(_), _) => Taken::Whole,
        (None, true) => Taken::LeftOut,
        (None, false) if is_gnutls => Taken::Whole,
        (None, false) => Taken::Needed,
    }
}
