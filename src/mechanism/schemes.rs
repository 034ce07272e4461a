//! Stored passwords as directories and passwd files have them: `{SCHEME}` and a hash, or without a scheme (RFC 2307,
//! RFC 3112, the modules pw-sha2, pw-pbkdf2 and argon2 of OpenLDAP, Dovecot's schemes, htpasswd).
#![forbid(unsafe_code)]

mod apr1;
mod decode;
mod derived;

use crate::job::Digest;
use crate::mechanism::password;
use crate::mechanism::pbkdf2::MOST_ROUNDS;
use crate::secret::Secret;
use crate::sys::crypt;
use apr1::Apr1;
use argon2::{Algorithm, Argon2, Params, PasswordHash, PasswordVerifier, Version};
use decode::Encoding;
use derived::{Pbkdf2, Scram};
use openssl::hash::{Hasher, MessageDigest};
use subtle::ConstantTimeEq;

/// The most memory that a stored {ARGON2} hash may ask for, in KiB; OpenLDAP's default is 4096.
const MOST_ARGON2_MEMORY: u32 = 1 << 20;

/// The most passes over that memory.
const MOST_ARGON2_PASSES: u32 = 100;

/// The most of both, in KiB: some seconds of work. The "sensitive" setting of libsodium is half of it.
const MOST_ARGON2_WORK: u64 = 8 << 20;

/// The highest cost of a bcrypt hash: about a minute of work; 10 to 14 are usual.
const MOST_BCRYPT_COST: u32 = 20;

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
        hash: fn() -> MessageDigest,
        salted: bool,
    },
    Crypt,
    Pbkdf2(Digest),
    Scram(Digest),
    Argon2,
    Apr1,
}

const fn hashed(hash: fn() -> MessageDigest, salted: bool) -> Scheme {
    Scheme::Hashed { hash, salted }
}

/// {UNIX} is {CRYPT}, as in C. Dovecot's *-CRYPT take any hash of crypt(3), as in Dovecot.
const SCHEMES: [(&str, Scheme); 33] = [
    ("CLEARTEXT", Scheme::Plain),
    ("CLEAR", Scheme::Plain),
    ("PLAIN", Scheme::Plain),
    ("MD5", hashed(MessageDigest::md5, false)),
    ("PLAIN-MD5", hashed(MessageDigest::md5, false)),
    ("LDAP-MD5", hashed(MessageDigest::md5, false)),
    ("SMD5", hashed(MessageDigest::md5, true)),
    ("SHA", hashed(MessageDigest::sha1, false)),
    ("SHA1", hashed(MessageDigest::sha1, false)),
    ("SSHA", hashed(MessageDigest::sha1, true)),
    ("SHA256", hashed(MessageDigest::sha256, false)),
    ("SSHA256", hashed(MessageDigest::sha256, true)),
    ("SHA384", hashed(MessageDigest::sha384, false)),
    ("SSHA384", hashed(MessageDigest::sha384, true)),
    ("SHA512", hashed(MessageDigest::sha512, false)),
    ("SSHA512", hashed(MessageDigest::sha512, true)),
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

/// Length of a hash by the traditional DES method; its long form adds 11 at a time.
const DES_HASH: usize = 13;
const DES_BLOCK: usize = 11;

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
            Scheme::Hashed { hash, salted } => {
                self.encoding.hash(self.value, hash().size(), salted).map(drop)
            }
            Scheme::Crypt if is_endless(self.value) => Err(malformed(ENDLESS)),
            Scheme::Crypt => is_of_crypt(self.value).then_some(()).ok_or_else(|| malformed(NO_HASH)),
            Scheme::Pbkdf2(digest) => Pbkdf2::parse(digest, self.value).map(drop),
            Scheme::Scram(digest) => Scram::parse(digest, self.value).map(drop),
            Scheme::Argon2 => parse_argon2(self.value).map(drop),
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
            Scheme::Hashed { hash, salted } => {
                let (stored, salt) = self.encoding.hash(self.value, hash().size(), salted)?;
                Ok(hash_of(hash(), &[password, salt.as_bytes()])?.ct_eq(stored.as_bytes()).into())
            }
            Scheme::Crypt if is_endless(self.value) => Err(malformed(ENDLESS)),
            Scheme::Crypt => Ok(password::verify(&Secret::copy_of(password), self.value)),
            Scheme::Pbkdf2(digest) => Pbkdf2::parse(digest, self.value)?.check(password),
            Scheme::Scram(digest) => Scram::parse(digest, self.value)?.check(password),
            Scheme::Argon2 => check_argon2(password, self.value),
            Scheme::Apr1 => Apr1::parse(self.value).ok_or_else(|| malformed(MALFORMED))?.check(password),
        }
    }
}

