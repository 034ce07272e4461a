//! What the library has made and wants back.

use super::error::GssapiError;
use super::functions::{
    GSS_S_COMPLETE, Gssapi, HOST_BASED_SERVICE, PRINCIPAL, gss_OID_desc, gss_buffer_desc, gss_cred_id_t,
    gss_name_t,
};
use std::ptr::null_mut;

/// A name, of a service or of a principal.
pub(super) struct Name {
    gssapi: &'static Gssapi,
    name: gss_name_t,
}

impl Name {
    /// `service@host`, or `service` alone for the one of this machine.
    pub(super) fn of_service(gssapi: &'static Gssapi, name: &str) -> Result<Self, GssapiError> {
        Self::import(gssapi, name, HOST_BASED_SERVICE)
    }

    /// A principal such as `mail@EXAMPLE.ORG`; without a realm that of krb5.conf.
    pub(super) fn of_principal(gssapi: &'static Gssapi, name: &str) -> Result<Self, GssapiError> {
        Self::import(gssapi, name, PRINCIPAL)
    }

    fn import(gssapi: &'static Gssapi, text: &str, kind: &'static [u8]) -> Result<Self, GssapiError> {
        let (mut minor, mut name) = (0, null_mut());
        let (mut bytes, mut kind) = (gss_buffer_desc::of(text.as_bytes()), gss_OID_desc::of(kind));
        // SAFETY: all pointers are to values that outlive the call, which copies what it keeps.
        let major = unsafe { (gssapi.gss_import_name)(&mut minor, &mut bytes, &mut kind, &mut name) };
        match major {
            GSS_S_COMPLETE => Ok(Self { gssapi, name }),
            _ => Err(GssapiError::of(gssapi, major, minor)),
        }
    }

    pub(super) fn as_ptr(&self) -> gss_name_t {
        self.name
    }
}

impl Drop for Name {
    fn drop(&mut self) {
        let mut minor = 0;
        // SAFETY: it was made by this library and is given back once.
        unsafe { (self.gssapi.gss_release_name)(&mut minor, &mut self.name) };
    }
}

/// A handle to tickets, or to a key that gets some.
pub(super) struct Handle {
    pub(super) gssapi: &'static Gssapi,
    pub(super) credential: gss_cred_id_t,
}

impl Drop for Handle {
    fn drop(&mut self) {
        let mut minor = 0;
        // SAFETY: it was made by this library and is given back once.
        unsafe { (self.gssapi.gss_release_cred)(&mut minor, &mut self.credential) };
    }
}
