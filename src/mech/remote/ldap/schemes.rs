//! Stored passwords as directories have them: `{SCHEME}` and a hash, or the plain password (RFC 2307, RFC 3112, and
//! the modules pw-sha2, pw-pbkdf2 and argon2 of OpenLDAP).
#![forbid(unsafe_code)]

use super::base64;
use super::scram::{MOST_ROUNDS, derive_key};
use crate::errand::Digest;
use crate::mech::local::password;
use crate::secret::Secret;
use argon2::{Argon2, PasswordHash, PasswordVerifier};
use openssl::hash::{Hasher, MessageDigest};
use subtle::ConstantTimeEq;

/// The most memory that a stored {ARGON2} hash may ask for, in KiB; OpenLDAP's default is 4096.
const MOST_ARGON2_MEMORY: u32 = 1 << 20;

/// The most passes over that memory.
const MOST_ARGON2_PASSES: u32 = 100;

/// Why a stored password was not compared: a sentence for the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotCompared {
    /// It is of a scheme that nobody knows, or not what its scheme says, and so no password's.
    Malformed(String),
    /// The library that computes hashes has failed, which says nothing.
    Failed(String),
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
    Argon2,
}

const fn hashed(hash: fn() -> MessageDigest, salted: bool) -> Scheme {
    Scheme::Hashed { hash, salted }
}

/// {UNIX} is {CRYPT}, as in C.
const SCHEMES: [(&str, Scheme); 18] = [
    ("CLEARTEXT", Scheme::Plain),
    ("MD5", hashed(MessageDigest::md5, false)),
    ("SMD5", hashed(MessageDigest::md5, true)),
    ("SHA", hashed(MessageDigest::sha1, false)),
    ("SSHA", hashed(MessageDigest::sha1, true)),
    ("SHA256", hashed(MessageDigest::sha256, false)),
    ("SSHA256", hashed(MessageDigest::sha256, true)),
    ("SHA384", hashed(MessageDigest::sha384, false)),
    ("SSHA384", hashed(MessageDigest::sha384, true)),
    ("SHA512", hashed(MessageDigest::sha512, false)),
    ("SSHA512", hashed(MessageDigest::sha512, true)),
    ("CRYPT", Scheme::Crypt),
    ("UNIX", Scheme::Crypt),
    ("PBKDF2", Scheme::Pbkdf2(Digest::Sha1)),
    ("PBKDF2-SHA1", Scheme::Pbkdf2(Digest::Sha1)),
    ("PBKDF2-SHA256", Scheme::Pbkdf2(Digest::Sha256)),
    ("PBKDF2-SHA512", Scheme::Pbkdf2(Digest::Sha512)),
    ("ARGON2", Scheme::Argon2),
];

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
        let Some((name, rest)) = scheme else { return Ok(Self { scheme: Scheme::Plain, value: stored }) };
        let known = SCHEMES.iter().find(|(known, _)| known.as_bytes().eq_ignore_ascii_case(name));
        let (_, scheme) =
            known.ok_or_else(|| malformed("the stored password has a scheme that is not known"))?;
        Ok(Self { scheme: *scheme, value: rest.get(1..).unwrap_or_default() })
    }

    /// Whether [`Self::check`] takes so long that a worker must do it.
    pub fn is_slow(&self) -> bool {
        match self.scheme {
            Scheme::Plain | Scheme::Hashed { .. } => false,
            Scheme::Crypt | Scheme::Pbkdf2(_) | Scheme::Argon2 => true,
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
            Scheme::Plain => check_plain(password, self.value),
            Scheme::Hashed { hash, salted } => check_hashed(hash(), salted, password, self.value),
            Scheme::Crypt => Ok(password::verify(&Secret::copy_of(password), self.value)),
            Scheme::Pbkdf2(digest) => check_pbkdf2(digest, password, self.value),
            Scheme::Argon2 => check_argon2(password, self.value),
        }
    }
}

/// Compares hashes, so that the time does not tell the length either.
fn check_plain(password: &[u8], stored: &[u8]) -> Result<bool, NotCompared> {
    let hash = MessageDigest::sha256();
    Ok(hash_of(hash, &[password])?.ct_eq(&hash_of(hash, &[stored])?).into())
}

fn check_hashed(
    hash: MessageDigest,
    salted: bool,
    password: &[u8],
    stored: &[u8],
) -> Result<bool, NotCompared> {
    let wrong = || malformed("the stored password is not what its scheme says");
    let stored = base64::decode(stored).ok_or_else(wrong)?;
    let (stored, salt) = stored.as_bytes().split_at_checked(hash.size()).ok_or_else(wrong)?;
    if !salted && !salt.is_empty() {
        return Err(wrong());
    }
    Ok(hash_of(hash, &[password, salt])?.ct_eq(stored).into())
}

fn malformed(text: impl Into<String>) -> NotCompared {
    NotCompared::Malformed(text.into())
}

fn hash_of(hash: MessageDigest, parts: &[&[u8]]) -> Result<openssl::hash::DigestBytes, NotCompared> {
    let hashed = Hasher::new(hash).and_then(|mut hasher| {
        parts.iter().try_for_each(|part| hasher.update(part))?;
        hasher.finish()
    });
    hashed.map_err(|error| NotCompared::Failed(format!("OpenSSL cannot compute a hash: {error}")))
}

/// `rounds$salt$key`, in OpenLDAP's adapted base64.
fn check_pbkdf2(digest: Digest, password: &[u8], stored: &[u8]) -> Result<bool, NotCompared> {
    let wrong = || malformed("the stored {PBKDF2} password is not like rounds$salt$key");
    let mut parts = stored.split(|byte| *byte == b'$');
    let (Some(rounds), Some(salt), Some(key), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(wrong());
    };
    let rounds = std::str::from_utf8(rounds).ok().and_then(|rounds| rounds.parse().ok()).ok_or_else(wrong)?;
    if !(1..=MOST_ROUNDS).contains(&rounds) {
        return Err(malformed(format!(
            "the stored {{PBKDF2}} password asks for {rounds} rounds, which are not 1 to {MOST_ROUNDS}"
        )));
    }
    let salt = base64::decode_adapted(salt).ok_or_else(wrong)?;
    let key = base64::decode_adapted(key).ok_or_else(wrong)?;
    let derived = derive_key(digest, password, salt.as_bytes(), rounds).map_err(NotCompared::Failed)?;
    Ok(derived == key)
}

/// A PHC string, such as `$argon2id$v=19$m=65536,t=2,p=1$salt$hash`.
fn check_argon2(password: &[u8], stored: &[u8]) -> Result<bool, NotCompared> {
    let wrong =
        |error: argon2::password_hash::Error| malformed(format!("the stored {{ARGON2}} password: {error}"));
    let stored =
        std::str::from_utf8(stored).map_err(|_| malformed("the stored {ARGON2} password is not text"))?;
    let stored = PasswordHash::new(stored).map_err(wrong)?;
    let memory = stored.params.get_decimal("m").unwrap_or(0);
    let passes = stored.params.get_decimal("t").unwrap_or(0);
    if memory > MOST_ARGON2_MEMORY || passes > MOST_ARGON2_PASSES {
        return Err(malformed(format!(
            "the stored {{ARGON2}} password asks for more than {MOST_ARGON2_MEMORY} KiB or {MOST_ARGON2_PASSES} passes"
        )));
    }
    match Argon2::default().verify_password(password, &stored) {
        Ok(()) => Ok(true),
        Err(argon2::password_hash::Error::Password) => Ok(false),
        Err(error) => Err(wrong(error)),
    }
}

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
