//! What is written of libmariadb is what its header says.

use super::functions;
use crate::sys::sql::tests::{holds_against_headers, program};
use std::fmt::Write as _;

#[test]
fn every_function_number_and_structure_of_libmariadb_is_that_of_its_header() {
    let start = "#include <mysql.h>";
    let mut program = program(start, functions::Libmariadb::WRITTEN, functions::CONSTANTS);
    for (name, offset) in functions::LAYOUT {
        writeln!(program, "_Static_assert(offsetof(MYSQL_BIND, {name}) == {offset}, \"{name}\");").unwrap();
    }
    let size = size_of::<functions::MYSQL_BIND>();
    writeln!(program, "_Static_assert(sizeof(MYSQL_BIND) == {size}, \"size\");").unwrap();
    writeln!(program, "_Static_assert(offsetof(MYSQL_FIELD, name) == 0, \"name\");").unwrap();
    holds_against_headers(
        "libmariadb",
        &program,
        "/usr/include/mariadb",
        &[
            (
                "own_mysql_stmt_fetch_start)(int *, MYSQL_STMT *)",
                "own_mysql_stmt_fetch_start)(int *, MYSQL *)",
            ),
            ("MYSQL_OPT_SSL_ENFORCE == 38", "MYSQL_OPT_SSL_ENFORCE == 37"),
            ("offsetof(MYSQL_BIND, buffer_type) == 96", "offsetof(MYSQL_BIND, buffer_type) == 92"),
        ],
    );
}
