//! The names of the schemes.
#![forbid(unsafe_code)]

use super::legacy::Legacy;
use crate::hash::Hash;
use crate::job::Digest;

/// How a password is kept.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Scheme {
    Plain,
    /// A hash, with the salt behind it if there is one.
    Hashed {
        hash: Hash,
        salted: bool,
    },
    Crypt,
    Pbkdf2(Digest),
    Scram(Digest),
    Argon2,
    Apr1,
    Legacy(Legacy),
}

const fn hashed(hash: Hash, salted: bool) -> Scheme {
    Scheme::Hashed { hash, salted }
}

/// {UNIX} is {CRYPT}, as in C. Dovecot's *-CRYPT take any hash of crypt(3), as in Dovecot.
const SCHEMES: [(&str, Scheme); 39] = [
    ("CLEARTEXT", Scheme::Plain),
    ("CLEAR", Scheme::Plain),
    ("PLAIN", Scheme::Plain),
    ("MD5", hashed(Hash::Md5, false)),
    ("PLAIN-MD5", hashed(Hash::Md5, false)),
    ("LDAP-MD5", hashed(Hash::Md5, false)),
    ("SMD5", hashed(Hash::Md5, true)),
    ("SHA", hashed(Hash::Sha1, false)),
    ("SHA1", hashed(Hash::Sha1, false)),
    ("SSHA", hashed(Hash::Sha1, true)),
    ("SHA256", hashed(Hash::Sha256, false)),
    ("SSHA256", hashed(Hash::Sha256, true)),
    ("SHA384", hashed(Hash::Sha384, false)),
    ("SSHA384", hashed(Hash::Sha384, true)),
    ("SHA512", hashed(Hash::Sha512, false)),
    ("SSHA512", hashed(Hash::Sha512, true)),
    ("CRYPT", Scheme::Crypt),
    ("UNIX", Scheme::Crypt),
    ("DES-CRYPT", Scheme::Crypt),
    ("MD5-CRYPT", Scheme::Crypt),
    ("BLF-CRYPT", Scheme::Crypt),
    ("SHA256-CRYPT", Scheme::Crypt),
    ("SHA512-CRYPT", Scheme::Crypt),
    ("PBKDF2", Scheme::Pbkdf2(Digest::Sha1)),
    ("PBKDF2-SHA1", Scheme::Pbkdf2(Digest::Sha1)),
    ("PBKDF2-SHA256", Scheme::Pbkdf2(Digest::Sha256)),
    ("PBKDF2-SHA512", Scheme::Pbkdf2(Digest::Sha512)),
    ("ARGON2", Scheme::Argon2),
    ("ARGON2I", Scheme::Argon2),
    ("ARGON2ID", Scheme::Argon2),
    ("SCRAM-SHA-1", Scheme::Scram(Digest::Sha1)),
    ("SCRAM-SHA-256", Scheme::Scram(Digest::Sha256)),
    ("SCRAM-SHA-512", Scheme::Scram(Digest::Sha512)),
    ("CRAM-MD5", Scheme::Legacy(Legacy::CramMd5)),
    ("HMAC-MD5", Scheme::Legacy(Legacy::CramMd5)),
    ("DIGEST-MD5", Scheme::Legacy(Legacy::DigestMd5)),
    ("PLAIN-MD4", Scheme::Legacy(Legacy::Md4)),
    ("PLAIN-TRUNC", Scheme::Legacy(Legacy::Truncated)),
    ("OTP", Scheme::Legacy(Legacy::Otp)),
];

impl Scheme {
    /// The scheme of that name, in any case.
    pub(super) fn of(name: &[u8]) -> Option<Self> {
        let known = SCHEMES.iter().find(|(known, _)| known.as_bytes().eq_ignore_ascii_case(name));
        known.map(|(_, scheme)| *scheme)
    }
}
