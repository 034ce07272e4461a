//! Stored passwords as directories and passwd files have them: `{SCHEME}` and a hash, or without a scheme (RFC 2307,
//! RFC 3112, the modules pw-sha2, pw-pbkdf2 and argon2 of OpenLDAP, Dovecot's schemes, htpasswd).
#![forbid(unsafe_code)]

mod apr1;
mod argon2_hash;
mod crypt_hash;
mod decode;
mod derived;
mod legacy;
mod md;
mod scheme;
mod yescrypt;

use crate::hash::{Hash, OpenSslError, hash};
use crate::mechanism::password;
use crate::secret::Secret;
use apr1::Apr1;
use crypt_hash::{ENDLESS, NO_HASH, is_endless, is_known_or_locked};
use decode::Encoding;
use derived::{Pbkdf2, Scram};
use legacy::Legacy;
use scheme::Scheme;
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

/// A scheme and how its values are written, as in `SSHA256.HEX`.
#[derive(Clone, Copy)]
pub struct KnownScheme {
    scheme: Scheme,
    encoding: Encoding,
    is_named_md5: bool,
}

impl KnownScheme {
    /// The scheme of that name, without braces; `None` if nobody knows it.
    pub fn parse(name: &[u8]) -> Option<Self> {
        let (name, encoding) = Encoding::of_scheme(name);
        let is_named_md5 = name.eq_ignore_ascii_case(b"MD5");
        Scheme::of(name).map(|scheme| Self { scheme, encoding, is_named_md5 })
    }

    /// Whether passwords are kept as they are.
    pub fn is_plain(self) -> bool {
        matches!(self.scheme, Scheme::Plain | Scheme::Legacy(Legacy::Truncated))
    }

    /// Dovecot's {MD5} is md5crypt.
    fn of_value(self, value: &[u8]) -> Stored<'_> {
        let is_crypt = self.is_named_md5 && value.starts_with(b"$");
        let scheme = if is_crypt { Scheme::Crypt } else { self.scheme };
        Stored { scheme, encoding: self.encoding, value }
    }
}

/// A stored password, taken apart.
pub struct Stored<'a> {
    scheme: Scheme,
    encoding: Encoding,
    /// What follows the scheme.
    value: &'a [u8],
}

/// What is said of a scheme that nobody knows, and of a value without any.
const UNKNOWN: &str = "the stored password has a scheme that is not known";
const NO_SCHEME: &str = "the stored password has no scheme";

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
        let value = rest.get(1..).unwrap_or_default();
        let known = KnownScheme::parse(name).ok_or_else(|| malformed(UNKNOWN))?;
        Ok(known.of_value(value))
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

    /// The same for a table: without a scheme it is of `usual`, or, if there is none, what has a `$` at its start as
    /// crypt(3), htpasswd and argon2(1) write it. Never the password itself, unless that is `usual`.
    ///
    /// # Errors
    /// When there is a scheme that nobody knows, or none at all.
    pub fn parse_value(stored: &'a [u8], usual: Option<KnownScheme>) -> Result<Self, NotCompared> {
        let has_scheme = stored.starts_with(b"{") && stored.contains(&b'}');
        match usual {
            Some(usual) if !has_scheme && usual.scheme != Scheme::Crypt => Ok(usual.of_value(stored)),
            None if !has_scheme && !stored.starts_with(b"$") => Err(malformed(NO_SCHEME)),
            _ => Self::parse_hash(stored),
        }
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
            Scheme::Legacy(legacy) => legacy.inspect(self.value, self.encoding),
        }
    }

    /// Whether [`Self::check`] takes so long that a worker must do it.
    pub fn is_slow(&self) -> bool {
        match self.scheme {
            Scheme::Plain | Scheme::Hashed { .. } | Scheme::Legacy(_) => false,
            Scheme::Crypt | Scheme::Pbkdf2(_) | Scheme::Scram(_) | Scheme::Argon2 | Scheme::Apr1 => true,
        }
    }

    /// Whether [`Self::check`] computes with OpenSSL.
    pub fn needs_openssl(&self) -> bool {
        !matches!(self.scheme, Scheme::Crypt | Scheme::Argon2)
    }

    /// Whether this is the stored form of `password`. An empty password or value never is.
    ///
    /// # Errors
    /// When the value is not what its scheme says, or a library fails.
    pub fn check(&self, password: &[u8]) -> Result<bool, NotCompared> {
        self.check_of(b"", password)
    }

    /// The same where the login is known, which {DIGEST-MD5} goes into.
    ///
    /// # Errors
    /// As [`Self::check`].
    pub fn check_of(&self, login: &[u8], password: &[u8]) -> Result<bool, NotCompared> {
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
            Scheme::Crypt if !is_known_or_locked(self.value) => Err(malformed(NO_HASH)),
            Scheme::Crypt => Ok(password::verify(&Secret::copy_of(password), self.value)),
            Scheme::Pbkdf2(digest) => Pbkdf2::parse(digest, self.value)?.check(password),
            Scheme::Scram(digest) => Scram::parse(digest, self.value)?.check(password),
            Scheme::Argon2 => argon2_hash::check(password, self.value),
            Scheme::Apr1 => Apr1::parse(self.value).ok_or_else(|| malformed(MALFORMED))?.check(password),
            Scheme::Legacy(legacy) => legacy.check(login, password, self.value, self.encoding),
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
mod doveadm_tests;
#[cfg(test)]
mod legacy_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tools_tests;
