//! TLS by the system's OpenSSL: what must be proved, what went wrong.
#![forbid(unsafe_code)]

use crate::net::exchange::pool_settings::{TlsSettings, TlsVersion};
use crate::secret::Secret;
use crate::strerror::strerror;
use openssl::error::ErrorStack;
use openssl::pkey::{PKey, Private};
use openssl::ssl::{
    ErrorCode, Ssl, SslContext, SslContextBuilder, SslMethod, SslMode, SslOptions, SslRef, SslVerifyMode,
    SslVersion,
};
use openssl::x509::store::{X509Store, X509StoreBuilder};
use openssl::x509::verify::{X509CheckFlags, X509VerifyFlags};
use openssl::x509::{X509, X509VerifyResult};
use std::fmt;
use std::fs::{self, File};
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// Why settings cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TlsError {
    /// A file or directory cannot be read.
    Unreadable(PathBuf, String),
    /// A file holds no certificates that OpenSSL understands.
    NoCertificates(PathBuf, String),
    /// A file holds no private key that can be used without asking for a password.
    NoKey(PathBuf, String),
    /// The key in the first file is not that of the certificate in the second.
    WrongKey(PathBuf, PathBuf),
    /// OpenSSL refuses a list of ciphers.
    Ciphers(String, String),
    /// OpenSSL has none of a list of groups or signatures.
    NothingKnown(String),
    /// OpenSSL refuses the versions.
    Versions(String),
    /// OpenSSL cannot be set up at all.
    Setup(String),
}

impl fmt::Display for TlsError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(path, reason) => {
                write!(formatter, "{} cannot be read: {reason}", path.display())
            }
            Self::NoCertificates(path, reason) => {
                write!(formatter, "{} holds no certificates in PEM: {reason}", path.display())
            }
            Self::NoKey(path, reason) => {
                write!(formatter, "{} holds no usable private key in PEM: {reason}", path.display())
            }
            Self::WrongKey(key, certificate) => {
                let (key, certificate) = (key.display(), certificate.display());
                write!(formatter, "the private key in {key} is not that of the certificate in {certificate}")
            }
            Self::Ciphers(list, reason) => {
                write!(formatter, "OpenSSL refuses the list of ciphers \"{list}\": {reason}")
            }
            Self::NothingKnown(list) => {
                write!(formatter, "OpenSSL has none of the groups or signatures \"{list}\"")
            }
            Self::Versions(reason) => write!(formatter, "OpenSSL refuses the versions of TLS: {reason}"),
            Self::Setup(reason) => write!(formatter, "OpenSSL cannot be set up: {reason}"),
        }
    }
}

impl std::error::Error for TlsError {}

/// What has been made ready, by its settings: reading the system's authorities takes milliseconds.
#[derive(Default)]
pub(super) struct Contexts {
    ready: Vec<(Rc<TlsSettings>, SslContext)>,
}

impl Contexts {
    /// The context for these settings.
    pub(super) fn context(&mut self, settings: &Rc<TlsSettings>) -> Result<SslContext, TlsError> {
        let same = |known: &Rc<TlsSettings>| Rc::ptr_eq(known, settings) || known == settings;
        if let Some((_, context)) = self.ready.iter().find(|(known, _)| same(known)) {
            return Ok(context.clone());
        }
        let context = build(settings)?;
        self.ready.push((Rc::clone(settings), context.clone()));
        Ok(context)
    }
}

fn build(settings: &TlsSettings) -> Result<SslContext, TlsError> {
    let setup = |error: ErrorStack| TlsError::Setup(reason_of(&error));
    let mut builder = SslContext::builder(SslMethod::tls_client()).map_err(setup)?;
    builder.set_options(SslOptions::NO_COMPRESSION | SslOptions::NO_RENEGOTIATION);
    builder.set_mode(
        SslMode::AUTO_RETRY
            // What waits to be written may grow, and so move, until OpenSSL gets it again.
            | SslMode::ACCEPT_MOVING_WRITE_BUFFER
            | SslMode::ENABLE_PARTIAL_WRITE
            | SslMode::RELEASE_BUFFERS,
    );
    // One system call for a record instead of two.
    builder.set_read_ahead(true);
    set_ciphers(&mut builder, settings)?;
    set_algorithms(&mut builder, settings)?;
    set_versions(&mut builder, settings).map_err(|error| TlsError::Versions(reason_of(&error)))?;
    if settings.check_peer {
        builder.set_verify(SslVerifyMode::PEER);
        trust(&mut builder, settings)?;
    } else {
        builder.set_verify(SslVerifyMode::NONE);
    }
    if let Some(certificate) = &settings.certificate {
        identify(&mut builder, certificate, settings.key.as_ref().unwrap_or(certificate))?;
    }
    Ok(builder.build())
}

