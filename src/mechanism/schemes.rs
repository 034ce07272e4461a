//! Stored passwords as directories and passwd files have them: `{SCHEME}` and a hash, or without a scheme (RFC 2307,
//! RFC 3112, the modules pw-sha2, pw-pbkdf2 and argon2 of OpenLDAP, Dovecot's schemes, htpasswd).
#![forbid(unsafe_code)]

mod apr1;
mod argon2_hash;
mod crypt_hash;
mod decode;
mod derived;

use crate::hash::{Hash, OpenSslError, hash};
use crate::job::Digest;
use crate::mechanism::password;
use crate::secret::Secret;
use apr1::Apr1;
use crypt_hash::{ENDLESS, NO_HASH, is_endless, is_known_or_locked};
use decode::Encoding;
use derived::{Pbkdf2, Scram};
use subtle::ConstantTimeEq;

/// Why a stored password was not compared: a sentence for the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotCompared {
    /// It is of a scheme that nobody knows, or not what its scheme says, and so no password's.
    Malformed(String),
    /// The library that computes hashes has failed, which says nothing.
    Failed(String),
}

impl NotCompared {
    /// The sentence.
    pub fn into_text(self) -> String {
        match self {
            Self::Malformed(text) | Self::Failed(text) => text,
        }
    }
}

/// Whether `password` is the one that `stored` stands for. Takes as long as the scheme wants. What is malformed is no
/// password's.
///
/// # Errors
/// When a library fails; the sentence is for the log.
pub fn check(password: &[u8], stored: &[u8]) -> Result<bool, String> {
    match Stored::parse(stored).and_then(|stored| stored.check(password)) {
        Ok(matches) => Ok(matches),
        Err(NotCompared::Malformed(_)) => Ok(false),
        Err(NotCompared::Failed(reason)) => Err(reason),
    }
}

/// A stored password, taken apart.
pub struct Stored<'a> {
    scheme: Scheme,
    encoding: Encoding,
    /// What follows the scheme.
    value: &'a [u8],
}

#[derive(Clone, Copy)]
enum Scheme {
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
}

const fn hashed(hash: Hash, salted: bool) -> Scheme {
    Scheme::Hashed { hash, salted }
}

/// {UNIX} is {CRYPT}, as in C. Dovecot's *-CRYPT take any hash of crypt(3), as in Dovecot.
const SCHEMES: [(&str, Scheme); 33] = [
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
];

/// What a value is called that is not what its scheme says.
const MALFORMED: &str = "the stored password is not what its scheme says";

impl<'a> Stored<'a> {
    /// Finds the scheme. A value that only looks as if it had one is no plain password: whoever has seen the hash
    /// could log in with it, as with the C daemon.
    ///
    /// # Errors
    /// When there is a scheme that nobody knows.
    pub fn parse(stored: &'a [u8]) -> Result<Self, NotCompared> {
        let scheme = stored.strip_prefix(b"{").and_then(|rest| {
            let end = rest.iter().position(|byte| *byte == b'}').filter(|end| *end > 0)?;
            rest.split_at_checked(end)
        });
        let Some((name, rest)) = scheme else { return Ok(Self::new(Scheme::Plain, stored)) };
        let (name, encoding) = Encoding::of_scheme(name);
        let known = SCHEMES.iter().find(|(known, _)| known.as_bytes().eq_ignore_ascii_case(name));
        let (_, scheme) =
            known.ok_or_else(|| malformed("the stored password has a scheme that is not known"))?;
        let value = rest.get(1..).unwrap_or_default();
        let scheme = match scheme {
            // Dovecot's {MD5} is md5crypt.
            Scheme::Hashed { .. } if name.eq_ignore_ascii_case(b"MD5") && value.starts_with(b"$") => {
                Scheme::Crypt
            }
            scheme => *scheme,
        };
        Ok(Self { encoding, ..Self::new(scheme, value) })
    }

    /// The same for a file of hashes: without a scheme it is what crypt(3), htpasswd or argon2(1) write, and never the
    /// password itself.
    ///
    /// # Errors
    /// When there is a scheme that nobody knows.
    pub fn parse_hash(stored: &'a [u8]) -> Result<Self, NotCompared> {
        if stored.starts_with(b"{") {
            let parsed = Self::parse(stored)?;
            // A brace that is not closed is no scheme.
            return if parsed.value.len() < stored.len() { Ok(parsed) } else { Err(malformed(NO_HASH)) };
        }
        let scheme = match stored {
            hash if hash.starts_with(apr1::MAGIC) => Scheme::Apr1,
            hash if hash.starts_with(b"$argon2") => Scheme::Argon2,
            _ => Scheme::Crypt,
        };
        Ok(Self::new(scheme, stored))
    }

