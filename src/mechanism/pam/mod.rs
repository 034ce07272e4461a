//! `-a pam`: the service's stack of PAM modules decides.
#![forbid(unsafe_code)]

mod codes;
mod held;
pub mod service_files;
pub mod stacks;

use crate::config::site::Privileges;
use crate::credentials::Credentials;
use crate::log::{clean, debug_always};
use crate::mechanism::{FileUse, Local, LocalMechanism};
use crate::outcome::{Outcome, Refusal, Verdict};
use crate::sys::pam::{IdleHandle, PamCode, Transaction};
use codes::{is_unknown_login, lies_in_the_process, nobody_was_asked};
use held::HeldHandles;
use std::ffi::{CStr, CString};
use std::time::Instant;

/// `-a pam`; an option is ignored, as in C.
///
/// Modules are written for programs of root: pam_unix reads /etc/shadow, others keytabs, secrets and sockets that are for
/// root, or change to the user's account.
pub const LOCAL: Local = Local {
    conf: FileUse::Unused,
    check: |_| Vec::new(),
    probe: None,
    reach: None,
    start: |_| Ok(Box::new(Pam::default())),
    privileges: Privileges::Root,
    file: |_| None,
    peer: None,
    only_looks_up: false,
};

/// The longest name a file in /etc/pam.d can have (NAME_MAX).
const LONGEST_SERVICE: usize = 255;

/// Of how many services a worker tells; clients may make up any.
const MOST_EXPLAINED: usize = 16;

#[derive(Default)]
struct Pam {
    held: HeldHandles<IdleHandle>,
    /// Whether the last login failed for a reason that lies in this process.
    impaired: bool,
    /// Services whose refusals have been looked at.
    explained: Vec<CString>,
}

impl LocalMechanism for Pam {
    fn verify(&mut self, credentials: &Credentials) -> Verdict {
        self.impaired = false;
        match service_name(&credentials.service) {
            Ok(service) => self.log_in(&service, credentials),
            Err(reason) => Outcome::Reject(Refusal::with_reason("PAM start error", reason)).into(),
        }
    }

    fn is_impaired(&self) -> bool {
        self.impaired
    }
}

impl Pam {
    fn log_in(&mut self, service: &CStr, credentials: &Credentials) -> Verdict {
        let now = Instant::now();
        self.held.expire(now);
        let mut transaction = match start(service, credentials) {
            Ok(transaction) => transaction,
            Err(failure) => {
                // libpam asks nobody yet: it only wants memory.
                self.impaired = true;
                return failure.into();
            }
        };
        let outcome = decide(&mut transaction, credentials).unwrap_or_else(|failure| failure);
        self.impaired = transaction.last_failure().is_some_and(lies_in_the_process);
        // While this login's handle keeps the modules mapped, a further one costs next to nothing. But of a missing
        // module libpam would complain to syslog for each of the two.
        if !matches!(outcome, Outcome::Unavailable(_)) {
            self.held.keep(service, now, || IdleHandle::open(service).ok());
        }
        if matches!(outcome, Outcome::Reject(_)) {
            self.explain_refusal(service);
        }
        Verdict { outcome, delay: Some(transaction.delay_owed()) }
    }

    /// Tells once of a service that nobody has made a file for, if that is why all its logins are refused.
    fn explain_refusal(&mut self, service: &CStr) {
        if self.explained.len() >= MOST_EXPLAINED || self.explained.iter().any(|known| **known == *service) {
            return;
        }
        self.explained.push(service.to_owned());
        let Ok(name) = service.to_str() else { return };
        // As libpam does.
        let name = name.to_ascii_lowercase();
        if service_files::read(std::iter::once(name.clone())).is_refused_for_want_of_a_file(&name) {
            log::warn!(
                target: "auth_pam",
                "Every login of the service {name} is refused: there is no file /etc/pam.d/{name}, and /etc/pam.d/{} \
                 denies; saslauthd --check=system tells what to put there",
                stacks::FALLBACK
            );
        }
    }
}

