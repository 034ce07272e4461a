//! From the bytes of an IMAP server to whole replies: lines, and the literals within them.
#![forbid(unsafe_code)]

/// The longest line that is kept, in bytes. Dovecot's longest, a list of capabilities, has less than 1 KiB.
const LONGEST_LINE: usize = 64 * 1024;

/// The longest reply, literals included, in bytes. Literals are passed over; this bounds the time they take.
const LONGEST_REPLY: u64 = 1024 * 1024;

/// What the server sent so far of a reply.
#[derive(Default)]
pub(super) struct Reader {
    /// The reply without its literals.
    line: Vec<u8>,
    /// Where in `line` the text after the last literal begins.
    after_literal: usize,
    /// How much of a literal is still to come.
    literal_left: u64,
    /// How long the reply's literals are together.
    literals: u64,
}

/// The reply is longer than any that makes sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooLong;

impl Reader {
    /// Takes bytes from the front of `input` until a reply is whole, and returns it without its line end and its
    /// literals. `None` means that all bytes are taken and more are needed.
    pub(super) fn next_reply(&mut self, input: &mut &[u8]) -> Result<Option<Vec<u8>>, TooLong> {
        loop {
            self.pass_literal(input);
            if self.literal_left > 0 || !self.take_line(input)? {
                return Ok(None);
            }
            let Some(length) = self.announced_literal() else {
                return Ok(Some(self.finish()));
            };
            self.literals = self.literals.saturating_add(length);
            if self.literals > LONGEST_REPLY {
                return Err(TooLong);
            }
            self.literal_left = length;
            self.after_literal = self.line.len();
        }
    }

    fn pass_literal(&mut self, input: &mut &[u8]) {
        let here = input.len().min(usize::try_from(self.literal_left).unwrap_or(usize::MAX));
        self.literal_left = self.literal_left.saturating_sub(here as u64);
        *input = input.get(here..).unwrap_or_default();
    }

    /// Whether the line has come to its end, which is left out. Some servers send a bare LF.
    fn take_line(&mut self, input: &mut &[u8]) -> Result<bool, TooLong> {
        let end = input.iter().position(|byte| *byte == b'\n');
        let (text, rest) = input.split_at_checked(end.unwrap_or(input.len())).unwrap_or_default();
        if self.line.len() + text.len() > LONGEST_LINE {
            return Err(TooLong);
        }
        self.line.extend_from_slice(text);
        *input = rest.strip_prefix(b"\n").unwrap_or(rest);
        if end.is_some() && self.line.get(self.after_literal..).is_some_and(|text| text.ends_with(b"\r")) {
            self.line.pop();
        }
        Ok(end.is_some())
    }

    /// The length of the literal that follows the line, if one does.
    fn announced_literal(&self) -> Option<u64> {
        if !may_hold_literals(&self.line) {
            return None;
        }
        let text = self.line.get(self.after_literal..)?.strip_suffix(b"}")?;
        let brace = text.iter().rposition(|byte| *byte == b'{')?;
        let digits = text.get(brace + 1..)?;
        let digits = digits.strip_suffix(b"+").unwrap_or(digits);
        if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
            return None;
        }
        // More digits than fit are a length all the same, and one that is too long.
        Some(std::str::from_utf8(digits).ok()?.parse().unwrap_or(u64::MAX))
    }

    fn finish(&mut self) -> Vec<u8> {
        (self.after_literal, self.literals) = (0, 0);
        std::mem::take(&mut self.line)
    }
}

