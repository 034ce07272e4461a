//! Schemes of Dovecot for other ways to log in, and older ones: CRAM-MD5, DIGEST-MD5, PLAIN-MD4, PLAIN-TRUNC.
#![forbid(unsafe_code)]

use super::decode::Encoding;
use super::md::{BLOCK, md4, md5_state};
use super::{MALFORMED, NotCompared, check_plain, malformed, not_computed};
use crate::hash::{Hash, hash};
use crate::secret::Secret;
use subtle::ConstantTimeEq;

/// Those schemes, and one that is known only to say so.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Legacy {
    CramMd5,
    DigestMd5,
    Md4,
    Truncated,
    /// One-time passwords: each that is used changes what is stored.
    Otp,
}

/// What is said of `{OTP}`.
const ONCE_ONLY: &str =
    "the stored password is for one-time passwords, which no password can be checked against";

impl Legacy {
    /// Whether `password` of `login` is the one that `value` stands for.
    pub(super) fn check(
        self,
        login: &[u8],
        password: &[u8],
        value: &[u8],
        encoding: Encoding,
    ) -> Result<bool, NotCompared> {
        let hash = |size| encoding.hash(value, size, false).map(|(hash, _)| hash);
        match self {
            Self::CramMd5 => check_cram_md5(password, &hash(STATES)?),
            Self::DigestMd5 => check_digest_md5(login, password, &hash(Hash::Md5.size())?),
            Self::Md4 => Ok(md4(password).ct_eq(hash(Hash::Md5.size())?.as_bytes()).into()),
            Self::Truncated => {
                let value = encoding.plain(value)?;
                let (length, stored) = truncated(value.as_bytes())?;
                let is_cut = stored.len() == length;
                let password = if is_cut { password.get(..length).unwrap_or(password) } else { password };
                check_plain(password, stored)
            }
            Self::Otp => Err(malformed(ONCE_ONLY)),
        }
    }

    /// Whether it is what it says; computes nothing.
    pub(super) fn inspect(self, value: &[u8], encoding: Encoding) -> Result<(), NotCompared> {
        match self {
            Self::CramMd5 => encoding.hash(value, STATES, false).map(drop),
            Self::DigestMd5 | Self::Md4 => encoding.hash(value, Hash::Md5.size(), false).map(drop),
            Self::Truncated => truncated(encoding.plain(value)?.as_bytes()).map(drop),
            Self::Otp => Err(malformed(ONCE_ONLY)),
        }
    }
}

/// Bytes of two states of MD5.
const STATES: usize = 32;

/// What HMAC adds to its key, outside and inside (RFC 2104).
const PADS: [u8; 2] = [0x5c, 0x36];

/// `{CRAM-MD5}`: the states of MD5 behind the padded keys of HMAC, the outer one first.
fn check_cram_md5(password: &[u8], stored: &Secret) -> Result<bool, NotCompared> {
    let mut key = if password.len() > BLOCK {
        hash(Hash::Md5, &[password]).map_err(not_computed)?
    } else {
        Secret::copy_of(password)
    };
    key.resize(BLOCK);
    let mut states = Secret::with_capacity(stored.len());
    for pad in PADS {
        let mut block = zeroize::Zeroizing::new([0; BLOCK]);
        block.iter_mut().zip(key.as_bytes()).for_each(|(place, byte)| *place = byte ^ pad);
        states.extend_from_slice(&md5_state(&block));
    }
    Ok(states == *stored)
}

/// `{DIGEST-MD5}`: the hash of login, realm and password (RFC 2831), for which Dovecot divides a login at its last `@`.
fn check_digest_md5(login: &[u8], password: &[u8], stored: &Secret) -> Result<bool, NotCompared> {
    let at = login.iter().rposition(|byte| *byte == b'@').unwrap_or(login.len());
    let (user, realm) = login.split_at(at);
    let realm = realm.strip_prefix(b"@").unwrap_or_default();
    let own = hash(Hash::Md5, &[user, b":", realm, b":", password]).map_err(not_computed)?;
    Ok(own == *stored)
}

/// `{PLAIN-TRUNC}`: the greatest length, a hyphen, and the password up to that length. One that is shorter, or longer,
/// is the whole password, as for Dovecot.
fn truncated(value: &[u8]) -> Result<(usize, &[u8]), NotCompared> {
    let wrong = || malformed(MALFORMED);
    let hyphen = value.iter().position(|byte| *byte == b'-').ok_or_else(wrong)?;
    let (length, rest) = value.split_at(hyphen);
    let length = std::str::from_utf8(length).ok().and_then(|digits| digits.parse().ok()).ok_or_else(wrong)?;
    let password = rest.get(1..).filter(|password| !password.is_empty()).ok_or_else(wrong)?;
    Ok((length, password))
}
