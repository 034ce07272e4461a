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
    let mut whole = Secret::with_capacity(digits.len() + 3);
    for byte in digits {
        let digit = if *byte == plus { b'+' } else { *byte };
        let known = byte.is_ascii_alphanumeric() || *byte == plus || *byte == b'/';
        known.then(|| whole.extend_from_slice(&[digit]))?;
    }
    while whole.len() % 4 != 0 {
        whole.extend_from_slice(b"=");
    }
    let text = std::str::from_utf8(whole.as_bytes()).ok()?;
    openssl::base64::decode_block(text).ok().map(Secret::from_vec)
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
