//! Command lines: getopt's rules for the words, clap for the types, the C programs' texts. Pure.
#![forbid(unsafe_code)]

mod flags;
mod getopt;
mod mechanisms;
pub mod saslauthd;
pub mod saslauthdctl;
mod socket;
pub mod testsaslauthd;
mod usage;
mod value;

pub use usage::{help, version};

use std::ffi::OsString;
use value::InvalidValue;

/// One line for the standard error stream, newline included, in the C daemon's form.
///
/// C prints `saslauthd[PID] :FUNCTION: text` with a macro for the function that 2.1.27 lost together with the
/// separator; `saslauthd[PID] :text` is what every distribution prints since.
pub fn diagnostic(pid: u32, text: &str) -> String {
    format!("saslauthd[{pid}] :{text}\n")
}

/// Turns normalised words into flags; the error is the first bad value's, in the order of the words.
fn read_flags<F: clap::Parser>(words: Vec<OsString>) -> Result<F, InvalidValue> {
    F::try_parse_from(words).map_err(|error| InvalidValue::from_clap(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_diagnostic_has_the_form_of_the_c_daemon() {
        assert_eq!(
            diagnostic(7397, "no authentication mechanism specified"),
            "saslauthd[7397] :no authentication mechanism specified\n"
        );
    }
}
