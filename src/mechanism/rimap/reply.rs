//! What a reply of an IMAP server says (RFC 9051, section 7), as far as a login needs it; and tolerant, since many
//! servers take liberties: missing texts, small letters, several blanks.
#![forbid(unsafe_code)]

/// One reply.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Reply<'a> {
    /// A blank line; no server should send one, but some do.
    Blank,
    /// `+ …`: the server wants the rest of the command.
    Continue,
    /// `* OK …` and its like: a condition of the server or the connection.
    Untagged(Status<'a>),
    /// `* CAPABILITY …`, with what follows the word.
    Capability(&'a [u8]),
    /// `* …`: anything else that a server may tell unasked.
    Data,
    /// `tag OK …`: the end of a command.
    Tagged { tag: &'a [u8], status: Status<'a> },
    /// Not IMAP.
    Garbage,
}

/// A condition, and what the server adds to it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Status<'a> {
    pub(super) condition: Condition,
    /// The response code with its arguments, from between the brackets; empty if there is none.
    pub(super) code: &'a [u8],
    /// For people.
    pub(super) text: &'a [u8],
}

/// The word of a status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Condition {
    Ok,
    No,
    Bad,
    Bye,
    Preauth,
}

const CONDITIONS: [(&str, Condition); 5] = [
    ("OK", Condition::Ok),
    ("NO", Condition::No),
    ("BAD", Condition::Bad),
    ("BYE", Condition::Bye),
    ("PREAUTH", Condition::Preauth),
];

impl<'a> Reply<'a> {
    /// Reads a line as [`Reader::next_reply`](super::reader::Reader::next_reply) returns it.
    pub(super) fn parse(line: &'a [u8]) -> Self {
        let (start, rest) = split_word(line);
        match start {
            _ if line.trim_ascii().is_empty() => Self::Blank,
            b"*" => Self::parse_untagged(rest),
            [b'+', ..] => Self::Continue,
            tag => Status::parse(rest).map_or(Self::Garbage, |status| Self::Tagged { tag, status }),
        }
    }

    fn parse_untagged(rest: &'a [u8]) -> Self {
        let (word, arguments) = split_word(rest);
        match Status::parse(rest) {
            Some(status) => Self::Untagged(status),
            None if word.eq_ignore_ascii_case(b"CAPABILITY") => Self::Capability(arguments),
            None if word.is_empty() => Self::Garbage,
            None => Self::Data,
        }
    }
}

impl<'a> Status<'a> {
    fn parse(text: &'a [u8]) -> Option<Self> {
        let (word, rest) = split_word(text);
        let (_, condition) =
            CONDITIONS.iter().find(|(name, _)| word.eq_ignore_ascii_case(name.as_bytes()))?;
        let (code, text) = split_code(rest).unwrap_or((b"", rest));
        Some(Self { condition: *condition, code, text: text.trim_ascii() })
    }

    /// The first word of the response code is `name`.
    pub(super) fn has_code(&self, name: &str) -> bool {
        split_word(self.code).0.eq_ignore_ascii_case(name.as_bytes())
    }

    /// What `[CAPABILITY …]` lists.
    pub(super) fn capabilities(&self) -> Option<&'a [u8]> {
        self.has_code("CAPABILITY").then(|| split_word(self.code).1)
    }
}

/// The first word, and what follows the blanks behind it.
fn split_word(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text.iter().position(u8::is_ascii_whitespace).unwrap_or(text.len());
    let (word, rest) = text.split_at_checked(end).unwrap_or((text, b""));
    (word, rest.trim_ascii_start())
}

