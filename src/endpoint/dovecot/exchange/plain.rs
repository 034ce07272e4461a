//! PLAIN (RFC 4616): authorization identity, login and password in one response, with NULs between them.
#![forbid(unsafe_code)]

use super::{Exchange, Refusal, Step, check_login, check_password};
use crate::config::Limits;
use crate::endpoint::dovecot::reason::RefusalReason;
use crate::secret::Secret;

/// Has nothing to remember.
pub(super) struct Plain;

impl Exchange for Plain {
    fn begin(&mut self, initial: Option<&[u8]>, limits: Limits) -> Step {
        initial.map_or(Step::Challenge(b""), |response| self.proceed(response, limits))
    }

    fn proceed(&mut self, response: &[u8], limits: Limits) -> Step {
        match read(response, limits) {
            Ok((login, password)) => Step::Check(login.to_vec(), Secret::copy_of(password)),
            Err(refusal) => Step::Refuse(refusal),
        }
    }
}

/// Login and password.
fn read(response: &[u8], limits: Limits) -> Result<(&[u8], &[u8]), Refusal> {
    let mut parts = response.split(|byte| *byte == 0);
    let (Some(authorization), Some(login), Some(password), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(Refusal::of_nobody(RefusalReason::MalformedResponse));
    };
    check_login(login, limits)?;
    if !authorization.is_empty() && authorization != login {
        return Err(Refusal::of(login, RefusalReason::OtherAuthorization));
    }
    check_password(login, password, limits)?;
    Ok((login, password))
}
