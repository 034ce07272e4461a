//! Mapping the library, once in the life of a process.

use super::error::Krb5Error;
use super::functions::Krb5;
use crate::sys::library;
use std::ffi::CStr;

/// MIT's, of 2003 and later, with which all distributions build their programs. Heimdal's is `libkrb5.so.26`, and another
/// library.
const LIBKRB5: &CStr = c"libkrb5.so.3";

/// Whether [`Context::new`](super::Context::new) will find the library. It is unmapped again.
///
/// # Errors
/// When it is not installed; the sentence names the package.
pub fn can_be_loaded() -> Result<(), Krb5Error> {
    Ok(library::can_be_mapped(LIBKRB5)?)
}

/// The functions of libkrb5.
pub(super) fn krb5() -> Result<&'static Krb5, Krb5Error> {
    // SAFETY: it is the table of MIT krb5, whose library has that name.
    Ok(unsafe { Krb5::of(LIBKRB5, |_| ()) }?)
}