/// `[CODE …] text`
fn split_code(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let inside = text.strip_prefix(b"[")?;
    let (code, rest) = inside.split_at_checked(inside.iter().position(|byte| *byte == b']')?)?;
    Some((code.trim_ascii(), rest.strip_prefix(b"]")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status<'a>(condition: Condition, code: &'a str, text: &'a str) -> Status<'a> {
        Status { condition, code: code.as_bytes(), text: text.as_bytes() }
    }

    #[test]
    fn a_status_may_have_a_code_a_text_both_or_nothing() {
        for (line, code, text) in [
            ("x NO [UNAVAILABLE] try later", "UNAVAILABLE", "try later"),
            ("x no [UNAVAILABLE]", "UNAVAILABLE", ""),
            ("x No wrong", "", "wrong"),
            ("x  NO \t wrong \r", "", "wrong"),
            ("x NO", "", ""),
            ("x NO ", "", ""),
            ("x NO []", "", ""),
            ("x NO [half", "", "[half"),
            ("x NO text [CODE]", "", "text [CODE]"),
            ("x NO [ BADCHARSET (a b) ]c", "BADCHARSET (a b)", "c"),
        ] {
            let status = status(Condition::No, code, text);
            assert_eq!(Reply::parse(line.as_bytes()), Reply::Tagged { tag: b"x", status }, "{line}");
        }
    }

    #[test]
    fn every_condition_is_known_tagged_and_untagged() {
        for (word, condition) in CONDITIONS {
            let line = format!("* {word} [ALERT] Gr\u{fc}\u{df}e");
            let expected = status(condition, "ALERT", "Gr\u{fc}\u{df}e");
            assert_eq!(Reply::parse(line.as_bytes()), Reply::Untagged(expected));
            let line = format!("tag {word}");
            let status = status(condition, "", "");
            assert_eq!(Reply::parse(line.as_bytes()), Reply::Tagged { tag: b"tag", status });
        }
    }

    #[test]
    fn the_list_of_capabilities_comes_alone_or_as_a_code() {
        assert_eq!(Reply::parse(b"* Capability  IMAP4rev1 X"), Reply::Capability(b"IMAP4rev1 X"));
        assert_eq!(Reply::parse(b"* CAPABILITY"), Reply::Capability(b""));
        let Reply::Untagged(status) = Reply::parse(b"* OK [capability IMAP4rev1 X] hi") else {
            panic!("a status");
        };
        assert_eq!(status.capabilities(), Some(b"IMAP4rev1 X".as_slice()));
        assert!(status.has_code("CAPABILITY") && !status.has_code("CAP"));
    }

    #[test]
    fn whatever_a_server_tells_unasked_is_data() {
        for line in ["* 3 EXISTS", "* ID (\"name\" \"x\")", "* XFOO", "* NIL", "* OKAY", "* \"", "* BAD-ISH"]
        {
            assert_eq!(Reply::parse(line.as_bytes()), Reply::Data, "{line}");
        }
    }

    #[test]
    fn a_continuation_may_have_a_text_or_none() {
        for line in ["+", "+ ", "+ OK", "+idling", "+ {5}"] {
            assert_eq!(Reply::parse(line.as_bytes()), Reply::Continue, "{line}");
        }
    }

    #[test]
    fn what_is_not_imap_is_garbage() {
        let lines: [&[u8]; 10] = [
            b"220 mail.example.org ESMTP",
            b"+OK POP3",
            b"HTTP/1.1 400 Bad Request",
            b"*",
            b"* ",
            b"*OK",
            b"x",
            b"x OKAY",
            b"\0\0\0",
            b"\x15\x03\x01\0\x02\x02\x46",
        ];
        for line in lines {
            let reply = Reply::parse(line);
            // POP3's greeting looks like a continuation, which no greeting is.
            let expected = if line.starts_with(b"+") { Reply::Continue } else { Reply::Garbage };
            assert_eq!(reply, expected, "{}", line.escape_ascii());
        }
    }

    #[test]
    fn blank_lines_are_passed_over() {
        for line in ["", " ", "\r", "\t \r"] {
            assert_eq!(Reply::parse(line.as_bytes()), Reply::Blank, "{line:?}");
        }
    }
}
