//! One line of a passwd file: `login:hash`, and whatever follows a second colon.
#![forbid(unsafe_code)]

use crate::mechanism::schemes::Stored;
use std::fmt;

/// The longest line that is read, in bytes without its end. Logins and hashes have some hundred at the most.
pub(super) const LONGEST_LINE: usize = 8192;

/// What a line says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line<'a> {
    /// Blank, or a comment.
    Nothing,
    /// A login and its hash, which may be a locked one (`!…`, `*…`).
    Login { login: &'a [u8], hash: &'a [u8] },
    /// Nothing that could be used.
    Bad(LineFault),
}

/// Why a line is skipped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum LineFault {
    TooLong,
    Nul,
    NoColon,
    NoLogin,
    NoHash,
    /// In the words of [`Stored`].
    Hash(String),
    Doubled,
}

impl fmt::Display for LineFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => write!(formatter, "the line is longer than {LONGEST_LINE} bytes"),
            Self::Nul => formatter.write_str("the line holds a NUL"),
            Self::NoColon => formatter.write_str("the line has no colon after the login"),
            Self::NoLogin => formatter.write_str("the line has no login"),
            Self::NoHash => formatter.write_str("the login has no hash"),
            Self::Hash(why) => formatter.write_str(why),
            Self::Doubled => formatter.write_str("the login is already on an earlier line, which counts"),
        }
    }
}

/// Reads one line, without its end.
pub(super) fn parse(line: &[u8]) -> Line<'_> {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let text = line.trim_ascii_start();
    if text.is_empty() || text.starts_with(b"#") {
        return Line::Nothing;
    }
    if line.contains(&0) {
        return Line::Bad(LineFault::Nul);
    }
    let mut fields = line.split(|byte| *byte == b':');
    match (fields.next(), fields.next()) {
        (Some(b""), _) => Line::Bad(LineFault::NoLogin),
        (_, None) => Line::Bad(LineFault::NoColon),
        (_, Some(b"")) => Line::Bad(LineFault::NoHash),
        (login, Some(hash)) => match Stored::parse_hash(hash).and_then(|stored| stored.inspect()) {
            Ok(()) => Line::Login { login: login.unwrap_or_default(), hash },
            Err(why) => Line::Bad(LineFault::Hash(why.into_text())),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DES: &str = "j4mEvNYbKy0MA";

    fn login<'a>(login: &'a str, hash: &'a str) -> Line<'a> {
        Line::Login { login: login.as_bytes(), hash: hash.as_bytes() }
    }

    #[test]
    fn a_line_is_a_login_a_hash_and_whatever_follows() {
        for line in [
            "anna:j4mEvNYbKy0MA",
            "anna:j4mEvNYbKy0MA:",
            "anna:j4mEvNYbKy0MA:1000:::x",
            "anna:j4mEvNYbKy0MA\r",
        ] {
            assert_eq!(parse(line.as_bytes()), login("anna", DES), "{line}");
        }
        assert_eq!(parse(b"anna@example.org:$5$x$y"), login("anna@example.org", "$5$x$y"));
        assert_eq!(parse(b"an na :j4mEvNYbKy0MA"), login("an na ", DES));
        assert_eq!(parse(b"\xff:j4mEvNYbKy0MA"), Line::Login { login: b"\xff", hash: DES.as_bytes() });
    }

    #[test]
    fn blank_lines_and_comments_say_nothing() {
        for line in ["", "\r", "  \t", "#", "# anna:j4mEvNYbKy0MA", "  #anna:j4mEvNYbKy0MA"] {
            assert_eq!(parse(line.as_bytes()), Line::Nothing, "{line:?}");
        }
    }

    #[test]
    fn a_locked_hash_is_no_fault() {
        for hash in ["!", "*", "!!", "*LK*", "!$5$x$y"] {
            assert_eq!(parse(format!("anna:{hash}").as_bytes()), login("anna", hash));
        }
    }

    #[test]
    fn what_cannot_be_used_is_named() {
        let no_hash = "the hash is not one that crypt(3) of this system can check".to_owned();
        let malformed = "the stored password is not what its scheme says".to_owned();
        for (line, fault) in [
            ("anna", LineFault::NoColon),
            ("anna ", LineFault::NoColon),
            (":", LineFault::NoLogin),
            (":j4mEvNYbKy0MA", LineFault::NoLogin),
            ("anna:", LineFault::NoHash),
            ("anna::j4mEvNYbKy0MA", LineFault::NoHash),
            ("anna:x", LineFault::Hash(no_hash.clone())),
            ("anna:secret", LineFault::Hash(no_hash.clone())),
            ("anna:j4mEvNYbKy0M", LineFault::Hash(no_hash.clone())),
            ("anna:$apr1$abcdefgh$x", LineFault::Hash(malformed.clone())),
            ("anna:{SHA}W6ph5", LineFault::Hash(malformed)),
            ("anna:{secret", LineFault::Hash(no_hash)),
            (
                "anna:{NTLM}x",
                LineFault::Hash("the stored password has a scheme that is not known".to_owned()),
            ),
            ("an\0na:j4mEvNYbKy0MA", LineFault::Nul),
            ("anna:j4mEvNYbKy0MA\0", LineFault::Nul),
        ] {
            assert_eq!(parse(line.as_bytes()), Line::Bad(fault), "{line:?}");
        }
    }
}
