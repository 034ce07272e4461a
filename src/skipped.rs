//! Tests that cannot run where they are: named and counted, never silently green.
#![forbid(unsafe_code)]

use std::env;
use std::fs::OpenOptions;
use std::io::{self, Write};

/// Notes that `test` cannot run for `reason`, in the file that `make test` prints at its end. A failure where CI is
/// set: there nothing may be missing.
pub(crate) fn note(test: &str, reason: &str) {
    assert!(env::var_os("CI").is_none(), "{test} could not run: {reason}");
    let line = format!("{test}: {reason}\n");
    // Not eprintln, which cargo shows for failed tests only.
    write!(io::stderr(), "skipped {line}").unwrap();
    if let Some(path) = env::var_os("SASLAUTHD_TEST_SKIPPED") {
        // One write for each line: tests run side by side.
        let file = OpenOptions::new().append(true).create(true).open(path);
        file.and_then(|mut file| file.write_all(line.as_bytes())).unwrap();
    }
}