fn set_ciphers(builder: &mut SslContextBuilder, settings: &TlsSettings) -> Result<(), TlsError> {
    let refused = |list: &str, error: ErrorStack| TlsError::Ciphers(list.to_owned(), reason_of(&error));
    if let Some(list) = &settings.ciphers {
        builder.set_cipher_list(list).map_err(|error| refused(list, error))?;
    }
    if let Some(list) = &settings.cipher_suites {
        builder.set_ciphersuites(list).map_err(|error| refused(list, error))?;
    }
    Ok(())
}

/// Older libraries and those with FIPS lack some groups and signatures, and would take none of a list with such a one.
fn set_algorithms(builder: &mut SslContextBuilder, settings: &TlsSettings) -> Result<(), TlsError> {
    let least = settings.least_security_level;
    if least > 0 && least > systems_security_level()? {
        builder.set_security_level(least);
    }
    let mut set = |list: &str, set: fn(&mut SslContextBuilder, &str) -> Result<(), ErrorStack>| {
        let known: Vec<_> = list.split(':').filter(|name| set(builder, name).is_ok()).collect();
        set(builder, &known.join(":")).map_err(|_| TlsError::NothingKnown(list.to_owned()))
    };
    if let Some(list) = &settings.groups {
        set(list, SslContextBuilder::set_groups_list)?;
    }
    if let Some(list) = &settings.signatures {
        set(list, SslContextBuilder::set_sigalgs_list)?;
    }
    Ok(())
}

fn systems_security_level() -> Result<u32, TlsError> {
    let context = SslContext::builder(SslMethod::tls_client()).map(SslContextBuilder::build);
    context.map(|context| context.security_level()).map_err(|error| TlsError::Setup(reason_of(&error)))
}

fn set_versions(builder: &mut SslContextBuilder, settings: &TlsSettings) -> Result<(), ErrorStack> {
    // Without a word from the administrator the system's openssl.cnf decides.
    if let Some(oldest) = settings.oldest_version {
        builder.set_min_proto_version(Some(version(oldest)))?;
    }
    if let Some(newest) = settings.newest_version {
        builder.set_max_proto_version(Some(version(newest)))?;
    }
    Ok(())
}

fn version(version: TlsVersion) -> SslVersion {
    match version {
        TlsVersion::Tls10 => SslVersion::TLS1,
        TlsVersion::Tls11 => SslVersion::TLS1_1,
        TlsVersion::Tls12 => SslVersion::TLS1_2,
        TlsVersion::Tls13 => SslVersion::TLS1_3,
    }
}

/// Authorities that are named replace the system's: who names a private one trusts no other.
fn trust(builder: &mut SslContextBuilder, settings: &TlsSettings) -> Result<(), TlsError> {
    let setup = |error: ErrorStack| TlsError::Setup(reason_of(&error));
    let (file, directory) = (&settings.authorities_file, &settings.authorities_directory);
    if file.is_none() && directory.is_none() {
        return builder.set_default_verify_paths().map_err(setup);
    }
    let certificates = match directory.as_deref().map(certificates_in) {
        None => Vec::new(),
        Some(Ok(certificates)) => certificates,
        // What the file holds is trusted all the same, as by C.
        Some(Err(error)) if file.is_some() => {
            log::warn!(target: "tls", "Only the file of authorities is used: {error}");
            Vec::new()
        }
        Some(Err(error)) => return Err(error),
    };
    if let (None, Some(path), true) = (file, directory, certificates.is_empty()) {
        return Err(TlsError::NoCertificates(path.clone(), "no file in it is one".to_owned()));
    }
    builder.set_cert_store(named_authorities(certificates).map_err(setup)?);
    let unreadable = |path: &Path, error| TlsError::Unreadable(path.to_owned(), strerror(&error));
    if let Some(path) = file {
        File::open(path).map_err(|error| unreadable(path, error))?;
        let loaded = builder.load_verify_locations(Some(path), None);
        loaded.map_err(|error| TlsError::NoCertificates(path.clone(), reason_of(&error)))?;
    }
    if let Some(path) = directory {
        // Those that come later are found by their hashes.
        builder.load_verify_locations(None, Some(path)).map_err(setup)?;
    }
    Ok(())
}

/// A certificate that somebody has named is trusted whoever signed it, be it of an authority below another or the
/// server's own: GnuTLS, and so the C daemon on Debian, has it so.
fn named_authorities(certificates: Vec<X509>) -> Result<X509Store, ErrorStack> {
    let mut store = X509StoreBuilder::new()?;
    store.set_flags(X509VerifyFlags::PARTIAL_CHAIN)?;
    certificates.into_iter().try_for_each(|certificate| store.add_cert(certificate))?;
    Ok(store.build())
}

/// The largest file of a directory of authorities that is looked at, in bytes: a bundle of the whole Web has a quarter.
const LARGEST_AUTHORITY: u64 = 1 << 20;

