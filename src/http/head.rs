//! The status line and fields of a reply, RFC 9112 §4 and §5.
#![forbid(unsafe_code)]

use super::body::{Body, LONGEST_BODY};
use crate::outcome::LONGEST_REPLY;
use httparse::{EMPTY_HEADER, Header, ParserConfig, Response, Status};
use std::fmt;

/// More fields than any server sends.
const MOST_FIELDS: usize = 100;

/// What a server said, as far as it matters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// Three digits; no interim one.
    pub status: u16,
    /// The words behind it, without control characters; may be empty.
    pub phrase: String,
}

/// Why there is no reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplyFault {
    /// The first bytes are something else.
    NotHttp,
    /// It does not end.
    TooLong,
    /// It has more fields than anybody needs.
    TooManyFields,
    /// The rules of HTTP are broken.
    Malformed,
    /// The length of the body is no number, or two.
    Length,
    /// The server goes on with another protocol.
    Switched,
}

/// What a head says.
pub enum Head {
    /// A reply before the reply, 1xx.
    Interim,
    /// The reply, and its body.
    Final(Reply, Framing),
}

/// The body behind a head.
pub enum Framing {
    /// It can be told where it ends, and the connection lasts longer.
    Sound(Body),
    /// The connection ends with it.
    Last(Body),
}

/// Reads a head, with the empty line at its end.
pub fn parse(head: &[u8]) -> Result<Head, ReplyFault> {
    let mut fields = [EMPTY_HEADER; MOST_FIELDS];
    let mut response = Response::new(&mut fields);
    // What C takes, since it looks at nothing but the words of the first line.
    let parsed = ParserConfig::default()
        .allow_multiple_spaces_in_response_status_delimiters(true)
        .allow_obsolete_multiline_headers_in_responses(true)
        .allow_spaces_after_header_name_in_responses(true)
        .parse_response(&mut response, head);
    match parsed {
        Ok(Status::Complete(length)) if length == head.len() => {}
        Err(httparse::Error::TooManyHeaders) => return Err(ReplyFault::TooManyFields),
        Ok(_) | Err(_) => return Err(ReplyFault::Malformed),
    }
    let (Some(version), Some(status)) = (response.version, response.code) else {
        return Err(ReplyFault::Malformed);
    };
    match status {
        101 => Err(ReplyFault::Switched),
        100..=199 => Ok(Head::Interim),
        _ => {
            let framing = framing(status, version, response.headers)?;
            Ok(Head::Final(Reply { status, phrase: phrase(head) }, framing))
        }
    }
}

/// The words after the status, for people. In UTF-8 or, if it cannot be that, in ISO 8859-1; httparse has neither.
fn phrase(head: &[u8]) -> String {
    let line = head.trim_ascii_start().split(|byte| *byte == b'\n').next().unwrap_or_default();
    let mut rest = line;
    for _ in 0..2 {
        let word = rest.iter().position(|byte| *byte == b' ').unwrap_or(rest.len());
        rest = rest.get(word..).unwrap_or_default().trim_ascii_start();
    }
    let text = match std::str::from_utf8(rest) {
        Ok(text) => text.to_owned(),
        Err(_) => rest.iter().map(|byte| char::from(*byte)).collect(),
    };
    let printable = text.chars().filter(|character| !character.is_control());
    printable.take(LONGEST_REPLY).collect::<String>().trim_end().to_owned()
}

/// RFC 9112 §6.3, with "until the connection closes" for everything that two readers could understand differently.
fn framing(status: u16, version: u8, fields: &[Header<'_>]) -> Result<Framing, ReplyFault> {
    let length = content_length(fields)?;
    let encodings: Vec<_> = list(fields, "Transfer-Encoding").collect();
    let closes =
        version == 0 || list(fields, "Connection").any(|option| option.eq_ignore_ascii_case(b"close"));
    let bodiless = matches!(status, 204 | 304);
    let body = match (encodings.as_slice(), length) {
        ([], None | Some(0)) if bodiless => Some(Body::Length(0)),
        ([], Some(length)) if !bodiless && length <= LONGEST_BODY => Some(Body::Length(length)),
        ([encoding], None) if !bodiless && encoding.eq_ignore_ascii_case(b"chunked") => Some(Body::chunked()),
        _ => None,
    };
    Ok(match body {
        Some(body) if !closes => Framing::Sound(body),
        body => Framing::Last(body.unwrap_or_else(Body::until_end)),
    })
}

/// The length of the body. Named several times it must be the same each time.
fn content_length(fields: &[Header<'_>]) -> Result<Option<usize>, ReplyFault> {
    let mut length = None;
    for value in list(fields, "Content-Length") {
        let value = number(value).ok_or(ReplyFault::Length)?;
        if length.is_some_and(|length| length != value) {
            return Err(ReplyFault::Length);
        }
        length = Some(value);
    }
    Ok(length)
}

/// Digits only: `parse` would take a sign too. What does not fit is too long in any case.
fn number(text: &[u8]) -> Option<usize> {
    let digits = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    let text = std::str::from_utf8(text).ok().filter(|_| digits)?;
    Some(text.parse().unwrap_or(usize::MAX))
}

/// The members of a list that may be spread over several fields, RFC 9110 §5.6.1; an empty field has one empty member.
fn list<'a>(fields: &'a [Header<'_>], name: &'a str) -> impl Iterator<Item = &'a [u8]> {
    let fields = fields.iter().filter(move |field| field.name.eq_ignore_ascii_case(name));
    fields.flat_map(|field| field.value.split(|byte| *byte == b',')).map(<[u8]>::trim_ascii)
}

impl fmt::Display for Reply {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "HTTP status {}", self.status)?;
        if !self.phrase.is_empty() {
            write!(formatter, " {}", self.phrase)?;
        }
        Ok(())
    }
}

impl fmt::Display for ReplyFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::NotHttp => "the server does not speak HTTP/1.1",
            Self::TooLong => "the header of the reply is longer than 64 KiB",
            Self::TooManyFields => "the reply has more than 100 header fields",
            Self::Malformed => "the header of the reply breaks the rules of HTTP",
            Self::Length => "the reply's Content-Length is not a number, or there are two",
            Self::Switched => "the server switches to another protocol, which nobody asked it to do",
        })
    }
}
