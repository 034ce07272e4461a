//! Where the keys of services are, by which a Kerberos server proves who it is.

use super::context::{Context, Principal};
use super::error::Krb5Error;
use super::functions::{_krb5_kt, krb5_keytab_entry};
use std::ffi::{CStr, CString, c_char, c_uint};
use std::ptr::{NonNull, null_mut};

/// The longest name of a keytab in bytes: a path and the word for its kind.
const LONGEST_NAME: usize = 4200;

/// A keytab; mostly a file, which is opened when something is looked for.
pub struct Keytab<'a> {
    pub(super) pointer: NonNull<_krb5_kt>,
    context: &'a Context,
}

impl Context {
    /// The keytab of that name, a path with or without `FILE:`; without a name that of `KRB5_KTNAME`, krb5.conf or the library.
    ///
    /// # Errors
    /// When there is no such kind of keytab.
    pub fn keytab(&self, name: Option<&[u8]>) -> Result<Keytab<'_>, Krb5Error> {
        let mut pointer = null_mut();
        let (step, code) = match name {
            Some(name) => {
                let step = "krb5_kt_resolve";
                let name = CString::new(name).map_err(|_| Krb5Error::malformed(step))?;
                // SAFETY: the context is alive, the name ends in NUL, and there is room for a pointer.
                let code =
                    unsafe { (self.krb5.krb5_kt_resolve)(self.as_ptr(), name.as_ptr(), &raw mut pointer) };
                (step, code)
            }
            None => {
                // SAFETY: the context is alive, and there is room for a pointer.
                let code = unsafe { (self.krb5.krb5_kt_default)(self.as_ptr(), &raw mut pointer) };
                ("krb5_kt_default", code)
            }
        };
        Ok(Keytab { pointer: self.made(step, code, pointer)?, context: self })
    }
}

impl Keytab<'_> {
    /// Its name with the word for its kind, as `FILE:/etc/krb5.keytab`.
    pub fn name(&self) -> String {
        let mut name = vec![0_u8; LONGEST_NAME];
        let room = c_uint::try_from(name.len()).unwrap_or_default();
        // SAFETY: both are alive; pointer and length are those of the vector.
        let code = unsafe {
            let name = name.as_mut_ptr().cast::<c_char>();
            let context = self.context.as_ptr();
            (self.context.krb5.krb5_kt_get_name)(context, self.pointer.as_ptr(), name, room)
        };
        let told = CStr::from_bytes_until_nul(&name).ok().filter(|_| code == 0);
        told.map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
    }

    /// Looks for any key of the principal.
    ///
    /// # Errors
    /// When there is none, or the keytab cannot be read.
    pub fn find(&self, principal: &Principal<'_>) -> Result<(), Krb5Error> {
        let (krb5, context) = (self.context.krb5, self.context.as_ptr());
        let mut entry = krb5_keytab_entry::zeroed();
        // SAFETY: all are alive, 0 stands for any version and any cipher, and there is room for an entry.
        let code = unsafe {
            let (keytab, principal) = (self.pointer.as_ptr(), principal.pointer.as_ptr());
            (krb5.krb5_kt_get_entry)(context, keytab, principal, 0, 0, &raw mut entry)
        };
        self.context.check("krb5_kt_get_entry", code)?;
        // SAFETY: the entry has been filled, and is not used again. The key in it is wiped by the library.
        unsafe { (krb5.krb5_free_keytab_entry_contents)(context, &raw mut entry) };
        Ok(())
    }
}

impl Drop for Keytab<'_> {
    fn drop(&mut self) {
        // SAFETY: it is owned here, and not used again; its context is alive. What a failure leaves open ends with the process.
        unsafe { (self.context.krb5.krb5_kt_close)(self.context.as_ptr(), self.pointer.as_ptr()) };
    }
}
