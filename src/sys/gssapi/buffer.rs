//! Bytes that the library has made.

use super::functions::{Gssapi, gss_buffer_desc};
use zeroize::Zeroize;

/// Bytes that the library has allocated; wiped before they are given back.
pub(super) struct Buffer<'a> {
    gssapi: &'a Gssapi,
    bytes: gss_buffer_desc,
}

impl<'a> Buffer<'a> {
    pub(super) fn new(gssapi: &'a Gssapi) -> Self {
        Self { gssapi, bytes: gss_buffer_desc::empty() }
    }

    /// Takes what a call of the library has filled in.
    pub(super) fn hold(&mut self, bytes: gss_buffer_desc) {
        self.bytes = bytes;
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        if self.bytes.value.is_null() {
            return &[];
        }
        // SAFETY: the library has filled in where its bytes are and how many, and they stay until they are given back.
        unsafe { std::slice::from_raw_parts(self.bytes.value.cast(), self.bytes.length) }
    }
}

impl Drop for Buffer<'_> {
    fn drop(&mut self) {
        if !self.bytes.value.is_null() {
            // SAFETY: as above, and nobody else has a reference to them: this one is being dropped.
            let bytes =
                unsafe { std::slice::from_raw_parts_mut(self.bytes.value.cast::<u8>(), self.bytes.length) };
            bytes.zeroize();
        }
        let mut minor = 0;
        // SAFETY: it is the library's, or empty, which is fine too, and is given back once.
        unsafe { (self.gssapi.gss_release_buffer)(&mut minor, &mut self.bytes) };
    }
}
