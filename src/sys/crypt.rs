//! Password hashes of every kind that the system's libcrypt (libxcrypt) knows.

use super::terminated::Terminated;
use crate::secret::Secret;
use std::ffi::{CStr, c_char, c_int, c_ulong, c_void};
use std::ptr::{null, null_mut};

/// `CRYPT_GENSALT_OUTPUT_SIZE` of crypt.h: no setting is longer.
const LONGEST_SETTING: usize = 192;

/// `CRYPT_SALT_INVALID` of crypt.h.
const SALT_INVALID: c_int = 1;

#[link(name = "crypt")]
unsafe extern "C" {
    fn crypt_ra(
        phrase: *const c_char,
        setting: *const c_char,
        data: *mut *mut c_void,
        size: *mut c_int,
    ) -> *mut c_char;
    fn crypt_gensalt_rn(
        prefix: *const c_char,
        count: c_ulong,
        random: *const c_char,
        random_length: c_int,
        output: *mut c_char,
        output_size: c_int,
    ) -> *mut c_char;
    fn crypt_checksalt(setting: *const c_char) -> c_int;
}

/// Hashes `password` as `setting` says: a stored hash, or the salt that one begins with.
///
/// `None` when libcrypt refuses: it does not know this kind of hash, or the password is longer than its 511 bytes or
/// holds a NUL. The failure tokens `*0` and `*1` are `None` too, though `crypt_ra` promises not to return them.
pub fn crypt(password: &[u8], setting: &[u8]) -> Option<Secret> {
    let password = Terminated::copy_of(password)?;
    let setting = Terminated::copy_of(setting)?;
    let mut scratch = Scratch::default();
    // SAFETY: both strings end in NUL and outlive the call; `scratch` starts as the null pointer and size 0 that ask
    // crypt_ra to allocate, and frees what crypt_ra leaves there.
    let hash = unsafe {
        crypt_ra(
            password.as_c_str().as_ptr(),
            setting.as_c_str().as_ptr(),
            &mut scratch.data,
            &mut scratch.size,
        )
    };
    if hash.is_null() {
        return None;
    }
    // SAFETY: a result that is not null is a C string inside `scratch`, which lives to the end of this function.
    let hash = unsafe { CStr::from_ptr(hash) }.to_bytes();
    (!hash.starts_with(b"*")).then(|| Secret::copy_of(hash))
}

/// A fresh setting of the kind and cost that the system prefers for new passwords; `None` without random bytes.
pub fn preferred_setting() -> Option<Vec<u8>> {
    let mut output = [0u8; LONGEST_SETTING];
    let size = c_int::try_from(output.len()).ok()?;
    // SAFETY: null prefix and random bytes ask for the defaults; `output` has room for `size` bytes.
    let setting = unsafe { crypt_gensalt_rn(null(), 0, null(), 0, output.as_mut_ptr().cast(), size) };
    if setting.is_null() {
        return None;
    }
    Some(CStr::from_bytes_until_nul(&output).ok()?.to_bytes().to_vec())
}

/// Whether libcrypt knows the kind of hash that `setting` begins with. It looks at the first bytes only.
pub fn is_known(setting: &[u8]) -> bool {
    let Some(setting) = Terminated::copy_of(setting) else { return false };
    // SAFETY: the string ends in NUL and outlives the call.
    unsafe { crypt_checksalt(setting.as_c_str().as_ptr()) != SALT_INVALID }
}

/// The memory in which crypt_ra works; it holds the password and the hash.
struct Scratch {
    data: *mut c_void,
    size: c_int,
}

impl Default for Scratch {
    fn default() -> Self {
        Self { data: null_mut(), size: 0 }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if self.data.is_null() {
            return;
        }
        let size = usize::try_from(self.size).unwrap_or(0);
        // SAFETY: crypt_ra allocated `size` bytes at `data` with malloc, and nothing else refers to them. It need not
        // have written them all, so they are only written here and never made a slice. This is the only free.
        unsafe {
            libc::explicit_bzero(self.data, size);
            libc::free(self.data);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_that_libcrypt_does_not_know_gives_no_hash() {
        for setting in ["", "x", "!", "*", "*0", "*1", "!!", "$nothing$x", "$apr1$abcdefgh$", "{SHA}x"] {
            assert!(crypt(b"secret", setting.as_bytes()).is_none(), "{setting}");
            assert!(!is_known(setting.as_bytes()), "{setting}");
        }
    }

    #[test]
    fn a_nul_in_password_or_setting_gives_no_hash() {
        assert!(crypt(b"secret\0", b"$5$saltsalt$").is_none());
        assert!(crypt(b"secret", b"$5$saltsalt$\0").is_none());
    }

    #[test]
    fn a_password_of_512_bytes_or_more_gives_no_hash() {
        assert!(crypt(&[b'x'; 511], b"$5$saltsalt$").is_some());
        assert!(crypt(&[b'x'; 512], b"$5$saltsalt$").is_none());
    }

    #[test]
    fn the_preferred_setting_is_new_each_time_and_gives_a_hash() {
        let setting = preferred_setting().unwrap();
        assert_ne!(setting, preferred_setting().unwrap());
        assert!(is_known(&setting));
        assert!(crypt(b"secret", &setting).unwrap().as_bytes().starts_with(&setting));
    }
}
