//! What went wrong, in the library's words.

use super::functions::{_krb5_context, Krb5};
use crate::sys::library::LoadError;
use std::ffi::{CStr, c_int};
use std::fmt;

/// Why libkrb5 has not done what was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Krb5Error {
    /// It is not there: a whole sentence without a full stop.
    Missing(String),
    /// The function that has failed, its code and the library's text about it.
    Failed {
        /// The name of the function, as the C daemon logs it.
        step: &'static str,
        /// An error number of the system, or one of the library, which are negative.
        code: c_int,
        /// What happened; it may show the name of a principal, a realm or a file.
        text: String,
    },
}

impl Krb5Error {
    /// For a name with a NUL in it, which no C string can hold: as the library says of a name that is none.
    pub(super) fn malformed(step: &'static str) -> Self {
        Self::Failed { step, code: libc::EINVAL, text: "the name holds a NUL".to_owned() }
    }

    /// Of a code that is not 0. The library's text is about its last failure in that context, which may be null.
    pub(super) fn take(krb5: &Krb5, context: *mut _krb5_context, step: &'static str, code: c_int) -> Self {
        // SAFETY: the context is alive or null, and any code may be asked about.
        let message = unsafe { (krb5.krb5_get_error_message)(context, code) };
        if message.is_null() {
            return Self::Failed { step, code, text: "no text for it".to_owned() };
        }
        // SAFETY: it is a C string, which is copied before it is freed.
        let text = unsafe { CStr::from_ptr(message) }.to_string_lossy().into_owned();
        // SAFETY: it is that function's, and is not used again.
        unsafe { (krb5.krb5_free_error_message)(context, message) };
        Self::Failed { step, code, text }
    }

    /// The library's code, or the system's; `None` without the library.
    pub fn code(&self) -> Option<c_int> {
        match self {
            Self::Missing(_) => None,
            Self::Failed { code, .. } => Some(*code),
        }
    }
}

impl From<LoadError> for Krb5Error {
    fn from(reason: LoadError) -> Self {
        Self::Missing(format!(
            "MIT Kerberos cannot be loaded, install libkrb5-3 (on RHEL, Fedora and openSUSE: krb5-libs or krb5): {reason}"
        ))
    }
}

impl fmt::Display for Krb5Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(sentence) => formatter.write_str(sentence),
            Self::Failed { step, code, text } => write!(formatter, "{step}: {text} ({code})"),
        }
    }
}

impl std::error::Error for Krb5Error {}
