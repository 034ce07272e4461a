//! What SQLite says when it fails.

use super::functions::*;
use crate::sys::sql::{ErrorKind, SqlError, c_text, errors};
use std::ffi::c_int;

/// The error of the last call of this database, which has given `code`; none if that is [`SQLITE_OK`].
///
/// # Errors
/// Of a bad value the code only.
///
/// # Safety
/// The database is open, or could not be opened and is not closed yet.
pub(super) unsafe fn check(
    library: &Libsqlite3,
    database: *mut sqlite3,
    code: c_int,
) -> Result<(), SqlError> {
    if code == SQLITE_OK {
        return Ok(());
    }
    let kind = errors::of_sqlite(code);
    if kind == ErrorKind::BadValue {
        return Err(SqlError::new(kind, format!("error {code}")));
    }
    // SAFETY: by the caller's promise; the text lives until the next call, and is copied.
    let said = errors::clean(unsafe { c_text((library.sqlite3_errmsg)(database)) });
    Err(SqlError::new(kind, format!("{said} (error {code})")))
}
