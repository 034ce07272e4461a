//! Who logs in: by tickets, or by a key that gets them.

use super::error::GssapiError;
use super::functions::{
    GSS_C_INDEFINITE, GSS_C_INITIATE, GSS_S_COMPLETE, gss_cred_id_t, gss_key_value_element_desc,
    gss_key_value_set_desc,
};
use super::library::gssapi;
use super::owned::{Handle, Name};
use std::ffi::{CString, NulError};
use std::ptr::null_mut;

/// What a login has to show.
pub struct Credential(Handle);

impl Credential {
    /// That of `principal`, or of the first one that there is if it is empty. Tickets are in the cache of that name (`MEMORY:x`,
    /// `FILE:/x`); with a keytab they are got by its key where the cache has none, or old ones. It may ask a KDC, and blocks for
    /// as long as that takes.
    ///
    /// # Errors
    /// When the library is not there, or says why it cannot be had.
    pub fn acquire(principal: &str, cache: &str, keytab: Option<&str>) -> Result<Self, GssapiError> {
        let gssapi = gssapi()?;
        let name = match principal {
            "" => None,
            _ => Some(Name::of_principal(gssapi, principal)?),
        };
        let cache = text(cache)?;
        let keytab = keytab.map(text).transpose()?;
        let mut elements =
            vec![gss_key_value_element_desc { key: c"ccache".as_ptr(), value: cache.as_ptr() }];
        elements.extend(keytab.iter().map(|keytab| gss_key_value_element_desc {
            key: c"client_keytab".as_ptr(),
            value: keytab.as_ptr(),
        }));
        let count = u32::try_from(elements.len()).unwrap_or_default();
        let store = gss_key_value_set_desc { count, elements: elements.as_mut_ptr() };
        let (mut minor, mut credential): (_, gss_cred_id_t) = (0, null_mut());
        // SAFETY: the store's elements and their texts outlive the call, which copies what it keeps. The name is this library's
        // or null; no set of mechanisms means all there are; what is not asked for may be null.
        let major = unsafe {
            (gssapi.gss_acquire_cred_from)(
                &mut minor,
                name.as_ref().map_or(null_mut(), Name::as_ptr),
                GSS_C_INDEFINITE,
                null_mut(),
                GSS_C_INITIATE,
                &store,
                &mut credential,
                null_mut(),
                null_mut(),
            )
        };
        match major {
            GSS_S_COMPLETE => Ok(Self(Handle { gssapi, credential })),
            _ => Err(GssapiError::of(gssapi, major, minor)),
        }
    }

    pub(super) fn as_ptr(&self) -> gss_cred_id_t {
        self.0.credential
    }
}

fn text(text: &str) -> Result<CString, GssapiError> {
    CString::new(text).map_err(|_: NulError| GssapiError::Failed("a name has a NUL in it".to_owned()))
}
