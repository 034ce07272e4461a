//! `{ARGON2}`: PHC strings, as argon2(1), OpenLDAP and Dovecot write them.
#![forbid(unsafe_code)]

use super::{NotCompared, malformed};
use argon2::password_hash::Error;
use argon2::{Algorithm, Argon2, Params, PasswordHash, PasswordVerifier, Version};

/// The most memory that a stored {ARGON2} hash may ask for, in KiB; OpenLDAP's default is 4096.
pub(super) const MOST_MEMORY: u32 = 1 << 20;

/// The most passes over that memory.
const MOST_PASSES: u32 = 100;

/// The most of both, in KiB: some seconds of work. The "sensitive" setting of libsodium is half of it.
pub(super) const MOST_WORK: u64 = 8 << 20;

/// A PHC string, such as `$argon2id$v=19$m=65536,t=2,p=1$salt$hash`.
pub(super) fn parse(stored: &[u8]) -> Result<PasswordHash<'_>, NotCompared> {
    let stored =
        std::str::from_utf8(stored).map_err(|_| malformed("the stored {ARGON2} password is not text"))?;
    let stored = PasswordHash::new(stored).map_err(malformed_hash)?;
    Algorithm::try_from(stored.algorithm).map_err(malformed_hash)?;
    stored.version.map(Version::try_from).transpose().map_err(malformed_hash)?;
    Params::try_from(&stored).map_err(malformed_hash)?;
    let memory = stored.params.get_decimal("m").unwrap_or(0);
    let passes = stored.params.get_decimal("t").unwrap_or(0);
    let work = u64::from(memory).saturating_mul(u64::from(passes));
    if work > MOST_WORK || memory > MOST_MEMORY || passes > MOST_PASSES {
        return Err(malformed(format!(
            "the stored {{ARGON2}} password asks for more than {MOST_MEMORY} KiB, {MOST_PASSES} passes or eight times 1 GiB in all"
        )));
    }
    Ok(stored)
}

pub(super) fn check(password: &[u8], stored: &[u8]) -> Result<bool, NotCompared> {
    match Argon2::default().verify_password(password, &parse(stored)?) {
        Ok(()) => Ok(true),
        Err(Error::Password) => Ok(false),
        Err(error) => Err(malformed_hash(error)),
    }
}

/// In the words of the library, but for two errors that show a letter of what is stored.
fn malformed_hash(error: impl Into<Error>) -> NotCompared {
    let reason = match error.into() {
        Error::ParamValueInvalid(_) => "invalid parameter value".to_owned(),
        Error::SaltInvalid(_) => "invalid salt".to_owned(),
        other => other.to_string(),
    };
    malformed(format!("the stored {{ARGON2}} password: {reason}"))
}
