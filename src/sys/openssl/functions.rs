//! The functions that are called, by library, and their types: those of the headers of OpenSSL 3.0.
#![allow(non_camel_case_types, non_snake_case, clippy::upper_case_acronyms)]

use crate::sys::library::{functions, opaque};
use std::ffi::{c_char, c_int, c_long, c_uchar, c_uint, c_ulong, c_void};

opaque! {
    BIO BIO_METHOD ENGINE EVP_MD EVP_MD_CTX EVP_PKEY OPENSSL_INIT_SETTINGS SSL SSL_CTX SSL_METHOD SSL_SESSION X509
    X509_STORE X509_VERIFY_PARAM
}

pub(super) type pem_password_cb = unsafe extern "C" fn(*mut c_char, c_int, c_int, *mut c_void) -> c_int;
pub(super) type bio_read = unsafe extern "C" fn(*mut BIO, *mut c_char, c_int) -> c_int;
pub(super) type bio_write = unsafe extern "C" fn(*mut BIO, *const c_char, c_int) -> c_int;
pub(super) type bio_ctrl = unsafe extern "C" fn(*mut BIO, c_int, c_long, *mut c_void) -> c_long;
/// Always null here, so its arguments do not matter.
pub(super) type SSL_verify_cb = Option<unsafe extern "C" fn()>;

functions! {
    /// libcrypto: hashes, certificates, what went wrong.
    Crypto {
        fn OPENSSL_init_crypto(u64, *const OPENSSL_INIT_SETTINGS) -> c_int;
        fn ERR_clear_error();
        fn ERR_get_error() -> c_ulong;
        fn ERR_reason_error_string(c_ulong) -> *const c_char;

        fn EVP_md5() -> *const EVP_MD;
        fn EVP_sha1() -> *const EVP_MD;
        fn EVP_sha256() -> *const EVP_MD;
        fn EVP_sha384() -> *const EVP_MD;
        fn EVP_sha512() -> *const EVP_MD;
        fn EVP_MD_CTX_new() -> *mut EVP_MD_CTX;
        fn EVP_MD_CTX_free(*mut EVP_MD_CTX);
        fn EVP_DigestInit_ex(*mut EVP_MD_CTX, *const EVP_MD, *mut ENGINE) -> c_int;
        fn EVP_DigestUpdate(*mut EVP_MD_CTX, *const c_void, usize) -> c_int;
        fn EVP_DigestFinal_ex(*mut EVP_MD_CTX, *mut c_uchar, *mut c_uint) -> c_int;
        fn HMAC(*const EVP_MD, *const c_void, c_int, *const c_uchar, usize, *mut c_uchar, *mut c_uint) -> *mut c_uchar;
        fn PKCS5_PBKDF2_HMAC(*const c_char, c_int, *const c_uchar, c_int, c_int, *const EVP_MD, c_int, *mut c_uchar) -> c_int;
        fn RAND_bytes(*mut c_uchar, c_int) -> c_int;

        fn BIO_new_mem_buf(*const c_void, c_int) -> *mut BIO;
        fn BIO_free(*mut BIO) -> c_int;
        fn PEM_read_bio_X509(*mut BIO, *mut *mut X509, Option<pem_password_cb>, *mut c_void) -> *mut X509;
        fn PEM_read_bio_X509_AUX(*mut BIO, *mut *mut X509, Option<pem_password_cb>, *mut c_void) -> *mut X509;
        fn PEM_read_bio_PrivateKey(*mut BIO, *mut *mut EVP_PKEY, Option<pem_password_cb>, *mut c_void) -> *mut EVP_PKEY;
        fn X509_free(*mut X509);
        fn EVP_PKEY_free(*mut EVP_PKEY);
        fn X509_STORE_new() -> *mut X509_STORE;
        fn X509_STORE_free(*mut X509_STORE);
        fn X509_STORE_add_cert(*mut X509_STORE, *mut X509) -> c_int;
        fn X509_STORE_set_flags(*mut X509_STORE, c_ulong) -> c_int;
        fn X509_VERIFY_PARAM_set_hostflags(*mut X509_VERIFY_PARAM, c_uint);
        fn X509_VERIFY_PARAM_set1_host(*mut X509_VERIFY_PARAM, *const c_char, usize) -> c_int;
        fn X509_VERIFY_PARAM_set1_ip(*mut X509_VERIFY_PARAM, *const c_uchar, usize) -> c_int;
        fn X509_verify_cert_error_string(c_long) -> *const c_char;

        fn BIO_meth_new(c_int, *const c_char) -> *mut BIO_METHOD;
        fn BIO_meth_free(*mut BIO_METHOD);
        fn BIO_meth_set_read(*mut BIO_METHOD, Option<bio_read>) -> c_int;
        fn BIO_meth_set_write(*mut BIO_METHOD, Option<bio_write>) -> c_int;
        fn BIO_meth_set_ctrl(*mut BIO_METHOD, Option<bio_ctrl>) -> c_int;
        fn BIO_new(*const BIO_METHOD) -> *mut BIO;
        fn BIO_set_data(*mut BIO, *mut c_void);
        fn BIO_get_data(*mut BIO) -> *mut c_void;
        fn BIO_set_init(*mut BIO, c_int);
        fn BIO_set_flags(*mut BIO, c_int);
        fn BIO_clear_flags(*mut BIO, c_int);
    }
}

