//! Where the body of a reply ends, RFC 9112 §6 and §7. What it says is thrown away.
#![forbid(unsafe_code)]

/// The longest body that is read to its end, in bytes and with the lines between its chunks. A connection with more
/// to come is cheaper to close.
pub(super) const LONGEST_BODY: usize = 1024 * 1024;

/// A body that is being read.
#[derive(Debug)]
pub(super) enum Body {
    /// So many bytes are to come.
    Length(usize),
    /// A list of chunks.
    Chunks(Chunks),
}

/// How far a body has been read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// There is more to come.
    Incomplete,
    /// It has ended after so many bytes of the input.
    Whole(usize),
    /// It breaks the rules or the bound: nobody knows where it ends.
    Lost,
}

impl Body {
    /// A body in chunks.
    pub(super) fn chunked() -> Self {
        Self::Chunks(Chunks { place: Place::Size { value: 0, digits: false }, left: LONGEST_BODY })
    }

    /// Looks for the end of the body.
    pub(super) fn handle_input(&mut self, bytes: &[u8]) -> Progress {
        match self {
            Self::Length(left) if *left <= bytes.len() => Progress::Whole(std::mem::take(left)),
            Self::Length(left) => {
                *left -= bytes.len();
                Progress::Incomplete
            }
            Self::Chunks(chunks) => chunks.handle_input(bytes),
        }
    }
}

/// A body in chunks, RFC 9112 §7.1.
///
/// Strict about the ends of lines: readers that disagree about those are how one reply is passed off as two.
#[derive(Debug)]
pub(super) struct Chunks {
    place: Place,
    /// How many bytes may come yet.
    left: usize,
}

#[derive(Debug, Clone, Copy)]
enum Place {
    Size { value: usize, digits: bool },
    Extension { value: usize },
    EndOfSize { value: usize },
    Data { left: usize },
    AfterData,
    EndOfData,
    Trailer { empty: bool },
    EndOfTrailer { empty: bool },
    End,
}

impl Chunks {
    fn handle_input(&mut self, bytes: &[u8]) -> Progress {
        for (index, byte) in bytes.iter().enumerate() {
            let next = self.place.after(*byte).filter(|_| self.left > 0);
            let Some(next) = next else { return Progress::Lost };
            self.place = next;
            self.left -= 1;
            if matches!(next, Place::End) {
                return Progress::Whole(index + 1);
            }
        }
        Progress::Incomplete
    }
}

impl Place {
    /// `None` when the byte must not be there.
    fn after(self, byte: u8) -> Option<Self> {
        match (self, byte) {
            (Self::Size { value, .. }, _) if byte.is_ascii_hexdigit() => Self::with_digit(value, byte),
            (Self::Size { value, digits: true }, b';' | b' ' | b'\t') => Some(Self::Extension { value }),
            (Self::Size { value, digits: true } | Self::Extension { value }, b'\r') => {
                Some(Self::EndOfSize { value })
            }
            (Self::Extension { value }, _) if byte != b'\n' => Some(Self::Extension { value }),
            (Self::EndOfSize { value: 0 }, b'\n') => Some(Self::Trailer { empty: true }),
            (Self::EndOfSize { value }, b'\n') => Some(Self::Data { left: value }),
            (Self::Data { left: 1 }, _) => Some(Self::AfterData),
            (Self::Data { left }, _) => Some(Self::Data { left: left - 1 }),
            (Self::AfterData, b'\r') => Some(Self::EndOfData),
            (Self::EndOfData, b'\n') => Some(Self::Size { value: 0, digits: false }),
            (Self::Trailer { empty }, b'\r') => Some(Self::EndOfTrailer { empty }),
            (Self::Trailer { .. }, _) if byte != b'\n' => Some(Self::Trailer { empty: false }),
            (Self::EndOfTrailer { empty: true }, b'\n') => Some(Self::End),
            (Self::EndOfTrailer { empty: false }, b'\n') => Some(Self::Trailer { empty: true }),
            _ => None,
        }
    }

