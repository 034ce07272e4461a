//! What is written of libpq is what its header says.

use super::functions;
use crate::sys::sql::tests::{holds_against_headers, program};

#[test]
fn every_function_and_number_of_libpq_is_that_of_its_header() {
    let start = "#include <libpq-fe.h>\n#include <postgres_ext.h>";
    let program = program(start, functions::Libpq::WRITTEN, functions::CONSTANTS);
    holds_against_headers(
        "libpq",
        &program,
        "/usr/include/postgresql",
        &[
            ("int (*const own_PQflush)(PGconn *)", "int (*const own_PQflush)(const PGconn *)"),
            ("PQERRORS_VERBOSE == 2", "PQERRORS_VERBOSE == 1"),
            ("int (*const own_PQsocket)", "long (*const own_PQsocket)"),
        ],
    );
}
