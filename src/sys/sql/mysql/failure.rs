//! What libmariadb says when it fails. Pure.
#![forbid(unsafe_code)]

use crate::sys::sql::{ErrorKind, SqlError, errors};
use std::ffi::c_uint;

/// What an error is, in words; of a bad value its number only.
pub(super) fn of(number: c_uint, said: &[u8], state: &[u8]) -> SqlError {
    match errors::of_mysql(number, &String::from_utf8_lossy(state)) {
        ErrorKind::BadValue => bad_value(number),
        kind => SqlError::new(kind, format!("{} (error {number})", errors::clean(said))),
    }
}

/// An error about a value, which the server mostly repeats.
pub(super) fn bad_value(number: c_uint) -> SqlError {
    SqlError::new(ErrorKind::BadValue, format!("error {number}"))
}

/// What libmariadb has asked the kernel for in vain.
pub(super) fn no_memory() -> SqlError {
    SqlError::new(ErrorKind::Overloaded, "libmariadb has no memory".to_owned())
}
