//! Text from clients as it may appear in a log line.
#![forbid(unsafe_code)]

use std::fmt::{self, Display, Formatter, Write};

/// Shows `bytes` from a client so that no log record can be forged with them: see [`Escaped`].
pub fn clean(bytes: &[u8]) -> Escaped<'_> {
    Escaped { bytes, brackets: true }
}

/// `text` as one line of UTF-8: what could end, hide or reorder it is escaped, all else stays.
pub fn one_line(text: &[u8]) -> Escaped<'_> {
    Escaped { bytes: text, brackets: false }
}

/// Bytes shown with every control character, `[`, `]`, backslash and byte that is not UTF-8 as `\xHH`.
///
/// Log readers decide on bans by `[user=…] [reason=…]`: with the brackets escaped a login cannot add a field, with
/// the controls escaped it cannot add a line, and with the invisible and bidirectional characters escaped it cannot
/// look like another one.
#[derive(Clone, Copy)]
pub struct Escaped<'a> {
    bytes: &'a [u8],
    /// Whether the characters that structure a record are escaped too.
    brackets: bool,
}

impl Escaped<'_> {
    fn hides(&self, character: char) -> bool {
        let structure = self.brackets && matches!(character, '[' | ']' | '\\');
        structure || character.is_control() || is_invisible(character)
    }
}

impl Display for Escaped<'_> {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        for chunk in self.bytes.utf8_chunks() {
            for part in chunk.valid().split_inclusive(|character| self.hides(character)) {
                let hidden = part.chars().next_back().filter(|&character| self.hides(character));
                let visible = part.len() - hidden.map_or(0, char::len_utf8);
                let (visible, hidden) = part.split_at(visible);
                formatter.write_str(visible)?;
                write_hex(formatter, hidden.as_bytes())?;
            }
            write_hex(formatter, chunk.invalid())?;
        }
        Ok(())
    }
}

/// Line and paragraph separators, bidirectional controls, and characters of no width.
fn is_invisible(character: char) -> bool {
    matches!(character,
        '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

fn write_hex(formatter: &mut Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    bytes.iter().try_for_each(|byte| {
        formatter.write_str("\\x")?;
        [byte >> 4, byte & 0xf].into_iter().try_for_each(|nibble| {
            formatter.write_char(char::from_digit(nibble.into(), 16).unwrap_or('?').to_ascii_uppercase())
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: impl AsRef<[u8]>) -> String {
        clean(text.as_ref()).to_string()
    }

    #[test]
    fn a_login_cannot_add_a_field_or_a_line() {
        assert_eq!(
            shown("x] [service=smtp] [reason=z\nfoo\r"),
            r"x\x5D \x5Bservice=smtp\x5D \x5Breason=z\x0Afoo\x0D"
        );
    }

    #[test]
    fn a_login_cannot_pretend_to_be_an_escape() {
        assert_eq!(shown(r"a\x5D"), r"a\x5Cx5D");
    }

    #[test]
    fn control_characters_of_both_sets_are_escaped() {
        assert_eq!(shown("\0\x1b[m\x7f"), r"\x00\x1B\x5Bm\x7F");
        assert_eq!(shown("\u{85}\u{9b}"), r"\xC2\x85\xC2\x9B");
    }

    #[test]
    fn separators_bidirectional_and_invisible_characters_are_escaped() {
        assert_eq!(shown("a\u{2028}b\u{2029}"), r"a\xE2\x80\xA8b\xE2\x80\xA9");
        for hidden in ['\u{202e}', '\u{2066}', '\u{200e}', '\u{61c}', '\u{200b}', '\u{feff}', '\u{e0041}'] {
            assert!(shown(hidden.to_string()).starts_with(r"\x"), "{:x}", u32::from(hidden));
        }
    }

    #[test]
    fn bytes_that_are_not_text_are_escaped_where_they_stand() {
        assert_eq!(shown(b"a\xffb\xc3"), r"a\xFFb\xC3");
        assert_eq!(shown(b"\xed\xa0\x80"), r"\xED\xA0\x80");
    }

    #[test]
    fn ordinary_names_in_any_script_stay_as_they_are() {
        for name in ["", "alice@example.org", "grüße", "用户", "пользователь", "a b\"c'", "ab🙂"]
        {
            assert_eq!(shown(name), name);
        }
    }

    #[test]
    fn a_whole_line_keeps_its_brackets_and_escapes_but_stays_one_line() {
        assert_eq!(one_line(b"[user=\\x0A]\nforged").to_string(), "[user=\\x0A]\\x0Aforged");
    }
}
