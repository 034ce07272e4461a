//! LOGIN: the login, then the password, each asked for by name.
#![forbid(unsafe_code)]

use super::{Exchange, Step, check_login, check_password};
use crate::config::Limits;
use crate::secret::Secret;

/// The challenges of every server that has LOGIN: it has no RFC, and some clients compare them.
const ASK_LOGIN: &[u8] = b"Username:";
const ASK_PASSWORD: &[u8] = b"Password:";

/// Remembers the login as soon as it has come.
#[derive(Default)]
pub(super) struct Login {
    login: Option<Vec<u8>>,
}

impl Exchange for Login {
    /// An initial response is the login. An empty one is none, as for Dovecot.
    fn begin(&mut self, initial: Option<&[u8]>, limits: Limits) -> Step {
        match initial {
            None | Some([]) => Step::Challenge(ASK_LOGIN),
            Some(login) => self.proceed(login, limits),
        }
    }

    fn proceed(&mut self, response: &[u8], limits: Limits) -> Step {
        let checked = match &self.login {
            None => check_login(response, limits),
            Some(login) => check_password(login, response, limits),
        };
        match (checked, self.login.take()) {
            (Err(refusal), _) => Step::Refuse(refusal),
            (Ok(()), None) => {
                self.login = Some(response.to_vec());
                Step::Challenge(ASK_PASSWORD)
            }
            (Ok(()), Some(login)) => Step::Check(login, Secret::copy_of(response)),
        }
    }
}
