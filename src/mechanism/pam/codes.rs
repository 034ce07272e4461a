//! Which return codes of PAM mean "no", and which mean that nobody could be asked.
#![forbid(unsafe_code)]

use crate::sys::pam::PamCode;
use pam::ffi;

/// Whether `code` says nothing about login and password, only that the check itself could not be made.
///
/// The C daemon answers `NO` to both, and Postfix then tells the user that the password is wrong. A code that is
/// not in the list, or that libpam may get in the future, is a refusal.
pub(super) fn nobody_was_asked(code: PamCode) -> bool {
    match code.0 {
        // libpam or a module could not be loaded or is broken: a bad file in /etc/pam.d, a missing or mismatched
        // module, no memory.
        ffi::PAM_OPEN_ERR
        | ffi::PAM_SYMBOL_ERR
        | ffi::PAM_SERVICE_ERR
        | ffi::PAM_BUF_ERR
        | ffi::PAM_ABORT
        | ffi::PAM_MODULE_UNKNOWN
        | ffi::PAM_BAD_ITEM
        | ffi::PAM_NO_MODULE_DATA => true,
        // What the module asks is down or out of reach: an LDAP server, sssd, a database; or for pam_unix an
        // account without an entry in /etc/shadow.
        ffi::PAM_AUTHINFO_UNAVAIL => true,
        // The daemon, not the user, lacks the rights to see what the module needs.
        ffi::PAM_CRED_INSUFFICIENT => true,
        // Busy or half done: the module asks to be called again.
        ffi::PAM_TRY_AGAIN | ffi::PAM_AUTHTOK_LOCK_BUSY | ffi::PAM_CONV_AGAIN | ffi::PAM_INCOMPLETE => true,
        // PAM_SYSTEM_ERR is missing here for a reason: pam_exec returns it when its program refuses the password.
        // Everything else is about the user: a wrong password, an unknown, expired or locked account, a password
        // that must be changed, too many tries, a stack that says no or decides nothing (PAM_PERM_DENIED), or a
        // question that a password cannot answer (PAM_CONV_ERR, PAM_AUTHTOK_ERR, PAM_CRED_UNAVAIL).
        _ => false,
    }
}

/// Whether `code`, returned for a password, says that the stack does not know the login.
pub(super) fn is_unknown_login(code: PamCode) -> bool {
    code.0 == ffi::PAM_USER_UNKNOWN
}

/// Whether `code` says that the process which asked is to blame, or may be: a module that has used up its memory or
/// descriptors, or was not mapped for want of them. Another process may do better. All of them are among those of
/// [`nobody_was_asked`].
pub(super) fn lies_in_the_process(code: PamCode) -> bool {
    match code.0 {
        ffi::PAM_OPEN_ERR
        | ffi::PAM_SYMBOL_ERR
        | ffi::PAM_SERVICE_ERR
        | ffi::PAM_BUF_ERR
        | ffi::PAM_CRED_INSUFFICIENT
        | ffi::PAM_ABORT
        | ffi::PAM_MODULE_UNKNOWN
        | ffi::PAM_BAD_ITEM
        | ffi::PAM_NO_MODULE_DATA => true,
        // A server that is down is down for every process. What a module says of the user, PAM_SYSTEM_ERR among it,
        // is no reason at all: whoever sends wrong passwords must not have processes started.
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_of_linux_pam_is_a_refusal_or_an_unavailable_service() {
        let unavailable: Vec<i32> = (1..=31).filter(|code| nobody_was_asked(PamCode(*code))).collect();
        // By the numbers of _pam_types.h: 1 open, 2 symbol, 3 service, 5 buffer, 8 insufficient
        // credentials, 9 no authentication information, 18 no module data, 22 lock busy, 24 try again, 26 abort,
        // 28 module unknown, 29 bad item, 30 conversation waits, 31 incomplete.
        assert_eq!(unavailable, [1, 2, 3, 5, 8, 9, 18, 22, 24, 26, 28, 29, 30, 31]);
    }

    #[test]
    fn no_code_that_says_something_of_the_user_lies_in_the_process() {
        let process: Vec<i32> = (1..=31).filter(|code| lies_in_the_process(PamCode(*code))).collect();
        // 1 open, 2 symbol, 3 service, 5 buffer, 8 insufficient credentials, 18 no module data, 26 abort, 28 module
        // unknown, 29 bad item.
        assert_eq!(process, [1, 2, 3, 5, 8, 18, 26, 28, 29]);
        assert!(process.into_iter().all(|code| nobody_was_asked(PamCode(code))));
    }

    #[test]
    fn a_login_is_unknown_by_one_code_which_is_a_refusal() {
        let unknown: Vec<i32> = (1..=31).filter(|code| is_unknown_login(PamCode(*code))).collect();
        assert_eq!(unknown, [10]);
        assert!(!nobody_was_asked(PamCode(10)));
    }

    #[test]
    fn a_code_that_linux_pam_does_not_have_is_a_refusal() {
        for code in [-1, 32, 1000, i32::MIN, i32::MAX] {
            assert!(!nobody_was_asked(PamCode(code)));
        }
    }
}
