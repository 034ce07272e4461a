//! The command lines of the three programs.

use crate::input::{Input, SEPARATOR};
use crate::memory::most_held;
use saslauthd::cli::{saslauthd as daemon, saslauthdctl as control, testsaslauthd as client};
use saslauthd::config::Limits;
use saslauthd::config::endpoint::LONGEST_REQUEST;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

/// No line is long, but a format or path in it may be copied a few times.
fn bound(length: usize) -> usize {
    1024 * 1024 + 256 * length
}

/// Whatever the words are: there is a configuration within its limits, a question, or a message that says what is wrong
/// and ends its lines.
pub fn check(bytes: &[u8]) {
    let mut input = Input::new(bytes, SEPARATOR);
    let program = input.choose(3);
    let words: Vec<_> = input.rest(1).into_iter().map(OsString::from_vec).collect();
    let ((), held) = most_held(|| match program {
        0 => check_daemon(words),
        1 => check_control(words),
        _ => check_client(words),
    });
    assert!(held <= bound(bytes.len()), "{held} bytes held");
}

fn check_daemon(words: Vec<OsString>) {
    let line = [OsString::from("saslauthd")].into_iter().chain(words);
    match daemon::parse(line) {
        Ok(daemon::Parsed::Run(config) | daemon::Parsed::Check(config, _)) => {
            let settings = &config.frontend;
            let Limits { password, field } = settings.limits;
            assert!(password <= 65_535 && field <= 65_535);
            assert!(settings.workers.most >= 1 && settings.workers.ready <= settings.workers.most);
            assert!(!settings.mechanisms.is_empty());
            assert!(!settings.request_timeout.is_zero());
        }
        Ok(daemon::Parsed::Help | daemon::Parsed::Version) => {}
        Err(error) => check_message(&error.report(7)),
    }
}

fn check_control(words: Vec<OsString>) {
    match control::parse([OsString::from("saslauthdctl")].into_iter().chain(words)) {
        Ok(control::Parsed::Ask(question)) => {
            assert!(question.line.ends_with(b"\n") && question.line.len() <= LONGEST_REQUEST);
            assert_eq!(question.line.iter().filter(|byte| **byte == b'\n').count(), 1, "one line");
        }
        Ok(control::Parsed::Show(text)) => assert!(!text.is_empty()),
        Err(text) => assert!(!text.is_empty()),
    }
}

fn check_client(words: Vec<OsString>) {
    if let Err(text) = client::parse([OsString::from("testsaslauthd")].into_iter().chain(words)) {
        assert!(!text.is_empty());
    }
}

fn check_message(text: &str) {
    assert!(text.ends_with('\n') && text.trim().len() > 1, "{text:?}");
}