/// Text meant for people may end in `{5}` and mean nothing by it: that of `+`, of every tagged reply, and of
/// untagged ones with a condition. All others are data.
fn may_hold_literals(line: &[u8]) -> bool {
    let Some(rest) = line.strip_prefix(b"*") else {
        return false;
    };
    let rest = rest.trim_ascii_start();
    let word = rest.split(u8::is_ascii_whitespace).next().unwrap_or_default();
    !["OK", "NO", "BAD", "BYE", "PREAUTH"].iter().any(|status| word.eq_ignore_ascii_case(status.as_bytes()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// All replies of `input`, which comes in pieces of `size` bytes.
    fn replies(input: &[u8], size: usize) -> Result<Vec<String>, TooLong> {
        let mut reader = Reader::default();
        let mut found = Vec::new();
        for mut piece in input.chunks(size) {
            while let Some(reply) = reader.next_reply(&mut piece)? {
                found.push(String::from_utf8(reply).unwrap());
            }
            assert!(piece.is_empty());
        }
        Ok(found)
    }

    #[track_caller]
    fn assert_replies(input: &[u8], expected: &[&str]) {
        for size in [1, 2, 3, 5, 7, input.len()] {
            assert_eq!(replies(input, size).unwrap(), expected, "in pieces of {size} bytes");
        }
    }

    #[test]
    fn lines_end_in_crlf_or_in_a_bare_lf() {
        assert_replies(b"* OK hi\r\n* OK there\nx OK\r\n\r\n\n", &["* OK hi", "* OK there", "x OK", "", ""]);
        assert_replies(b"* OK a\rb\r\r\n", &["* OK a\rb\r"]);
    }

    #[test]
    fn bytes_without_a_line_end_are_no_reply_yet() {
        assert_replies(b"x OK almos", &[]);
    }

    #[test]
    fn literals_are_passed_over_whatever_they_hold() {
        assert_replies(
            b"* LIST {7}\r\na\r\nx OK {3+}\r\n\n\n\n end\r\nx OK\r\n",
            &["* LIST {7} {3+} end", "x OK"],
        );
        assert_replies(b"* X {0}\r\n{0}\r\n\r\nx OK\r\n", &["* X {0}{0}", "x OK"]);
        assert_replies(b"* X {1}\r\na\r\nx OK\r\n", &["* X {1}", "x OK"]);
        assert_replies(b"* X ~{2}\r\n\0\0)\nx OK\r\n", &["* X ~{2})", "x OK"]);
        assert_replies(b"* X {1}\r\n\r\r\nx OK\r\n", &["* X {1}", "x OK"]);
    }

    #[test]
    fn text_for_people_never_announces_a_literal() {
        for line in [
            "* OK {5}",
            "*  no x {5}",
            "* BAD {5}",
            "* BYE {5}",
            "* PREAUTH {5}",
            "x OK {5}",
            "+ {5}",
            "x {5}",
        ] {
            let input = format!("{line}\r\nx OK\r\n");
            assert_replies(input.as_bytes(), &[line, "x OK"]);
        }
    }

    #[test]
    fn what_only_looks_like_a_literal_is_none() {
        for line in
            ["* X {}", "* X {+}", "* X {a}", "* X {-1}", "* X 5}", "* X {5} ", "* X {5", "* X \"{5}\""]
        {
            let input = format!("{line}\r\nx OK\r\n");
            assert_replies(input.as_bytes(), &[line, "x OK"]);
        }
    }

    #[test]
    fn a_line_of_64_kib_is_kept_and_a_longer_one_refused() {
        let mut line = vec![b'x'; LONGEST_LINE];
        line.extend_from_slice(b"\n");
        assert_eq!(replies(&line, 1000).unwrap().len(), 1);
        for size in [1, 1000, 1 << 20] {
            assert_eq!(replies(&[b'x'; LONGEST_LINE + 1], size), Err(TooLong));
        }
    }

    #[test]
    fn a_reply_with_more_than_a_mebibyte_of_literals_is_refused_at_once() {
        assert_eq!(replies(b"* X {1048577}\r\n", 100), Err(TooLong));
        assert_eq!(replies(b"* X {99999999999999999999999}\r\n", 100), Err(TooLong));
        assert_eq!(replies(b"* X {18446744073709551615}\r\n", 100), Err(TooLong));
        assert_eq!(replies(b"* X {4}\r\nabcd {1048573}\r\n", 100), Err(TooLong));
        let many = [b"* X".as_slice(), &b" {0}\r\n".repeat(20_000)].concat();
        assert_eq!(replies(&many, 100), Err(TooLong), "the lines around literals are bounded too");
    }

    #[test]
    fn a_literal_of_a_mebibyte_is_passed_over_without_being_kept() {
        let mut reader = Reader::default();
        let mut input: &[u8] = b"* X {1048576}\r\n";
        assert_eq!(reader.next_reply(&mut input), Ok(None));
        for _ in 0..1024 {
            let mut piece: &[u8] = &[b'\n'; 1024];
            assert_eq!(reader.next_reply(&mut piece), Ok(None));
        }
        assert!(reader.line.len() < 100);
        let mut input: &[u8] = b")\r\nx OK\r\n";
        assert!(reader.next_reply(&mut input).unwrap().unwrap().ends_with(b"})"));
        assert_eq!(reader.next_reply(&mut input), Ok(Some(b"x OK".to_vec())));
    }
}
