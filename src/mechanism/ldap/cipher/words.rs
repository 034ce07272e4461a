//! Words of GnuTLS that have no counterpart, and what they come to: "Priority strings" of its manual.
#![forbid(unsafe_code)]

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

/// What is allowed anyway.
pub(super) const CHANGES_NOTHING: [&str; 3] = ["COMP-NULL", "CTYPE-X509", "CTYPE-X.509"];

/// Groups that GnuTLS has beside those of [`GROUPS`](super::algorithms::GROUPS), in some version.
const MORE_GROUPS: [&str; 15] = [
    "SECP192R1",
    "SECP224R1",
    "GC256A",
    "GC256B",
    "GC256C",
    "GC256D",
    "GC512A",
    "GC512B",
    "GC512C",
    "X25519-KYBER768",
    "X25519-MLKEM768",
    "SECP256R1-MLKEM768",
    "SECP384R1-MLKEM1024",
    "ED25519",
    "ED448",
];

/// How the names of signatures begin that GnuTLS has beside those of [`SIGNATURES`](super::algorithms::SIGNATURES).
const MORE_SIGNATURES: [&str; 10] = [
    "DSA-",
    "GOSTR",
    "RSA-MD",
    "RSA-RMD",
    "RSA-SHA224",
    "ECDSA-SHA224",
    "RSA-SHA3-",
    "ECDSA-SHA3-",
    "RSA-RAW",
    "ML-DSA-",
];

pub(super) fn is_never_spoken(name: &str) -> bool {
    NEVER_SPOKEN.iter().any(|start| name.starts_with(start))
}

pub(super) fn is_group(name: &str) -> bool {
    MORE_GROUPS.contains(&name)
}

pub(super) fn is_signature(name: &str) -> bool {
    MORE_SIGNATURES.iter().any(|start| name.starts_with(start))
}

/// What an option, a word behind a percent sign, comes to.
pub(super) enum Flag {
    /// OpenSSL does so anyway, it allows what OpenSSL does not, or libldap does not ask for it.
    NoEffect,
    /// Keys and hashes must be that strong.
    SecurityLevel(u32),
    /// CBC only with encrypt-then-MAC.
    EncryptThenMac,
}

/// Those whose kind is [`Flag::NoEffect`].
const NO_EFFECT: [&str; 25] = [
    "COMPAT",
    "DUMBFW",
    "NO_EXTENSIONS",
    "NO_STATUS_REQUEST",
    "NO_TICKETS",
    "NO_TICKETS_TLS12",
    "NO_SESSION_HASH",
    "NO_ETM",
    "NO_SHUFFLE_EXTENSIONS",
    "STATELESS_COMPRESSION",
    "SERVER_PRECEDENCE",
    "SAFE_RENEGOTIATION",
    "UNSAFE_RENEGOTIATION",
    "PARTIAL_RENEGOTIATION",
    "DISABLE_SAFE_RENEGOTIATION",
    "INITIAL_SAFE_RENEGOTIATION",
    "DISABLE_WILDCARDS",
    "SSL3_RECORD_VERSION",
    "LATEST_RECORD_VERSION",
    "FALLBACK_SCSV",
    "ALLOW_SMALL_RECORDS",
    "DISABLE_TLS13_COMPAT_MODE",
    "VERIFY_DISABLE_CRL_CHECKS",
    "PROFILE_VERY_WEAK",
    "PROFILE_LOW",
];

/// GnuTLS's profiles, and the level of OpenSSL that demands as much: 112, 128, 192 and 256 bits are 2 to 5.
const PROFILES: [(&str, u32); 7] = [
    ("LEGACY", 2),
    ("MEDIUM", 2),
    ("HIGH", 3),
    ("SUITEB128", 3),
    ("ULTRA", 4),
    ("SUITEB192", 4),
    ("FUTURE", 5),
];

/// `None` if it is none that is known.
pub(super) fn flag(option: &str) -> Option<Flag> {
    if NO_EFFECT.contains(&option) || option.starts_with("VERIFY_ALLOW_") {
        return Some(Flag::NoEffect);
    }
    if option == "FORCE_ETM" {
        return Some(Flag::EncryptThenMac);
    }
    let profile = option.strip_prefix("PROFILE_")?;
    let level = PROFILES.iter().find(|(name, _)| *name == profile).map(|(_, level)| *level);
    level.map(Flag::SecurityLevel)
}
