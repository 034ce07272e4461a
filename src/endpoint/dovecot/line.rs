//! From bytes to lines, of which nothing is left behind: they carry passwords.
#![forbid(unsafe_code)]

use crate::secret::Secret;

/// The longest line in bytes, with its end: Dovecot's `AUTH_CLIENT_MAX_LINE_LENGTH`.
pub(super) const LONGEST_LINE: usize = 16 * 1024;

/// Puts lines together. What has come of the next one is all that it holds, and an idle connection holds nothing.
#[derive(Default)]
pub(super) struct LineReader {
    part: Secret,
}

/// A line without its end.
pub(super) enum Line<'a> {
    /// All of it stands in the input.
    Whole(&'a [u8]),
    /// It came in pieces.
    Joined(Secret),
}

/// The line is longer than [`LONGEST_LINE`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooLong;

impl Line<'_> {
    /// The text; a CR before the LF is no part of it.
    pub(super) fn text(&self) -> &[u8] {
        let line = match self {
            Self::Whole(line) => line,
            Self::Joined(line) => line.as_bytes(),
        };
        line.strip_suffix(b"\r").unwrap_or(line)
    }
}

impl LineReader {
    /// Takes the next line from the front of `input`; `None` when all is taken and more is needed. Each byte is looked at
    /// once, in whatever pieces they come.
    pub(super) fn next_line<'a>(&mut self, input: &mut &'a [u8]) -> Result<Option<Line<'a>>, TooLong> {
        let end = input.iter().position(|byte| *byte == b'\n');
        let (text, rest) = input.split_at_checked(end.unwrap_or(input.len())).unwrap_or_default();
        if self.part.len() + text.len() >= LONGEST_LINE {
            return Err(TooLong);
        }
        *input = rest.strip_prefix(b"\n").unwrap_or(rest);
        if end.is_some() && self.part.is_empty() {
            return Ok(Some(Line::Whole(text)));
        }
        self.part.extend_from_slice(text);
        Ok(end.map(|_| Line::Joined(std::mem::take(&mut self.part))))
    }

    /// Whether a part of a line is there.
    pub(super) fn holds_part(&self) -> bool {
        !self.part.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::alive;

    fn lines(input: &[u8], size: usize) -> Result<Vec<Vec<u8>>, TooLong> {
        let mut reader = LineReader::default();
        let mut found = Vec::new();
        for mut piece in input.chunks(size) {
            while let Some(line) = reader.next_line(&mut piece)? {
                found.push(line.text().to_vec());
            }
        }
        Ok(found)
    }

    #[test]
    fn lines_are_the_same_in_pieces_of_any_size() {
        for size in 1..20 {
            let found = lines(b"VERSION\t1\t1\r\nCPID\t7\n\n\r\na\rb\r\r\nrest", size);
            let expected =
                ["VERSION\t1\t1", "CPID\t7", "", "", "a\rb\r"].map(|line| line.as_bytes().to_vec());
            assert_eq!(found, Ok(expected.to_vec()), "{size}");
        }
    }

    #[test]
    fn a_line_has_up_to_16384_bytes_with_its_end() {
        let longest = [vec![b'x'; LONGEST_LINE - 1], b"\n".to_vec()].concat();
        for size in [1, 1000, usize::MAX] {
            assert_eq!(lines(&longest, size).map(|lines| lines.len()), Ok(1));
            assert_eq!(lines(&[b'x'; LONGEST_LINE], size), Err(TooLong), "it cannot end in time");
        }
    }

    #[test]
    fn nothing_is_left_of_a_line_that_is_over() {
        let before = alive();
        let mut reader = LineReader::default();
        let mut piece: &[u8] = b"secr";
        assert!(matches!(reader.next_line(&mut piece), Ok(None)));
        assert!(reader.holds_part());
        let mut piece: &[u8] = b"et\n";
        let line = reader.next_line(&mut piece);
        assert!(!reader.holds_part() && reader.part.is_empty());
        drop(line);
        assert_eq!(alive(), before + 1, "the empty part");
    }
}
