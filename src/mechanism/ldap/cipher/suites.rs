//! What GnuTLS and OpenSSL call the same: key exchanges, ciphers, MACs, and the suites made of them.
#![forbid(unsafe_code)]

/// The parts of suites, as GnuTLS calls them.
pub(super) const KEY_EXCHANGES: [&str; 5] = ["ECDHE-ECDSA", "ECDHE-RSA", "RSA", "DHE-RSA", "DHE-DSS"];
pub(super) const CIPHERS: [&str; 9] = [
    "AES-256-GCM",
    "CHACHA20-POLY1305",
    "AES-256-CCM",
    "AES-256-CBC",
    "AES-128-GCM",
    "AES-128-CCM",
    "AES-128-CBC",
    "CAMELLIA-256-CBC",
    "CAMELLIA-128-CBC",
];
pub(super) const MACS: [&str; 4] = ["SHA1", "AEAD", "SHA256", "SHA384"];

/// A suite of TLS 1.2 and older.
pub(super) struct Suite {
    /// OpenSSL's name.
    pub(super) name: &'static str,
    /// GnuTLS's names of its parts.
    pub(super) key_exchange: &'static str,
    pub(super) cipher: &'static str,
    pub(super) mac: &'static str,
}

const fn suite(
    name: &'static str,
    key_exchange: &'static str,
    cipher: &'static str,
    mac: &'static str,
) -> Suite {
    Suite { name, key_exchange, cipher, mac }
}

/// In OpenSSL's order of preference. What OpenSSL 3 has no more or never takes by itself (RC4, 3DES, anonymous ones) is
/// not among them, so that no string brings it back.
pub(super) const SUITES: [Suite; 45] = [
    suite("ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA", "AES-256-GCM", "AEAD"),
    suite("ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-RSA", "AES-256-GCM", "AEAD"),
    suite("DHE-RSA-AES256-GCM-SHA384", "DHE-RSA", "AES-256-GCM", "AEAD"),
    suite("DHE-DSS-AES256-GCM-SHA384", "DHE-DSS", "AES-256-GCM", "AEAD"),
    suite("ECDHE-ECDSA-CHACHA20-POLY1305", "ECDHE-ECDSA", "CHACHA20-POLY1305", "AEAD"),
    suite("ECDHE-RSA-CHACHA20-POLY1305", "ECDHE-RSA", "CHACHA20-POLY1305", "AEAD"),
    suite("DHE-RSA-CHACHA20-POLY1305", "DHE-RSA", "CHACHA20-POLY1305", "AEAD"),
    suite("ECDHE-ECDSA-AES256-CCM", "ECDHE-ECDSA", "AES-256-CCM", "AEAD"),
    suite("DHE-RSA-AES256-CCM", "DHE-RSA", "AES-256-CCM", "AEAD"),
    suite("ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA", "AES-128-GCM", "AEAD"),
    suite("ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA", "AES-128-GCM", "AEAD"),
    suite("DHE-RSA-AES128-GCM-SHA256", "DHE-RSA", "AES-128-GCM", "AEAD"),
    suite("DHE-DSS-AES128-GCM-SHA256", "DHE-DSS", "AES-128-GCM", "AEAD"),
    suite("ECDHE-ECDSA-AES128-CCM", "ECDHE-ECDSA", "AES-128-CCM", "AEAD"),
    suite("DHE-RSA-AES128-CCM", "DHE-RSA", "AES-128-CCM", "AEAD"),
    suite("ECDHE-ECDSA-AES256-SHA384", "ECDHE-ECDSA", "AES-256-CBC", "SHA384"),
    suite("ECDHE-RSA-AES256-SHA384", "ECDHE-RSA", "AES-256-CBC", "SHA384"),
    suite("DHE-RSA-AES256-SHA256", "DHE-RSA", "AES-256-CBC", "SHA256"),
    suite("ECDHE-ECDSA-AES128-SHA256", "ECDHE-ECDSA", "AES-128-CBC", "SHA256"),
    suite("ECDHE-RSA-AES128-SHA256", "ECDHE-RSA", "AES-128-CBC", "SHA256"),
    suite("DHE-RSA-AES128-SHA256", "DHE-RSA", "AES-128-CBC", "SHA256"),
    suite("ECDHE-ECDSA-AES256-SHA", "ECDHE-ECDSA", "AES-256-CBC", "SHA1"),
    suite("ECDHE-RSA-AES256-SHA", "ECDHE-RSA", "AES-256-CBC", "SHA1"),
    suite("DHE-RSA-AES256-SHA", "DHE-RSA", "AES-256-CBC", "SHA1"),
    suite("DHE-DSS-AES256-SHA", "DHE-DSS", "AES-256-CBC", "SHA1"),
    suite("DHE-RSA-CAMELLIA256-SHA", "DHE-RSA", "CAMELLIA-256-CBC", "SHA1"),
    suite("ECDHE-ECDSA-AES128-SHA", "ECDHE-ECDSA", "AES-128-CBC", "SHA1"),
    suite("ECDHE-RSA-AES128-SHA", "ECDHE-RSA", "AES-128-CBC", "SHA1"),
    suite("DHE-RSA-AES128-SHA", "DHE-RSA", "AES-128-CBC", "SHA1"),
    suite("DHE-DSS-AES128-SHA", "DHE-DSS", "AES-128-CBC", "SHA1"),
    suite("DHE-RSA-CAMELLIA128-SHA", "DHE-RSA", "CAMELLIA-128-CBC", "SHA1"),
    suite("ECDHE-RSA-CAMELLIA256-SHA384", "ECDHE-RSA", "CAMELLIA-256-CBC", "SHA384"),
    suite("ECDHE-RSA-CAMELLIA128-SHA256", "ECDHE-RSA", "CAMELLIA-128-CBC", "SHA256"),
    suite("AES256-GCM-SHA384", "RSA", "AES-256-GCM", "AEAD"),
    suite("AES256-CCM", "RSA", "AES-256-CCM", "AEAD"),
    suite("AES128-GCM-SHA256", "RSA", "AES-128-GCM", "AEAD"),
    suite("AES128-CCM", "RSA", "AES-128-CCM", "AEAD"),
    suite("AES256-SHA256", "RSA", "AES-256-CBC", "SHA256"),
    suite("AES128-SHA256", "RSA", "AES-128-CBC", "SHA256"),
    suite("AES256-SHA", "RSA", "AES-256-CBC", "SHA1"),
    suite("CAMELLIA256-SHA256", "RSA", "CAMELLIA-256-CBC", "SHA256"),
    suite("CAMELLIA128-SHA256", "RSA", "CAMELLIA-128-CBC", "SHA256"),
    suite("CAMELLIA256-SHA", "RSA", "CAMELLIA-256-CBC", "SHA1"),
    suite("AES128-SHA", "RSA", "AES-128-CBC", "SHA1"),
    suite("CAMELLIA128-SHA", "RSA", "CAMELLIA-128-CBC", "SHA1"),
];

/// The suites of TLS 1.3 that OpenSSL takes by itself, and GnuTLS's names of their ciphers.
pub(super) const SUITES_OF_TLS_13: [(&str, &str); 3] = [
    ("TLS_AES_256_GCM_SHA384", "AES-256-GCM"),
    ("TLS_CHACHA20_POLY1305_SHA256", "CHACHA20-POLY1305"),
    ("TLS_AES_128_GCM_SHA256", "AES-128-GCM"),
];
