//! Who is in a sasldb, as keyed digests: the file holds plain passwords, the memory of the workers none.
#![forbid(unsafe_code)]

use crate::secret::Secret;
use crate::sys::random;
use hmac::digest::FixedOutput;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::io;
use subtle::{Choice, ConstantTimeEq};

/// The property that is the password; others belong to mechanisms of SASL that have no use for one in clear.
const PASSWORD: &[u8] = b"userPassword";

/// Half of an HMAC-SHA256 of login, realm and password: nobody finds 128 bits by guessing.
type Digest = [u8; 16];

/// Makes and checks digests. The keys are new for each process and never leave it.
pub(super) struct Keyed {
    digest: Hmac<Sha256>,
    name: RandomState,
}

/// The users of one file, sorted by name.
#[derive(Default)]
pub(super) struct Users {
    users: Vec<User>,
}

struct User {
    /// A keyed hash of login and realm, to find it by. The digest has them in it too, so two that are alike do no harm.
    name: u64,
    password: Digest,
}

/// What the file says about a login with a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// It is the login's.
    Right,
    /// The login has another.
    Wrong,
    /// There is no such login in that realm, or it has no password.
    Unknown,
}

impl Keyed {
    /// # Errors
    /// Those of getrandom(2).
    pub(super) fn new() -> io::Result<Self> {
        let key: [u8; 32] = random::bytes()?;
        // HMAC takes a key of any length.
        let digest = Hmac::new_from_slice(&key).map_err(io::Error::other)?;
        Ok(Self { digest, name: RandomState::new() })
    }

    fn name(&self, login: &[u8], realm: &[u8]) -> u64 {
        self.name.hash_one((login, realm))
    }

    fn password(&self, login: &[u8], realm: &[u8], password: &[u8]) -> Digest {
        let mut digest = self.digest.clone();
        for part in [login, realm] {
            digest.update(&part.len().to_le_bytes());
            digest.update(part);
        }
        digest.update(password);
        let whole: [u8; 32] = digest.finalize_fixed().into();
        whole.first_chunk().copied().unwrap_or_default()
    }
}

impl Users {
    /// One entry of the file; those that are no password are passed over.
    pub(super) fn add(&mut self, keyed: &Keyed, key: &[u8], value: &[u8]) {
        if let Some((login, realm)) = of_password(key) {
            let name = keyed.name(login, realm);
            self.users.push(User { name, password: keyed.password(login, realm, value) });
        }
    }

    /// After the last: they can be asked for.
    pub(super) fn sort(&mut self) {
        self.users.sort_unstable_by_key(|user| user.name);
        self.users.shrink_to_fit();
    }

    /// How many have a password.
    pub(super) fn len(&self) -> usize {
        self.users.len()
    }

    /// Does the same work whether or not there is such a user.
    pub(super) fn check(&self, keyed: &Keyed, login: &[u8], realm: &[u8], password: &Secret) -> Found {
        let name = keyed.name(login, realm);
        let digest = keyed.password(login, realm, password.as_bytes());
        let first = self.users.partition_point(|user| user.name < name);
        let mut of_name = self.users.iter().skip(first).take_while(|user| user.name == name).peekable();
        let is_known = of_name.peek().is_some();
        let is_right = of_name.fold(Choice::from(0), |right, user| right | user.password.ct_eq(&digest));
        match (bool::from(is_right), is_known) {
            (true, _) => Found::Right,
            (false, true) => Found::Wrong,
            (false, false) => Found::Unknown,
        }
    }
}

/// The login and realm of a key that is about a password: `login NUL realm NUL userPassword`.
fn of_password(key: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut parts = key.split(|byte| *byte == 0);
    let (login, realm, property) = (parts.next()?, parts.next()?, parts.next()?);
    (parts.next().is_none() && property == PASSWORD).then_some((login, realm))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn users(entries: &[(&str, &str)]) -> (Keyed, Users) {
        let keyed = Keyed::new().unwrap();
        let mut users = Users::default();
        entries.iter().for_each(|(key, value)| users.add(&keyed, key.as_bytes(), value.as_bytes()));
        users.sort();
        (keyed, users)
    }

    #[test]
    fn a_user_is_found_by_login_realm_and_password_byte_by_byte() {
        let (keyed, users) = users(&[
            ("anna\0mail\0userPassword", "secret"),
            ("anna\0other\0userPassword", "another"),
            ("otto\0mail\0userPassword", "abc\0def"),
            ("eva\0mail\0cmusaslsecretOTP", "secret"),
        ]);
        assert_eq!(users.len(), 3);
        for (login, realm, password, expected) in [
            ("anna", "mail", "secret", Found::Right),
            ("anna", "other", "another", Found::Right),
            ("anna", "mail", "another", Found::Wrong),
            ("anna", "mail", "secre", Found::Wrong),
            ("Anna", "mail", "secret", Found::Unknown),
            ("anna", "Mail", "secret", Found::Unknown),
            ("annam", "ail", "secret", Found::Unknown),
            ("otto", "mail", "abc", Found::Wrong),
            ("otto", "mail", "abc\0def", Found::Right),
            ("eva", "mail", "secret", Found::Unknown),
        ] {
            let password = Secret::copy_of(password.as_bytes());
            let found = users.check(&keyed, login.as_bytes(), realm.as_bytes(), &password);
            assert_eq!(found, expected, "{login}@{realm}");
        }
    }

    #[test]
    fn keys_of_another_shape_are_nobody() {
        for key in [
            "",
            "anna",
            "anna\0mail",
            "anna\0mail\0userPassword\0",
            "anna\0mail\0x\0userPassword",
            "anna\0mail\0userpassword",
        ] {
            assert_eq!(of_password(key.as_bytes()), None, "{key:?}");
        }
        assert_eq!(of_password(b"\0\0userPassword"), Some((&b""[..], &b""[..])));
    }

    #[test]
    fn every_one_of_many_users_is_found() {
        let entries: Vec<_> = (0..5000)
            .map(|number| (format!("user{number}\0mail\0userPassword"), format!("pw{number}")))
            .collect();
        let entries: Vec<_> = entries.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        let (keyed, users) = users(&entries);
        for number in 0..5000 {
            let check = |password: String| {
                users.check(
                    &keyed,
                    format!("user{number}").as_bytes(),
                    b"mail",
                    &Secret::copy_of(password.as_bytes()),
                )
            };
            assert_eq!(check(format!("pw{number}")), Found::Right);
            assert_eq!(check(format!("pw{}", number + 1)), Found::Wrong);
        }
    }
}