/// Compares hashes, so that the time does not tell the length either.
fn check_plain(password: &[u8], stored: &[u8]) -> Result<bool, NotCompared> {
    let hash = MessageDigest::sha256();
    Ok(hash_of(hash, &[password])?.ct_eq(&hash_of(hash, &[stored])?).into())
}

fn not_computed(error: openssl::error::ErrorStack) -> NotCompared {
    NotCompared::Failed(format!("OpenSSL cannot compute a hash: {error}"))
}

fn malformed(text: impl Into<String>) -> NotCompared {
    NotCompared::Malformed(text.into())
}

fn hash_of(hash: MessageDigest, parts: &[&[u8]]) -> Result<openssl::hash::DigestBytes, NotCompared> {
    let hashed = Hasher::new(hash).and_then(|mut hasher| {
        parts.iter().try_for_each(|part| hasher.update(part))?;
        hasher.finish()
    });
    hashed.map_err(not_computed)
}

/// A PHC string, such as `$argon2id$v=19$m=65536,t=2,p=1$salt$hash`.
fn parse_argon2(stored: &[u8]) -> Result<PasswordHash<'_>, NotCompared> {
    let stored =
        std::str::from_utf8(stored).map_err(|_| malformed("the stored {ARGON2} password is not text"))?;
    let stored = PasswordHash::new(stored).map_err(malformed_argon2)?;
    Algorithm::try_from(stored.algorithm).map_err(malformed_argon2)?;
    stored.version.map(Version::try_from).transpose().map_err(malformed_argon2)?;
    Params::try_from(&stored).map_err(malformed_argon2)?;
    let memory = stored.params.get_decimal("m").unwrap_or(0);
    let passes = stored.params.get_decimal("t").unwrap_or(0);
    let work = u64::from(memory).saturating_mul(u64::from(passes));
    if work > MOST_ARGON2_WORK || memory > MOST_ARGON2_MEMORY || passes > MOST_ARGON2_PASSES {
        return Err(malformed(format!(
            "the stored {{ARGON2}} password asks for more than {MOST_ARGON2_MEMORY} KiB, {MOST_ARGON2_PASSES} passes or eight times 1 GiB in all"
        )));
    }
    Ok(stored)
}

fn check_argon2(password: &[u8], stored: &[u8]) -> Result<bool, NotCompared> {
    match Argon2::default().verify_password(password, &parse_argon2(stored)?) {
        Ok(()) => Ok(true),
        Err(argon2::password_hash::Error::Password) => Ok(false),
        Err(error) => Err(malformed_argon2(error)),
    }
}

fn malformed_argon2(error: impl std::fmt::Display) -> NotCompared {
    malformed(format!("the stored {{ARGON2}} password: {error}"))
}

/// What [`Stored::inspect`] says of a hash without a scheme. It is mostly a file made for another program, or a
/// password written down as it is.
const NO_HASH: &str = "the hash is not one that crypt(3) of this system can check";

const ENDLESS: &str = "the hash asks for more rounds than anybody needs";

/// Whether crypt(3) would work on the hash for minutes: whoever may change it could keep a worker busy with each login.
/// Of sha256crypt, sha512crypt and sha1crypt the rounds count, of bcrypt the logarithm of them.
fn is_endless(hash: &[u8]) -> bool {
    let number =
        |digits: &[u8]| std::str::from_utf8(digits).ok().and_then(|digits| digits.parse::<u32>().ok());
    let mut parts = hash.split(|byte| *byte == b'$').skip(1);
    match (parts.next(), parts.next()) {
        (Some(b"5" | b"6"), Some(rounds)) => {
            rounds.strip_prefix(b"rounds=").and_then(number).is_some_and(|rounds| rounds > MOST_ROUNDS)
        }
        (Some(b"sha1"), Some(rounds)) => number(rounds).is_some_and(|rounds| rounds > MOST_ROUNDS),
        (Some(b"2" | b"2a" | b"2b" | b"2x" | b"2y"), Some(cost)) => {
            number(cost).is_some_and(|cost| cost > MOST_BCRYPT_COST)
        }
        _ => false,
    }
}

/// Whether crypt(3) may know the hash, or it is locked on purpose.
fn is_of_crypt(hash: &[u8]) -> bool {
    match hash.first() {
        Some(b'!' | b'*') => true,
        Some(b'$' | b'_') => crypt::is_known(hash),
        _ => {
            hash.len().checked_sub(DES_HASH).is_some_and(|more| more % DES_BLOCK == 0)
                && crypt::is_known(hash)
        }
    }
}

