//! One result of PostgreSQL: a row, the end of the rows, or an error.

use super::functions::*;
use crate::secret::Secret;
use crate::sys::sql::{SqlError, c_text, errors, length_of_value};
use std::ffi::c_int;
use std::ptr::NonNull;
use zeroize::Zeroize;

/// The values of a row; `None` for NULL.
pub(super) type Row = Vec<Option<Secret>>;

/// What PQgetResult has given.
pub(super) struct PgResult {
    library: &'static Libpq,
    raw: NonNull<PGresult>,
}

impl PgResult {
    /// Takes it over.
    ///
    /// # Safety
    /// It is libpq's, and nobody else clears it.
    pub(super) const unsafe fn new(library: &'static Libpq, raw: NonNull<PGresult>) -> Self {
        Self { library, raw }
    }

    /// One of `PGRES_…`.
    pub(super) fn status(&self) -> ExecStatusType {
        // SAFETY: the result lives as long as `self`.
        unsafe { (self.library.PQresultStatus)(self.raw.as_ptr()) }
    }

    /// The SQLSTATE of an error; empty if it is the library's own.
    pub(super) fn sqlstate(&self) -> String {
        self.field(PG_DIAG_SQLSTATE)
    }

    /// What the server, or the library, says of an error, in one line.
    pub(super) fn message(&self) -> String {
        let primary = self.field(PG_DIAG_MESSAGE_PRIMARY);
        if !primary.is_empty() {
            return primary;
        }
        // SAFETY: as above; the text lives as long, and is copied.
        errors::clean(unsafe { c_text((self.library.PQresultErrorMessage)(self.raw.as_ptr())) })
    }

    fn field(&self, code: c_int) -> String {
        // SAFETY: as above; any code may be asked for, and null says that there is none.
        errors::clean(unsafe { c_text((self.library.PQresultErrorField)(self.raw.as_ptr(), code)) })
    }

    /// The names of the columns.
    pub(super) fn columns(&self) -> Vec<String> {
        let name = |column| {
            // SAFETY: as above; the column is one that it has.
            let name = unsafe { c_text((self.library.PQfname)(self.raw.as_ptr(), column)) };
            String::from_utf8_lossy(name).into_owned()
        };
        (0..self.width()).map(name).collect()
    }

    /// The values of the first row, which are wiped where they were; `None` without one.
    ///
    /// # Errors
    /// When one is too long.
    pub(super) fn take_row(&mut self) -> Result<Option<Row>, SqlError> {
        // SAFETY: as above.
        let rows = unsafe { (self.library.PQntuples)(self.raw.as_ptr()) };
        (rows > 0).then(|| (0..self.width()).map(|column| self.take_value(column)).collect()).transpose()
    }

    fn width(&self) -> c_int {
        // SAFETY: as above.
        unsafe { (self.library.PQnfields)(self.raw.as_ptr()) }
    }

    /// One value of the first row, which there is.
    fn take_value(&mut self, column: c_int) -> Result<Option<Secret>, SqlError> {
        let (library, raw) = (self.library, self.raw.as_ptr());
        // SAFETY: as above; row and column are ones that it has.
        let (is_null, length, value) = unsafe {
            let length = (library.PQgetlength)(raw, 0, column);
            ((library.PQgetisnull)(raw, 0, column) != 0, length, (library.PQgetvalue)(raw, 0, column))
        };
        if is_null || value.is_null() {
            return Ok(None);
        }
        let length = length_of_value(length)?;
        if length == 0 {
            return Ok(Some(Secret::default()));
        }
        // SAFETY: so many bytes are there, in memory of the result's own that nobody else looks at.
        let bytes = unsafe { std::slice::from_raw_parts_mut(value.cast::<u8>(), length) };
        let copy = Secret::copy_of(bytes);
        bytes.zeroize();
        Ok(Some(copy))
    }
}

impl Drop for PgResult {
    fn drop(&mut self) {
        // SAFETY: it is cleared once.
        unsafe { (self.library.PQclear)(self.raw.as_ptr()) };
    }
}
