//! A statement that a MySQL server has prepared, and its answers.

use super::failure;
use super::functions::*;
use crate::secret::Secret;
use crate::sys::sql::{Answer, ErrorKind, SqlError, c_text, length_of_value, text_for_c};
use std::ffi::{c_int, c_uint, c_ulong};
use std::ptr::{NonNull, null_mut};

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
    ) -> Result<Self, SqlError> {
        // SAFETY: the connection is libmariadb's, by the caller's promise.
        let raw = NonNull::new(unsafe { (library.mysql_stmt_init)(connection.as_ptr()) });
        let none = || SqlError::new(ErrorKind::Overloaded, "libmariadb has no memory".to_owned());
        let statement = Self { library, raw: raw.ok_or_else(none)?, connection, is_ascii: true };
        let length = c_ulong::try_from(text.len()).unwrap_or(c_ulong::MAX);
        // The library looks for the end of an empty one.
        let text = text_for_c(text.as_bytes())?;
        let start = text.as_bytes().as_ptr().cast();
        // SAFETY: the text is of that length, ends in NUL, and is sent before this returns.
        let failed = unsafe { (library.mysql_stmt_prepare)(statement.raw.as_ptr(), start, length) } != 0;
        if failed { Err(statement.error()) } else { Ok(statement) }
    }

    /// Asks it with these parameters, and reads two rows at the most.
    pub(super) fn ask(&mut self, parameters: &[&[u8]]) -> Result<Answer, SqlError> {
        self.is_ascii = parameters.iter().all(|value| value.is_ascii());
        self.execute(parameters)?;
        let answer = self.read();
        let finished = self.finish();
        answer.and_then(|answer| finished.map(|()| answer))
    }

    /// Reads and forgets what is left of an answer, so that the connection can be asked again.
    fn finish(&mut self) -> Result<(), SqlError> {
        for _ in 0..MOST_RESULTS {
            // SAFETY: the statement is libmariadb's.
            match unsafe { (self.library.mysql_stmt_next_result)(self.raw.as_ptr()) } {
                0 => {}
                NO_MORE_RESULTS => {
                    // SAFETY: as above.
                    unsafe { (self.library.mysql_stmt_free_result)(self.raw.as_ptr()) };
                    return Ok(());
                }
                _ => return Err(self.error()),
            }
        }
        Err(SqlError::configuration(format!("the statement gives more than {MOST_RESULTS} results")))
    }

    fn execute(&mut self, parameters: &[&[u8]]) -> Result<(), SqlError> {
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
        let failed = unsafe {
            (self.library.mysql_stmt_bind_param)(raw, bound.as_mut_ptr()) != 0
                || (self.library.mysql_stmt_execute)(raw) != 0
        };
        if failed { Err(self.error()) } else { Ok(()) }
    }

    fn read(&mut self) -> Result<Answer, SqlError> {
        let columns = self.columns()?;
        let mut row = Row::of(columns.len());
        // SAFETY: there are as many as the answer has columns; `row` keeps what they point to where it is, and outlives
        // all fetching.
        if unsafe { (self.library.mysql_stmt_bind_result)(self.raw.as_ptr(), row.bound.as_mut_ptr()) } != 0 {
            return Err(self.error());
        }
        if !self.fetch()? {
            return Ok(Answer { columns, first_row: None, has_more_rows: false });
        }
        let values =
            (0..columns.len()).map(|column| self.value(&row, column)).collect::<Result<Vec<_>, _>>()?;
        Ok(Answer { columns, first_row: Some(values), has_more_rows: self.fetch()? })
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
    fn fetch(&mut self) -> Result<bool, SqlError> {
        // SAFETY: the statement is libmariadb's, and what is bound is alive.
        match unsafe { (self.library.mysql_stmt_fetch)(self.raw.as_ptr()) } {
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
        value.resize(length_of_value(length)?);
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

/// What libmariadb says of the values of a row: their lengths, and which are NULL.
struct Row {
    bound: Vec<MYSQL_BIND>,
    lengths: Vec<c_ulong>,
    nulls: Vec<my_bool>,
    cut: Vec<my_bool>,
}

impl Row {
    fn of(columns: usize) -> Self {
        let mut row = Self {
            bound: Vec::new(),
            lengths: vec![0; columns],
            nulls: vec![0; columns],
            cut: vec![0; columns],
        };
        let places = row.lengths.iter_mut().zip(&mut row.nulls).zip(&mut row.cut);
        row.bound = places
            .map(|((length, is_null), error)| MYSQL_BIND { length, is_null, error, ..string() })
            .collect();
        row
    }

    /// Whether that one is NULL, and its length.
    fn measures(&self, column: usize) -> (bool, c_ulong) {
        let is_null = self.nulls.get(column).is_none_or(|is_null| *is_null != 0);
        (is_null, self.lengths.get(column).copied().unwrap_or_default())
    }
}

/// A text of no length.
const fn string() -> MYSQL_BIND {
    MYSQL_BIND {
        length: null_mut(),
        is_null: null_mut(),
        buffer: null_mut(),
        error: null_mut(),
        u: null_mut(),
        store_param_func: null_mut(),
        fetch_result: null_mut(),
        skip_result: null_mut(),
        buffer_length: 0,
        offset: 0,
        length_value: 0,
        flags: 0,
        pack_length: 0,
        buffer_type: MYSQL_TYPE_STRING,
        error_value: 0,
        is_unsigned: 0,
        long_data_used: 0,
        is_null_value: 0,
        extension: null_mut(),
    }
}
