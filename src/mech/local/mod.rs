//! The mechanisms that block and therefore run inside a worker.
#![forbid(unsafe_code)]

pub mod getpwent;
pub mod pam;
pub mod passwdfile;
mod password;
pub mod shadow;

#[cfg(test)]
mod databases_tests;

use std::io;

/// The system's words for `error` as C's strerror(3) gives them, without the ` (os error 13)` that Rust adds.
fn strerror(error: &io::Error) -> String {
    let text = error.to_string();
    match error.raw_os_error() {
        Some(number) => text.trim_end_matches(&format!(" (os error {number})")).to_owned(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_read_as_strerror_writes_them() {
        assert_eq!(strerror(&io::Error::from_raw_os_error(13)), "Permission denied");
        assert_eq!(strerror(&io::Error::other("no number")), "no number");
    }
}
