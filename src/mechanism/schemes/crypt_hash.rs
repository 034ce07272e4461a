//! `{CRYPT}`, and what files have without a scheme: hashes of crypt(3), looked at before they are computed.
#![forbid(unsafe_code)]

use super::yescrypt;
use crate::mechanism::pbkdf2::MOST_ROUNDS;
use crate::sys::crypt;

/// The highest cost of a bcrypt hash: about a minute of work; 10 to 14 are usual.
const MOST_BCRYPT_COST: u32 = 20;

/// The most rounds that Sun's MD5 may add to its 4,096: some ten seconds of work.
const MOST_SUN_MD5_ROUNDS: u32 = 500_000;

/// Length of a hash by the traditional DES method; its long form adds 11 at a time.
const DES_HASH: usize = 13;
const DES_BLOCK: usize = 11;

/// What is said of a hash without a scheme. It is mostly of a file made for another program, or a password
/// written down as it is.
pub(super) const NO_HASH: &str = "the hash is not one that crypt(3) of this system can check";

/// What is said of [`is_endless`] hashes.
pub(super) const ENDLESS: &str = "the hash asks for more rounds or memory than anybody needs";

/// Whether crypt(3) would work on the hash for minutes, or take gigabytes: whoever may change it could keep a worker busy with
/// each login, or all memory.
/// Of sha256crypt, sha512crypt and sha1crypt the rounds count, of bcrypt the logarithm of them.
pub(super) fn is_endless(hash: &[u8]) -> bool {
    let number =
        |digits: &[u8]| std::str::from_utf8(digits).ok().and_then(|digits| digits.parse::<u32>().ok());
    let mut parts = hash.split(|byte| *byte == b'$').skip(1);
    match (parts.next(), parts.next()) {
        (Some(b"5" | b"6"), Some(rounds)) => {
            rounds.strip_prefix(b"rounds=").and_then(number).is_some_and(|rounds| rounds > MOST_ROUNDS)
        }
        // libxcrypt takes a minus and more than 32 bits here.
        (Some(b"sha1"), Some(rounds)) => number(rounds).is_none_or(|rounds| rounds > MOST_ROUNDS),
        (Some(b"2" | b"2a" | b"2b" | b"2x" | b"2y"), Some(cost)) => {
            number(cost).is_some_and(|cost| cost > MOST_BCRYPT_COST)
        }
        (Some(b"y" | b"gy"), Some(setting)) => yescrypt::is_endless(setting),
        (Some(b"7"), Some(setting)) => yescrypt::is_endless_scrypt(setting),
        (Some(sun_md5), _) => sun_md5
            .strip_prefix(b"md5,rounds=")
            .is_some_and(|rounds| number(rounds).is_none_or(|rounds| rounds > MOST_SUN_MD5_ROUNDS)),
        _ => false,
    }
}

/// Whether crypt(3) may know the hash, or it is locked on purpose.
pub(super) fn is_known_or_locked(hash: &[u8]) -> bool {
    match hash.first() {
        Some(b'!' | b'*') => true,
        Some(b'$' | b'_') => crypt::is_known(hash),
        _ => {
            hash.len().checked_sub(DES_HASH).is_some_and(|more| more % DES_BLOCK == 0)
                && crypt::is_known(hash)
        }
    }
}