    const fn new(scheme: Scheme, value: &'a [u8]) -> Self {
        Self { scheme, encoding: Encoding::Any, value }
    }

    /// Looks whether a password could match, or whether it is locked on purpose; computes nothing.
    ///
    /// # Errors
    /// When the value is not what its scheme says.
    pub fn inspect(&self) -> Result<(), NotCompared> {
        match self.scheme {
            Scheme::Plain => self.encoding.plain(self.value).map(drop),
            Scheme::Hashed { hash, salted } => self.encoding.hash(self.value, hash.size(), salted).map(drop),
            Scheme::Crypt if is_endless(self.value) => Err(malformed(ENDLESS)),
            Scheme::Crypt => is_known_or_locked(self.value).then_some(()).ok_or_else(|| malformed(NO_HASH)),
            Scheme::Pbkdf2(digest) => Pbkdf2::parse(digest, self.value).map(drop),
            Scheme::Scram(digest) => Scram::parse(digest, self.value).map(drop),
            Scheme::Argon2 => argon2_hash::parse(self.value).map(drop),
            Scheme::Apr1 => Apr1::parse(self.value).map(drop).ok_or_else(|| malformed(MALFORMED)),
        }
    }

    /// Whether [`Self::check`] takes so long that a worker must do it.
    pub fn is_slow(&self) -> bool {
        match self.scheme {
            Scheme::Plain | Scheme::Hashed { .. } => false,
            Scheme::Crypt | Scheme::Pbkdf2(_) | Scheme::Scram(_) | Scheme::Argon2 | Scheme::Apr1 => true,
        }
    }

    /// Whether [`Self::check`] computes with OpenSSL.
    pub fn needs_openssl(&self) -> bool {
        match self.scheme {
            Scheme::Plain | Scheme::Hashed { .. } | Scheme::Pbkdf2(_) | Scheme::Scram(_) | Scheme::Apr1 => {
                true
            }
            Scheme::Crypt | Scheme::Argon2 => false,
        }
    }

    /// Whether this is the stored form of `password`. An empty password or value never is.
    ///
    /// # Errors
    /// When the value is not what its scheme says, or a library fails.
    pub fn check(&self, password: &[u8]) -> Result<bool, NotCompared> {
        if password.is_empty() || self.value.is_empty() {
            return Ok(false);
        }
        match self.scheme {
            Scheme::Plain => check_plain(password, self.encoding.plain(self.value)?.as_bytes()),
            Scheme::Hashed { hash: function, salted } => {
                let (stored, salt) = self.encoding.hash(self.value, function.size(), salted)?;
                let own = hash(function, &[password, salt.as_bytes()]).map_err(not_computed)?;
                Ok(own.as_bytes().ct_eq(stored.as_bytes()).into())
            }
            Scheme::Crypt if is_endless(self.value) => Err(malformed(ENDLESS)),
            Scheme::Crypt => Ok(password::verify(&Secret::copy_of(password), self.value)),
            Scheme::Pbkdf2(digest) => Pbkdf2::parse(digest, self.value)?.check(password),
            Scheme::Scram(digest) => Scram::parse(digest, self.value)?.check(password),
            Scheme::Argon2 => argon2_hash::check(password, self.value),
            Scheme::Apr1 => Apr1::parse(self.value).ok_or_else(|| malformed(MALFORMED))?.check(password),
        }
    }
}

/// Compares hashes, so that the time does not tell the length either.
fn check_plain(password: &[u8], stored: &[u8]) -> Result<bool, NotCompared> {
    let hashed = |text| hash(Hash::Sha256, &[text]).map_err(not_computed);
    Ok(hashed(password)? == hashed(stored)?)
}

fn not_computed(error: OpenSslError) -> NotCompared {
    NotCompared::Failed(format!("OpenSSL cannot compute a hash: {error}"))
}

fn malformed(text: impl Into<String>) -> NotCompared {
    NotCompared::Malformed(text.into())
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod tools_tests;
