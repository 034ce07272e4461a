//! `-a getpwent`: hashes in the passwd database itself, as NIS and small systems have them.
#![forbid(unsafe_code)]

use super::password;
use crate::config::site::Privileges;
use crate::credentials::Credentials;
use crate::mechanism::{FileUse, Local, LocalMechanism};
use crate::outcome::{Outcome, Verdict};
use crate::secret::Secret;
use crate::strerror::strerror;
use pwd_grp::{PwdGrp, PwdGrpProvider};

/// `-a getpwent`; an option is ignored, as in C.
///
/// Hashes in passwd are mostly for root only: NIS maps have them for a caller from a privileged port (`passwd.adjunct`),
/// other databases for one who is root, and show everybody else an `x`.
pub const LOCAL: Local = Local {
    conf: FileUse::Unused,
    check: |_| Vec::new(),
    probe: None,
    reach: None,
    start: |_| Ok(Box::new(Getpwent)),
    privileges: Privileges::Root,
    file: |_| None,
    peer: None,
    only_looks_up: false,
};

struct Getpwent;

impl LocalMechanism for Getpwent {
    fn verify(&mut self, credentials: &Credentials) -> Verdict {
        verdict(credentials).unwrap_or_else(|refusal| refusal).into()
    }
}

fn verdict(credentials: &Credentials) -> Result<Outcome, Outcome> {
    let Some(stored) = passwd_hash(&credentials.login)? else {
        password::check_dummy_hash(&credentials.password);
        return Err(password::invalid_username());
    };
    if !password::verify(&credentials.password, stored.as_bytes()) {
        return Err(Outcome::reject("Incorrect password"));
    }
    Ok(Outcome::ACCEPT)
}

/// The password field of the login's passwd entry; `None` when there is no such login.
///
/// The error is the outcome to answer with: C's words, for the client as for the log.
pub(super) fn passwd_hash(login: &[u8]) -> Result<Option<Secret>, Outcome> {
    match PwdGrp.getpwnam::<Vec<u8>>(login) {
        Ok(entry) => Ok(entry.map(|entry| Secret::from_vec(entry.passwd))),
        Err(error) => {
            let text = format!("Username lookup failure: {}", strerror(&error));
            Err(Outcome::unavailable(text.clone(), text))
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn ask(login: &[u8]) -> Outcome {
        let credentials = Credentials::of_login(login, b"x");
        Getpwent.verify(&credentials).outcome
    }

    #[test]
    fn an_unknown_login_is_an_invalid_username() {
        assert_eq!(ask(b"no-such-login-in-any-database"), password::invalid_username());
    }

    #[test]
    fn the_x_of_a_shadowed_account_is_no_password() {
        assert_eq!(ask(b"root"), Outcome::reject("Incorrect password"));
    }

    #[test]
    fn a_login_that_cannot_be_looked_up_is_unavailable_with_the_words_of_c() {
        let text = "Username lookup failure: ";
        let Outcome::Unavailable(refusal) = ask(b"root\0x") else { panic!("not unavailable") };
        assert!(refusal.text.starts_with(text) && refusal.reason == refusal.text, "{refusal:?}");
    }
}
