//! `-a shadow`: the hash and the dates of the shadow password database.
#![forbid(unsafe_code)]

use super::getpwent::passwd_hash;
use super::password;
use crate::config::site::Privileges;
use crate::credentials::Credentials;
use crate::mechanism::{FileUse, Local, LocalMechanism};
use crate::outcome::{Outcome, Refusal, Verdict};
use crate::strerror::strerror;
use crate::sys::shadow::{NEVER, ShadowEntry, lookup};
use std::ffi::CString;
use std::fs::File;
use std::io;
use std::time::SystemTime;

/// `-a shadow`; an option is ignored, as in C. /etc/shadow is for root, and other databases show their hashes to root only.
pub const LOCAL: Local = Local {
    conf: FileUse::Unused,
    check: |_| Vec::new(),
    probe: None,
    reach: None,
    start: |_| Ok(Box::new(Shadow)),
    privileges: Privileges::Root,
    file: |_| None,
    peer: None,
    only_looks_up: false,
};

/// What NIS puts in place of a hash that the caller may not see.
const NIS_NOT_PERMITTED: &[u8] = b"*NP*";

const SECONDS_A_DAY: u64 = 24 * 60 * 60;

struct Shadow;

impl LocalMechanism for Shadow {
    fn verify(&mut self, credentials: &Credentials) -> Verdict {
        verdict(credentials).unwrap_or_else(|refusal| refusal).into()
    }
}

/// In the order of the C daemon: the passwd entry, the shadow entry, the password, and only then the dates, so that
/// nobody learns them without the password.
fn verdict(credentials: &Credentials) -> Result<Outcome, Outcome> {
    if passwd_hash(&credentials.login)?.is_none() {
        password::check_dummy_hash(&credentials.password);
        return Err(password::invalid_username());
    }
    let Some(entry) = shadow_entry(&credentials.login)? else {
        password::check_dummy_hash(&credentials.password);
        return Err(Outcome::Reject(Refusal::new("Invalid shadow username").of_unknown_login()));
    };
    if entry.hash.as_bytes() == NIS_NOT_PERMITTED {
        let text = "Insufficient permission to access NIS authentication database (saslauthd)";
        return Err(Outcome::unavailable(text, text));
    }
    if !password::verify(&credentials.password, entry.hash.as_bytes()) {
        return Err(Outcome::reject("Incorrect password"));
    }
    match expiry(&entry, today()) {
        Expiry::Good => Ok(Outcome::ACCEPT),
        Expiry::Account => Err(Outcome::reject("Account expired")),
        Expiry::Password => Err(Outcome::reject("Password expired")),
    }
}

fn shadow_entry(login: &[u8]) -> Result<Option<ShadowEntry>, Outcome> {
    let login = CString::new(login).map_err(|_| lookup_failure(&io::ErrorKind::InvalidInput.into()))?;
    let entry = lookup(&login).map_err(|error| lookup_failure(&error))?;
    if entry.is_none() {
        // No entry can also mean no permission (SELinux, a daemon that is not root), and glibc does not say which.
        if let Err(error) = File::open("/etc/shadow") {
            if error.kind() == io::ErrorKind::PermissionDenied {
                return Err(forbidden(&error));
            }
        }
    }
    Ok(entry)
}

/// C's text for the client; the log is told what to look at.
fn forbidden(error: &io::Error) -> Outcome {
    let text = format!("Username shadow lookup failure: {}", strerror(error));
    let reason =
        format!("{text}: the daemon may not read /etc/shadow, which needs root and leave of SELinux");
    Outcome::unavailable(text, reason)
}

fn lookup_failure(error: &io::Error) -> Outcome {
    let text = format!("Username shadow lookup failure: {}", strerror(error));
    Outcome::unavailable(text.clone(), text)
}

/// What the dates of an entry say about a login with the right password.
#[derive(Debug, PartialEq, Eq)]
enum Expiry {
    Good,
    Account,
    Password,
}