    fn with_digit(value: usize, byte: u8) -> Option<Self> {
        let digit = char::from(byte).to_digit(16)?;
        let value = value.checked_mul(16)?.checked_add(usize::try_from(digit).ok()?)?;
        (value <= LONGEST_BODY).then_some(Self::Size { value, digits: true })
    }
}

#[cfg(test)]
#[allow(clippy::indexing_slicing)]
mod tests {
    use super::*;

    /// Reads it whole and byte by byte, which must come to the same.
    fn read(bytes: &[u8]) -> Progress {
        let whole = Body::chunked().handle_input(bytes);
        let mut body = Body::chunked();
        let mut single = Progress::Incomplete;
        for (index, byte) in bytes.iter().enumerate() {
            single = match body.handle_input(std::slice::from_ref(byte)) {
                Progress::Whole(_) => Progress::Whole(index + 1),
                other => other,
            };
            if single != Progress::Incomplete {
                break;
            }
        }
        assert_eq!(whole, single);
        whole
    }

    #[test]
    fn chunks_end_with_one_of_no_length_and_their_trailer() {
        for body in [
            "0\r\n\r\n",
            "5\r\nhello\r\n0\r\n\r\n",
            "5\r\nhello\r\nA\r\n0123456789\r\n000\r\n\r\n",
            "5;name=value;other=\"a b\"\r\nhello\r\n0 ; x\r\n\r\n",
            "5 \r\nhello\r\n0\r\nDigest: x\r\nX-Other:\r\n\r\n",
            "5\r\n0\r\n\r\n\r\n0\r\n\r\n",
            "00000005\r\nhello\r\n0\r\n\r\n",
        ] {
            assert_eq!(read(body.as_bytes()), Progress::Whole(body.len()), "{body:?}");
            assert_eq!(
                read(format!("{body}HTTP/1.1 200").as_bytes()),
                Progress::Whole(body.len()),
                "{body:?}"
            );
            assert_eq!(read(&body.as_bytes()[..body.len() - 1]), Progress::Incomplete, "{body:?}");
        }
    }

    #[test]
    fn chunks_that_break_the_rules_are_lost() {
        for body in [
            "\r\n",
            "g\r\n",
            ";x\r\n",
            "-1\r\n",
            "+5\r\nhello\r\n",
            "0x5\r\nhello\r\n",
            "5\nhello\n0\n\n",
            "5\r\r\n",
            "5;x\n",
            "5\r\nhelloX",
            "5\r\nhello\n",
            "5\r\nhello\r\n\r\n",
            "0\r\nX: y\n\r\n",
            "0\r\n\rX",
            "0\r\n\n",
            "ffffffffffffffffffffffffffffffff\r\n",
            "100001\r\n",
        ] {
            assert_eq!(read(body.as_bytes()), Progress::Lost, "{body:?}");
        }
    }

    #[test]
    fn an_endless_body_is_lost_at_the_bound() {
        for part in ["1\r\nx\r\n".repeat(LONGEST_BODY / 6 + 1), format!("0;{}", "x".repeat(LONGEST_BODY))] {
            assert_eq!(Body::chunked().handle_input(part.as_bytes()), Progress::Lost);
        }
        let trailer = format!("0\r\n{}", "x: y\r\n".repeat(LONGEST_BODY / 6 + 1));
        assert_eq!(Body::chunked().handle_input(trailer.as_bytes()), Progress::Lost);
    }

    #[test]
    fn a_body_of_known_length_ends_there() {
        let mut body = Body::Length(5);
        assert_eq!(body.handle_input(b"hel"), Progress::Incomplete);
        assert_eq!(body.handle_input(b"loHTTP"), Progress::Whole(2));
        assert_eq!(Body::Length(0).handle_input(b""), Progress::Whole(0));
    }
}
