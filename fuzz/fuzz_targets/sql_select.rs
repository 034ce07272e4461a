#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| saslauthd_fuzz::sql_select::check(bytes));
