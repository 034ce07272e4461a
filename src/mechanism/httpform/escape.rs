//! How a value becomes text that cannot leave its field.
#![forbid(unsafe_code)]

use crate::secret::Secret;
use percent_encoding::{NON_ALPHANUMERIC, percent_encode};

/// What the body of a request is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Escape {
    /// Every byte but ASCII letters and digits as `%XX`, as auth_httpform.c does it.
    Percent,
    /// For the inside of a JSON string, RFC 8259 §7.
    Json,
}

/// A value is not UTF-8, and JSON can hold nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NotText;

impl Escape {
    /// The way for a body of that media type.
    pub(super) fn for_content_type(content_type: &str) -> Self {
        let media_type = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match media_type.as_str() {
            "application/json" | "text/json" => Self::Json,
            other if other.ends_with("+json") => Self::Json,
            _ => Self::Percent,
        }
    }

    /// Appends a value.
    ///
    /// # Errors
    /// When it has to be text and is not.
    pub(super) fn append(self, value: &[u8], body: &mut Secret) -> Result<(), NotText> {
        match self {
            Self::Percent => {
                percent_encode(value, NON_ALPHANUMERIC)
                    .for_each(|piece| body.extend_from_slice(piece.as_bytes()));
            }
            Self::Json => {
                let text = std::str::from_utf8(value).map_err(|_| NotText)?;
                text.bytes().for_each(|byte| append_to_json(byte, body));
            }
        }
        Ok(())
    }
}

fn append_to_json(byte: u8, body: &mut Secret) {
    match byte {
        b'"' | b'\\' => body.extend_from_slice(&[b'\\', byte]),
        0..=0x1f => {
            body.extend_from_slice(&[b'\\', b'u', b'0', b'0', b'0' + (byte >> 4), hex_digit(byte & 15)])
        }
        _ => body.extend_from_slice(&[byte]),
    }
}

fn hex_digit(value: u8) -> u8 {
    if value < 10 { b'0' + value } else { b'a' + value - 10 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_known_by_its_media_type() {
        for json in ["application/json", "Application/JSON; charset=utf-8", "application/vnd.login+json"] {
            assert_eq!(Escape::for_content_type(json), Escape::Json, "{json}");
        }
        for other in ["application/x-www-form-urlencoded", "text/plain; a=+json", ""] {
            assert_eq!(Escape::for_content_type(other), Escape::Percent, "{other}");
        }
    }

    #[test]
    fn every_byte_but_ascii_letters_and_digits_is_percent_encoded_in_capitals() {
        for byte in 0..=255u8 {
            let mut sent = Secret::default();
            assert_eq!(Escape::Percent.append(&[byte], &mut sent), Ok(()));
            let plain = char::from(byte).is_ascii_alphanumeric();
            let expected = if plain { char::from(byte).to_string() } else { format!("%{byte:02X}") };
            assert_eq!(sent.as_bytes(), expected.as_bytes());
        }
    }

    #[test]
    fn every_control_byte_is_escaped_in_json() {
        for byte in 0..0x20u8 {
            let mut sent = Secret::default();
            assert_eq!(Escape::Json.append(&[byte], &mut sent), Ok(()));
            assert_eq!(sent.as_bytes(), format!("\\u{byte:04x}").as_bytes());
        }
    }
}