functions! {
    /// libssl.
    Tls {
        fn OPENSSL_init_ssl(u64, *const OPENSSL_INIT_SETTINGS) -> c_int;
        fn TLS_client_method() -> *const SSL_METHOD;

        fn SSL_CTX_new(*const SSL_METHOD) -> *mut SSL_CTX;
        fn SSL_CTX_free(*mut SSL_CTX);
        fn SSL_CTX_up_ref(*mut SSL_CTX) -> c_int;
        fn SSL_CTX_ctrl(*mut SSL_CTX, c_int, c_long, *mut c_void) -> c_long;
        fn SSL_CTX_set_options(*mut SSL_CTX, u64) -> u64;
        fn SSL_CTX_set_cipher_list(*mut SSL_CTX, *const c_char) -> c_int;
        fn SSL_CTX_set_ciphersuites(*mut SSL_CTX, *const c_char) -> c_int;
        fn SSL_CTX_set_security_level(*mut SSL_CTX, c_int);
        fn SSL_CTX_get_security_level(*const SSL_CTX) -> c_int;
        fn SSL_CTX_set_verify(*mut SSL_CTX, c_int, SSL_verify_cb);
        fn SSL_CTX_set_default_verify_paths(*mut SSL_CTX) -> c_int;
        fn SSL_CTX_load_verify_locations(*mut SSL_CTX, *const c_char, *const c_char) -> c_int;
        fn SSL_CTX_set_cert_store(*mut SSL_CTX, *mut X509_STORE);
        fn SSL_CTX_use_certificate(*mut SSL_CTX, *mut X509) -> c_int;
        fn SSL_CTX_use_PrivateKey(*mut SSL_CTX, *mut EVP_PKEY) -> c_int;
        fn SSL_CTX_check_private_key(*const SSL_CTX) -> c_int;

        fn SSL_new(*mut SSL_CTX) -> *mut SSL;
        fn SSL_free(*mut SSL);
        fn SSL_ctrl(*mut SSL, c_int, c_long, *mut c_void) -> c_long;
        fn SSL_set_bio(*mut SSL, *mut BIO, *mut BIO);
        fn SSL_get0_param(*mut SSL) -> *mut X509_VERIFY_PARAM;
        fn SSL_connect(*mut SSL) -> c_int;
        fn SSL_read(*mut SSL, *mut c_void, c_int) -> c_int;
        fn SSL_write(*mut SSL, *const c_void, c_int) -> c_int;
        fn SSL_shutdown(*mut SSL) -> c_int;
        fn SSL_get_error(*const SSL, c_int) -> c_int;
        fn SSL_get_verify_result(*const SSL) -> c_long;
        fn SSL_get1_session(*mut SSL) -> *mut SSL_SESSION;
        fn SSL_set_session(*mut SSL, *mut SSL_SESSION) -> c_int;
        fn SSL_SESSION_free(*mut SSL_SESSION);
    }
}

/// Numbers of the headers.
macro_rules! constants {
    ($($name:ident: $kind:ty = $value:expr;)*) => {
        $(pub(super) const $name: $kind = $value;)*

        /// Each with its value.
        #[cfg(test)]
        pub(super) const CONSTANTS: &[(&str, i64)] = &[$((stringify!($name), $value as i64),)*];
    };
}

constants! {
    OPENSSL_INIT_LOAD_CONFIG: u64 = 0x40;

    SSL_OP_NO_COMPRESSION: u64 = 1 << 17;
    SSL_OP_NO_RENEGOTIATION: u64 = 1 << 30;
    SSL_MODE_ENABLE_PARTIAL_WRITE: c_long = 1;
    SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER: c_long = 2;
    SSL_MODE_AUTO_RETRY: c_long = 4;
    SSL_MODE_RELEASE_BUFFERS: c_long = 16;
    SSL_CTRL_MODE: c_int = 33;
    SSL_CTRL_SET_READ_AHEAD: c_int = 41;
    SSL_CTRL_SET_TLSEXT_HOSTNAME: c_int = 55;
    SSL_CTRL_CHAIN_CERT: c_int = 89;
    SSL_CTRL_SET_GROUPS_LIST: c_int = 92;
    SSL_CTRL_SET_SIGALGS_LIST: c_int = 98;
    SSL_CTRL_SET_MIN_PROTO_VERSION: c_int = 123;
    SSL_CTRL_SET_MAX_PROTO_VERSION: c_int = 124;
    TLSEXT_NAMETYPE_HOST_NAME: c_long = 0;

    SSL_VERIFY_NONE: c_int = 0;
    SSL_VERIFY_PEER: c_int = 1;
    X509_V_OK: c_long = 0;
    X509_V_FLAG_PARTIAL_CHAIN: c_ulong = 0x80000;
    X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS: c_uint = 4;

    SSL_ERROR_SSL: c_int = 1;
    SSL_ERROR_WANT_READ: c_int = 2;
    SSL_ERROR_WANT_WRITE: c_int = 3;
    SSL_ERROR_SYSCALL: c_int = 5;

    BIO_TYPE_NONE: c_int = 0;
    BIO_CTRL_FLUSH: c_int = 11;
    BIO_FLAGS_READ: c_int = 1;
    BIO_FLAGS_WRITE: c_int = 2;
    BIO_FLAGS_RWS: c_int = 7;
    BIO_FLAGS_SHOULD_RETRY: c_int = 8;

    TLS1_VERSION: c_long = 0x301;
    TLS1_1_VERSION: c_long = 0x302;
    TLS1_2_VERSION: c_long = 0x303;
    TLS1_3_VERSION: c_long = 0x304;
}