/// As pam_unix decides for an account, which is what sshd, login and `-a pam` go by: refused on the day of expiry
/// itself, and when the password has to be changed first, since nobody can do that here. C accepts on that day, and a
/// password whose day of change is 0, which chage(1) sets to have it changed.
///
/// Only a password without a day of change does not age at all, as shadow(5) and C have it; pam_unix up to Linux-PAM
/// 1.5 counts its age from the day before 1970.
fn expiry(entry: &ShadowEntry, today: i64) -> Expiry {
    if entry.expire != NEVER && today >= entry.expire {
        return Expiry::Account;
    }
    match entry.last_change {
        0 => Expiry::Password,
        NEVER => Expiry::Good,
        // In the future: the clock was wrong at one of the two times.
        change if change > today => Expiry::Good,
        change if entry.maximum != NEVER && today.saturating_sub(change) > entry.maximum => Expiry::Password,
        _ => Expiry::Good,
    }
}

/// Days since 1970-01-01, in UTC as the dates of shadow(5).
fn today() -> i64 {
    let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_epoch.as_secs() / SECONDS_A_DAY).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    const TODAY: i64 = 20_000;

    fn dates(last_change: i64, maximum: i64, expire: i64) -> Expiry {
        expiry(&ShadowEntry { hash: Secret::default(), last_change, maximum, expire }, TODAY)
    }

    #[test]
    fn an_account_expires_with_its_expiry_date() {
        assert_eq!(dates(NEVER, NEVER, TODAY + 1), Expiry::Good);
        assert_eq!(dates(NEVER, NEVER, TODAY), Expiry::Account);
        assert_eq!(dates(NEVER, NEVER, 1), Expiry::Account);
        assert_eq!(dates(NEVER, NEVER, 0), Expiry::Account);
        assert_eq!(dates(NEVER, NEVER, NEVER), Expiry::Good);
    }

    #[test]
    fn a_password_expires_when_its_last_day_is_over() {
        assert_eq!(dates(TODAY - 90, 91, NEVER), Expiry::Good);
        assert_eq!(dates(TODAY - 90, 90, NEVER), Expiry::Good);
        assert_eq!(dates(TODAY - 90, 89, NEVER), Expiry::Password);
        assert_eq!(dates(TODAY - 1, 0, NEVER), Expiry::Password);
        assert_eq!(dates(TODAY, 0, NEVER), Expiry::Good);
        assert_eq!(dates(1, NEVER, NEVER), Expiry::Good);
    }

    #[test]
    fn a_password_that_has_to_be_changed_at_the_next_login_is_expired() {
        assert_eq!(dates(0, 99_999, NEVER), Expiry::Password);
        assert_eq!(dates(0, NEVER, NEVER), Expiry::Password);
    }

    #[test]
    fn without_a_day_of_change_or_with_one_in_the_future_a_password_does_not_expire() {
        assert_eq!(dates(NEVER, 1, NEVER), Expiry::Good);
        assert_eq!(dates(TODAY + 1, 0, NEVER), Expiry::Good);
    }

    #[test]
    fn the_account_is_looked_at_before_the_password() {
        assert_eq!(dates(1, 1, TODAY - 1), Expiry::Account);
    }

    #[test]
    fn no_number_in_the_file_overflows() {
        assert_eq!(dates(i64::MAX, i64::MAX, i64::MAX), Expiry::Good);
        assert_eq!(dates(i64::MIN, i64::MIN, i64::MIN), Expiry::Account);
        assert_eq!(dates(i64::MIN, i64::MAX, NEVER), Expiry::Good);
    }

    #[test]
    fn an_unknown_login_is_an_invalid_username() {
        let credentials = Credentials {
            service: Vec::new(),
            ..Credentials::of_login(b"no-such-login-in-any-database", b"x")
        };
        assert_eq!(Shadow.verify(&credentials).outcome, password::invalid_username());
    }
}
