//! Groups of key exchanges and signatures: GnuTLS's names, and OpenSSL's of the same.
#![forbid(unsafe_code)]

/// In the order of OpenSSL's own list: a key for the first one is sent unasked.
pub(super) const GROUPS: [(&str, &str); 10] = [
    ("X25519", "X25519"),
    ("SECP256R1", "P-256"),
    ("X448", "X448"),
    ("SECP521R1", "P-521"),
    ("SECP384R1", "P-384"),
    ("FFDHE2048", "ffdhe2048"),
    ("FFDHE3072", "ffdhe3072"),
    ("FFDHE4096", "ffdhe4096"),
    ("FFDHE6144", "ffdhe6144"),
    ("FFDHE8192", "ffdhe8192"),
];

/// Whether a group of that name is for ECDHE; the others are for the DHE of TLS 1.3.
pub(super) fn is_curve(group: &str) -> bool {
    !group.starts_with("FFDHE")
}

/// In the order of OpenSSL's own list. GnuTLS has two names where TLS 1.3 binds a curve to what TLS 1.2 has for all.
pub(super) const SIGNATURES: [(&str, &str); 19] = [
    ("ECDSA-SECP256R1-SHA256", "ecdsa_secp256r1_sha256"),
    ("ECDSA-SHA256", "ecdsa_secp256r1_sha256"),
    ("ECDSA-SECP384R1-SHA384", "ecdsa_secp384r1_sha384"),
    ("ECDSA-SHA384", "ecdsa_secp384r1_sha384"),
    ("ECDSA-SECP521R1-SHA512", "ecdsa_secp521r1_sha512"),
    ("ECDSA-SHA512", "ecdsa_secp521r1_sha512"),
    ("EDDSA-ED25519", "ed25519"),
    ("EDDSA-ED448", "ed448"),
    ("RSA-PSS-SHA256", "rsa_pss_pss_sha256"),
    ("RSA-PSS-SHA384", "rsa_pss_pss_sha384"),
    ("RSA-PSS-SHA512", "rsa_pss_pss_sha512"),
    ("RSA-PSS-RSAE-SHA256", "rsa_pss_rsae_sha256"),
    ("RSA-PSS-RSAE-SHA384", "rsa_pss_rsae_sha384"),
    ("RSA-PSS-RSAE-SHA512", "rsa_pss_rsae_sha512"),
    ("RSA-SHA256", "rsa_pkcs1_sha256"),
    ("RSA-SHA384", "rsa_pkcs1_sha384"),
    ("RSA-SHA512", "rsa_pkcs1_sha512"),
    ("ECDSA-SHA1", "ECDSA+SHA1"),
    ("RSA-SHA1", "RSA+SHA1"),
];
