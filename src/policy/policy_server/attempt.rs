//! A login attempt as a policy server knows it: everything but the password.
#![forbid(unsafe_code)]

use crate::credentials::{Credentials, MailConnection};
use crate::secret::Secret;
use sha2::{Digest, Sha256};
use std::net::IpAddr;

/// What the server learns of an attempt.
#[derive(Clone, PartialEq, Eq)]
pub struct Attempt {
    /// The account, as a format has made it: one name for a person, whatever the protocol.
    pub login: Vec<u8>,
    /// See [`password_hash`].
    pub password_hash: u16,
    /// Where it comes from.
    pub client: IpAddr,
    /// The service, such as `smtp`.
    pub service: Vec<u8>,
    /// What else the mail server has told.
    pub connection: MailConnection,
}

impl Attempt {
    /// That of these credentials; `None` without a client address, since the server goes by that.
    pub fn of(credentials: &Credentials, nonce: &Secret) -> Option<Self> {
        Some(Self {
            login: credentials.login.clone(),
            password_hash: password_hash(nonce, &credentials.login, &credentials.password),
            client: credentials.client?,
            service: credentials.service.clone(),
            connection: credentials.connection.as_deref().cloned().unwrap_or_default(),
        })
    }
}

/// The first 12 bits of SHA-256 over nonce, login, a NUL and the password, as Dovecot has them by default: enough to tell
/// one wrong password tried again from many, and too few to find a password by.
pub fn password_hash(nonce: &Secret, login: &[u8], password: &Secret) -> u16 {
    let mut input = Secret::with_capacity(nonce.len() + login.len() + 1 + password.len());
    for part in [nonce.as_bytes(), login, b"\0", password.as_bytes()] {
        input.extend_from_slice(part);
    }
    let mut digest = Sha256::new();
    digest.update(input.as_bytes());
    let hash: [u8; 32] = digest.finalize_reset().into();
    overwrite(&mut digest);
    let [first, second, ..] = hash;
    u16::from_be_bytes([first, second]) >> 4
}

/// A digest keeps the last bytes of its input, up to a block, until others take their place.
fn overwrite(digest: &mut Sha256) {
    const ALL_BUT_ONE_OF_A_BLOCK: [u8; 63] = [0; 63];
    digest.update(ALL_BUT_ONE_OF_A_BLOCK);
    std::hint::black_box(digest);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(nonce: &str, login: &str, password: &str) -> String {
        let [nonce, password] = [nonce, password].map(|text| Secret::copy_of(text.as_bytes()));
        format!("{:04x}", password_hash(&nonce, login.as_bytes(), &password))
    }

    /// Computed by Dovecot 2.3.19 with `auth_policy_hash_nonce = localnonce`.
    #[test]
    fn the_hash_is_dovecots() {
        for (login, password, expected) in [
            ("anna", "secret", "023d"),
            ("anna", "wrong", "016e"),
            ("jürgen€𝄞", "x", "04b7"),
            ("Anna@Example.ORG", "x", "041c"),
            ("a%ub", "x", "0dea"),
        ] {
            assert_eq!(hash("localnonce", login, password), expected, "{login} {password}");
        }
    }

    #[test]
    fn the_hash_depends_on_every_part_and_on_where_they_meet() {
        let hashes = [hash("n", "ab", "c"), hash("n", "a", "bc"), hash("m", "ab", "c"), hash("n", "ab", "d")];
        for (place, one) in hashes.iter().enumerate() {
            assert!(hashes.iter().skip(place + 1).all(|other| one != other), "{hashes:?}");
        }
    }
}
