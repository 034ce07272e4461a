//! A login and the password that was tried, as digests: nothing that the tables keep tells of a password.
#![forbid(unsafe_code)]

use crate::secret::Secret;
use hmac::digest::FixedOutput;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

/// The length of the key in bytes.
pub const KEY_LENGTH: usize = 32;

/// Makes digests under a key that only the frontends of one daemon have.
pub(super) struct Digests {
    key: Zeroizing<[u8; KEY_LENGTH]>,
    keyed: Hmac<Sha256>,
}

/// An account, whoever mentions it: small and capital letters are the same to most servers, and so is a realm in the login
/// or beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Account(pub(super) u64);

/// An account and a password that was tried for it. A keyed digest of 32 bits: one of four billion wrong passwords is
/// taken for another one, and does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempt {
    pub(super) account: Account,
    pub(super) password: u32,
}

impl Digests {
    pub(super) fn new(key: &[u8; KEY_LENGTH]) -> Self {
        // HMAC takes a key of any length, so this never fails.
        let keyed =
            Hmac::new_from_slice(key).unwrap_or_else(|_| unreachable!("HMAC takes keys of any length"));
        Self { key: Zeroizing::new(*key), keyed }
    }

    pub(super) fn key(&self) -> &[u8; KEY_LENGTH] {
        &self.key
    }

    /// The account that is shown as that.
    pub(super) fn account(&self, name: &[u8]) -> Account {
        let mut keyed = self.keyed.clone();
        keyed.update(b"account");
        name.iter().for_each(|byte| keyed.update(&[byte.to_ascii_lowercase()]));
        let [a, b, c, d, e, f, g, h, ..]: [u8; 32] = keyed.finalize_fixed().into();
        Account(u64::from_le_bytes([a, b, c, d, e, f, g, h]))
    }

    pub(super) fn attempt(&self, account: Account, password: &Secret) -> Attempt {
        let mut keyed = self.keyed.clone();
        keyed.update(b"attempt");
        keyed.update(&account.0.to_le_bytes());
        keyed.update(password.as_bytes());
        let [a, b, c, d, ..]: [u8; 32] = keyed.finalize_fixed().into();
        Attempt { account, password: u32::from_le_bytes([a, b, c, d]) }
    }
}

/// How an account is shown: the login, with its realm behind it unless it ends in that already.
pub(super) fn shown_name(login: &[u8], realm: &[u8]) -> Vec<u8> {
    let has_it = || {
        let before = login.len().checked_sub(realm.len() + 1);
        let end = before.and_then(|before| login.get(before..)).and_then(|end| end.strip_prefix(b"@"));
        end.is_some_and(|end| end.eq_ignore_ascii_case(realm))
    };
    if realm.is_empty() || has_it() { login.to_vec() } else { [login, b"@", realm].concat() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt(name: &str, password: &str) -> Attempt {
        let digests = Digests::new(&[7; KEY_LENGTH]);
        digests.attempt(digests.account(name.as_bytes()), &Secret::copy_of(password.as_bytes()))
    }

    #[test]
    fn an_attempt_is_the_same_again_if_account_and_password_are() {
        assert_eq!(attempt("anna", "x"), attempt("anna", "x"));
        assert_eq!(attempt("anna", "x"), attempt("ANNA", "x"));
        assert_ne!(attempt("anna", "x"), attempt("anna", "X"));
        assert_ne!(attempt("anna", "x"), attempt("bert", "x"));
        let other = Digests::new(&[8; KEY_LENGTH]);
        assert_ne!(other.account(b"anna"), attempt("anna", "x").account);
    }

    #[test]
    fn a_realm_is_part_of_the_name_wherever_it_stands() {
        for (login, realm, shown) in [
            ("anna", "", "anna"),
            ("anna", "example.org", "anna@example.org"),
            ("anna@example.org", "example.org", "anna@example.org"),
            ("anna@Example.ORG", "example.org", "anna@Example.ORG"),
            ("anna@example.com", "example.org", "anna@example.com@example.org"),
            ("xample.org", "example.org", "xample.org@example.org"),
        ] {
            assert_eq!(shown_name(login.as_bytes(), realm.as_bytes()), shown.as_bytes());
        }
    }
}
