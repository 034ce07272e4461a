//! Stored passwords that are keys derived by PBKDF2.
#![forbid(unsafe_code)]

use super::decode::hexadecimal;
use super::{NotCompared, malformed, not_computed};
use crate::base64;
use crate::hash::hash;
use crate::job::Digest;
use crate::mechanism::pbkdf2::{MOST_ROUNDS, derive_key, hash_of, hmac};
use crate::secret::Secret;

/// {PBKDF2…}, of OpenLDAP or of Dovecot.
pub(super) struct Pbkdf2 {
    digest: Digest,
    rounds: u32,
    salt: Secret,
    key: Secret,
}

impl Pbkdf2 {
    /// `rounds$salt$key` in OpenLDAP's adapted base64, or Dovecot's `$1$salt$rounds$key` in hexadecimal digits, which
    /// takes the letters of the salt as they are.
    pub(super) fn parse(digest: Digest, stored: &[u8]) -> Result<Self, NotCompared> {
        let wrong = || malformed("the stored {PBKDF2} password is not like rounds$salt$key");
        let parts: Vec<&[u8]> = stored.split(|byte| *byte == b'$').collect();
        let (rounds, salt, key) = match parts.as_slice() {
            [rounds, salt, key] => (rounds, base64::decode_adapted(salt), base64::decode_adapted(key)),
            [b"", b"1", salt, rounds, key] => (rounds, Some(Secret::copy_of(salt)), hexadecimal(key)),
            _ => return Err(wrong()),
        };
        let (salt, key) = (salt.ok_or_else(wrong)?, key.ok_or_else(wrong)?);
        let rounds = number(rounds).ok_or_else(wrong)?;
        if rounds > MOST_ROUNDS {
            return Err(malformed(format!(
                "the stored {{PBKDF2}} password asks for more than {MOST_ROUNDS} rounds"
            )));
        }
        Ok(Self { digest, rounds, salt, key })
    }

    /// Whether the key is derived from `password`.
    pub(super) fn check(&self, password: &[u8]) -> Result<bool, NotCompared> {
        let key = derive_key(self.digest, password, self.salt.as_bytes(), self.rounds);
        Ok(key.map_err(NotCompared::Failed)? == self.key)
    }
}

/// {SCRAM-SHA-…}: what a server of SCRAM keeps (RFC 5802, section 3), as Dovecot writes it.
pub(super) struct Scram {
    digest: Digest,
    rounds: u32,
    salt: Secret,
    stored_key: Secret,
}

impl Scram {
    /// `rounds,salt,StoredKey,ServerKey`, the last three in base64.
    pub(super) fn parse(digest: Digest, stored: &[u8]) -> Result<Self, NotCompared> {
        let wrong = || malformed("the stored {SCRAM} password is not like rounds,salt,stored key,server key");
        let parts: Vec<&[u8]> = stored.split(|byte| *byte == b',').collect();
        let [rounds, salt, stored_key, server_key] = parts.as_slice() else {
            return Err(wrong());
        };
        let rounds = number(rounds).ok_or_else(wrong)?;
        if rounds > MOST_ROUNDS {
            return Err(malformed(format!(
                "the stored {{SCRAM}} password asks for more than {MOST_ROUNDS} rounds"
            )));
        }
        let decode = |text: &[u8]| base64::decode(text).ok_or_else(wrong);
        let is_whole = |key: &Secret| key.len() == hash_of(digest).size();
        let (salt, stored_key, server_key) = (decode(salt)?, decode(stored_key)?, decode(server_key)?);
        if !is_whole(&stored_key) || !is_whole(&server_key) {
            return Err(wrong());
        }
        Ok(Self { digest, rounds, salt, stored_key })
    }

    /// Whether the keys are derived from `password`, which is taken as it comes: what SASLprep would change are
    /// characters outside of ASCII that have several forms, and Dovecot does not prepare it either.
    pub(super) fn check(&self, password: &[u8]) -> Result<bool, NotCompared> {
        let salted = derive_key(self.digest, password, self.salt.as_bytes(), self.rounds)
            .map_err(NotCompared::Failed)?;
        let stored_key = hmac(self.digest, &salted, b"Client Key")
            .and_then(|client_key| hash(hash_of(self.digest), &[client_key.as_bytes()]))
            .map_err(not_computed)?;
        Ok(stored_key == self.stored_key)
    }
}

fn number(digits: &[u8]) -> Option<u32> {
    std::str::from_utf8(digits).ok()?.parse().ok().filter(|number| *number > 0)
}
