//! A statement that a MySQL server has prepared, and its answers.

use super::driver::Driver;
use super::failure;
use super::functions::*;
use super::row::{Row, string};
use crate::secret::Secret;
use crate::sys::sql::{Answer, ErrorKind, MOST_ROWS, SqlError, c_text, length_of_value, text_for_c};
use std::ffi::{c_int, c_uint, c_ulong};
use std::ptr::NonNull;

/// How many columns there may be: a statement that names what it wants has two.
const MOST_COLUMNS: c_uint = 4096;

/// What mysql_stmt_next_result says after the last; it has no name.
const NO_MORE_RESULTS: c_int = -1;

/// How many results an answer may have: that of a procedure has one without rows at its end.
const MOST_RESULTS: usize = 100;

/// The library's number for all that goes wrong with TLS.
const ERROR_OF_TLS: c_uint = 2026;

/// A comparison of two character sets, of which neither has all that is in the other; 3988 is MySQL's word for it.
const MIXED_CHARACTERS: [c_uint; 4] = [1267, 1270, 1271, 3988];

/// It must not outlive its connection.
pub(super) struct Statement {
    library: &'static Libmariadb,
    raw: NonNull<MYSQL_STMT>,
    connection: NonNull<MYSQL>,
    /// Whether every character set has what it was asked with last.
    is_ascii: bool,
    /// Whether the rest of an answer is still to come that nobody wants to read.
    is_unfinished: bool,
}

impl Statement {
    /// Has the server prepare it.
    ///
    /// # Safety
    /// `connection` is connected, and is closed after the statement is dropped.
    pub(super) unsafe fn prepare(
        library: &'static Libmariadb,
        connection: NonNull<MYSQL>,
        text: &str,
        driver: Driver,
    ) -> Result<Self, SqlError> {
        // SAFETY: the connection is libmariadb's, by the caller's promise.
        let raw = NonNull::new(unsafe { (library.mysql_stmt_init)(connection.as_ptr()) });
        let statement = Self {
            library,
            raw: raw.ok_or_else(failure::no_memory)?,
            connection,
            is_ascii: true,
            is_unfinished: false,
        };
        let length = c_ulong::try_from(text.len()).unwrap_or(c_ulong::MAX);
        // The library looks for the end of an empty one.
        let text = text_for_c(text.as_bytes())?;
        let (raw, start, mut failed) = (statement.raw.as_ptr(), text.as_bytes().as_ptr().cast(), 1);
        // SAFETY: the text is of that length, ends in NUL, and outlives the call to its end.
        let wanted = unsafe { (library.mysql_stmt_prepare_start)(&raw mut failed, raw, start, length) };
        // SAFETY: this goes on with the call, of which `failed` is the result.
        driver.finish(wanted, |occurred| unsafe {
            (library.mysql_stmt_prepare_cont)(&raw mut failed, raw, occurred)
        });
        if failed != 0 { Err(statement.error()) } else { Ok(statement) }
    }

    /// Asks it with these parameters, and takes the first row.
    pub(super) fn ask(&mut self, parameters: &[&[u8]], driver: Driver) -> Result<Answer, SqlError> {
        self.is_ascii = parameters.iter().all(|value| value.is_ascii());
        self.execute(parameters, driver)?;
        let answer = self.read(driver);
        let finished = if self.is_unfinished { Ok(()) } else { self.finish(driver) };
        answer.and_then(|answer| finished.map(|()| answer))
    }

    /// Whether the connection cannot be asked again: there is more to come than is worth to be read.
    pub(super) const fn is_unfinished(&self) -> bool {
        self.is_unfinished
    }

    /// Reads and forgets what is left of an answer, so that the connection can be asked again.
    fn finish(&self, driver: Driver) -> Result<(), SqlError> {
        for _ in 0..MOST_RESULTS {
            match self.call(
                driver,
                self.library.mysql_stmt_next_result_start,
                self.library.mysql_stmt_next_result_cont,
            ) {
                0 => {}
                NO_MORE_RESULTS => return self.free_result(driver),
                _ => return Err(self.error()),
            }
        }
        Err(SqlError::configuration(format!("the statement gives more than {MOST_RESULTS} results")))
    }

