//! What libmariadb says when it fails. Pure.
#![forbid(unsafe_code)]

use crate::sys::sql::{ErrorKind, SqlError, errors};
use std::ffi::c_uint;

/// What an error is, in words; of a bad value its number only.
pub(super) fn of(number: c_uint, said: &[u8], state: &[u8]) -> SqlError {
    let kind = errors::of_mysql(number, &String::from_utf8_lossy(state));
    let text = if kind == ErrorKind::BadValue {
        format!("error {number}")
    } else {
        format!("{} (error {number})", errors::clean(said))
    };
    SqlError::new(kind, text)
}
