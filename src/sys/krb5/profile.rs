//! krb5.conf, or what `KRB5_CONFIG` names, as it is now, and before it what holds for logins whatever it says.

use super::error::Krb5Error;
use super::functions::{_profile_t, Krb5};
use crate::sys::memory_file;
use std::ffi::{CStr, CString, c_char, c_int};
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::ptr::{NonNull, null, null_mut};
use std::sync::OnceLock;

/// With PKINIT a certificate of this host gets a ticket, or none at all does for the anonymous principal (RFC 8062),
/// whatever the password is.
const PASSWORDS_ONLY: &[u8] = b"[plugins]\n clpreauth = {\n  disable = pkinit\n }\n";

/// The library's code for a file that begins with a `module` line.
const PROF_MODULE: c_int = -1_429_577_693;

/// What krb5.conf says, in the library's form.
pub(super) struct Profile {
    krb5: &'static Krb5,
    pointer: NonNull<_profile_t>,
}

impl Profile {
    /// Reads the files.
    ///
    /// # Errors
    /// When one of them makes no sense or cannot be read; that there is none is no failure.
    pub(super) fn read(krb5: &'static Krb5) -> Result<Self, Krb5Error> {
        let own = own_file().map_err(|error| unusable(&error))?;
        let paths = [vec![own], files(krb5)?].concat();
        let mut names: Vec<_> = paths.iter().map(|path| path.as_ptr()).collect();
        names.push(null());
        let mut pointer = null_mut();
        // SAFETY: the list ends in null, its strings are alive and end in NUL, and there is room for a pointer.
        let code = unsafe { (krb5.profile_init)(names.as_mut_ptr(), &raw mut pointer) };
        let code = c_int::try_from(code).unwrap_or(libc::EINVAL);
        if code == PROF_MODULE {
            // A module takes the place of all files, also of the one that keeps logins to passwords.
            let text =
                "krb5.conf has the settings of a module, which cannot be used here: write them into the file"
                    .into();
            return Err(Krb5Error::Failed { step: "krb5_init_context", code, text });
        }
        Self::of(krb5, code, pointer)
    }

    /// Of what a function of the library has made, which is owned from now on.
    pub(super) fn of(krb5: &'static Krb5, code: c_int, pointer: *mut _profile_t) -> Result<Self, Krb5Error> {
        let pointer = NonNull::new(pointer).filter(|_| code == 0);
        // It is a part of that function, which C has in its log.
        let failed = || Krb5Error::take(krb5, null_mut(), "krb5_init_context", code);
        Ok(Self { krb5, pointer: pointer.ok_or_else(failed)? })
    }

    pub(super) fn as_ptr(&self) -> *mut _profile_t {
        self.pointer.as_ptr()
    }

    /// What a section says; nothing if it does not, or not in so many words.
    pub(super) fn value(&self, section: &CStr, name: &CStr) -> Option<Vec<u8>> {
        let mut value = null_mut();
        // SAFETY: the profile is alive, the names end in NUL, those that are null are neither asked for nor given, and there is
        // room for a pointer.
        let code = unsafe {
            let get = self.krb5.profile_get_string;
            get(self.as_ptr(), section.as_ptr(), name.as_ptr(), null(), null(), &raw mut value)
        };
        let value = NonNull::new(value).filter(|_| code == 0)?;
        // SAFETY: it is a C string, which is copied before it is freed.
        let copy = unsafe { CStr::from_ptr(value.as_ptr()) }.to_bytes().to_vec();
        // SAFETY: it is that function's, and is not used again.
        unsafe { (self.krb5.profile_release_string)(value.as_ptr()) };
        Some(copy)
    }

    /// What the parts of a section are called.
    pub(super) fn subsections(&self, section: &CStr) -> Vec<Vec<u8>> {
        let mut path = [section.as_ptr(), null()];
        let mut names = null_mut();
        // SAFETY: the profile is alive, the path ends in null, and there is room for a pointer. A section that is not there
        // is a failure, and leaves null there.
        unsafe {
            (self.krb5.profile_get_subsection_names)(self.as_ptr(), path.as_mut_ptr(), &raw mut names);
        };
        let Some(names) = NonNull::new(names) else { return Vec::new() };
        // SAFETY: the list is one of C strings and ends in null; each is copied before the list is freed.
        let copies = unsafe { copies_of(names) };
        // SAFETY: it is that function's, and is not used again.
        unsafe { (self.krb5.profile_free_list)(names.as_ptr()) };
        copies.into_iter().map(CString::into_bytes).collect()
    }
}

impl Drop for Profile {
    fn drop(&mut self) {
        // SAFETY: it is owned here, and not used again; a context has a copy.
        unsafe { (self.krb5.profile_release)(self.as_ptr()) };
    }
}

/// The path of [`PASSWORDS_ONLY`], which is there for as long as the process.
fn own_file() -> io::Result<CString> {
    static FILE: OnceLock<File> = OnceLock::new();
    let file = match FILE.get() {
        Some(file) => file,
        None => {
            let file = memory_file::holding(PASSWORDS_ONLY)?;
            FILE.get_or_init(|| file)
        }
    };
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    // The library passes over what is not there.
    File::open(&path)?;
    Ok(CString::new(path)?)
}

fn unusable(error: &io::Error) -> Krb5Error {
    let text = format!("what keeps logins to passwords cannot be read from /proc/self/fd: {error}");
    Krb5Error::Failed { step: "profile_init", code: error.raw_os_error().unwrap_or(libc::EINVAL), text }
}

/// Where the library reads its settings.
fn files(krb5: &'static Krb5) -> Result<Vec<CString>, Krb5Error> {
    let mut list = null_mut();
    // SAFETY: there is room for a pointer.
    let code = unsafe { (krb5.krb5_get_default_config_files)(&raw mut list) };
    let Some(list) = NonNull::new(list).filter(|_| code == 0) else {
        return Err(Krb5Error::take(krb5, null_mut(), "krb5_get_default_config_files", code));
    };
    // SAFETY: the list is one of C strings and ends in null; each is copied before the list is freed.
    let copies = unsafe { copies_of(list) };
    // SAFETY: it is that function's, and is not used again.
    unsafe { (krb5.krb5_free_config_files)(list.as_ptr()) };
    Ok(copies)
}

/// Copies of a list of C strings.
///
/// # Safety
/// The list must end in null, and be alive and unchanged for as long as this takes.
unsafe fn copies_of(list: NonNull<*mut c_char>) -> Vec<CString> {
    let mut copies = Vec::new();
    let mut place = list.as_ptr();
    // SAFETY: by the caller's promise all places up to that of null are there, and hold C strings.
    unsafe {
        while !(*place).is_null() {
            copies.push(CStr::from_ptr(*place).to_owned());
            place = place.add(1);
        }
    }
    copies
}
