//! TLS by the system's OpenSSL: what must be proved, what went wrong.
#![forbid(unsafe_code)]

use super::tls_files::find;
use crate::net::exchange::pool_settings::{TlsSettings, TlsVersion};
use crate::settings::tls_files::{Contents, TlsFiles};
use crate::strerror::strerror;
use crate::sys::openssl::OpenSslError;
use crate::sys::openssl::context::{Context, ContextBuilder, Version};
use crate::sys::openssl::pem::{self, Certificate, Kind, Store};
use crate::sys::openssl::stream::{Connection, Stream, StreamError};
use std::fmt;
use std::io::{self, Read, Write};
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
    /// OpenSSL is not there; the sentence says so.
    Missing(String),
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
            Self::Missing(sentence) => formatter.write_str(sentence),
            Self::Setup(reason) => write!(formatter, "OpenSSL cannot be set up: {reason}"),
        }
    }
}

impl std::error::Error for TlsError {}

impl From<OpenSslError> for TlsError {
    /// For what no setting is to blame for.
    fn from(error: OpenSslError) -> Self {
        match error {
            OpenSslError::Missing(sentence) => Self::Missing(sentence),
            OpenSslError::Failed(_) => Self::Setup(error.reason().to_owned()),
        }
    }
}

/// What has been made ready, by its settings: reading the system's authorities takes milliseconds.
#[derive(Default)]
pub(super) struct Contexts {
    files: Rc<TlsFiles>,
    ready: Vec<(Rc<TlsSettings>, Context)>,
}

impl Contexts {
    /// None yet, of these files and for the rest of those on disk.
    pub(super) fn new(files: Rc<TlsFiles>) -> Self {
        Self { files, ready: Vec::new() }
    }

    /// Lets go of the files, when all contexts are there that will be wanted.
    pub(super) fn forget_files(&mut self) {
        self.files = Rc::default();
    }

    /// The context for these settings.
    pub(super) fn context(&mut self, settings: &Rc<TlsSettings>) -> Result<Context, TlsError> {
        let same = |known: &Rc<TlsSettings>| Rc::ptr_eq(known, settings) || known == settings;
        if let Some((_, context)) = self.ready.iter().find(|(known, _)| same(known)) {
            return Ok(context.clone());
        }
        let context = build(settings, &self.files)?;
        self.ready.push((Rc::clone(settings), context.clone()));
        Ok(context)
    }
}

fn build(settings: &TlsSettings, files: &TlsFiles) -> Result<Context, TlsError> {
    let mut builder = ContextBuilder::new()?;
    set_ciphers(&mut builder, settings)?;
    set_algorithms(&mut builder, settings)?;
    set_versions(&mut builder, settings).map_err(|error| TlsError::Versions(error.reason().to_owned()))?;
    builder.set_check_peer(settings.check_peer);
    if settings.check_peer {
        trust(&mut builder, settings, files)?;
    }
    if let Some(certificate) = &settings.certificate {
        identify(&mut builder, certificate, settings.key.as_ref().unwrap_or(certificate), files)?;
    }
    Ok(builder.build())
}

fn set_ciphers(builder: &mut ContextBuilder, settings: &TlsSettings) -> Result<(), TlsError> {
    let refused =
        |list: &str, error: OpenSslError| TlsError::Ciphers(list.to_owned(), error.reason().to_owned());
    if let Some(list) = &settings.ciphers {
        builder.set_ciphers(list).map_err(|error| refused(list, error))?;
    }
    if let Some(list) = &settings.cipher_suites {
        builder.set_cipher_suites(list).map_err(|error| refused(list, error))?;
    }
    Ok(())
}

