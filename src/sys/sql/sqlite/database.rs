//! An open database of SQLite.

use super::failure;
use super::functions::*;
use super::statement::Statement;
use crate::sys::sql::{ErrorKind, SqlError, c_text, text_for_c};
use std::cell::Cell;
use std::ffi::{c_int, c_void};
use std::fmt::Write as _;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::ptr::{NonNull, null, null_mut};
use std::time::{Duration, Instant};

/// After how many steps of its machine SQLite asks whether to go on: some 0.1 ms.
const STEPS: c_int = 10_000;

/// It must outlive its statements.
pub(super) struct Database {
    library: &'static Libsqlite3,
    raw: NonNull<sqlite3>,
    /// Until when a statement may run; where it is does not change.
    deadline: Box<Cell<Instant>>,
}

impl Database {
    /// Opens it to be read next to writers; while one is at work, statements fail.
    pub(super) fn open(library: &'static Libsqlite3, path: &Path) -> Result<Self, SqlError> {
        // Not even the index of a log beside it is written: it would be the account's, and nobody else's to write.
        Self::open_with(library, path, "mode=ro&readonly_shm=1")
    }

    /// Opens it as one that nobody writes to, without locks.
    pub(super) fn open_at_rest(library: &'static Libsqlite3, path: &Path) -> Result<Self, SqlError> {
        Self::open_with(library, path, "immutable=1")
    }

    fn open_with(library: &'static Libsqlite3, path: &Path, options: &str) -> Result<Self, SqlError> {
        let name = text_for_c(uri(path, options).as_bytes())?;
        let flags = SQLITE_OPEN_URI | SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX;
        let mut raw = null_mut();
        // SAFETY: the name ends in NUL; a null names the usual way to files.
        let code = unsafe {
            (library.sqlite3_open_v2)(name.as_bytes().as_ptr().cast(), &raw mut raw, flags, null())
        };
        let none = || SqlError::new(ErrorKind::Overloaded, "libsqlite3 has no memory".to_owned());
        // One that could not be opened is to be closed, too.
        let raw = NonNull::new(raw).ok_or_else(none)?;
        let database = Self { library, raw, deadline: Box::new(Cell::new(Instant::now())) };
        database.check(code)?;
        let deadline = std::ptr::from_ref::<Cell<Instant>>(&database.deadline).cast_mut().cast();
        // SAFETY: the deadline is where it is for as long as the database, and only this thread uses both.
        unsafe { (library.sqlite3_progress_handler)(raw.as_ptr(), STEPS, Some(is_late), deadline) };
        database.limit(Instant::now() + Duration::from_secs(1));
        // Whoever may write the file shall not have functions called that do more than compute.
        database.prepare("PRAGMA trusted_schema=OFF")?.run()?;
        Ok(database)
    }

    /// Until when statements may run from now on.
    pub(super) fn limit(&self, deadline: Instant) {
        self.deadline.set(deadline);
    }

    /// Makes a statement of the text, which holds only one.
    pub(super) fn prepare(&self, text: &str) -> Result<Statement, SqlError> {
        let text = text_for_c(text.as_bytes())?;
        let (mut raw, mut rest) = (null_mut(), null());
        let start = text.as_bytes().as_ptr().cast();
        // SAFETY: the text ends in NUL and outlives the call.
        let code = unsafe {
            (self.library.sqlite3_prepare_v2)(self.raw.as_ptr(), start, -1, &raw mut raw, &raw mut rest)
        };
        self.check(code)?;
        // SAFETY: `rest` points into the text, which ends in NUL.
        let is_only = unsafe { c_text(rest) }.iter().all(|byte| byte.is_ascii_whitespace() || *byte == b';');
        let raw =
            NonNull::new(raw).ok_or_else(|| SqlError::configuration("there is no statement".to_owned()))?;
        // SAFETY: the statement is libsqlite3's, and nobody else's.
        let statement = unsafe { Statement::new(self.library, raw) };
        if is_only {
            Ok(statement)
        } else {
            Err(SqlError::configuration("there is more than one statement".to_owned()))
        }
    }

    fn check(&self, code: c_int) -> Result<(), SqlError> {
        // SAFETY: the database is libsqlite3's.
        unsafe { failure::check(self.library, self.raw.as_ptr(), code) }
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // SAFETY: it is closed once; were there statements left, it would wait for the last of them.
        unsafe { (self.library.sqlite3_close_v2)(self.raw.as_ptr()) };
    }
}

/// The path as SQLite takes it together with options (sqlite.org/uri.html).
fn uri(path: &Path, options: &str) -> String {
    let mut uri = "file:".to_owned();
    for byte in path.as_os_str().as_bytes() {
        match byte {
            b'/' | b'.' | b'_' | b'-' => uri.push(char::from(*byte)),
            byte if byte.is_ascii_alphanumeric() => uri.push(char::from(*byte)),
            byte => _ = write!(uri, "%{byte:02X}"),
        }
    }
    uri + "?" + options
}

/// Whether the statement that runs is to end.
///
/// # Safety
/// It is given the deadline of a database that is open.
unsafe extern "C" fn is_late(deadline: *mut c_void) -> c_int {
    // SAFETY: by the caller's promise it is there, and it is this thread's.
    let deadline = unsafe { &*deadline.cast::<Cell<Instant>>() };
    c_int::from(Instant::now() > deadline.get())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_path_is_taken_for_an_option() {
        let uri = uri(Path::new("/srv/a?mode=rwc&b#c%41 \u{e9}.db"), "mode=ro");
        assert_eq!(uri, "file:/srv/a%3Fmode%3Drwc%26b%23c%2541%20%C3%A9.db?mode=ro");
    }
}
