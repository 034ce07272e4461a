//! Where libmariadb says how long the values of a row are. Pure.
#![forbid(unsafe_code)]

use super::functions::*;
use std::ffi::c_ulong;
use std::ptr::null_mut;

/// What libmariadb says of the values of a row: their lengths, and which are NULL.
pub(super) struct Row {
    /// Where it says so; nothing is bound for the values themselves.
    pub(super) bound: Vec<MYSQL_BIND>,
    lengths: Vec<c_ulong>,
    nulls: Vec<my_bool>,
    cut: Vec<my_bool>,
}

impl Row {
    /// Of so many columns.
    pub(super) fn of(columns: usize) -> Self {
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
    pub(super) fn measures(&self, column: usize) -> (bool, c_ulong) {
        let is_null = self.nulls.get(column).is_none_or(|is_null| *is_null != 0);
        (is_null, self.lengths.get(column).copied().unwrap_or_default())
    }
}

/// A text of no length.
pub(super) const fn string() -> MYSQL_BIND {
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
