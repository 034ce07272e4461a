//! What went wrong, in the library's words.

use super::buffer::Buffer;
use super::functions::{
    GSS_C_GSS_CODE, GSS_C_MECH_CODE, GSS_S_COMPLETE, Gssapi, KERBEROS_5, OM_uint32, gss_OID_desc,
    gss_buffer_desc,
};
use crate::sys::library::LoadError;
use std::ffi::c_int;
use std::fmt;

/// More sentences than any error has.
const MOST_SENTENCES: usize = 8;

/// Why something of GSSAPI could not be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GssapiError {
    /// The library is not there: a phrase that names the package.
    Missing(String),
    /// What it says of its failure, without a full stop.
    Failed(String),
}

impl fmt::Display for GssapiError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(reason) | Self::Failed(reason) => formatter.write_str(reason),
        }
    }
}

impl std::error::Error for GssapiError {}

impl From<LoadError> for GssapiError {
    fn from(error: LoadError) -> Self {
        Self::Missing(format!(
            "GSSAPI cannot be loaded, install libgssapi-krb5-2 (on RHEL, Fedora and openSUSE: krb5-libs or krb5): {error}"
        ))
    }
}

impl GssapiError {
    /// The words for two codes of a call. Kerberos' own are the ones that help; those of GSSAPI say that there are others.
    pub(super) fn of(gssapi: &Gssapi, major: OM_uint32, minor: OM_uint32) -> Self {
        let of_kerberos = sentences(gssapi, minor, GSS_C_MECH_CODE);
        let said = if minor == 0 || of_kerberos.is_empty() {
            sentences(gssapi, major, GSS_C_GSS_CODE)
        } else {
            of_kerberos
        };
        let said = said.trim().trim_end_matches('.').to_owned();
        Self::Failed(if said.is_empty() { format!("GSSAPI fails with {major:#x} and {minor}") } else { said })
    }
}

fn sentences(gssapi: &Gssapi, code: OM_uint32, kind: c_int) -> String {
    let mut mechanism = gss_OID_desc::of(KERBEROS_5);
    let (mut said, mut next) = (Vec::new(), 0);
    for _ in 0..MOST_SENTENCES {
        let mut sentence = Buffer::new(gssapi);
        let (mut minor, mut bytes) = (0, gss_buffer_desc::empty());
        // SAFETY: all pointers are to values that outlive the call; any code may be asked about.
        let major = unsafe {
            (gssapi.gss_display_status)(&mut minor, code, kind, &mut mechanism, &mut next, &mut bytes)
        };
        sentence.hold(bytes);
        if major != GSS_S_COMPLETE {
            break;
        }
        said.push(String::from_utf8_lossy(sentence.as_bytes()).into_owned());
        if next == 0 {
            break;
        }
    }
    said.join(": ")
}
