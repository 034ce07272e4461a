//! What went wrong, in OpenSSL's words.

use super::functions::Crypto;
use crate::sys::library::LoadError;
use std::ffi::CStr;
use std::fmt;

/// Why OpenSSL has not done what was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OpenSslError {
    /// It is not there: a whole sentence without a full stop.
    Missing(String),
    /// Its own reasons, the first one first: words without numbers and places in its source.
    Failed(Vec<String>),
}

impl OpenSslError {
    /// For what fails without a word.
    pub(super) const fn silent() -> Self {
        Self::Failed(Vec::new())
    }

    /// What has gone wrong since this was asked last.
    pub(super) fn take(crypto: &Crypto) -> Self {
        // SAFETY: it takes nothing, and gives 0 when there is no more.
        let codes =
            std::iter::from_fn(|| Some(unsafe { (crypto.ERR_get_error)() }).filter(|code| *code != 0));
        let reasons = codes.map(|code| {
            // SAFETY: any number may be asked about.
            let reason = unsafe { (crypto.ERR_reason_error_string)(code) };
            text(reason).unwrap_or_else(|| UNKNOWN.to_owned())
        });
        Self::Failed(reasons.collect())
    }

    /// The first reason.
    pub fn reason(&self) -> &str {
        match self {
            Self::Missing(reason) => reason,
            Self::Failed(reasons) => reasons.first().map_or(UNKNOWN, String::as_str),
        }
    }

    /// Whether this is one of the reasons.
    pub fn says(&self, reason: &str) -> bool {
        matches!(self, Self::Failed(reasons) if reasons.iter().any(|own| own == reason))
    }

    pub(super) fn is_silent(&self) -> bool {
        *self == Self::silent()
    }
}

impl From<LoadError> for OpenSslError {
    fn from(reason: LoadError) -> Self {
        Self::Missing(format!(
            "OpenSSL 3 cannot be loaded, install libssl3 (on RHEL, Fedora and openSUSE: openssl-libs or libopenssl3): {reason}"
        ))
    }
}

impl fmt::Display for OpenSslError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.reason())
    }
}

impl std::error::Error for OpenSslError {}

const UNKNOWN: &str = "for no reason that OpenSSL tells";

/// A copy of one of OpenSSL's constant texts; `None` if there is none.
pub(super) fn text(constant: *const std::ffi::c_char) -> Option<String> {
    if constant.is_null() {
        return None;
    }
    // SAFETY: OpenSSL's functions for texts give C strings that are never freed, or null.
    Some(unsafe { CStr::from_ptr(constant) }.to_string_lossy().into_owned())
}

/// For functions that give 1 when they succeed.
pub(super) fn check(crypto: &Crypto, result: std::ffi::c_int) -> Result<(), OpenSslError> {
    if result == 1 { Ok(()) } else { Err(OpenSslError::take(crypto)) }
}

/// For functions that give a new object, or null.
pub(super) fn made<T>(crypto: &Crypto, object: *mut T) -> Result<std::ptr::NonNull<T>, OpenSslError> {
    std::ptr::NonNull::new(object).ok_or_else(|| OpenSslError::take(crypto))
}
