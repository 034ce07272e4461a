//! Hashes of the system's OpenSSL, for whoever computes and does nothing else: the library is mapped by the first of them.
#![forbid(unsafe_code)]

pub use crate::sys::openssl::digest::{Hash, Hasher, derive_key, fill_with_chance, hash, hmac};
pub use crate::sys::openssl::{OpenSslError, load_hashes};
