//! Secret bytes as a C string.
#![forbid(unsafe_code)]

use crate::secret::Secret;
use std::ffi::CStr;

/// A copy of secret bytes that ends in NUL and is wiped when dropped.
///
/// `CString` would do, were it wiped.
pub(super) struct Terminated(Secret);

impl Terminated {
    /// `None` when `bytes` hold a NUL: C would read a shorter secret than the one that was given.
    pub(super) fn copy_of(bytes: &[u8]) -> Option<Self> {
        let mut secret = Secret::with_capacity(bytes.len().saturating_add(1));
        secret.extend_from_slice(bytes);
        secret.extend_from_slice(b"\0");
        CStr::from_bytes_with_nul(secret.as_bytes()).ok()?;
        Some(Self(secret))
    }

    /// The string for C.
    pub(super) fn as_c_str(&self) -> &CStr {
        CStr::from_bytes_with_nul(self.0.as_bytes()).unwrap_or_default()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_with_a_nul_is_no_c_string() {
        assert!(Terminated::copy_of(b"pass\0word").is_none());
        assert!(Terminated::copy_of(b"password\0").is_none());
    }

    #[test]
    fn every_other_byte_reaches_c() {
        let bytes: Vec<u8> = (1..=255).collect();
        assert_eq!(Terminated::copy_of(&bytes).unwrap().as_c_str().to_bytes(), bytes);
        assert_eq!(Terminated::copy_of(b"").unwrap().as_c_str().to_bytes(), b"");
    }
}
