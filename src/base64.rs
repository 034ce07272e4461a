//! Base64 as LDAP's password schemes and SCRAM use it (RFC 4648).
#![forbid(unsafe_code)]

use crate::secret::Secret;

/// The bytes that `text` stands for. The padding may be missing; anything else that is odd makes it `None`.
pub fn decode(text: &[u8]) -> Option<Secret> {
    decode_with(text, b'+')
}

/// The same with `.` in place of `+`, as crypt(3) would have it and OpenLDAP's PBKDF2 does.
pub fn decode_adapted(text: &[u8]) -> Option<Secret> {
    decode_with(text, b'.')
}

fn decode_with(text: &[u8], plus: u8) -> Option<Secret> {
    let end = text.iter().rposition(|byte| *byte != b'=').map_or(0, |last| last + 1);
    let (digits, padding) = text.split_at_checked(end)?;
    if digits.len() % 4 == 1 || padding.len() > 2 {
        return None;
    }
    let mut bytes = Secret::with_capacity(digits.len());
    for four in digits.chunks(4) {
        let mut bits = 0;
        for digit in four {
            bits = bits << 6 | u32::from(value(*digit, plus)?);
        }
        // What is missing of four digits counts as zeros.
        let [_, three @ ..] = (bits << (6 * (4 - four.len()))).to_be_bytes();
        bytes.extend_from_slice(three.get(..four.len() - 1)?);
    }
    Some(bytes)
}

/// What a digit stands for.
fn value(digit: u8, plus: u8) -> Option<u8> {
    match digit {
        b'A'..=b'Z' => Some(digit - b'A'),
        b'a'..=b'z' => Some(digit - b'a' + 26),
        b'0'..=b'9' => Some(digit - b'0' + 52),
        b'/' => Some(63),
        _ if digit == plus => Some(62),
        _ => None,
    }
}

/// The text that stands for `bytes`, with padding. What of it has to be wiped is the caller's.
pub fn encode(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    // All at once, so that nothing is left behind by a move.
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let bits = three.iter().fold(0, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - three.len()));
        for place in 0..4 {
            let digit = DIGITS.get((bits >> (18 - 6 * place) & 0x3f) as usize);
            let is_padding = place > three.len();
            text.push(if is_padding { '=' } else { char::from(*digit.unwrap_or(&b'=')) });
        }
    }
    text
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn decoded(text: &str) -> Option<Vec<u8>> {
        decode(text.as_bytes()).map(|secret| secret.as_bytes().to_vec())
    }

    #[test]
    fn what_the_rfc_lists_is_decoded_with_and_without_padding() {
        for (text, bytes) in [
            ("", ""),
            ("Zg==", "f"),
            ("Zm8=", "fo"),
            ("Zm9v", "foo"),
            ("Zm9vYg==", "foob"),
            ("Zm9vYmE=", "fooba"),
            ("Zm9vYmFy", "foobar"),
        ] {
            assert_eq!(decoded(text).unwrap(), bytes.as_bytes(), "{text}");
            assert_eq!(decoded(text.trim_end_matches('=')).unwrap(), bytes.as_bytes(), "{text}");
        }
    }

    #[test]
    fn texts_and_bytes_are_those_of_openssl() {
        let bytes: Vec<u8> = (0..=255).collect();
        for length in 0..=bytes.len() {
            let (bytes, _) = bytes.split_at(length);
            assert_eq!(encode(bytes), openssl::base64::encode_block(bytes));
            assert_eq!(decode(encode(bytes).as_bytes()).unwrap().as_bytes(), bytes);
        }
    }

    #[test]
    fn what_is_no_base64_is_refused() {
        for text in
            ["Z", "Zm9vY", "Zm9=v", "=Zm9", "Zm 9", " Zm9v", "Zm9v\n", "Zm9v===", "Zm.v", "Zm-v", "Zm\0v"]
        {
            assert_eq!(decoded(text), None, "{text:?}");
        }
    }

    #[test]
    fn the_adapted_alphabet_has_a_dot_for_the_plus() {
        assert_eq!(decode_adapted(b"./..").unwrap().as_bytes(), decode(b"+/++").unwrap().as_bytes());
        assert!(decode_adapted(b"+/++").is_none());
    }
}
