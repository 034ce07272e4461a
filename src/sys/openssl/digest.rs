//! Hashes, and what is made of them.

use super::error::{OpenSslError, check, made};
use super::functions::{Crypto, EVP_MD, EVP_MD_CTX};
use super::library::crypto;
use crate::secret::Secret;
use std::ffi::{c_int, c_uint};
use std::ptr::{NonNull, null_mut};

/// A hash function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hash {
    /// MD5, RFC 1321.
    Md5,
    /// SHA-1, RFC 3174.
    Sha1,
    /// SHA-256, RFC 6234.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

impl Hash {
    /// Bytes of its result.
    pub const fn size(self) -> usize {
        match self {
            Self::Md5 => 16,
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }

    fn function(self, crypto: &Crypto) -> *const EVP_MD {
        // SAFETY: these take nothing and give something that is never freed.
        unsafe {
            match self {
                Self::Md5 => (crypto.EVP_md5)(),
                Self::Sha1 => (crypto.EVP_sha1)(),
                Self::Sha256 => (crypto.EVP_sha256)(),
                Self::Sha384 => (crypto.EVP_sha384)(),
                Self::Sha512 => (crypto.EVP_sha512)(),
            }
        }
    }
}

/// The hash of some bytes, given part by part.
pub struct Hasher {
    crypto: &'static Crypto,
    context: NonNull<EVP_MD_CTX>,
    hash: Hash,
}

impl Hasher {
    /// Of no bytes yet.
    ///
    /// # Errors
    /// When OpenSSL is not there or is not allowed to use the hash.
    pub fn new(hash: Hash) -> Result<Self, OpenSslError> {
        let crypto = crypto()?;
        // SAFETY: it takes nothing; the result is owned here.
        let context = made(crypto, unsafe { (crypto.EVP_MD_CTX_new)() })?;
        let hasher = Self { crypto, context, hash };
        // SAFETY: the context is alive; the last argument may be null.
        let begun =
            unsafe { (crypto.EVP_DigestInit_ex)(hasher.context.as_ptr(), hash.function(crypto), null_mut()) };
        check(crypto, begun).map(|()| hasher)
    }

    /// The next bytes.
    ///
    /// # Errors
    /// When OpenSSL fails.
    pub fn update(&mut self, bytes: &[u8]) -> Result<(), OpenSslError> {
        // SAFETY: the context is alive; pointer and length are those of a slice.
        let done = unsafe {
            (self.crypto.EVP_DigestUpdate)(self.context.as_ptr(), bytes.as_ptr().cast(), bytes.len())
        };
        check(self.crypto, done)
    }

    /// The hash of all of them.
    ///
    /// # Errors
    /// When OpenSSL fails.
    pub fn finish(self) -> Result<Secret, OpenSslError> {
        let mut result = room(self.hash);
        // SAFETY: the context is alive, and was begun with the hash that there is room for; the length may be null.
        let done = unsafe {
            let room = result.as_mut_bytes().as_mut_ptr();
            (self.crypto.EVP_DigestFinal_ex)(self.context.as_ptr(), room, null_mut())
        };
        check(self.crypto, done).map(|()| result)
    }
}

impl Drop for Hasher {
    fn drop(&mut self) {
        // SAFETY: it is owned here, and not used again. OpenSSL wipes it.
        unsafe { (self.crypto.EVP_MD_CTX_free)(self.context.as_ptr()) };
    }
}

fn room(hash: Hash) -> Secret {
    let mut room = Secret::default();
    room.resize(hash.size());
    room
}

/// The hash of all parts, one behind the other.
///
/// # Errors
/// When OpenSSL is not there or is not allowed to use the hash.
pub fn hash(hash: Hash, parts: &[&[u8]]) -> Result<Secret, OpenSslError> {
    let mut hasher = Hasher::new(hash)?;
    parts.iter().try_for_each(|part| hasher.update(part))?;
    hasher.finish()
}

/// HMAC of `data` under `key`, RFC 2104.
///
/// # Errors
/// When OpenSSL is not there or is not allowed to use the hash.
pub fn hmac(hash: Hash, key: &[u8], data: &[u8]) -> Result<Secret, OpenSslError> {
    let crypto = crypto()?;
    let mut result = room(hash);
    let mut length: c_uint = 0;
    let key_length = length_of(key)?;
    // SAFETY: pointers and lengths are those of slices, and the result has room for the hash.
    let done = unsafe {
        (crypto.HMAC)(
            hash.function(crypto),
            key.as_ptr().cast(),
            key_length,
            data.as_ptr(),
            data.len(),
            result.as_mut_bytes().as_mut_ptr(),
            &raw mut length,
        )
    };
    made(crypto, done).map(|_| result)
}

/// PBKDF2 with HMAC and one block, RFC 8018. It takes as long as so many rounds do.
///
/// # Errors
/// When OpenSSL is not there or is not allowed to use the hash.
pub fn derive_key(hash: Hash, password: &[u8], salt: &[u8], rounds: u32) -> Result<Secret, OpenSslError> {
    let crypto = crypto()?;
    let mut key = room(hash);
    let (password_length, salt_length) = (length_of(password)?, length_of(salt)?);
    let key_length = length_of(key.as_bytes())?;
    let rounds = c_int::try_from(rounds).map_err(|_| OpenSslError::silent())?;
    // SAFETY: pointers and lengths are those of slices, the last of one that is written.
    let done = unsafe {
        (crypto.PKCS5_PBKDF2_HMAC)(
            password.as_ptr().cast(),
            password_length,
            salt.as_ptr(),
            salt_length,
            rounds,
            hash.function(crypto),
            key_length,
            key.as_mut_bytes().as_mut_ptr(),
        )
    };
    check(crypto, done).map(|()| key)
}

/// Fills the room with bytes that nobody can foresee.
///
/// # Errors
/// When OpenSSL is not there or has none.
pub fn fill_with_chance(room: &mut [u8]) -> Result<(), OpenSslError> {
    let crypto = crypto()?;
    let length = length_of(room)?;
    // SAFETY: pointer and length are those of a slice that may be written.
    check(crypto, unsafe { (crypto.RAND_bytes)(room.as_mut_ptr(), length) })
}

/// OpenSSL counts many lengths in an int.
pub(super) fn length_of(bytes: &[u8]) -> Result<c_int, OpenSslError> {
    c_int::try_from(bytes.len()).map_err(|_| OpenSslError::silent())
}
