//! The functions of libmariadb that are called, and their types: those of the headers of MariaDB Connector/C 3.3.
#![allow(non_camel_case_types, non_snake_case, clippy::upper_case_acronyms)]

use crate::sys::library::{functions, opaque};
use crate::sys::sql::constants;
use std::ffi::{c_char, c_int, c_uint, c_ulong, c_void};

opaque! { MYSQL MYSQL_STMT MYSQL_RES }

pub(super) type my_bool = c_char;
pub(super) type my_socket = c_int;
pub(super) type mysql_option = c_uint;

/// The beginning of a description of a column, of which libmariadb makes the rest.
#[repr(C)]
pub(super) struct MYSQL_FIELD {
    pub(super) name: *mut c_char,
    _rest: [u8; 0],
}

/// Where a value comes from or goes to: 112 bytes on machines of 64 bits. All zero is one that is not used.
#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct MYSQL_BIND {
    pub(super) length: *mut c_ulong,
    pub(super) is_null: *mut my_bool,
    pub(super) buffer: *mut c_void,
    pub(super) error: *mut my_bool,
    pub(super) u: *mut c_void,
    pub(super) store_param_func: *mut c_void,
    pub(super) fetch_result: *mut c_void,
    pub(super) skip_result: *mut c_void,
    pub(super) buffer_length: c_ulong,
    pub(super) offset: c_ulong,
    pub(super) length_value: c_ulong,
    pub(super) flags: c_uint,
    pub(super) pack_length: c_uint,
    pub(super) buffer_type: c_uint,
    pub(super) error_value: my_bool,
    pub(super) is_unsigned: my_bool,
    pub(super) long_data_used: my_bool,
    pub(super) is_null_value: my_bool,
    pub(super) extension: *mut c_void,
}

/// Where the members are, in bytes.
#[cfg(test)]
pub(in crate::sys::sql) const LAYOUT: &[(&str, usize)] = &[
    ("length", std::mem::offset_of!(MYSQL_BIND, length)),
    ("is_null", std::mem::offset_of!(MYSQL_BIND, is_null)),
    ("buffer", std::mem::offset_of!(MYSQL_BIND, buffer)),
    ("error", std::mem::offset_of!(MYSQL_BIND, error)),
    ("buffer_length", std::mem::offset_of!(MYSQL_BIND, buffer_length)),
    ("offset", std::mem::offset_of!(MYSQL_BIND, offset)),
    ("flags", std::mem::offset_of!(MYSQL_BIND, flags)),
    ("buffer_type", std::mem::offset_of!(MYSQL_BIND, buffer_type)),
    ("is_unsigned", std::mem::offset_of!(MYSQL_BIND, is_unsigned)),
    ("extension", std::mem::offset_of!(MYSQL_BIND, extension)),
];