#[cfg(test)]
mod tools_tests;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const PASSWORD: &str = "s3cret Päss";

    /// Made by slappasswd 2.5.13 with its modules pw-sha2, pw-pbkdf2 and argon2.
    const STORED: &[&str] = &[
        "s3cret Päss",
        "{CLEARTEXT}s3cret Päss",
        "{SHA}CmYyJPsRIeE+rsNomwKRnXQaIDI=",
        "{SSHA}wAMjnLzMmEMlAn7+0EFc/RFn7X7jfoUE",
        "{MD5}40PtVB0AvOT6yDiQWC+CNA==",
        "{SMD5}YTxOPnlK8i0OiaPf0IXyeke0aJM=",
        "{SHA256}ZtdQRmu0AbKwYOKmU1Kmhu4ztlvMg+KDWjvZYz27RZs=",
        "{SSHA256}4SgIhiyUCu0j3MU7b9wDpL/FvanWsMuFYPBn5/58vSJOhpl+oQ2emQ==",
        "{SHA384}e2hft+wVuTUIiSkh4tvXCelTym7985IBuOs/JlM5ncrN3zCc2gBE9JOit1l5IgOc",
        "{SSHA384}0SlTusJ0ASEz5TG3K1Rq6c/G0UHmYtLzqrf35npTekaMM9Mj+QZAXkWAf8fvF5LYfzuzNUWAf/k=",
        "{SHA512}aw+fyN5NhvaqUHmtr+M8mQc8P1GCJHfncaI5Pcsf0fkgc9PWVbH1mt6r2+eIYR2ruw+WV69DOSfX8QHbUqBE6A==",
        "{SSHA512}jeWVWIi/9JusR3Me03uc2wbpZPGSOqmLagWrdpKLO/quqX5KZPnmhTdZqkAnXRpwlUOVoSEO89HcmVtVH4NQVSQrFOzTowTx",
        "{PBKDF2}10000$qP46H2IWx9aoV0TwVoFvyg$ijiQjWLlvAi7LlzgClewDpMOgzE",
        "{PBKDF2-SHA1}10000$tzTdkkno8RHVvdDSfO1VvQ$Dki1ll5jw7/NoYyvVDaimIhrKmI",
        "{PBKDF2-SHA256}10000$XtWpOc7Omn5B1jwOXJ.3sw$oAkwwqtAomYtUjW3xO500YF2hOnC7Jx5PQGeaBCGLyc",
        "{PBKDF2-SHA512}10000$808epjbu6yf5g406poSjrw$iybQhVL3n5oKQD5oKLpldT2aJ6P1.fV6rxAyg36xZUiM2jM/O8WmxugieiYa.swJzr2k4LQdkG5cC7F0Pn.0PA",
        "{ARGON2}$argon2i$v=19$m=4096,t=3,p=1$iM/hCyYvpXjSJ76l2YB9lw$lkHmfGAzu8wPOl0C/xyQxg5tinlDZYZBuTfEf6jXHRc",
        "{CRYPT}$5$ZTSaBmFHMODe$ue1RiWdGMbbVIlspvg5qxMj5QQbjWGtBtytDQqkF255",
        "{UNIX}$5$ZTSaBmFHMODe$ue1RiWdGMbbVIlspvg5qxMj5QQbjWGtBtytDQqkF255",
        "{Crypt}$1$LoR3aH/I$05/FTeWCjSMdthCIGYOz0.",
        "{crypt}j4mEvNYbKy0MA",
    ];

    fn is_malformed(stored: &str) -> bool {
        let checked = Stored::parse(stored.as_bytes()).and_then(|stored| stored.check(b"x"));
        matches!(checked, Err(NotCompared::Malformed(_)))
    }

    #[test]
    fn the_right_password_matches_every_scheme() {
        for stored in STORED {
            assert_eq!(check(PASSWORD.as_bytes(), stored.as_bytes()), Ok(true), "{stored}");
        }
    }

    #[test]
    fn a_hash_that_would_take_minutes_is_not_computed() {
        let argon2 = |cost: &str| {
            let hash = format!("$argon2id$v=19${cost},p=1$YWFhYWFhYWE$YWFhYWFhYWFhYWFhYWFhYQ");
            Stored::parse_hash(hash.as_bytes()).and_then(|stored| stored.inspect())
        };
        assert!(argon2("m=1048576,t=4").is_ok() && argon2("m=1048576,t=100").is_err());
        assert!(is_endless(b"$sha1$4294967295$abc$x") && !is_endless(b"$sha1$40000$abc$x"));
        for hash in
            ["$6$rounds=999999999$abc$def", "$5$rounds=10000001$abc$def", "$2b$31$OS1T9I.nCai3fDlip.3Ta."]
        {
            assert!(is_malformed(&format!("{{CRYPT}}{hash}")), "{hash}");
            assert!(Stored::parse_hash(hash.as_bytes()).unwrap().inspect().is_err(), "{hash}");
        }
        for hash in [
            "$6$rounds=10000000$abc$def",
            "$6$rounds=x$abc",
            "$2b$20$OS1T9I.nCai3fDlip.3Ta.",
            "$2b",
            "$1$31$x",
        ] {
            assert!(!is_endless(hash.as_bytes()), "{hash}");
        }
    }

    #[test]
    fn a_wrong_password_matches_no_scheme() {
        // descrypt looks at eight bytes only, which all of these differ in.
        for stored in STORED {
            for wrong in ["", "s3cret", "S3cret Päss", "x", "{CLEARTEXT}s3cret Päss"] {
                assert_eq!(check(wrong.as_bytes(), stored.as_bytes()), Ok(false), "{stored}: {wrong}");
            }
        }
    }

    #[test]
    fn the_stored_hash_itself_is_no_password() {
        for stored in STORED.iter().filter(|stored| stored.starts_with('{')) {
            assert_eq!(check(stored.as_bytes(), stored.as_bytes()), Ok(false), "{stored}");
        }
        for unknown in ["{WHIRLPOOL}abc", "{SASL}anna@example.org", "{ssha-3}x", "{x}"] {
            assert!(is_malformed(unknown), "{unknown}");
            assert_eq!(check(unknown.as_bytes(), unknown.as_bytes()), Ok(false), "{unknown}");
        }
    }

    #[test]
    fn a_hash_that_has_been_cut_or_lengthened_matches_nothing() {
        for stored in STORED {
            let stored = stored.trim_end_matches('=');
            let (_, cut) = stored.as_bytes().split_last().unwrap();
            assert_ne!(check(PASSWORD.as_bytes(), cut), Ok(true), "{stored}");
            assert_ne!(check(PASSWORD.as_bytes(), format!("{stored}A").as_bytes()), Ok(true), "{stored}");
        }
    }

    #[test]
    fn braces_without_a_name_between_them_are_part_of_a_plain_password() {
        for plain in ["{", "{}", "{}x", "{x", "x{SSHA}y", "}"] {
            assert_eq!(check(plain.as_bytes(), plain.as_bytes()), Ok(true), "{plain}");
        }
    }

    #[test]
    fn nothing_stored_matches_nothing() {
        for stored in ["", "{SHA}", "{CRYPT}", "{CLEARTEXT}", "{PBKDF2}", "{ARGON2}", "{CRYPT}*", "{CRYPT}!x"]
        {
            for password in ["", "x", stored] {
                assert_eq!(check(password.as_bytes(), stored.as_bytes()), Ok(false), "{stored}: {password}");
            }
        }
    }

    #[test]
    fn a_hash_that_asks_for_too_much_work_is_an_error() {
        for stored in [
            "{PBKDF2}4294967295$qP46H2IWx9aoV0TwVoFvyg$ijiQjWLlvAi7LlzgClewDpMOgzE",
            "{PBKDF2}0$qP46H2IWx9aoV0TwVoFvyg$ijiQjWLlvAi7LlzgClewDpMOgzE",
            "{ARGON2}$argon2i$v=19$m=4294967295,t=3,p=1$iM/hCyYvpXjSJ76l2YB9lw$lkHmfGAzu8wPOl0C/xyQxg5tinlDZYZBuTfEf6jXHRc",
            "{ARGON2}$argon2i$v=19$m=4096,t=4294967295,p=1$iM/hCyYvpXjSJ76l2YB9lw$lkHmfGAzu8wPOl0C/xyQxg5tinlDZYZBuTfEf6jXHRc",
        ] {
            assert!(is_malformed(stored), "{stored}");
            assert_eq!(check(b"x", stored.as_bytes()), Ok(false), "{stored}");
        }
    }

    #[test]
    fn malformed_hashes_are_errors_and_never_match() {
        for stored in [
            "{SHA}!!!!",
            "{SHA}CmYy",
            "{SSHA}CmYy",
            "{PBKDF2}1",
            "{PBKDF2}1$",
            "{PBKDF2}x$y$z",
            "{PBKDF2}1$A$A",
            "{ARGON2}x",
            "{ARGON2}$argon2x$v=19$m=8,t=1,p=1$iM/hCyYvpXjSJ76l2YB9lw$lkHmfGAzu8wPOl0C",
        ] {
            assert!(is_malformed(stored), "{stored}");
            assert_eq!(check(b"x", stored.as_bytes()), Ok(false), "{stored}");
        }
    }

    #[test]
    fn only_schemes_made_to_be_slow_are_left_to_a_worker() {
        for stored in STORED {
            let slow = ["{CRYPT}", "{UNIX}", "{PBKDF2", "{ARGON2}"];
            let expected = slow.iter().any(|scheme| stored.to_ascii_uppercase().starts_with(scheme));
            assert_eq!(Stored::parse(stored.as_bytes()).unwrap().is_slow(), expected, "{stored}");
        }
    }
}
