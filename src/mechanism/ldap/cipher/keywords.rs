//! The words with which priority strings begin, and what each of them stands for.
#![forbid(unsafe_code)]

/// What a keyword stands for, as `gnutls-cli --list --priority KEYWORD` of GnuTLS 3.7 tells.
pub(super) struct Keyword {
    pub(super) name: &'static str,
    pub(super) key_exchanges: &'static [&'static str],
    pub(super) ciphers: &'static [&'static str],
    pub(super) macs: &'static [&'static str],
    pub(super) groups: &'static [&'static str],
    pub(super) signatures: &'static [&'static str],
    pub(super) only_tls_12: bool,
    /// OpenSSL's level for the profile that GnuTLS sets with it; 0 for none.
    pub(super) security_level: u32,
    /// Whether DHE of TLS 1.2 needs primes of at least 3072 bits.
    pub(super) needs_long_primes: bool,
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
const ALL_GROUPS: &[&str] = &[
    "SECP256R1",
    "SECP384R1",
    "SECP521R1",
    "X25519",
    "X448",
    "FFDHE2048",
    "FFDHE3072",
    "FFDHE4096",
    "FFDHE6144",
    "FFDHE8192",
];
const GROUPS_OF_192: &[&str] = &["SECP384R1", "SECP521R1", "FFDHE8192"];
const ALL_SIGNATURES: &[&str] = &[
    "RSA-SHA256",
    "RSA-PSS-SHA256",
    "RSA-PSS-RSAE-SHA256",
    "ECDSA-SHA256",
    "ECDSA-SECP256R1-SHA256",
    "EDDSA-ED25519",
    "RSA-SHA384",
    "RSA-PSS-SHA384",
    "RSA-PSS-RSAE-SHA384",
    "ECDSA-SHA384",
    "ECDSA-SECP384R1-SHA384",
    "EDDSA-ED448",
    "RSA-SHA512",
    "RSA-PSS-SHA512",
    "RSA-PSS-RSAE-SHA512",
    "ECDSA-SHA512",
    "ECDSA-SECP521R1-SHA512",
    "RSA-SHA1",
    "ECDSA-SHA1",
];
/// The first of [`ALL_SIGNATURES`], without SHA-1.
const SIGNATURES_OF_128: &[&str] = ALL_SIGNATURES.split_at(17).0;
/// Of these, those with at least SHA-384.
const SIGNATURES_OF_192: &[&str] = SIGNATURES_OF_128.split_at(6).1;

/// One that sets neither versions nor a profile.
const fn keyword(
    name: &'static str,
    key_exchanges: &'static [&'static str],
    ciphers: &'static [&'static str],
    macs: &'static [&'static str],
    (groups, signatures): (&'static [&'static str], &'static [&'static str]),
) -> Keyword {
    Keyword {
        name,
        key_exchanges,
        ciphers,
        macs,
        groups,
        signatures,
        only_tls_12: false,
        security_level: 0,
        needs_long_primes: false,
    }
}

/// GnuTLS's level goes by the sizes of primes, too.
const fn strong(name: &'static str) -> Keyword {
    Keyword { needs_long_primes: true, ..keyword(name, USUAL, OF_256, &["AEAD"], OF_192) }
}

/// RFC 6460.
const fn suite_b(
    name: &'static str,
    ciphers: &'static [&'static str],
    groups: &'static [&'static str],
    signatures: &'static [&'static str],
    security_level: u32,
) -> Keyword {
    let (key_exchanges, macs) = (&["ECDHE-ECDSA"], &["AEAD"]);
    Keyword {
        name,
        key_exchanges,
        ciphers,
        macs,
        groups,
        signatures,
        only_tls_12: true,
        security_level,
        needs_long_primes: false,
    }
}

const EVERYTHING: (&[&str], &[&str]) = (ALL_GROUPS, ALL_SIGNATURES);
const OF_128: (&[&str], &[&str]) = (ALL_GROUPS, SIGNATURES_OF_128);
const OF_192: (&[&str], &[&str]) = (GROUPS_OF_192, SIGNATURES_OF_192);

/// SYSTEM is what the distribution says.
const KEYWORDS: [Keyword; 13] = [
    keyword("NONE", &[], &[], &[], (&[], &[])),
    keyword("NORMAL", USUAL, AES, &["SHA1", "AEAD"], EVERYTHING),
    keyword("PERFORMANCE", USUAL, AES, &["SHA1", "AEAD"], EVERYTHING),
    keyword("LEGACY", USUAL, AES, &["SHA1", "AEAD"], EVERYTHING),
    keyword("SYSTEM", USUAL, AES, &["SHA1", "AEAD"], EVERYTHING),
    keyword("@SYSTEM", USUAL, AES, &["SHA1", "AEAD"], EVERYTHING),
    keyword("PFS", &["ECDHE-ECDSA", "ECDHE-RSA", "DHE-RSA"], AES, &["SHA1", "AEAD"], EVERYTHING),
    keyword("SECURE", USUAL, AES, &["SHA1", "AEAD"], OF_128),
    keyword("SECURE128", USUAL, AES, &["SHA1", "AEAD"], OF_128),
    strong("SECURE192"),
    strong("SECURE256"),
    suite_b(
        "SUITEB128",
        &["AES-256-GCM", "AES-128-GCM"],
        &["SECP256R1", "SECP384R1"],
        &["ECDSA-SHA256", "ECDSA-SECP256R1-SHA256", "ECDSA-SHA384", "ECDSA-SECP384R1-SHA384"],
        3,
    ),
    suite_b("SUITEB192", &["AES-256-GCM"], &["SECP384R1"], &["ECDSA-SHA384", "ECDSA-SECP384R1-SHA384"], 4),
];

/// Keywords that leave the choice to the library, as long as nothing else is said.
const LIBRARYS_CHOICE: [&str; 5] = ["NORMAL", "PERFORMANCE", "LEGACY", "SYSTEM", "@SYSTEM"];

impl Keyword {
    pub(super) fn is_librarys_choice(&self) -> bool {
        LIBRARYS_CHOICE.contains(&self.name)
    }
}

/// The keyword of that name, in any case.
pub(super) fn find(word: &str) -> Option<&'static Keyword> {
    KEYWORDS.iter().find(|keyword| keyword.name.eq_ignore_ascii_case(word.trim()))
}