functions! {
    /// libmariadb.
    Libmariadb {
        fn mysql_init(*mut MYSQL) -> *mut MYSQL;
        fn mysql_options(*mut MYSQL, mysql_option, *const c_void) -> c_int;
        fn mysql_real_connect_start(*mut *mut MYSQL, *mut MYSQL, *const c_char, *const c_char, *const c_char, *const c_char, c_uint, *const c_char, c_ulong) -> c_int;
        fn mysql_real_connect_cont(*mut *mut MYSQL, *mut MYSQL, c_int) -> c_int;
        fn mysql_close(*mut MYSQL);
        fn mysql_errno(*mut MYSQL) -> c_uint;
        fn mysql_error(*mut MYSQL) -> *const c_char;
        fn mysql_sqlstate(*mut MYSQL) -> *const c_char;
        fn mysql_get_socket(*mut MYSQL) -> my_socket;
        fn mysql_get_timeout_value_ms(*const MYSQL) -> c_uint;
        fn mysql_get_ssl_cipher(*mut MYSQL) -> *const c_char;

        fn mysql_stmt_init(*mut MYSQL) -> *mut MYSQL_STMT;
        fn mysql_stmt_close(*mut MYSQL_STMT) -> my_bool;
        fn mysql_stmt_errno(*mut MYSQL_STMT) -> c_uint;
        fn mysql_stmt_error(*mut MYSQL_STMT) -> *const c_char;
        fn mysql_stmt_sqlstate(*mut MYSQL_STMT) -> *const c_char;
        fn mysql_stmt_prepare_start(*mut c_int, *mut MYSQL_STMT, *const c_char, c_ulong) -> c_int;
        fn mysql_stmt_prepare_cont(*mut c_int, *mut MYSQL_STMT, c_int) -> c_int;
        fn mysql_stmt_param_count(*mut MYSQL_STMT) -> c_ulong;
        fn mysql_stmt_bind_param(*mut MYSQL_STMT, *mut MYSQL_BIND) -> my_bool;
        fn mysql_stmt_execute_start(*mut c_int, *mut MYSQL_STMT) -> c_int;
        fn mysql_stmt_execute_cont(*mut c_int, *mut MYSQL_STMT, c_int) -> c_int;
        fn mysql_stmt_bind_result(*mut MYSQL_STMT, *mut MYSQL_BIND) -> my_bool;
        fn mysql_stmt_fetch_start(*mut c_int, *mut MYSQL_STMT) -> c_int;
        fn mysql_stmt_fetch_cont(*mut c_int, *mut MYSQL_STMT, c_int) -> c_int;
        fn mysql_stmt_fetch_column(*mut MYSQL_STMT, *mut MYSQL_BIND, c_uint, c_ulong) -> c_int;
        fn mysql_stmt_next_result_start(*mut c_int, *mut MYSQL_STMT) -> c_int;
        fn mysql_stmt_next_result_cont(*mut c_int, *mut MYSQL_STMT, c_int) -> c_int;
        fn mysql_stmt_free_result_start(*mut my_bool, *mut MYSQL_STMT) -> c_int;
        fn mysql_stmt_free_result_cont(*mut my_bool, *mut MYSQL_STMT, c_int) -> c_int;
        fn mysql_stmt_result_metadata(*mut MYSQL_STMT) -> *mut MYSQL_RES;
        fn mysql_num_fields(*mut MYSQL_RES) -> c_uint;
        fn mysql_fetch_field_direct(*mut MYSQL_RES, c_uint) -> *mut MYSQL_FIELD;
        fn mysql_free_result(*mut MYSQL_RES);
    }
}

constants! {
    MYSQL_OPT_CONNECT_TIMEOUT: mysql_option = 0;
    MYSQL_INIT_COMMAND: mysql_option = 3;
    MYSQL_SET_CHARSET_NAME: mysql_option = 7;
    MYSQL_OPT_LOCAL_INFILE: mysql_option = 8;
    MYSQL_OPT_READ_TIMEOUT: mysql_option = 11;
    MYSQL_OPT_WRITE_TIMEOUT: mysql_option = 12;
    MYSQL_OPT_SSL_VERIFY_SERVER_CERT: mysql_option = 21;
    MYSQL_OPT_SSL_KEY: mysql_option = 25;
    MYSQL_OPT_SSL_CERT: mysql_option = 26;
    MYSQL_OPT_SSL_CA: mysql_option = 27;
    MYSQL_OPT_SSL_CAPATH: mysql_option = 28;
    MYSQL_OPT_SSL_ENFORCE: mysql_option = 38;
    MYSQL_OPT_NONBLOCK: mysql_option = 6000;
    MARIADB_OPT_TLS_PASSPHRASE: mysql_option = 7003;
    MARIADB_OPT_RESTRICTED_AUTH: mysql_option = 7026;
    MYSQL_WAIT_READ: c_int = 1;
    MYSQL_WAIT_WRITE: c_int = 2;
    MYSQL_WAIT_TIMEOUT: c_int = 8;
    MYSQL_NO_DATA: c_int = 100;
    MYSQL_DATA_TRUNCATED: c_int = 101;
    MYSQL_TYPE_STRING: c_uint = 254;
}
