//! The one table from the response codes of a `NO` to what becomes of the login. docs/COMPATIBILITY.md shows it.
#![forbid(unsafe_code)]

use super::capabilities::Capabilities;
use super::reply::Status;
use std::fmt;

/// What a code says about a `NO` that answers a login.
struct Row {
    code: &'static str,
    is_refusal: bool,
    source: &'static str,
    reason: &'static str,
}

const fn refused(code: &'static str, source: &'static str, reason: &'static str) -> Row {
    Row { code, is_refusal: true, source, reason }
}

const fn no_verdict(code: &'static str, source: &'static str, reason: &'static str) -> Row {
    Row { code, is_refusal: false, source, reason }
}

/// A `NO` without a code, or with one that is not here, is a refusal as in C: most servers have no codes.
const TABLE: [Row; 14] = [
    refused("AUTHENTICATIONFAILED", "RFC 5530", "the password is wrong, or nobody has that login"),
    refused("AUTHORIZATIONFAILED", "RFC 5530", "the account may not be used so"),
    refused("EXPIRED", "RFC 5530", "the password or account has expired"),
    refused("ALERT", "RFC 9051, 7.1", "only says that people are to read the text"),
    no_verdict("UNAVAILABLE", "RFC 5530", "something behind the server is down"),
    no_verdict("INUSE", "RFC 5530", "something is locked"),
    no_verdict("LIMIT", "RFC 5530; Dovecot", "too many connections, said to the right password too"),
    no_verdict("SERVERBUG", "RFC 5530", "a fault of the server"),
    no_verdict("CLIENTBUG", "RFC 5530", "the server does not like how it was asked"),
    no_verdict("CORRUPTION", "RFC 5530", "a fault of the server's data"),
    no_verdict("CONTACTADMIN", "RFC 5530", "somebody has to mend something"),
    no_verdict("PRIVACYREQUIRED", "RFC 5530", "the server takes no password without TLS"),
    no_verdict("REFERRAL", "RFC 2221", "another server has the account"),
    no_verdict("OVERQUOTA", "RFC 5530", "a quota is at its end, whatever the password"),
];

/// Why a `NO` to a login says nothing about the password, for the log; `None` if it is a refusal. `capabilities`: what
/// the server has told last, before the `NO` or in it.
pub(super) fn no_verdict_in(no: &Status<'_>, capabilities: Option<Capabilities>) -> Option<String> {
    let row = TABLE.iter().find(|row| no.has_code(row.code));
    match row {
        Some(row) if row.is_refusal => None,
        Some(row) => Some(format!("the code {}: {}", row.code, row.reason)),
        // RFC 9051, section 7.2.2: it would have been refused whatever the password.
        None if capabilities.is_some_and(|known| known.login_disabled && !known.plain) => {
            Some("LOGINDISABLED among its capabilities: it takes no password here".to_owned())
        }
        None => None,
    }
}

/// The code among those that are known; nothing else of a reply to a login may be shown, since it might repeat it.
pub(super) fn known_code(status: &Status<'_>) -> Option<&'static str> {
    TABLE.iter().map(|row| row.code).find(|code| status.has_code(code))
}

/// A row as docs/COMPATIBILITY.md has it.
impl fmt::Display for Row {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { code, is_refusal, source, reason } = self;
        let meaning = if *is_refusal { "refused" } else { "no verdict" };
        write!(formatter, "| `NO [{code}]` | {meaning} | {source} | {reason} |")
    }
}

#[cfg(test)]
mod tests {
    use super::super::reply::Reply;
    use super::*;

    fn judged(line: &str, capabilities: Option<Capabilities>) -> Option<String> {
        match Reply::parse(line.as_bytes()) {
            Reply::Tagged { status, .. } => no_verdict_in(&status, capabilities),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn only_codes_that_are_about_something_else_than_the_login_leave_a_no_without_a_verdict() {
        for row in &TABLE {
            for line in
                [format!("x NO [{}] text", row.code), format!("x NO [{} a b]", row.code.to_lowercase())]
            {
                assert_eq!(judged(&line, None).is_none(), row.is_refusal, "{line}");
            }
        }
        for line in ["x NO", "x NO wrong", "x NO [XFOO] wrong", "x NO [] wrong", "x NO [UNAVAILABLEX] wrong"]
        {
            assert_eq!(judged(line, None), None, "{line}");
        }
    }

    #[test]
    fn where_login_is_disabled_a_no_says_nothing_about_the_password() {
        let disabled = Capabilities::parse(b"IMAP4rev1 STARTTLS LOGINDISABLED");
        assert!(judged("x NO", Some(disabled)).is_some());
        assert_eq!(judged("x NO [AUTHENTICATIONFAILED]", Some(disabled)), None, "it has judged all the same");
        let plain = Capabilities::parse(b"IMAP4rev1 LOGINDISABLED AUTH=PLAIN");
        assert_eq!(judged("x NO", Some(plain)), None, "AUTHENTICATE was the command");
        assert_eq!(judged("x NO", Some(Capabilities::parse(b"IMAP4rev1"))), None);
    }

    #[test]
    fn the_documentation_shows_every_row() {
        let document = include_str!("../../../docs/COMPATIBILITY.md");
        let missing: Vec<_> =
            TABLE.iter().map(ToString::to_string).filter(|row| !document.contains(row)).collect();
        assert!(missing.is_empty(), "docs/COMPATIBILITY.md lacks\n{}", missing.join("\n"));
    }
}