/// The service as the name of a file below /etc/pam.d; an empty one is libpam's `other`.
///
/// The C daemon hands on whatever the client sent. What a path means is then libpam's choice: 1.5 takes what follows
/// the last slash, others have opened the file. The error is the reason for the log; modules log the name as it is,
/// hence no control bytes either.
fn service_name(service: &[u8]) -> Result<CString, &'static str> {
    if service.contains(&b'/') {
        return Err("PAM service refused: it holds a slash");
    }
    if service == b"." || service == b".." {
        return Err("PAM service refused: it names a directory");
    }
    if service.len() > LONGEST_SERVICE {
        return Err("PAM service refused: it is longer than a file name can be");
    }
    if service.iter().any(u8::is_ascii_control) {
        return Err("PAM service refused: it holds a control byte");
    }
    let service = if service.is_empty() { b"other" } else { service };
    CString::new(service).map_err(|_| "PAM service refused: it holds a NUL")
}

/// Opens the service and tells it where the login comes from; the error is C's `PAM start error`.
fn start(service: &CStr, credentials: &Credentials) -> Result<Transaction, Outcome> {
    let failed = |step| move |code| Outcome::unavailable("PAM start error", format!("{step}: {code}"));
    let login = CString::new(credentials.login.as_slice())
        .map_err(|_| Outcome::unavailable("PAM start error", "the login holds a NUL"))?;
    let mut transaction =
        Transaction::start(service, &login, credentials.password.as_bytes()).map_err(failed("pam_start"))?;
    if let Some(address) = credentials.client.and_then(|address| CString::new(address.to_string()).ok()) {
        transaction.set_remote_host(&address).map_err(failed("pam_set_item"))?;
    }
    Ok(transaction)
}

/// First the password, then whether the account may log in now; the error is the outcome to answer with.
///
/// Of the password alone a stack can say that it does not know the login. When it has accepted that, it knows it, and
/// a module that misses the account afterwards keeps it out, as any other that asks whether it may log in.
fn decide(transaction: &mut Transaction, credentials: &Credentials) -> Result<Outcome, Outcome> {
    transaction.authenticate().map_err(|code| match refused("PAM auth error", "pam_authenticate", code) {
        Outcome::Reject(refusal) if is_unknown_login(code) => Outcome::Reject(refusal.of_unknown_login()),
        outcome => outcome,
    })?;
    transaction.check_account().map_err(|code| refused("PAM acct error", "pam_acct_mgmt", code))?;
    tell_of_other_login(transaction, credentials);
    Ok(Outcome::ACCEPT)
}

/// What C answers is `text` in any case; what it means depends on the code. libpam's words for that are in C's log
/// with and without `-V`, at a level of which syslog decides whether it is kept: by them "expired" is told from "wrong".
fn refused(text: &'static str, step: &'static str, code: PamCode) -> Outcome {
    debug_always(format_args!("DEBUG: auth_pam: {step} failed: {code}"));
    if nobody_was_asked(code) {
        return Outcome::unavailable(text, format!("{step}: {code}"));
    }
    Outcome::reject(text)
}

/// A module may set PAM_USER to the account's own name, as pam_winbind, pam_krb5 and pam_user_map do: `ANNA` becomes
/// `anna`, `anna@EXAMPLE.ORG` too. It is believed, as in C: the stack is the administrator's, who decides what login
/// stands for which account. The client is told nothing of it, and goes on with the login that it sent.
fn tell_of_other_login(transaction: &Transaction, credentials: &Credentials) {
    if !log::log_enabled!(log::Level::Debug) {
        return;
    }
    let account = transaction.login().unwrap_or_default();
    if account != credentials.login {
        let (login, account) = (clean(&credentials.login), clean(&account));
        log::debug!(target: "auth_pam", "[user={login}] is [user={account}] to the PAM modules (PAM_USER)");
    }
}

#[cfg(test)]
mod tests;
