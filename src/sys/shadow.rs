//! Entries of the shadow password database, from wherever nsswitch.conf says.

use crate::secret::Secret;
use std::ffi::{CStr, c_char, c_int};
use std::io;
use std::mem::MaybeUninit;
use std::ptr::null_mut;

/// Bytes for the strings of an entry at first; glibc's own getspnam starts with as many.
const FIRST_BUFFER: usize = 1024;

/// No entry is longer: the limit is there so that a broken name service cannot eat the memory.
const LARGEST_BUFFER: usize = 1 << 20;

/// A field that is left empty: no bound.
pub const NEVER: i64 = -1;

/// What decides about a login; days count from 1970-01-01.
///
/// Without the days of inactivity: they are there for changing an old password, which nobody can do here.
pub struct ShadowEntry {
    /// The hash, or what stands for none: `*`, `!`, nothing.
    pub hash: Secret,
    /// The day on which the password was changed last.
    pub last_change: i64,
    /// For how many days the password is good.
    pub maximum: i64,
    /// The day on which the account expires.
    pub expire: i64,
}

/// Looks up the entry of `login`.
///
/// `Ok(None)` means that there is none *or* that the caller may not read the database: with more than one service in
/// nsswitch.conf glibc does not tell these apart, so callers must.
pub fn lookup(login: &CStr) -> io::Result<Option<ShadowEntry>> {
    let mut strings = Secret::default();
    strings.resize(FIRST_BUFFER);
    loop {
        match lookup_into(login, &mut strings) {
            Err(libc::ERANGE) if strings.len() < LARGEST_BUFFER => {
                strings.resize(strings.len().saturating_mul(2))
            }
            Err(libc::EINTR) => {}
            Err(error) => return Err(io::Error::from_raw_os_error(error)),
            Ok(entry) => return Ok(entry),
        }
    }
}

/// One getspnam_r with the room there is; the error is the error number.
fn lookup_into(login: &CStr, strings: &mut Secret) -> Result<Option<ShadowEntry>, c_int> {
    let mut entry = MaybeUninit::<libc::spwd>::zeroed();
    let mut found = null_mut();
    let room = strings.as_mut_bytes();
    // SAFETY: `login` ends in NUL; `entry`, `room` and `found` are writable, `room` for the length given, and all
    // outlive the call.
    let error = unsafe {
        libc::getspnam_r(
            login.as_ptr(),
            entry.as_mut_ptr(),
            room.as_mut_ptr().cast::<c_char>(),
            room.len(),
            &mut found,
        )
    };
    if error != 0 {
        return Err(error);
    }
    if found.is_null() {
        return Ok(None);
    }
    // SAFETY: with a result getspnam_r has filled `entry`, and zeroed it was a valid spwd before.
    let entry = unsafe { entry.assume_init() };
    // SAFETY: getspnam_r made sp_namp and sp_pwdp point to C strings in `strings`, which is not touched meanwhile.
    Ok(Some(unsafe { copied(&entry) }))
}

/// Copies what a login needs out of `entry`.
///
/// # Safety
/// `entry.sp_pwdp` must be null or point to a C string.
#[allow(clippy::useless_conversion, reason = "a long has 32 bits on some machines")]
unsafe fn copied(entry: &libc::spwd) -> ShadowEntry {
    let hash = if entry.sp_pwdp.is_null() {
        Secret::default()
    } else {
        // SAFETY: not null, so a C string by this function's contract.
        Secret::copy_of(unsafe { CStr::from_ptr(entry.sp_pwdp) }.to_bytes())
    };
    ShadowEntry {
        hash,
        last_change: entry.sp_lstchg.into(),
        maximum: entry.sp_max.into(),
        expire: entry.sp_expire.into(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::skipped;

    #[test]
    fn a_login_that_does_not_exist_has_no_entry() {
        if can_read_shadow("a_login_that_does_not_exist_has_no_entry") {
            assert!(lookup(c"no-such-login-in-any-database").unwrap().is_none());
        }
    }

    #[test]
    fn the_root_account_has_an_entry() {
        if !can_read_shadow("the_root_account_has_an_entry") {
            return;
        }
        let entry = lookup(c"root").unwrap().unwrap();
        let file = std::fs::read("/etc/shadow").unwrap();
        let line = file.split(|byte| *byte == b'\n').find(|line| line.starts_with(b"root:")).unwrap();
        let fields: Vec<&[u8]> = line.split(|byte| *byte == b':').collect();
        assert!(fields.get(1).unwrap() == &entry.hash.as_bytes());
        assert_eq!(String::from_utf8_lossy(fields.get(2).unwrap()), entry.last_change.to_string());
    }

    /// Who may not read the file is told that, or, by nss-systemd, given an entry without a usable hash, so only
    /// root's own view is worth a check.
    fn can_read_shadow(test: &str) -> bool {
        let can = std::fs::File::open("/etc/shadow").is_ok();
        if !can {
            skipped::note(test, "needs to read /etc/shadow");
        }
        can
    }
}
