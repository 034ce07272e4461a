//! How the bytes of a stored password are written: base64, or hexadecimal digits as Dovecot has them too.
#![forbid(unsafe_code)]

use super::{MALFORMED, NotCompared, malformed};
use crate::base64;
use crate::secret::Secret;

/// What stands behind the name of a scheme, such as `{SHA256.HEX}`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    /// Nothing: it shows by itself.
    Any,
    Base64,
    Hex,
}

impl Encoding {
    /// Takes the encoding off the name of a scheme.
    pub(super) fn of_scheme(name: &[u8]) -> (&[u8], Self) {
        for (ending, encoding) in [(".B64", Self::Base64), (".BASE64", Self::Base64), (".HEX", Self::Hex)] {
            let parts = name.len().checked_sub(ending.len()).and_then(|at| name.split_at_checked(at));
            if let Some((name, _)) =
                parts.filter(|(_, behind)| behind.eq_ignore_ascii_case(ending.as_bytes()))
            {
                return (name, encoding);
            }
        }
        (name, Self::Any)
    }

    /// A password that is not hashed.
    pub(super) fn plain(self, value: &[u8]) -> Result<Secret, NotCompared> {
        match self {
            Self::Any => Ok(Secret::copy_of(value)),
            Self::Base64 => base64::decode(value).ok_or_else(|| malformed(MALFORMED)),
            Self::Hex => hexadecimal(value).ok_or_else(|| malformed(MALFORMED)),
        }
    }

    /// A hash of `size` bytes and the salt behind it, which may be there if it is `salted`.
    pub(super) fn hash(
        self,
        value: &[u8],
        size: usize,
        salted: bool,
    ) -> Result<(Secret, Secret), NotCompared> {
        let bytes = match self {
            Self::Any if !salted && value.len() == 2 * size => hexadecimal(value),
            Self::Any | Self::Base64 => base64::decode(value),
            Self::Hex => hexadecimal(value),
        };
        let bytes = bytes.ok_or_else(|| malformed(MALFORMED))?;
        let (hash, salt) = bytes.as_bytes().split_at_checked(size).ok_or_else(|| malformed(MALFORMED))?;
        if !salted && !salt.is_empty() {
            return Err(malformed(MALFORMED));
        }
        Ok((Secret::copy_of(hash), Secret::copy_of(salt)))
    }
}

/// The bytes that the digits stand for, in upper or lower case; `None` for anything else.
pub(super) fn hexadecimal(digits: &[u8]) -> Option<Secret> {
    let mut bytes = Secret::with_capacity(digits.len() / 2);
    if digits.len() % 2 == 1 {
        return None;
    }
    for pair in digits.chunks(2) {
        let byte =
            pair.iter().try_fold(0, |byte, digit| Some(byte * 16 + char::from(*digit).to_digit(16)?))?;
        bytes.extend_from_slice(&[u8::try_from(byte).ok()?]);
    }
    Some(bytes)
}
