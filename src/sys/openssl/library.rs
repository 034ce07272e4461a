//! Mapping the libraries, once in the life of a process.

use super::error::OpenSslError;
use super::functions::{Crypto, OPENSSL_INIT_LOAD_CONFIG, Tls};
use std::ffi::CStr;
use std::ptr::null;

/// The names to look for: OpenSSL 3 has kept its interface since 3.0, and 1.1 ended in 2023.
const LIBCRYPTO: &CStr = c"libcrypto.so.3";
const LIBSSL: &CStr = c"libssl.so.3";

/// Maps OpenSSL and has it read its own configuration, so that a process that gives up its access to files afterwards
/// needs none for it. Of no effect when it is there already.
///
/// # Errors
/// When the libraries are not installed, or are not OpenSSL 3; the sentence names the package.
pub fn load() -> Result<(), OpenSslError> {
    tls().map(drop)
}

/// The same for what computes hashes only.
///
/// # Errors
/// As [`load`].
pub fn load_hashes() -> Result<(), OpenSslError> {
    crypto().map(drop)
}

/// The functions of libcrypto.
pub(super) fn crypto() -> Result<&'static Crypto, OpenSslError> {
    // What of openssl.cnf cannot be used is no reason to compute nothing, nor the one for which a later call fails.
    let set_up = |crypto: &Crypto| {
        // SAFETY: the second argument may be null, and clearing takes nothing.
        unsafe {
            (crypto.OPENSSL_init_crypto)(OPENSSL_INIT_LOAD_CONFIG, null());
            (crypto.ERR_clear_error)();
        }
    };
    // SAFETY: it is the table of OpenSSL 3, whose library has that name.
    Ok(unsafe { Crypto::of(LIBCRYPTO, set_up) }?)
}

/// The functions of libssl.
pub(super) fn tls() -> Result<&'static Tls, OpenSslError> {
    let crypto = crypto()?;
    let set_up = |tls: &Tls| {
        // SAFETY: the second argument may be null; where it fails, so does the first call of any other function.
        unsafe {
            (tls.OPENSSL_init_ssl)(0, null());
            (crypto.ERR_clear_error)();
        }
    };
    // SAFETY: as above.
    Ok(unsafe { Tls::of(LIBSSL, set_up) }?)
}