    fn free_result(&self, driver: Driver) -> Result<(), SqlError> {
        let (start, go_on) =
            (self.library.mysql_stmt_free_result_start, self.library.mysql_stmt_free_result_cont);
        let failed: my_bool = self.call(driver, start, go_on);
        if failed != 0 && driver.is_late() { Err(self.error()) } else { Ok(()) }
    }

    /// One of the calls that take the statement only, to its end; what it has given.
    fn call<T: Default>(
        &self,
        driver: Driver,
        start: unsafe extern "C" fn(*mut T, *mut MYSQL_STMT) -> c_int,
        go_on: unsafe extern "C" fn(*mut T, *mut MYSQL_STMT, c_int) -> c_int,
    ) -> T {
        let (mut result, raw) = (T::default(), self.raw.as_ptr());
        // SAFETY: the statement is libmariadb's, and what is bound to it outlives the call to its end.
        let wanted = unsafe { start(&raw mut result, raw) };
        // SAFETY: as above; this goes on with that call.
        driver.finish(wanted, |occurred| unsafe { go_on(&raw mut result, raw, occurred) });
        result
    }

    fn execute(&self, parameters: &[&[u8]], driver: Driver) -> Result<(), SqlError> {
        let raw = self.raw.as_ptr();
        // SAFETY: the statement is libmariadb's.
        let wanted = unsafe { (self.library.mysql_stmt_param_count)(raw) };
        if usize::try_from(wanted) != Ok(parameters.len()) {
            let given = parameters.len();
            return Err(SqlError::configuration(format!(
                "the statement has {wanted} parameters, not {given}"
            )));
        }
        let mut lengths: Vec<c_ulong> =
            parameters.iter().map(|value| c_ulong::try_from(value.len()).unwrap_or(c_ulong::MAX)).collect();
        let bind = |(value, length): (&&[u8], &mut c_ulong)| MYSQL_BIND {
            buffer: value.as_ptr().cast_mut().cast(),
            buffer_length: *length,
            length,
            ..string()
        };
        let mut bound: Vec<MYSQL_BIND> = parameters.iter().zip(&mut lengths).map(bind).collect();
        // SAFETY: there are as many as the statement has, each a text of its length; all outlive both calls, and are not
        // written to. Afterwards nobody looks at them.
        let failed = unsafe { (self.library.mysql_stmt_bind_param)(raw, bound.as_mut_ptr()) } != 0
            || self.call(driver, self.library.mysql_stmt_execute_start, self.library.mysql_stmt_execute_cont)
                != 0;
        if failed { Err(self.error()) } else { Ok(()) }
    }

    fn read(&mut self, driver: Driver) -> Result<Answer, SqlError> {
        let columns = self.columns()?;
        let mut row = Row::of(columns.len());
        // SAFETY: there are as many as the answer has columns; `row` keeps what they point to where it is, and outlives
        // all fetching.
        if unsafe { (self.library.mysql_stmt_bind_result)(self.raw.as_ptr(), row.bound.as_mut_ptr()) } != 0 {
            return Err(self.error());
        }
        if !self.fetch(driver)? {
            return Ok(Answer { columns, first_row: None, has_more_rows: false });
        }
        let values =
            (0..columns.len()).map(|column| self.value(&row, column)).collect::<Result<Vec<_>, _>>()?;
        let more = self.skip(driver)?;
        Ok(Answer { columns, first_row: Some(values), has_more_rows: more > 0 })
    }

    /// Forgets the other rows, of which there may be as many as the table has; how many it has seen.
    fn skip(&mut self, driver: Driver) -> Result<usize, SqlError> {
        for rows in 0..MOST_ROWS {
            if !self.fetch(driver)? {
                return Ok(rows);
            }
        }
        self.is_unfinished = true;
        Ok(MOST_ROWS)
    }

