//! What the library has made and wants back.

use super::error::GssapiError;
use super::functions::{
    GSS_S_COMPLETE, Gssapi, HOST_BASED_SERVICE, PRINCIPAL, gss_OID_desc, gss_buffer_desc, gss_buffer_set_t,
    gss_cred_id_t, gss_name_t,
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

/// What the library answers to a question about a context.
pub(super) struct BufferSet {
    gssapi: &'static Gssapi,
    set: gss_buffer_set_t,
}

impl BufferSet {
    pub(super) fn new(gssapi: &'static Gssapi) -> Self {
        Self { gssapi, set: null_mut() }
    }

    /// For a call that puts the answer in.
    pub(super) fn as_mut_ptr(&mut self) -> *mut gss_buffer_set_t {
        &mut self.set
    }

    /// The first of its values; nothing, if there is none.
    pub(super) fn first(&self) -> &[u8] {
        if self.set.is_null() {
            return &[];
        }
        // SAFETY: the library has made the set, which stays until it is given back, and says how many values it has.
        let first = unsafe {
            let set = &*self.set;
            if set.count == 0 || set.elements.is_null() { None } else { set.elements.as_ref() }
        };
        match first {
            // SAFETY: likewise each value, of which it says where it is and how many bytes it has.
            Some(first) if !first.value.is_null() => unsafe {
                std::slice::from_raw_parts(first.value.cast(), first.length)
            },
            _ => &[],
        }
    }
}

impl Drop for BufferSet {
    fn drop(&mut self) {
        let mut minor = 0;
        // SAFETY: it was made by this library, or is null, which is fine too, and is given back once.
        unsafe { (self.gssapi.gss_release_buffer_set)(&mut minor, &mut self.set) };
    }
}
