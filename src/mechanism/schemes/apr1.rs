//! `$apr1$` of Apache's htpasswd: the md5crypt of FreeBSD with another name in it, which crypt(3) does not know.
#![forbid(unsafe_code)]

use super::{NotCompared, not_computed};
use crate::hash::{Hash, Hasher, OpenSslError, hash};
use crate::secret::Secret;
use subtle::ConstantTimeEq;

/// What such a hash begins with.
pub(super) const MAGIC: &[u8] = b"$apr1$";

const LONGEST_SALT: usize = 8;
const ROUNDS: u32 = 1000;
/// Bytes of an MD5 hash.
const MD5: usize = 16;
/// Letters that those make.
const LETTERS: usize = 22;

/// The alphabet of crypt(3).
const ALPHABET: &[u8; 64] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// The bytes of the hash in the order in which they are written, three to four letters, the last alone.
const ORDER: [usize; MD5] = [12, 6, 0, 13, 7, 1, 14, 8, 2, 15, 9, 3, 5, 10, 4, 11];

/// A stored hash, taken apart.
pub(super) struct Apr1<'a> {
    salt: &'a [u8],
    letters: &'a [u8],
}

impl<'a> Apr1<'a> {
    /// `$apr1$salt$letters`; `None` for anything else.
    pub(super) fn parse(stored: &'a [u8]) -> Option<Self> {
        let mut parts = stored.strip_prefix(MAGIC)?.split(|byte| *byte == b'$');
        let (salt, letters) = (parts.next()?, parts.next()?);
        let is_whole = letters.len() == LETTERS && letters.iter().all(|letter| ALPHABET.contains(letter));
        (is_whole && salt.len() <= LONGEST_SALT && parts.next().is_none()).then_some(Self { salt, letters })
    }

    /// Whether this is the hash of `password`.
    ///
    /// # Errors
    /// When OpenSSL is not allowed to use MD5.
    pub(super) fn check(&self, password: &[u8]) -> Result<bool, NotCompared> {
        let hash = self.hash(password).map_err(not_computed)?;
        Ok(letters(hash.as_bytes()).ct_eq(self.letters).into())
    }

    fn hash(&self, password: &[u8]) -> Result<Secret, OpenSslError> {
        let inner = md5(&[password, self.salt, password])?;
        let mut hasher = Hasher::new(Hash::Md5)?;
        hasher.update(password)?;
        hasher.update(MAGIC)?;
        hasher.update(self.salt)?;
        for part in password.chunks(MD5) {
            hasher.update(inner.as_bytes().get(..part.len()).unwrap_or_default())?;
        }
        let mut bits = password.len();
        while bits > 0 {
            // Meant was a byte of `inner`, but the first implementation had just cleared it.
            let byte = if bits & 1 == 1 { &[0] } else { password.get(..1).unwrap_or_default() };
            hasher.update(byte)?;
            bits >>= 1;
        }
        let mut hash = hasher.finish()?;
        for round in 0..ROUNDS {
            let (first, last) =
                if round & 1 == 1 { (password, hash.as_bytes()) } else { (hash.as_bytes(), password) };
            let salt = if round % 3 == 0 { &[] } else { self.salt };
            let again = if round % 7 == 0 { &[] } else { password };
            hash = md5(&[first, salt, again, last])?;
        }
        Ok(hash)
    }
}

fn md5(parts: &[&[u8]]) -> Result<Secret, OpenSslError> {
    hash(Hash::Md5, parts)
}

/// Six bits a letter, the lowest first.
fn letters(hash: &[u8]) -> Vec<u8> {
    let ordered: Vec<u8> = ORDER.iter().filter_map(|at| hash.get(*at).copied()).collect();
    let mut letters = Vec::with_capacity(LETTERS + 2);
    for three in ordered.chunks(3) {
        let mut bits =
            three.iter().enumerate().fold(0u32, |bits, (at, byte)| bits | u32::from(*byte) << (8 * at));
        for _ in 0..=three.len() {
            letters.extend(ALPHABET.get((bits & 0x3f) as usize));
            bits >>= 6;
        }
    }
    letters
}