/// Every certificate in PEM in the files of a directory, whatever their names: OpenSSL alone would find those only that
/// `openssl rehash` has named. Other files are passed over.
fn certificates_in(directory: &Path) -> Result<Vec<X509>, TlsError> {
    let unreadable = |error: io::Error| TlsError::Unreadable(directory.to_owned(), strerror(&error));
    let mut certificates = Vec::new();
    for entry in fs::read_dir(directory).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let is_small = |file: &fs::Metadata| file.is_file() && file.len() <= LARGEST_AUTHORITY;
        if fs::metadata(&path).is_ok_and(|file| is_small(&file)) {
            let found = fs::read(&path).ok().and_then(|pem| X509::stack_from_pem(&pem).ok());
            certificates.extend(found.unwrap_or_default());
        }
    }
    Ok(certificates)
}

/// The client's own certificate.
fn identify(builder: &mut SslContextBuilder, certificate: &Path, key: &Path) -> Result<(), TlsError> {
    let unreadable = |path: &Path, error| TlsError::Unreadable(path.to_owned(), strerror(&error));
    File::open(certificate).map_err(|error| unreadable(certificate, error))?;
    let loaded = builder.set_certificate_chain_file(certificate);
    loaded.map_err(|error| TlsError::NoCertificates(certificate.to_owned(), reason_of(&error)))?;
    let pem = fs::read(key).map(Secret::from_vec).map_err(|error| unreadable(key, error))?;
    let parsed = private_key(&pem).map_err(|error| TlsError::NoKey(key.to_owned(), reason_of(&error)))?;
    let fits = builder.set_private_key(&parsed).and_then(|()| builder.check_private_key());
    fits.map_err(|_| TlsError::WrongKey(key.to_owned(), certificate.to_owned()))
}

fn private_key(pem: &Secret) -> Result<PKey<Private>, ErrorStack> {
    // Left to itself OpenSSL asks for a password on the terminal.
    PKey::private_key_from_pem_callback(pem.as_bytes(), |_| Ok(0))
}

/// One connection's part: the name that the certificate must carry, and that the server is told. A server behind a
/// path has no name; then the certificate need only be valid.
pub(super) fn prepare(
    context: &SslContext,
    settings: &TlsSettings,
    host: Option<&str>,
) -> Result<Ssl, TlsError> {
    expecting(context, settings, host).map_err(|error| TlsError::Setup(reason_of(&error)))
}

fn expecting(context: &SslContext, settings: &TlsSettings, host: Option<&str>) -> Result<Ssl, ErrorStack> {
    let mut ssl = Ssl::new(context)?;
    let Some(host) = host else { return Ok(ssl) };
    let host = host.strip_suffix('.').unwrap_or(host);
    let address = host.parse::<IpAddr>().ok();
    if address.is_none() {
        ssl.set_hostname(host)?;
    }
    if settings.check_peer {
        let expected = ssl.param_mut();
        expected.set_hostflags(X509CheckFlags::NO_PARTIAL_WILDCARDS);
        match address {
            Some(address) => expected.set_ip(address)?,
            None => expected.set_host(host)?,
        }
    }
    Ok(ssl)
}

/// What an operation on a TLS connection came to when it did not succeed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum TransportError {
    /// An event will tell when to try again.
    Blocked,
    /// The server has closed the connection, with or without saying so.
    Ended,
    /// It is broken, for this reason.
    Broken(String),
}

/// Reads an error of OpenSSL.
pub(super) fn transport_error(error: &openssl::ssl::Error, ssl: &SslRef) -> TransportError {
    match error.code() {
        ErrorCode::WANT_READ | ErrorCode::WANT_WRITE => TransportError::Blocked,
        ErrorCode::ZERO_RETURN => TransportError::Ended,
        _ => match (error.io_error(), error.ssl_error()) {
            (Some(error), _) if error.kind() == io::ErrorKind::UnexpectedEof => TransportError::Ended,
            (Some(error), _) => TransportError::Broken(strerror(error)),
            (None, Some(stack)) => broken(stack, ssl),
            // The end of the connection in OpenSSL 1.1.
            (None, None) => TransportError::Ended,
        },
    }
}

fn broken(stack: &ErrorStack, ssl: &SslRef) -> TransportError {
    let says = |reason| stack.errors().iter().any(|error| error.reason() == Some(reason));
    if says("certificate verify failed") && ssl.verify_result() != X509VerifyResult::OK {
        let why = ssl.verify_result().error_string();
        return TransportError::Broken(format!("the certificate is not valid: {why}"));
    }
    match reason_of(stack).as_str() {
        // The same in OpenSSL 3.
        "unexpected eof while reading" => TransportError::Ended,
        // What OpenSSL makes of bytes that are no record.
        reason @ ("wrong version number" | "packet length too long" | "http request") => {
            TransportError::Broken(format!("the server does not speak TLS ({reason})"))
        }
        reason => TransportError::Broken(reason.to_owned()),
    }
}

/// The first error's own words, without OpenSSL's numbers and places in its source.
pub(super) fn reason_of(stack: &ErrorStack) -> String {
    let first = stack.errors().first();
    first.and_then(openssl::error::Error::reason).unwrap_or("for no reason that OpenSSL tells").to_owned()
}

#[cfg(test)]
#[path = "tls_tests.rs"]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests;
