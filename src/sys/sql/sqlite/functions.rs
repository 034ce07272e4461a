//! The functions of libsqlite3 that are called, and their types: those of the header of SQLite 3.40.
#![allow(non_camel_case_types, non_snake_case)]

use crate::sys::library::{functions, opaque};
use crate::sys::sql::constants;
use std::ffi::{c_char, c_int, c_uchar, c_void};

opaque! { sqlite3 sqlite3_stmt }

/// Whether to go on: 0 is yes.
pub(super) type progress = Option<unsafe extern "C" fn(*mut c_void) -> c_int>;
/// What frees a value; null for one that is the caller's and stays.
pub(super) type destructor = Option<unsafe extern "C" fn(*mut c_void)>;

functions! {
    /// libsqlite3.
    Libsqlite3 {
        fn sqlite3_open_v2(*const c_char, *mut *mut sqlite3, c_int, *const c_char) -> c_int;
        fn sqlite3_close_v2(*mut sqlite3) -> c_int;
        fn sqlite3_progress_handler(*mut sqlite3, c_int, progress, *mut c_void);
        fn sqlite3_errmsg(*mut sqlite3) -> *const c_char;
        fn sqlite3_prepare_v2(*mut sqlite3, *const c_char, c_int, *mut *mut sqlite3_stmt, *mut *const c_char) -> c_int;
        fn sqlite3_finalize(*mut sqlite3_stmt) -> c_int;
        fn sqlite3_db_handle(*mut sqlite3_stmt) -> *mut sqlite3;
        fn sqlite3_stmt_readonly(*mut sqlite3_stmt) -> c_int;
        fn sqlite3_bind_parameter_count(*mut sqlite3_stmt) -> c_int;
        fn sqlite3_bind_text(*mut sqlite3_stmt, c_int, *const c_char, c_int, destructor) -> c_int;
        fn sqlite3_clear_bindings(*mut sqlite3_stmt) -> c_int;
        fn sqlite3_step(*mut sqlite3_stmt) -> c_int;
        fn sqlite3_reset(*mut sqlite3_stmt) -> c_int;
        fn sqlite3_column_count(*mut sqlite3_stmt) -> c_int;
        fn sqlite3_column_name(*mut sqlite3_stmt, c_int) -> *const c_char;
        fn sqlite3_column_type(*mut sqlite3_stmt, c_int) -> c_int;
        fn sqlite3_column_text(*mut sqlite3_stmt, c_int) -> *const c_uchar;
        fn sqlite3_column_bytes(*mut sqlite3_stmt, c_int) -> c_int;
    }
}

constants! {
    SQLITE_OK: c_int = 0;
    SQLITE_ROW: c_int = 100;
    SQLITE_DONE: c_int = 101;
    SQLITE_NULL: c_int = 5;
    SQLITE_OPEN_READONLY: c_int = 1;
    SQLITE_OPEN_URI: c_int = 0x40;
    SQLITE_OPEN_NOMUTEX: c_int = 0x8000;
}
