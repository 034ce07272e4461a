//! What is written of libsqlite3 is what its header says.

use super::functions;
use crate::sys::sql::tests::{holds_against_headers, program};

#[test]
fn every_function_and_number_of_libsqlite3_is_that_of_its_header() {
    let start = "#include <sqlite3.h>\ntypedef int (*progress)(void *);\ntypedef void (*destructor)(void *);";
    let program = program(start, functions::Libsqlite3::WRITTEN, functions::CONSTANTS);
    holds_against_headers(
        "libsqlite3",
        &program,
        "/usr/include",
        &[
            ("int (*const own_sqlite3_step)(sqlite3_stmt *)", "int (*const own_sqlite3_step)(sqlite3 *)"),
            ("SQLITE_DONE == 101", "SQLITE_DONE == 100"),
        ],
    );
}