    /// The names of the columns of the answer, at least one.
    fn columns(&self) -> Result<Vec<String>, SqlError> {
        // SAFETY: the statement is libmariadb's.
        let described = NonNull::new(unsafe { (self.library.mysql_stmt_result_metadata)(self.raw.as_ptr()) });
        let Some(described) = described else {
            return Err(SqlError::configuration("the statement gives no rows".to_owned()));
        };
        // SAFETY: the description is libmariadb's.
        let count = unsafe { (self.library.mysql_num_fields)(described.as_ptr()) };
        let name = |column| {
            // SAFETY: as above, and there is such a column; its name is a C string that is copied before it goes.
            let name = unsafe {
                let field = (self.library.mysql_fetch_field_direct)(described.as_ptr(), column);
                if field.is_null() { b"" } else { c_text((*field).name) }
            };
            String::from_utf8_lossy(name).into_owned()
        };
        let names = (0..count.min(MOST_COLUMNS)).map(name).collect();
        // SAFETY: it is freed once.
        unsafe { (self.library.mysql_free_result)(described.as_ptr()) };
        if (1..=MOST_COLUMNS).contains(&count) {
            return Ok(names);
        }
        Err(SqlError::configuration(format!("the statement gives {count} columns")))
    }

    /// Whether there is a row more. It does not fit, since nothing is bound for it: `value` asks for it in its length.
    fn fetch(&self, driver: Driver) -> Result<bool, SqlError> {
        match self.call(driver, self.library.mysql_stmt_fetch_start, self.library.mysql_stmt_fetch_cont) {
            0 | MYSQL_DATA_TRUNCATED => Ok(true),
            MYSQL_NO_DATA => Ok(false),
            _ => Err(self.error()),
        }
    }

    fn value(&mut self, row: &Row, column: usize) -> Result<Option<Secret>, SqlError> {
        let (is_null, length) = row.measures(column);
        if is_null {
            return Ok(None);
        }
        let mut value = Secret::default();
        // The rows behind it may be as long, and the library reads them all without a wait that a deadline could end.
        value.resize(length_of_value(length).inspect_err(|_| self.is_unfinished = true)?);
        let (mut length, mut null, mut cut): (c_ulong, my_bool, my_bool) = (length, 0, 0);
        let mut bound = MYSQL_BIND {
            buffer: value.as_mut_bytes().as_mut_ptr().cast(),
            buffer_length: length,
            length: &raw mut length,
            is_null: &raw mut null,
            error: &raw mut cut,
            ..string()
        };
        let column = c_uint::try_from(column).unwrap_or(c_uint::MAX);
        // SAFETY: the buffer is of that length, and all that is pointed to outlives the call.
        let failed: c_int =
            unsafe { (self.library.mysql_stmt_fetch_column)(self.raw.as_ptr(), &raw mut bound, column, 0) };
        if failed == 0 { Ok(Some(value)) } else { Err(self.error()) }
    }

    fn error(&self) -> SqlError {
        let (library, raw) = (self.library, self.raw.as_ptr());
        // SAFETY: the statement is libmariadb's; the texts live until the next call, and are copied.
        let (number, said, state) = unsafe {
            (
                (library.mysql_stmt_errno)(raw),
                c_text((library.mysql_stmt_error)(raw)),
                c_text((library.mysql_stmt_sqlstate)(raw)),
            )
        };
        match number {
            // What comes instead of a row is kept with the connection only.
            // SAFETY: the connection is open for longer than the statement.
            0 => unsafe { error_of(library, self.connection) },
            // TLS has been agreed on, so this is its end.
            ERROR_OF_TLS => SqlError { kind: ErrorKind::Lost, ..failure::of(number, said, state) },
            // The column has no such login. What cannot be compared with ASCII either is wrong with the table.
            _ if MIXED_CHARACTERS.contains(&number) && !self.is_ascii => failure::bad_value(number),
            _ => failure::of(number, said, state),
        }
    }
}

impl Drop for Statement {
    fn drop(&mut self) {
        // SAFETY: it is closed once, before its connection.
        unsafe { (self.library.mysql_stmt_close)(self.raw.as_ptr()) };
    }
}

/// What has gone wrong with a connection last.
///
/// # Safety
/// It is libmariadb's, and has not been closed.
pub(super) unsafe fn error_of(library: &Libmariadb, connection: NonNull<MYSQL>) -> SqlError {
    let raw = connection.as_ptr();
    // SAFETY: a connection by the caller's promise; the texts live until the next call, and are copied.
    let (number, said, state) = unsafe {
        (
            (library.mysql_errno)(raw),
            c_text((library.mysql_error)(raw)),
            c_text((library.mysql_sqlstate)(raw)),
        )
    };
    failure::of(number, said, state)
}
