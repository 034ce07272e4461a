//! Mandatory access control: whether it is the reason of a refusal that permissions do not explain.
#![forbid(unsafe_code)]

use std::fs;
use std::io;

/// `1` while SELinux forbids what its policy does not allow.
const SELINUX: &str = "/sys/fs/selinux/enforce";

/// The profile that this process is under, and its mode in brackets.
const APPARMOR: &str = "/proc/self/attr/apparmor/current";

/// What to say behind an error of a call that root is otherwise allowed; nothing where no such control is in force.
pub fn remark(error: &io::Error) -> &'static str {
    if error.raw_os_error() != Some(libc::EACCES) {
        ""
    } else if selinux_enforces(fs::read_to_string(SELINUX)) {
        "; SELinux forbids it: see contrib/selinux"
    } else if apparmor_enforces(fs::read_to_string(APPARMOR)) {
        "; AppArmor forbids it: see contrib/apparmor"
    } else {
        ""
    }
}

/// A policy may keep us from reading even that, which it does in force only.
fn selinux_enforces(said: io::Result<String>) -> bool {
    match said {
        Ok(mode) => mode.trim() == "1",
        Err(error) => error.kind() == io::ErrorKind::PermissionDenied,
    }
}

fn apparmor_enforces(said: io::Result<String>) -> bool {
    said.is_ok_and(|profile| profile.trim_end().ends_with(" (enforce)"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(number: i32) -> io::Error {
        io::Error::from_raw_os_error(number)
    }

    #[test]
    fn only_what_is_in_force_is_named() {
        let said = |text: &str| Ok(text.to_owned());
        assert!(selinux_enforces(said("1")) && selinux_enforces(Err(error(libc::EACCES))));
        assert!(!selinux_enforces(said("0")) && !selinux_enforces(Err(error(libc::ENOENT))));
        assert!(apparmor_enforces(said("saslauthd (enforce)\n")));
        for profile in ["saslauthd (complain)\n", "unconfined\n"] {
            assert!(!apparmor_enforces(said(profile)), "{profile}");
        }
        assert!(!apparmor_enforces(Err(error(libc::ENOENT))));
    }

    #[test]
    fn no_other_error_is_blamed_on_it() {
        for number in [libc::ENOMEM, libc::EAGAIN, libc::ENOENT, libc::EPERM] {
            assert_eq!(remark(&error(number)), "");
        }
    }
}
