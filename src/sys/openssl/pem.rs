//! Certificates and keys in PEM.

use super::digest::length_of;
use super::error::{OpenSslError, check, made};
use super::functions::{BIO, Crypto, EVP_PKEY, X509, X509_STORE, X509_V_FLAG_PARTIAL_CHAIN};
use super::library::crypto;
use std::ffi::{c_char, c_int, c_void};
use std::marker::PhantomData;
use std::ptr::{NonNull, null_mut};

/// A certificate.
pub struct Certificate {
    crypto: &'static Crypto,
    pub(super) pointer: NonNull<X509>,
}

impl Drop for Certificate {
    fn drop(&mut self) {
        // SAFETY: it is owned here, and not used again; whoever else has it has a reference of his own.
        unsafe { (self.crypto.X509_free)(self.pointer.as_ptr()) };
    }
}

/// A private key.
pub struct PrivateKey {
    crypto: &'static Crypto,
    pub(super) pointer: NonNull<EVP_PKEY>,
}

impl Drop for PrivateKey {
    fn drop(&mut self) {
        // SAFETY: it is owned here, and not used again. OpenSSL wipes it with its last reference.
        unsafe { (self.crypto.EVP_PKEY_free)(self.pointer.as_ptr()) };
    }
}

/// Authorities that are trusted.
pub struct Store {
    crypto: &'static Crypto,
    pub(super) pointer: NonNull<X509_STORE>,
}

impl Store {
    /// Without any. What is added is trusted whoever signed it.
    ///
    /// # Errors
    /// When OpenSSL is not there or fails.
    pub fn new() -> Result<Self, OpenSslError> {
        let crypto = crypto()?;
        // SAFETY: it takes nothing; the result is owned here.
        let pointer = made(crypto, unsafe { (crypto.X509_STORE_new)() })?;
        let store = Self { crypto, pointer };
        // SAFETY: the store is alive.
        let set = unsafe { (crypto.X509_STORE_set_flags)(store.pointer.as_ptr(), X509_V_FLAG_PARTIAL_CHAIN) };
        check(crypto, set).map(|()| store)
    }

    /// Adds a certificate; one that is there already is no error.
    ///
    /// # Errors
    /// When OpenSSL fails.
    pub fn add(&mut self, certificate: &Certificate) -> Result<(), OpenSslError> {
        // SAFETY: both are alive; the store takes a reference of its own.
        let added =
            unsafe { (self.crypto.X509_STORE_add_cert)(self.pointer.as_ptr(), certificate.pointer.as_ptr()) };
        check(self.crypto, added)
    }

    /// What it is, for a function that takes it over.
    pub(super) fn into_pointer(self) -> *mut X509_STORE {
        std::mem::ManuallyDrop::new(self).pointer.as_ptr()
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        // SAFETY: it is owned here, and not used again.
        unsafe { (self.crypto.X509_STORE_free)(self.pointer.as_ptr()) };
    }
}

/// What may be before the first line of a text in UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// A text that OpenSSL reads from.
struct Text<'a> {
    crypto: &'static Crypto,
    bio: NonNull<BIO>,
    bytes: PhantomData<&'a [u8]>,
}

impl<'a> Text<'a> {
    fn new(bytes: &'a [u8]) -> Result<Self, OpenSslError> {
        let crypto = crypto()?;
        // Left by editors, and not known to OpenSSL.
        let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
        let length = length_of(bytes)?;
        // SAFETY: pointer and length are those of a slice, which is read only and outlives the BIO.
        let bio = made(crypto, unsafe { (crypto.BIO_new_mem_buf)(bytes.as_ptr().cast(), length) })?;
        Ok(Self { crypto, bio, bytes: PhantomData })
    }
}

impl Drop for Text<'_> {
    fn drop(&mut self) {
        // SAFETY: it is owned here, and not used again.
        unsafe { (self.crypto.BIO_free)(self.bio.as_ptr()) };
    }
}

/// Which certificates count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `CERTIFICATE`.
    Plain,
    /// Also `TRUSTED CERTIFICATE`, which says in addition for what it is trusted.
    Trusted,
}

/// The certificates in a text, in their order; anything else in it is passed over.
///
/// # Errors
/// When OpenSSL is not there, or one of them is malformed.
pub fn certificates(pem: &[u8], kind: Kind) -> Result<Vec<Certificate>, OpenSslError> {
    let text = Text::new(pem)?;
    let crypto = text.crypto;
    let read = match kind {
        Kind::Plain => crypto.PEM_read_bio_X509,
        Kind::Trusted => crypto.PEM_read_bio_X509_AUX,
    };
    let mut certificates = Vec::new();
    loop {
        // SAFETY: the BIO is alive; the second argument may be null, and the last goes to the callback only.
        let found = unsafe { read(text.bio.as_ptr(), null_mut(), Some(no_password), null_mut()) };
        match made(crypto, found) {
            Ok(pointer) => certificates.push(Certificate { crypto, pointer }),
            Err(error) if error.says("no start line") => return Ok(certificates),
            Err(error) => return Err(error),
        }
    }
}

/// The first private key in a text, if it needs no password.
///
/// # Errors
/// When OpenSSL is not there, or there is no such key.
pub fn private_key(pem: &[u8]) -> Result<PrivateKey, OpenSslError> {
    let text = Text::new(pem)?;
    let crypto = text.crypto;
    // SAFETY: the BIO is alive; the second argument may be null, and the last goes to the callback only.
    let found = unsafe {
        (crypto.PEM_read_bio_PrivateKey)(text.bio.as_ptr(), null_mut(), Some(no_password), null_mut())
    };
    made(crypto, found).map(|pointer| PrivateKey { crypto, pointer })
}

/// There is none, not even an empty one. Left to itself OpenSSL asks for it on the terminal.
extern "C" fn no_password(_: *mut c_char, _: c_int, _: c_int, _: *mut c_void) -> c_int {
    -1
}
