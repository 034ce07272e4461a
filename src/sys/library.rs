//! Libraries that are mapped when they are first needed, by the processes that need them: one that is linked costs every
//! process its relocations, and has to be there for those who never use it.
//!
//! What is called of a library, and with which types, is a table that [`functions!`] makes. Tests compile it against the
//! headers.

#[cfg(test)]
#[allow(clippy::unwrap_used)]
pub(in crate::sys) mod headers;

use std::ffi::{CStr, c_void};
use std::fmt;
use std::ptr::NonNull;

/// A library that stays mapped as long as the process lives, since pointers to its functions are everywhere.
pub(super) struct Library {
    name: &'static CStr,
    handle: NonNull<c_void>,
}

/// Why a library or one of its functions is not there, in the words of the dynamic linker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LoadError(String);

impl fmt::Display for LoadError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl Library {
    /// Maps the library of that file name, from where the system has its libraries.
    ///
    /// # Errors
    /// When it is not there, or is for other machines.
    pub(super) fn open(name: &'static CStr) -> Result<Self, LoadError> {
        // SAFETY: the name ends in NUL. Mapping runs the library's constructors, which are there to be run so.
        let handle = unsafe { libc::dlopen(name.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL) };
        match NonNull::new(handle) {
            Some(handle) => Ok(Self { name, handle }),
            None => Err(LoadError(reason(name))),
        }
    }

    /// Where the function of that name is; the name ends in NUL.
    ///
    /// # Errors
    /// When the library has none.
    pub(super) fn address_of(&self, name: &'static str) -> Result<NonNull<c_void>, LoadError> {
        let name = CStr::from_bytes_with_nul(name.as_bytes()).unwrap_or_default();
        // SAFETY: the handle is dlopen's, and is never closed; the name ends in NUL.
        let address = unsafe { libc::dlsym(self.handle.as_ptr(), name.as_ptr()) };
        NonNull::new(address).ok_or_else(|| LoadError(reason(self.name)))
    }
}

/// Whether [`Library::open`] would find the library of that file name. It is unmapped again, for a process that only has to
/// know.
///
/// # Errors
/// Those of [`Library::open`].
pub(super) fn can_be_mapped(name: &'static CStr) -> Result<(), LoadError> {
    let library = Library::open(name)?;
    // SAFETY: the handle is dlopen's, and nothing of the library has been used.
    unsafe { libc::dlclose(library.handle.as_ptr()) };
    Ok(())
}

/// What the last call has failed for.
fn reason(name: &CStr) -> String {
    // SAFETY: dlerror takes nothing.
    let text = unsafe { libc::dlerror() };
    if text.is_null() {
        return name.to_string_lossy().into_owned();
    }
    // SAFETY: it is a C string that lives until this thread's next call of its kind, and is copied before that.
    unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
}

/// Types of which nothing is known here but that there are pointers to them. They are not for other threads.
macro_rules! opaque {
    ($($name:ident)*) => {
        $(
            #[repr(C)]
            pub(super) struct $name {
                _nothing: [u8; 0],
                _pointed_at: std::marker::PhantomData<(*mut u8, std::marker::PhantomPinned)>,
            }
        )*
    };
}

/// A table of the functions of one library.
macro_rules! functions {
    ($(#[$documentation:meta])* $table:ident {
        $(fn $name:ident($($argument:ty),*) $(-> $result:ty)?;)*
    }) => {
        $(#[$documentation])*
        pub(super) struct $table {
            $(pub(super) $name: unsafe extern "C" fn($($argument),*) $(-> $result)?,)*
        }

        impl $table {
            /// Those of the library of that file name, which is mapped when this is called first; then they are set up.
            ///
            /// # Errors
            /// When the library is not there, or one of the functions is not in it.
            ///
            /// # Safety
            /// The headers of the library of that name must have all of them with the types of the table.
            pub(super) unsafe fn of(
                file_name: &'static std::ffi::CStr,
                set_up: impl FnOnce(&Self),
            ) -> Result<&'static Self, $crate::sys::library::LoadError> {
                static TABLE: std::sync::OnceLock<$table> = std::sync::OnceLock::new();
                if let Some(table) = TABLE.get() {
                    return Ok(table);
                }
                let library = $crate::sys::library::Library::open(file_name)?;
                // SAFETY: by the caller's promise, since the functions are sought in that library.
                let table = unsafe { Self::find(&library) }?;
                set_up(&table);
                Ok(TABLE.get_or_init(|| table))
            }

            /// Finds all of them by their names.
            ///
            /// # Errors
            /// That of the first that is missing.
            ///
            /// # Safety
            /// As of [`Self::of`].
            unsafe fn find(
                library: &$crate::sys::library::Library,
            ) -> Result<Self, $crate::sys::library::LoadError> {
                Ok(Self {
                    $($name: {
                        type Function = unsafe extern "C" fn($($argument),*) $(-> $result)?;
                        let address = library.address_of(concat!(stringify!($name), "\0"))?;
                        // SAFETY: a pointer to a function has the size of one to data, and this one is no null. By the
                        // caller's promise it is the function of that name, whose type the headers have as it is here.
                        unsafe { std::mem::transmute::<std::ptr::NonNull<std::ffi::c_void>, Function>(address) }
                    },)*
                })
            }

            /// Each with the types of its arguments and its result, as they are written here.
            #[cfg(test)]
            pub(super) const WRITTEN: &[(&str, &[&str], &str)] = &[
                $((stringify!($name), &[$(stringify!($argument)),*], concat!($(stringify!($result))?)),)*
            ];
        }
    };
}

pub(super) use {functions, opaque};

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_library_that_is_not_there_is_named() {
        let error = Library::open(c"libnobodyhasthis.so.7").err().unwrap();
        assert!(error.to_string().contains("libnobodyhasthis.so.7"), "{error}");
    }

    #[test]
    fn a_function_that_is_not_there_is_named() {
        let error = Library::open(c"libc.so.6").unwrap().address_of("nobody_has_this\0").unwrap_err();
        assert!(error.to_string().contains("nobody_has_this"), "{error}");
    }
}
