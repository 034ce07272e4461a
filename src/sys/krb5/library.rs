//! Mapping the library, once in the life of a process.

use super::error::Krb5Error;
use super::functions::Krb5;
use crate::sys::library::{self, Library};
use std::ffi::CStr;
use std::sync::OnceLock;

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
    static KRB5: OnceLock<Krb5> = OnceLock::new();
    if let Some(krb5) = KRB5.get() {
        return Ok(krb5);
    }
    let library = Library::open(LIBKRB5)?;
    // SAFETY: the addresses are those of MIT krb5, by the name of the library.
    let krb5 = unsafe { Krb5::find(|name| library.address_of(name)) }?;
    Ok(KRB5.get_or_init(|| krb5))
}
