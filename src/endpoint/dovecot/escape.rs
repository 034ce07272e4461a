//! How the protocol writes what would end a field or a line: `\x01` and a letter.
#![forbid(unsafe_code)]

const ESCAPE: u8 = 1;

/// Each byte that is escaped, and what follows [`ESCAPE`] for it.
const LETTERS: [(u8, u8); 5] = [(0, b'0'), (ESCAPE, b'1'), (b'\t', b't'), (b'\n', b'n'), (b'\r', b'r')];

/// The value as it can stand in a field.
pub(super) fn escape(value: &[u8]) -> Vec<u8> {
    let mut escaped = Vec::with_capacity(value.len());
    for byte in value {
        match LETTERS.iter().find(|(special, _)| special == byte) {
            Some((_, letter)) => escaped.extend([ESCAPE, *letter]),
            None => escaped.push(*byte),
        }
    }
    escaped
}

/// The value that stands in a field. As for Dovecot an unknown letter stands for itself, and an escape without a letter
/// for nothing.
pub(super) fn unescape(field: &[u8]) -> Vec<u8> {
    let mut value = Vec::with_capacity(field.len());
    let mut bytes = field.iter().copied();
    while let Some(byte) = bytes.next() {
        if byte == ESCAPE {
            value.extend(bytes.next().map(meaning));
        } else {
            value.push(byte);
        }
    }
    value
}

fn meaning(letter: u8) -> u8 {
    LETTERS.iter().find(|(_, known)| *known == letter).map_or(letter, |(special, _)| *special)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_bytes_come_back_and_none_of_them_ends_a_field() {
        let all: Vec<u8> = (0..=255).collect();
        let escaped = escape(&all);
        assert_eq!(unescape(&escaped), all);
        assert!(!escaped.iter().any(|byte| b"\0\t\n\r".contains(byte)));
    }

    #[test]
    fn escapes_are_those_of_dovecot() {
        assert_eq!(escape(b"a\x01b\tc\nd\re\0"), b"a\x011b\x01tc\x01nd\x01re\x010");
        assert_eq!(escape("ä@b".as_bytes()), "ä@b".as_bytes());
    }

    #[test]
    fn an_unknown_escape_is_its_letter_and_half_of_one_is_nothing() {
        assert_eq!(unescape(b"a\x01xb\x01"), b"axb");
    }
}
