//! Where the socket is without `-m`: a setting of the build, since programs that ask have that path compiled in, too.
#![forbid(unsafe_code)]

use super::endpoint::LONGEST_PATH;

/// The run directory without `-m`, and the one in which the other programs look for the socket. Distributions whose
/// clients look elsewhere build with `SASLAUTHD_RUN_DIR=/run/sasl2`.
pub const DEFAULT_RUN_DIRECTORY: &str = of_build(option_env!("SASLAUTHD_RUN_DIR"));

/// Evaluated by the compiler: an unusable setting is an error of the build.
const fn of_build(setting: Option<&'static str>) -> &'static str {
    match setting {
        Some(path) if !path.is_empty() => {
            assert!(
                is_usable(path),
                "SASLAUTHD_RUN_DIR has to be an absolute path of at most 103 plain characters"
            );
            path
        }
        _ => "/var/run/saslauthd",
    }
}

/// Room for `/mux` behind it, and nothing that would have to be quoted in a manual page, a script or a unit.
const fn is_usable(path: &str) -> bool {
    path.len() + "/mux".len() <= LONGEST_PATH
        && matches!(path.as_bytes(), [b'/', .., last] if *last != b'/')
        && are_plain(path.as_bytes())
}

const fn are_plain(mut bytes: &[u8]) -> bool {
    while let [first, rest @ ..] = bytes {
        if !matches!(first, b'/' | b'.' | b'_' | b'-' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z') {
            return false;
        }
        bytes = rest;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_run_directory_is_that_of_c_unless_the_build_says_another() {
        assert_eq!(of_build(None), "/var/run/saslauthd");
        assert_eq!(of_build(Some("")), "/var/run/saslauthd");
        assert_eq!(of_build(Some("/run/sasl2")), "/run/sasl2");
    }

    #[test]
    fn a_run_directory_of_the_build_is_absolute_short_and_plain() {
        let longest = format!("/{}", "x".repeat(LONGEST_PATH - "//mux".len()));
        assert!(is_usable(&longest));
        let too_long = format!("{longest}x");
        for path in ["run/sasl2", "/", "/run/sasl2/", "/run/a b", "/run/'", "/run/\u{e4}", "~/run", &too_long]
        {
            assert!(!is_usable(path), "{path}");
        }
    }

    #[test]
    #[should_panic(expected = "absolute path")]
    fn a_build_with_a_relative_run_directory_fails() {
        of_build(Some("run/sasl2"));
    }
}
