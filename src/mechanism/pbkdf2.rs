//! PBKDF2 and HMAC, for stored passwords as well as for SCRAM.
#![forbid(unsafe_code)]

use crate::hash::{self, Hash, OpenSslError};
use crate::job::Digest;
use crate::secret::Secret;

/// More rounds than anybody needs: some seconds of work. A server or stored password that asks for more is not to be obeyed.
pub const MOST_ROUNDS: u32 = 10_000_000;

/// PBKDF2 with one block (`Hi` of RFC 5802, section 2.2): slow by design, so a worker does it.
///
/// # Errors
/// When the rounds are none or too many, or OpenSSL is not allowed to use the hash; the sentence is for the log.
pub fn derive_key(digest: Digest, password: &[u8], salt: &[u8], rounds: u32) -> Result<Secret, String> {
    if !(1..=MOST_ROUNDS).contains(&rounds) {
        return Err(format!("{rounds} rounds of PBKDF2 are not between 1 and {MOST_ROUNDS}"));
    }
    hash::derive_key(hash_of(digest), password, salt, rounds)
        .map_err(|error| format!("OpenSSL cannot derive a key: {error}"))
}

/// HMAC of `data` under `key`.
///
/// # Errors
/// When OpenSSL is not allowed to use the hash.
pub fn hmac(digest: Digest, key: &Secret, data: &[u8]) -> Result<Secret, OpenSslError> {
    hash::hmac(hash_of(digest), key.as_bytes(), data)
}

/// The hash function of that name.
pub const fn hash_of(digest: Digest) -> Hash {
    match digest {
        Digest::Sha1 => Hash::Sha1,
        Digest::Sha256 => Hash::Sha256,
        Digest::Sha512 => Hash::Sha512,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// RFC 6070 for SHA-1; the others by Python's hashlib.
    #[test]
    fn keys_are_those_of_other_implementations() {
        for (digest, rounds, expected) in [
            (Digest::Sha1, 1, "0c60c80f961f0e71f3a9b524af6012062fe037a6"),
            (Digest::Sha1, 2, "ea6c014dc72d6f8ccd1ed92ace1d41f0d8de8957"),
            (Digest::Sha1, 4096, "4b007901b765489abead49d926f721d065a429c1"),
            (Digest::Sha256, 4096, "c5e478d59288c841aa530db6845c4c8d962893a001ce4e11a4963873aa98134a"),
            (
                Digest::Sha512,
                4096,
                "d197b1b33db0143e018b12f3d1d1479e6cdebdcc97c5c0f87f6902e072f457b5\
                 143f30602641b3d55cd335988cb36b84376060ecd532e039b742a239434af2d5",
            ),
        ] {
            let key = derive_key(digest, b"password", b"salt", rounds).unwrap();
            assert_eq!(hex(key.as_bytes()), expected);
        }
    }

    #[test]
    fn rounds_beyond_reason_are_refused() {
        for rounds in [0, MOST_ROUNDS + 1, u32::MAX] {
            assert!(derive_key(Digest::Sha256, b"password", b"salt", rounds).is_err());
        }
    }
}
