//! SASLprep (RFC 4013): one form for characters that have several, so that both sides hash the same.
#![forbid(unsafe_code)]

use crate::secret::Secret;

/// A name or password as SCRAM wants it. What SASLprep forbids goes as it is: whether there can be such a password is the
/// server's to say.
pub fn prepared(text: &[u8]) -> Secret {
    // ASCII without control characters stays what it is, and most passwords are no more than that.
    if text.iter().all(|byte| (0x20..0x7f).contains(byte)) {
        return Secret::copy_of(text);
    }
    let prepared = std::str::from_utf8(text).ok().and_then(|text| stringprep::saslprep(text).ok());
    match prepared {
        Some(text) => Secret::from_vec(text.into_owned().into_bytes()),
        None => Secret::copy_of(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_the_standard_come_out() {
        for (text, expected) in [
            ("I\u{ad}X", "IX"),
            ("user", "user"),
            ("USER", "USER"),
            ("\u{aa}", "a"),
            ("\u{2168}", "IX"),
            // No example, but what a keyboard of Apple's sends.
            ("Pa\u{308}ss", "P\u{e4}ss"),
            ("a\u{a0}b", "a b"),
        ] {
            assert_eq!(prepared(text.as_bytes()).as_bytes(), expected.as_bytes(), "{text:?}");
        }
    }

    #[test]
    fn what_is_forbidden_or_no_text_goes_as_it_is() {
        for text in [&b"\x07"[..], "\u{627}1".as_bytes(), b"\xff", b"a\0b"] {
            assert_eq!(prepared(text).as_bytes(), text);
        }
    }
}
