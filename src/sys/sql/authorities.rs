//! Whose certificates are trusted when nobody says.
#![forbid(unsafe_code)]

use super::{ErrorKind, SqlError};
use std::path::{Path, PathBuf};

/// Where distributions keep all authorities in one file: Debian, Arch and Alpine; RHEL and Fedora; openSUSE.
const OF_SYSTEMS: [&str; 5] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/var/lib/ca-certificates/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// The file with the system's authorities.
///
/// # Errors
/// When there is none where it is elsewhere.
pub(super) fn of_system() -> Result<PathBuf, SqlError> {
    let found = OF_SYSTEMS.iter().map(Path::new).find(|path| path.exists());
    found.map(Path::to_owned).ok_or_else(|| {
        let reason =
            format!("there is no file with the system's certificate authorities such as {}", OF_SYSTEMS[0]);
        SqlError::new(ErrorKind::Configuration, reason)
    })
}

/// A path as the libraries take it.
///
/// # Errors
/// When it is not UTF-8.
pub(super) fn as_text(path: &Path) -> Result<String, SqlError> {
    path.to_str().map(str::to_owned).ok_or_else(|| {
        SqlError::new(ErrorKind::Configuration, format!("the path {} is not UTF-8", path.display()))
    })
}
