//! What connections have in common: what must be proved, and by which means.

use super::error::{OpenSslError, check, made};
use super::functions::*;
use super::library::{crypto, tls};
use super::pem::{Certificate, PrivateKey, Store};
use std::ffi::{CString, c_char, c_int, c_long};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::ptr::{NonNull, null, null_mut};

/// Versions of TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// 1.0.
    Tls10,
    /// 1.1.
    Tls11,
    /// 1.2.
    Tls12,
    /// 1.3.
    Tls13,
}

impl Version {
    const fn number(self) -> c_long {
        match self {
            Self::Tls10 => TLS1_VERSION,
            Self::Tls11 => TLS1_1_VERSION,
            Self::Tls12 => TLS1_2_VERSION,
            Self::Tls13 => TLS1_3_VERSION,
        }
    }
}

/// Settings for the client's side of connections. A clone is the same.
pub struct Context {
    pub(super) tls: &'static Tls,
    pub(super) crypto: &'static Crypto,
    pub(super) pointer: NonNull<SSL_CTX>,
}

impl Clone for Context {
    fn clone(&self) -> Self {
        // SAFETY: the context is alive; the reference belongs to the clone. It fails for null only.
        unsafe { (self.tls.SSL_CTX_up_ref)(self.pointer.as_ptr()) };
        Self { ..*self }
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        // SAFETY: this reference is owned here, and not used again.
        unsafe { (self.tls.SSL_CTX_free)(self.pointer.as_ptr()) };
    }
}

impl PartialEq for Context {
    fn eq(&self, other: &Self) -> bool {
        self.pointer == other.pointer
    }
}

/// A context that is being made.
pub struct ContextBuilder(Context);

type SetList = unsafe extern "C" fn(*mut SSL_CTX, *const c_char) -> c_int;

impl ContextBuilder {
    /// For sockets that do not block, with what the system's openssl.cnf says. Nothing need be proved yet.
    ///
    /// # Errors
    /// When OpenSSL is not there or fails.
    pub fn new() -> Result<Self, OpenSslError> {
        let (tls, crypto) = (tls()?, crypto()?);
        // SAFETY: the method is a constant of the library; the result is owned here.
        let pointer = made(crypto, unsafe { (tls.SSL_CTX_new)((tls.TLS_client_method)()) })?;
        let builder = Self(Context { tls, crypto, pointer });
        // SAFETY: the context is alive.
        unsafe {
            (tls.SSL_CTX_set_options)(pointer.as_ptr(), SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION)
        };
        let mode = SSL_MODE_AUTO_RETRY
            // What waits to be written may grow, and so move, until OpenSSL gets it again.
            | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER
            | SSL_MODE_ENABLE_PARTIAL_WRITE
            | SSL_MODE_RELEASE_BUFFERS;
        builder.control(SSL_CTRL_MODE, mode);
        // One system call for a record instead of two.
        builder.control(SSL_CTRL_SET_READ_AHEAD, 1);
        Ok(builder)
    }

    /// What it has become.
    pub fn build(self) -> Context {
        self.0
    }

    /// A setting that is a number.
    fn control(&self, what: c_int, number: c_long) -> c_long {
        // SAFETY: the context is alive; the settings that this is called with take a number and no pointer.
        unsafe { (self.0.tls.SSL_CTX_ctrl)(self.0.pointer.as_ptr(), what, number, null_mut()) }
    }

    /// A setting that is a text.
    fn control_list(&self, what: c_int, list: &str) -> Result<(), OpenSslError> {
        let list = terminated(list.as_bytes())?;
        // SAFETY: the context is alive; the settings that this is called with take a C string, which they copy.
        let set = unsafe {
            let list = list.as_ptr().cast_mut().cast();
            (self.0.tls.SSL_CTX_ctrl)(self.0.pointer.as_ptr(), what, 0, list)
        };
        self.succeeded(set)
    }

    fn set_list(&self, set: SetList, list: &str) -> Result<(), OpenSslError> {
        let list = terminated(list.as_bytes())?;
        // SAFETY: the context is alive, and the string ends in NUL and is copied.
        check(self.0.crypto, unsafe { set(self.0.pointer.as_ptr(), list.as_ptr()) })
    }

    fn succeeded(&self, result: c_long) -> Result<(), OpenSslError> {
        if result == 1 { Ok(()) } else { Err(OpenSslError::take(self.0.crypto)) }
    }

    /// OpenSSL's list of ciphers for TLS 1.2 and older.
    ///
    /// # Errors
    /// When it knows none of them.
    pub fn set_ciphers(&mut self, list: &str) -> Result<(), OpenSslError> {
        self.set_list(self.0.tls.SSL_CTX_set_cipher_list, list)
    }

    /// OpenSSL's list of suites for TLS 1.3.
    ///
    /// # Errors
    /// When it does not know one of them.
    pub fn set_cipher_suites(&mut self, list: &str) -> Result<(), OpenSslError> {
        self.set_list(self.0.tls.SSL_CTX_set_ciphersuites, list)
    }

    /// OpenSSL's list of the groups of key exchanges.
    ///
    /// # Errors
    /// When it does not know one of them.
    pub fn set_groups(&mut self, list: &str) -> Result<(), OpenSslError> {
        self.control_list(SSL_CTRL_SET_GROUPS_LIST, list)
    }

