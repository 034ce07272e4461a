//! The functions of libpq that are called, and their types: those of the headers of PostgreSQL 15.
#![allow(non_camel_case_types, non_snake_case, clippy::upper_case_acronyms)]

use crate::sys::library::{functions, opaque};
use crate::sys::sql::constants;
use std::ffi::{c_char, c_int, c_uint, c_void};

opaque! { PGconn PGresult }

// Enumerations, which C has as numbers of this size.
pub(super) type ConnStatusType = c_uint;
pub(super) type ExecStatusType = c_uint;
pub(super) type PGVerbosity = c_uint;
pub(super) type PostgresPollingStatusType = c_uint;
pub(super) type Oid = c_uint;
pub(super) type PQnoticeReceiver = Option<unsafe extern "C" fn(*mut c_void, *const PGresult)>;

functions! {
    /// libpq.
    Libpq {
        fn PQconnectStartParams(*const *const c_char, *const *const c_char, c_int) -> *mut PGconn;
        fn PQconnectPoll(*mut PGconn) -> PostgresPollingStatusType;
        fn PQfinish(*mut PGconn);
        fn PQstatus(*const PGconn) -> ConnStatusType;
        fn PQsocket(*const PGconn) -> c_int;
        fn PQerrorMessage(*const PGconn) -> *mut c_char;
        fn PQconnectionNeedsPassword(*const PGconn) -> c_int;
        fn PQsetErrorVerbosity(*mut PGconn, PGVerbosity) -> PGVerbosity;
        fn PQsetNoticeReceiver(*mut PGconn, PQnoticeReceiver, *mut c_void) -> PQnoticeReceiver;
        fn PQsetnonblocking(*mut PGconn, c_int) -> c_int;

        fn PQsendQueryParams(*mut PGconn, *const c_char, c_int, *const Oid, *const *const c_char, *const c_int, *const c_int, c_int) -> c_int;
        fn PQsetSingleRowMode(*mut PGconn) -> c_int;
        fn PQflush(*mut PGconn) -> c_int;
        fn PQconsumeInput(*mut PGconn) -> c_int;
        fn PQisBusy(*mut PGconn) -> c_int;
        fn PQgetResult(*mut PGconn) -> *mut PGresult;

        fn PQresultStatus(*const PGresult) -> ExecStatusType;
        fn PQresultErrorField(*const PGresult, c_int) -> *mut c_char;
        fn PQresultErrorMessage(*const PGresult) -> *mut c_char;
        fn PQnfields(*const PGresult) -> c_int;
        fn PQfname(*const PGresult, c_int) -> *mut c_char;
        fn PQntuples(*const PGresult) -> c_int;
        fn PQgetisnull(*const PGresult, c_int, c_int) -> c_int;
        fn PQgetlength(*const PGresult, c_int, c_int) -> c_int;
        fn PQgetvalue(*const PGresult, c_int, c_int) -> *mut c_char;
        fn PQclear(*mut PGresult);
    }
}

constants! {
    CONNECTION_OK: ConnStatusType = 0;
    PGRES_POLLING_FAILED: PostgresPollingStatusType = 0;
    PGRES_POLLING_READING: PostgresPollingStatusType = 1;
    PGRES_POLLING_OK: PostgresPollingStatusType = 3;
    PGRES_EMPTY_QUERY: ExecStatusType = 0;
    PGRES_COMMAND_OK: ExecStatusType = 1;
    PGRES_TUPLES_OK: ExecStatusType = 2;
    PGRES_COPY_OUT: ExecStatusType = 3;
    PGRES_COPY_IN: ExecStatusType = 4;
    PGRES_COPY_BOTH: ExecStatusType = 8;
    PGRES_SINGLE_TUPLE: ExecStatusType = 9;
    PQERRORS_VERBOSE: PGVerbosity = 2;
    PG_DIAG_SQLSTATE: c_int = b'C' as c_int;
    PG_DIAG_MESSAGE_PRIMARY: c_int = b'M' as c_int;
}
