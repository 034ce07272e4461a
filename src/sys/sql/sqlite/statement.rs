//! A statement of SQLite, and its answers.

use super::failure;
use super::functions::*;
use crate::secret::Secret;
use crate::sys::sql::{Answer, SqlError, c_text, length_of_value};
use std::ffi::c_int;
use std::ptr::NonNull;

/// It must not outlive its database.
pub(super) struct Statement {
    library: &'static Libsqlite3,
    raw: NonNull<sqlite3_stmt>,
}

impl Statement {
    /// Takes it over.
    ///
    /// # Safety
    /// It is libsqlite3's, and nobody else ends it.
    pub(super) const unsafe fn new(library: &'static Libsqlite3, raw: NonNull<sqlite3_stmt>) -> Self {
        Self { library, raw }
    }

    /// Runs one that has neither parameters nor rows.
    pub(super) fn run(&mut self) -> Result<(), SqlError> {
        self.step().map(drop)
    }

    /// Asks it with these parameters, and reads two rows at the most.
    pub(super) fn ask(&mut self, parameters: &[&[u8]]) -> Result<Answer, SqlError> {
        let answer = self.bind(parameters).and_then(|()| self.read());
        // SAFETY: the statement is libsqlite3's. It must not hold a lock, nor keep what its parameters point to; what
        // it has failed for is known.
        unsafe {
            (self.library.sqlite3_reset)(self.raw.as_ptr());
            (self.library.sqlite3_clear_bindings)(self.raw.as_ptr());
        }
        answer
    }

    fn bind(&mut self, parameters: &[&[u8]]) -> Result<(), SqlError> {
        let raw = self.raw.as_ptr();
        // SAFETY: the statement is libsqlite3's.
        let (wanted, only_reads) = unsafe {
            ((self.library.sqlite3_bind_parameter_count)(raw), (self.library.sqlite3_stmt_readonly)(raw) != 0)
        };
        if !only_reads {
            return Err(SqlError::configuration("the statement would write".to_owned()));
        }
        if usize::try_from(wanted) != Ok(parameters.len()) {
            let given = parameters.len();
            return Err(SqlError::configuration(format!(
                "the statement has {wanted} parameters, not {given}"
            )));
        }
        for (number, value) in (1..).zip(parameters) {
            let too_long = |_| SqlError::configuration("a parameter is too long".to_owned());
            let length = c_int::try_from(value.len()).map_err(too_long)?;
            // SAFETY: the value is of that length, and is unbound before it goes.
            let code =
                unsafe { (self.library.sqlite3_bind_text)(raw, number, value.as_ptr().cast(), length, None) };
            self.check(code)?;
        }
        Ok(())
    }

    fn read(&mut self) -> Result<Answer, SqlError> {
        let raw = self.raw.as_ptr();
        let has_row = self.step()?;
        // SAFETY: the statement is libsqlite3's.
        let width = unsafe { (self.library.sqlite3_column_count)(raw) };
        if width == 0 {
            return Err(SqlError::configuration("the statement gives no rows".to_owned()));
        }
        let name = |column| {
            // SAFETY: as above, and there is such a column; the name is copied.
            let name = unsafe { c_text((self.library.sqlite3_column_name)(raw, column)) };
            String::from_utf8_lossy(name).into_owned()
        };
        let columns = (0..width).map(name).collect();
        if !has_row {
            return Ok(Answer { columns, first_row: None, has_more_rows: false });
        }
        let first_row = Some((0..width).map(|column| self.value(column)).collect::<Result<_, _>>()?);
        Ok(Answer { columns, first_row, has_more_rows: self.step()? })
    }

    /// Whether there is a row more.
    fn step(&mut self) -> Result<bool, SqlError> {
        // SAFETY: the statement is libsqlite3's, and its parameters are alive.
        match unsafe { (self.library.sqlite3_step)(self.raw.as_ptr()) } {
            SQLITE_ROW => Ok(true),
            SQLITE_DONE => Ok(false),
            code => self.check(code).map(|()| false),
        }
    }

    fn check(&self, code: c_int) -> Result<(), SqlError> {
        // SAFETY: the statement is libsqlite3's, and knows its database, which is open.
        unsafe { failure::check(self.library, (self.library.sqlite3_db_handle)(self.raw.as_ptr()), code) }
    }

    /// A value of the row that is there.
    fn value(&mut self, column: c_int) -> Result<Option<Secret>, SqlError> {
        let raw = self.raw.as_ptr();
        // SAFETY: the statement is libsqlite3's, and has a row with that column. The text is asked for before its length,
        // which is that of what it has been turned into.
        let (kind, text, length) = unsafe {
            let kind = (self.library.sqlite3_column_type)(raw, column);
            let text = (self.library.sqlite3_column_text)(raw, column);
            (kind, text, (self.library.sqlite3_column_bytes)(raw, column))
        };
        if kind == SQLITE_NULL {
            return Ok(None);
        }
        let length = length_of_value(length)?;
        if text.is_null() || length == 0 {
            return Ok(Some(Secret::default()));
        }
        // SAFETY: so many bytes are there until the next call, and are copied.
        Ok(Some(Secret::copy_of(unsafe { std::slice::from_raw_parts(text, length) })))
    }
}

impl Drop for Statement {
    fn drop(&mut self) {
        // SAFETY: it is ended once.
        unsafe { (self.library.sqlite3_finalize)(self.raw.as_ptr()) };
    }
}