/// Older libraries and those with FIPS lack some groups and signatures, and would take none of a list with such a one.
fn set_algorithms(builder: &mut ContextBuilder, settings: &TlsSettings) -> Result<(), TlsError> {
    let least = settings.least_security_level;
    if least > 0 && least > ContextBuilder::new()?.security_level() {
        builder.set_security_level(least);
    }
    let mut set = |list: &str, set: fn(&mut ContextBuilder, &str) -> Result<(), OpenSslError>| {
        let known: Vec<_> = list.split(':').filter(|name| set(builder, name).is_ok()).collect();
        set(builder, &known.join(":")).map_err(|_| TlsError::NothingKnown(list.to_owned()))
    };
    if let Some(list) = &settings.groups {
        set(list, ContextBuilder::set_groups)?;
    }
    if let Some(list) = &settings.signatures {
        set(list, ContextBuilder::set_signatures)?;
    }
    Ok(())
}

fn set_versions(builder: &mut ContextBuilder, settings: &TlsSettings) -> Result<(), OpenSslError> {
    // Without a word from the administrator the system's openssl.cnf decides.
    if let Some(oldest) = settings.oldest_version {
        builder.set_oldest_version(version(oldest))?;
    }
    if let Some(newest) = settings.newest_version {
        builder.set_newest_version(version(newest))?;
    }
    Ok(())
}

fn version(version: TlsVersion) -> Version {
    match version {
        TlsVersion::Tls10 => Version::Tls10,
        TlsVersion::Tls11 => Version::Tls11,
        TlsVersion::Tls12 => Version::Tls12,
        TlsVersion::Tls13 => Version::Tls13,
    }
}

/// Authorities that are named replace the system's: who names a private one trusts no other.
fn trust(builder: &mut ContextBuilder, settings: &TlsSettings, files: &TlsFiles) -> Result<(), TlsError> {
    let (file, directory) = (&settings.authorities_file, &settings.authorities_directory);
    if file.is_none() && directory.is_none() {
        return Ok(builder.trust_system()?);
    }
    let mut authorities = match directory.as_deref().map(|path| certificates_in(path, files)) {
        None => Vec::new(),
        Some(Ok(certificates)) => certificates,
        // What the file holds is trusted all the same, as by C.
        Some(Err(error)) if file.is_some() => {
            log::warn!(target: "tls", "Only the file of authorities is used: {error}");
            Vec::new()
        }
        Some(Err(error)) => return Err(error),
    };
    if let (None, Some(path), true) = (file, directory, authorities.is_empty()) {
        return Err(TlsError::NoCertificates(path.clone(), "no file in it is one".to_owned()));
    }
    if let Some(path) = file {
        authorities.extend(certificates_of(path, "no certificate or crl found", files)?);
    }
    // A certificate that somebody has named is trusted whoever signed it, be it of an authority below another or the
    // server's own: GnuTLS, and so the C daemon on Debian, has it so.
    let mut store = Store::new()?;
    authorities.iter().try_for_each(|authority| store.add(authority))?;
    builder.trust(store);
    if let Some(path) = directory {
        // Those that come later are found by their hashes, where this process may look.
        builder.trust_directory(path)?;
    }
    Ok(())
}

/// Every certificate in PEM in the files of a directory, whatever their names: OpenSSL alone would find those only that
/// `openssl rehash` has named. Other files are passed over.
fn certificates_in(directory: &Path, files: &TlsFiles) -> Result<Vec<Certificate>, TlsError> {
    let unreadable = |reason: String| TlsError::Unreadable(directory.to_owned(), reason);
    match find(files, directory).contents() {
        Contents::Directory(files) => {
            let found = files.iter().map(|pem| pem::certificates(pem.as_bytes(), Kind::Plain));
            Ok(found.flat_map(Result::unwrap_or_default).collect())
        }
        Contents::File(_) => Err(unreadable(strerror(&io::Error::from_raw_os_error(libc::ENOTDIR)))),
        Contents::Unreadable(reason) => Err(unreadable(reason.clone())),
    }
}

/// The certificates in a file; `none` is what is said when there are none.
fn certificates_of(path: &Path, none: &str, files: &TlsFiles) -> Result<Vec<Certificate>, TlsError> {
    let missing = |reason: &str| TlsError::NoCertificates(path.to_owned(), reason.to_owned());
    let found = find(files, path);
    let certificates = pem::certificates(file_of(path, found.contents())?, Kind::Trusted);
    let certificates = certificates.map_err(|error| missing(error.reason()))?;
    if certificates.is_empty() { Err(missing(none)) } else { Ok(certificates) }
}

