//! Mapping the library, once in the life of a process.

use super::error::GssapiError;
use super::functions::Gssapi;
use std::ffi::CStr;

/// MIT's, on all distributions; Heimdal's has another name.
const LIBGSSAPI: &CStr = c"libgssapi_krb5.so.2";

/// Maps the library. Of no effect when it is there already.
///
/// # Errors
/// When it is not installed; the phrase names the package.
pub fn load() -> Result<(), GssapiError> {
    gssapi().map(drop)
}

pub(super) fn gssapi() -> Result<&'static Gssapi, GssapiError> {
    // SAFETY: it is the table of MIT's library, which has that name and has kept these functions since 1.11.
    Ok(unsafe { Gssapi::of(LIBGSSAPI, |_| ()) }?)
}