    /// OpenSSL's list of signatures.
    ///
    /// # Errors
    /// When it does not know one of them.
    pub fn set_signatures(&mut self, list: &str) -> Result<(), OpenSslError> {
        self.control_list(SSL_CTRL_SET_SIGALGS_LIST, list)
    }

    /// OpenSSL's level of security, from 0 to 5.
    pub fn set_security_level(&mut self, level: u32) {
        let level = c_int::try_from(level).unwrap_or(c_int::MAX);
        // SAFETY: the context is alive.
        unsafe { (self.0.tls.SSL_CTX_set_security_level)(self.0.pointer.as_ptr(), level) };
    }

    /// The level in force.
    pub fn security_level(&self) -> u32 {
        // SAFETY: the context is alive.
        let level = unsafe { (self.0.tls.SSL_CTX_get_security_level)(self.0.pointer.as_ptr()) };
        u32::try_from(level).unwrap_or_default()
    }

    /// The oldest version to speak.
    ///
    /// # Errors
    /// When OpenSSL does not speak it.
    pub fn set_oldest_version(&mut self, version: Version) -> Result<(), OpenSslError> {
        self.succeeded(self.control(SSL_CTRL_SET_MIN_PROTO_VERSION, version.number()))
    }

    /// The newest version to speak.
    ///
    /// # Errors
    /// When OpenSSL does not speak it.
    pub fn set_newest_version(&mut self, version: Version) -> Result<(), OpenSslError> {
        self.succeeded(self.control(SSL_CTRL_SET_MAX_PROTO_VERSION, version.number()))
    }

    /// Whether the server's certificate must be valid.
    pub fn set_check_peer(&mut self, must_be_valid: bool) {
        let mode = if must_be_valid { SSL_VERIFY_PEER } else { SSL_VERIFY_NONE };
        // SAFETY: the context is alive; without a function OpenSSL's own decides.
        unsafe { (self.0.tls.SSL_CTX_set_verify)(self.0.pointer.as_ptr(), mode, None) };
    }

    /// Trusts the authorities of the system, which are read from their directory as they are needed.
    ///
    /// # Errors
    /// When OpenSSL fails; there may be none.
    pub fn trust_system(&mut self) -> Result<(), OpenSslError> {
        // SAFETY: the context is alive.
        let set = unsafe { (self.0.tls.SSL_CTX_set_default_verify_paths)(self.0.pointer.as_ptr()) };
        check(self.0.crypto, set)
    }

    /// Trusts these authorities, and no others than those in directories named later.
    pub fn trust(&mut self, authorities: Store) {
        // SAFETY: the context is alive, and takes over the store.
        unsafe { (self.0.tls.SSL_CTX_set_cert_store)(self.0.pointer.as_ptr(), authorities.into_pointer()) };
    }

    /// Trusts also what is in that directory by the time it is needed, under the names of `openssl rehash`.
    ///
    /// # Errors
    /// When OpenSSL fails; the directory need not be there.
    pub fn trust_directory(&mut self, directory: &Path) -> Result<(), OpenSslError> {
        let directory = terminated(directory.as_os_str().as_bytes())?;
        // SAFETY: the context is alive; the first path may be null, and the second ends in NUL and is copied.
        let set = unsafe {
            let context = self.0.pointer.as_ptr();
            (self.0.tls.SSL_CTX_load_verify_locations)(context, null(), directory.as_ptr())
        };
        check(self.0.crypto, set)
    }

    /// The client's own certificate and those that lead from it to an authority.
    ///
    /// # Errors
    /// When there is none, or OpenSSL finds it too weak.
    pub fn set_certificate(&mut self, chain: &[Certificate]) -> Result<(), OpenSslError> {
        let (own, others) = chain.split_first().ok_or_else(OpenSslError::silent)?;
        let context = self.0.pointer.as_ptr();
        // SAFETY: both are alive; the context takes a reference of its own.
        let set = unsafe { (self.0.tls.SSL_CTX_use_certificate)(context, own.pointer.as_ptr()) };
        check(self.0.crypto, set)?;
        others.iter().try_for_each(|other| {
            // SAFETY: both are alive. The number is SSL_CTX_add1_chain_cert's: the context takes a reference of its own.
            let added = unsafe {
                (self.0.tls.SSL_CTX_ctrl)(context, SSL_CTRL_CHAIN_CERT, 1, other.pointer.as_ptr().cast())
            };
            self.succeeded(added)
        })
    }

    /// The client's key, after the certificate.
    ///
    /// # Errors
    /// When it is not that of the certificate.
    pub fn set_private_key(&mut self, key: &PrivateKey) -> Result<(), OpenSslError> {
        let context = self.0.pointer.as_ptr();
        // SAFETY: both are alive; the context takes a reference of its own.
        check(self.0.crypto, unsafe { (self.0.tls.SSL_CTX_use_PrivateKey)(context, key.pointer.as_ptr()) })?;
        // SAFETY: the context is alive.
        check(self.0.crypto, unsafe { (self.0.tls.SSL_CTX_check_private_key)(context) })
    }
}

/// A C string; one with a NUL in it is not known to anybody.
pub(super) fn terminated(text: &[u8]) -> Result<CString, OpenSslError> {
    CString::new(text).map_err(|_| OpenSslError::silent())
}