fn file_of<'a>(path: &Path, contents: &'a Contents) -> Result<&'a [u8], TlsError> {
    let unreadable = |reason: String| TlsError::Unreadable(path.to_owned(), reason);
    match contents {
        Contents::File(bytes) => Ok(bytes.as_bytes()),
        Contents::Directory(_) => Err(unreadable(strerror(&io::Error::from_raw_os_error(libc::EISDIR)))),
        Contents::Unreadable(reason) => Err(unreadable(reason.clone())),
    }
}

/// The client's own certificate.
fn identify(
    builder: &mut ContextBuilder,
    certificate: &Path,
    key: &Path,
    files: &TlsFiles,
) -> Result<(), TlsError> {
    let chain = certificates_of(certificate, "no start line", files)?;
    let unusable =
        |error: OpenSslError| TlsError::NoCertificates(certificate.to_owned(), error.reason().to_owned());
    builder.set_certificate(&chain).map_err(unusable)?;
    let found = find(files, key);
    let pem = file_of(key, found.contents())?;
    let parsed = pem::private_key(pem)
        .map_err(|error| TlsError::NoKey(key.to_owned(), key_problem(pem, &error).to_owned()))?;
    let fits = builder.set_private_key(&parsed);
    fits.map_err(|_| TlsError::WrongKey(key.to_owned(), certificate.to_owned()))
}

/// Why a key cannot be used: OpenSSL's own words for the two most frequent reasons are "unsupported" and "bad decrypt".
fn key_problem<'a>(pem: &[u8], error: &'a OpenSslError) -> &'a str {
    let has = |words: &[u8]| pem.windows(words.len()).any(|part| part == words);
    match error {
        OpenSslError::Failed(_) if !has(b"PRIVATE KEY-----") => "there is none",
        OpenSslError::Failed(_) if has(b"ENCRYPTED") => {
            "it needs a password, and nobody is there to ask for it"
        }
        error => error.reason(),
    }
}

/// One connection's part: the name that the certificate must carry, and that the server is told. A server behind a
/// path has no name; then the certificate need only be valid.
pub(super) fn prepare(
    context: &Context,
    settings: &TlsSettings,
    host: Option<&str>,
) -> Result<Connection, TlsError> {
    let mut connection = Connection::new(context)?;
    let Some(host) = host else { return Ok(connection) };
    let host = host.strip_suffix('.').unwrap_or(host);
    let address = host.parse::<IpAddr>().ok();
    if address.is_none() {
        connection.name_server(host)?;
    }
    if settings.check_peer {
        match address {
            Some(address) => connection.expect_address(address)?,
            None => connection.expect_name(host)?,
        }
    }
    Ok(connection)
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
pub(super) fn transport_error<S: Read + Write>(error: StreamError, stream: &Stream<S>) -> TransportError {
    match error {
        StreamError::Blocked => TransportError::Blocked,
        StreamError::Ended => TransportError::Ended,
        StreamError::Socket(error) if error.kind() == io::ErrorKind::UnexpectedEof => TransportError::Ended,
        StreamError::Socket(error) => TransportError::Broken(strerror(&error)),
        StreamError::Protocol(error) => broken(&error, stream.certificate_problem()),
    }
}

fn broken(error: &OpenSslError, certificate_problem: Option<String>) -> TransportError {
    match (error.reason(), certificate_problem) {
        (_, Some(why)) if error.says("certificate verify failed") => {
            TransportError::Broken(format!("the certificate is not valid: {why}"))
        }
        // The end of the connection, as OpenSSL 3 has it.
        ("unexpected eof while reading", _) => TransportError::Ended,
        // What OpenSSL makes of bytes that are no record.
        (reason @ ("wrong version number" | "packet length too long" | "http request"), _) => {
            TransportError::Broken(format!("the server does not speak TLS ({reason})"))
        }
        (reason, _) => TransportError::Broken(reason.to_owned()),
    }
}

#[cfg(test)]
#[path = "tls_tests.rs"]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests;
