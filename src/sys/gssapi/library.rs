//! Mapping the library, once in the life of a process.

use super::error::GssapiError;
use super::functions::Gssapi;
use crate::sys::library::Library;
use std::ffi::CStr;
use std::sync::OnceLock;

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
    static GSSAPI: OnceLock<Gssapi> = OnceLock::new();
    if let Some(gssapi) = GSSAPI.get() {
        return Ok(gssapi);
    }
    let library = Library::open(LIBGSSAPI)?;
    // SAFETY: the addresses are those of MIT's library, by its name, which has kept these functions since 1.11.
    let found = unsafe { Gssapi::find(|name| library.address_of(name)) }?;
    Ok(GSSAPI.get_or_init(|| found))
}
