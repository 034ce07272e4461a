//! PostgreSQL through libpq: a connection that waits nowhere but here, in poll(2), for as long as it may.

mod functions;
mod parameters;
mod result;
mod session;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

use super::addresses::at_each_address;
use super::{ErrorKind, SqlError, Target, TlsMode, errors, library_error};
use functions::Libpq;
use session::Session;
use std::ffi::CStr;
use std::time::Instant;

/// The name has been the same since PostgreSQL 8.2.
const LIBPQ: &CStr = c"libpq.so.5";

/// Maps libpq.
///
/// # Errors
/// When it is not installed.
pub(super) fn load() -> Result<(), SqlError> {
    library().map(drop)
}

fn library() -> Result<&'static Libpq, SqlError> {
    let missing = |reason| library_error("libpq", "libpq5 (on RHEL: libpq, on Fedora: libpq)", &reason);
    // SAFETY: it is the table of libpq, whose library has that name.
    unsafe { Libpq::of(LIBPQ, |_| forget_environment()) }.map_err(missing)
}

/// libpq takes from variables `PG…` whatever it is not told, options of the session among them: whoever has started the
/// daemon meant them for a program at a terminal.
fn forget_environment() {
    let names = std::env::vars_os().map(|(name, _)| name);
    for name in names.filter(|name| name.as_encoded_bytes().starts_with(b"PG")) {
        // SAFETY: a worker that sets its mechanism up has one thread.
        unsafe { std::env::remove_var(name) };
    }
}

/// A connection that has logged in.
///
/// # Errors
/// Those of [`connect`](super::connect).
pub(super) fn connect(target: &Target) -> Result<Session, SqlError> {
    let library = library()?;
    let deadline = Instant::now() + target.connect_timeout;
    at_each_address(target, deadline, |address, deadline| {
        Session::start(library, &parameters::of(target, address)?, target, deadline)
    })
}

/// What it means that a connection could not be made, by what libpq says, in English since no process of the daemon has a
/// locale: there is no result to ask for a code. The server's own code is in it because of `PQERRORS_VERBOSE`.
fn kind_of_failure(said: &str, target: &Target) -> ErrorKind {
    if let Some(state) = sqlstate_in(said) {
        return errors::of_sqlstate(state);
    }
    let of_tls = target.tls != TlsMode::Off
        && !said.contains("SSL SYSCALL")
        && ["SSL error", "does not support SSL", "certificate", "private key"]
            .iter()
            .any(|words| said.contains(words));
    let of_login =
        ["password", "authentication", "SCRAM", "channel binding"].iter().any(|words| said.contains(words));
    if of_tls || of_login { ErrorKind::Refused } else { ErrorKind::Lost }
}

/// The same in words that tell what to do, where libpq has none.
fn explained(said: &str, target: &Target) -> String {
    const OF_KEY: &str = "could not load private key file";
    if said.starts_with(OF_KEY) {
        // What comes after the name libpq 15 takes from memory that it has given back.
        let named = said.rsplit_once("\": ").map_or(said, |(named, _)| named.trim_end_matches('"'));
        return format!("{named}\", which is no key or not that of the certificate");
    }
    let TlsMode::On(files) = &target.tls else { return said.to_owned() };
    // OpenSSL names the part that has failed first: EVP for a signature, by an authority of the same name.
    let is_untrusted = said.starts_with("SSL error: certificate verify failed")
        || (said.starts_with("SSL error: ") && said.ends_with(" lib"));
    if files.unverified || !is_untrusted {
        return said.to_owned();
    }
    let authorities = files
        .ca_file
        .as_ref()
        .map_or_else(|| "the system's".to_owned(), |file| format!("those in {}", file.display()));
    format!("{said}: the server's certificate is by none of {authorities}, or has expired")
}

/// The code in `FATAL:  28P01: password authentication failed`.
fn sqlstate_in(said: &str) -> Option<&str> {
    let is_code = |word: &&str| {
        word.len() == 5
            && word.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase())
            && word.bytes().any(|byte| byte.is_ascii_digit())
    };
    said.split_whitespace().filter_map(|word| word.strip_suffix(':')).find(is_code)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod failure_tests {
    use super::*;
    use crate::sys::sql::{Engine, TlsFiles, tests::target};

    #[test]
    fn a_failed_connection_is_told_by_the_servers_code_and_without_one_by_what_libpq_says() {
        let mut target = target(Engine::Postgresql);
        target.tls = TlsMode::On(TlsFiles::default());
        for (said, kind) in [
            (
                "connection to server at \"127.0.0.1\", port 5432 failed: FATAL:  28P01: password",
                ErrorKind::Refused,
            ),
            ("failed: FATAL:  3D000: database \"x\" does not exist", ErrorKind::Refused),
            ("failed: FATAL:  53300: sorry, too many clients already", ErrorKind::Overloaded),
            ("failed: FATAL:  57P03: the database system is starting up", ErrorKind::Overloaded),
            ("failed: Connection refused Is the server running on that host", ErrorKind::Lost),
            ("failed: server closed the connection unexpectedly", ErrorKind::Lost),
            ("failed: SSL error: certificate verify failed", ErrorKind::Refused),
            ("failed: SSL SYSCALL error: EOF detected", ErrorKind::Lost),
            ("failed: server does not support SSL, but SSL was required", ErrorKind::Refused),
            ("failed: fe_sendauth: no password supplied", ErrorKind::Refused),
        ] {
            assert_eq!(kind_of_failure(said, &target), kind, "{said}");
        }
    }

    #[test]
    fn what_libpq_says_of_certificates_and_keys_becomes_words() {
        let mut target = target(Engine::Postgresql);
        let on = |files| TlsMode::On(files);
        target.tls = on(TlsFiles { ca_file: Some("/ca.pem".into()), ..TlsFiles::default() });
        for said in ["SSL error: EVP lib", "SSL error: certificate verify failed"] {
            let expected =
                format!("{said}: the server's certificate is by none of those in /ca.pem, or has expired");
            assert_eq!(explained(said, &target), expected);
        }
        for said in ["SSL error: wrong version number", "FATAL: 28P01: SSL error: EVP lib", "x"] {
            assert_eq!(explained(said, &target), said);
        }
        for reason in ["key values mismatch", "5\u{fffd}\u{fffd}~U", ""] {
            assert_eq!(
                explained(&format!("could not load private key file \"/k\": {reason}"), &target),
                "could not load private key file \"/k\", which is no key or not that of the certificate"
            );
        }
        target.tls = on(TlsFiles::default());
        assert!(explained("SSL error: EVP lib", &target).contains("none of the system's"));
        target.tls = on(TlsFiles { unverified: true, ..TlsFiles::default() });
        assert_eq!(explained("SSL error: EVP lib", &target), "SSL error: EVP lib");
    }
}
