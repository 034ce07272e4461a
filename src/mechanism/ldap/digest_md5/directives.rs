//! `name=value`, `name="value"`: what the messages of DIGEST-MD5 consist of.
#![forbid(unsafe_code)]

use crate::secret::Secret;

/// `name="value",`
pub(super) fn push_quoted(message: &mut Secret, name: &str, value: &[u8]) {
    message.extend_from_slice(name.as_bytes());
    message.extend_from_slice(b"=\"");
    for byte in value {
        if matches!(byte, b'"' | b'\\') {
            message.extend_from_slice(b"\\");
        }
        message.extend_from_slice(&[*byte]);
    }
    message.extend_from_slice(b"\",");
}

/// `name=value` with commas between them, the value quoted or not: RFC 2831, section 7.1. `None` if it is not so.
pub(super) fn parse(message: &[u8]) -> Option<Vec<(Vec<u8>, Vec<u8>)>> {
    let mut directives = Vec::new();
    let mut rest = message.trim_ascii_start();
    while !rest.is_empty() {
        if let Some(behind) = rest.strip_prefix(b",") {
            rest = behind.trim_ascii_start();
            continue;
        }
        let equals = rest.iter().position(|byte| *byte == b'=')?;
        let (name, value) = rest.split_at_checked(equals)?;
        let value = value.get(1..)?.trim_ascii_start();
        let (value, behind) = match value.strip_prefix(b"\"") {
            Some(inside) => quoted(inside)?,
            None => {
                let end = value.iter().position(|byte| *byte == b',').unwrap_or(value.len());
                let (value, behind) = value.split_at_checked(end)?;
                (value.trim_ascii_end().to_vec(), behind)
            }
        };
        directives.push((name.trim_ascii().to_vec(), value));
        rest = behind.trim_ascii_start();
        if !rest.is_empty() && !rest.starts_with(b",") {
            return None;
        }
    }
    Some(directives)
}

/// The text up to the closing quotes without its backslashes, and what follows.
fn quoted(inside: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut value = Vec::new();
    let mut bytes = inside.iter().enumerate();
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'"' => return Some((value, inside.get(at + 1..)?)),
            b'\\' => value.push(*bytes.next()?.1),
            byte => value.push(*byte),
        }
    }
    None
}
