//! Mapping the libraries, once in the life of a process.

use super::error::OpenSslError;
use super::functions::{Crypto, OPENSSL_INIT_LOAD_CONFIG, Tls};
use crate::sys::library::Library;
use std::ffi::CStr;
use std::ptr::null;
use std::sync::OnceLock;

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
    static CRYPTO: OnceLock<Crypto> = OnceLock::new();
    if let Some(crypto) = CRYPTO.get() {
        return Ok(crypto);
    }
    let library = Library::open(LIBCRYPTO)?;
    // SAFETY: the addresses are those of OpenSSL 3, by the name of the library.
    let crypto = unsafe { Crypto::find(|name| library.address_of(name)) }?;
    // SAFETY: the second argument may be null, and clearing takes nothing. What of openssl.cnf cannot be used is no reason
    // to compute nothing, nor the one for which a later call fails.
    unsafe {
        (crypto.OPENSSL_init_crypto)(OPENSSL_INIT_LOAD_CONFIG, null());
        (crypto.ERR_clear_error)();
    }
    Ok(CRYPTO.get_or_init(|| crypto))
}

/// The functions of libssl.
pub(super) fn tls() -> Result<&'static Tls, OpenSslError> {
    static TLS: OnceLock<Tls> = OnceLock::new();
    if let Some(tls) = TLS.get() {
        return Ok(tls);
    }
    let crypto = crypto()?;
    let library = Library::open(LIBSSL)?;
    // SAFETY: as above.
    let tls = unsafe { Tls::find(|name| library.address_of(name)) }?;
    // SAFETY: the second argument may be null; where it fails, so does the first call of any other function.
    unsafe {
        (tls.OPENSSL_init_ssl)(0, null());
        (crypto.ERR_clear_error)();
    }
    Ok(TLS.get_or_init(|| tls))
}
