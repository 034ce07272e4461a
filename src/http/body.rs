//! Where the body of a reply ends, RFC 9112 §6 and §7, and what it says if somebody wants to know.
#![forbid(unsafe_code)]

/// The longest body that is read to its end, in bytes and with the lines between its chunks. A connection with more
/// to come is cheaper to close.
pub const LONGEST_BODY: usize = 1024 * 1024;

/// A body that is being read.
#[derive(Debug)]
pub enum Body {
    /// So many bytes are to come.
    Length(usize),
    /// A list of chunks.
    Chunks(Chunks),
    /// Whatever comes until the connection ends, but no more than so many bytes.
    UntilEnd(usize),
}

/// What a body says, up to a bound.
#[derive(Debug)]
pub struct Content {
    bytes: Vec<u8>,
    /// How many bytes are kept.
    most: usize,
    is_cut: bool,
}

impl Content {
    /// Nothing yet; `most` bytes are kept.
    pub fn of_at_most(most: usize) -> Self {
        Self { bytes: Vec::new(), most, is_cut: false }
    }

    /// All that it says, unless that is more than is kept.
    pub fn whole(self) -> Option<Vec<u8>> {
        (!self.is_cut).then_some(self.bytes)
    }

    fn take(&mut self, bytes: &[u8]) {
        let room = self.most.saturating_sub(self.bytes.len());
        self.is_cut |= bytes.len() > room;
        self.bytes.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
    }
}

/// How far a body has been read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// There is more to come.
    Incomplete,
    /// It has ended after so many bytes of the input.
    Whole(usize),
    /// It breaks the rules or the bound: nobody knows where it ends.
    Lost,
}

impl Body {
    /// A body in chunks.
    pub fn chunked() -> Self {
        Self::Chunks(Chunks { place: Place::Size { value: 0, digits: false }, left: LONGEST_BODY })
    }

    /// A body that ends with the connection.
    pub fn until_end() -> Self {
        Self::UntilEnd(LONGEST_BODY)
    }

    /// Looks for the end of the body, and adds what it says to `content`.
    pub fn handle_input(&mut self, bytes: &[u8], content: &mut Content) -> Progress {
        match self {
            Self::Length(left) if *left <= bytes.len() => {
                let length = std::mem::take(left);
                content.take(bytes.get(..length).unwrap_or_default());
                Progress::Whole(length)
            }
            Self::Length(left) => {
                *left -= bytes.len();
                content.take(bytes);
                Progress::Incomplete
            }
            Self::Chunks(chunks) => chunks.handle_input(bytes, content),
            Self::UntilEnd(left) => {
                content.take(bytes);
                *left = left.saturating_sub(bytes.len());
                if *left == 0 { Progress::Lost } else { Progress::Incomplete }
            }
        }
    }
}

/// A body in chunks, RFC 9112 §7.1.
///
/// Strict about the ends of lines: readers that disagree about those are how one reply is passed off as two.
#[derive(Debug)]
pub struct Chunks {
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
    fn handle_input(&mut self, bytes: &[u8], content: &mut Content) -> Progress {
        for (index, byte) in bytes.iter().enumerate() {
            let next = self.place.after(*byte).filter(|_| self.left > 0);
            let Some(next) = next else { return Progress::Lost };
            if let Place::Data { .. } = self.place {
                content.take(std::slice::from_ref(byte));
            }
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
        let mut content = Content::of_at_most(100);
        let whole = Body::chunked().handle_input(bytes, &mut content);
        let mut body = Body::chunked();
        let mut single = Progress::Incomplete;
        let mut content_of_single = Content::of_at_most(100);
        for (index, byte) in bytes.iter().enumerate() {
            single = match body.handle_input(std::slice::from_ref(byte), &mut content_of_single) {
                Progress::Whole(_) => Progress::Whole(index + 1),
                other => other,
            };
            if single != Progress::Incomplete {
                break;
            }
        }
        assert_eq!(whole, single);
        assert_eq!(content.whole(), content_of_single.whole());
        whole
    }

    fn drained(mut body: Body, bytes: &[u8]) -> Progress {
        body.handle_input(bytes, &mut Content::of_at_most(0))
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
            assert_eq!(drained(Body::chunked(), part.as_bytes()), Progress::Lost);
        }
        let trailer = format!("0\r\n{}", "x: y\r\n".repeat(LONGEST_BODY / 6 + 1));
        assert_eq!(drained(Body::chunked(), trailer.as_bytes()), Progress::Lost);
    }

    #[test]
    fn a_body_of_known_length_ends_there() {
        let (mut body, mut content) = (Body::Length(5), Content::of_at_most(5));
        assert_eq!(body.handle_input(b"hel", &mut content), Progress::Incomplete);
        assert_eq!(body.handle_input(b"loHTTP", &mut content), Progress::Whole(2));
        assert_eq!(content.whole(), Some(b"hello".to_vec()));
        assert_eq!(drained(Body::Length(0), b""), Progress::Whole(0));
    }

    #[test]
    fn what_chunks_say_is_without_what_is_between_them() {
        let mut content = Content::of_at_most(100);
        Body::chunked().handle_input(b"5;x\r\nhello\r\n2\r\n\r\n\r\n0\r\nX: y\r\n\r\n", &mut content);
        assert_eq!(content.whole(), Some(b"hello\r\n".to_vec()));
    }

    #[test]
    fn what_is_longer_than_is_kept_is_nothing() {
        for (most, expected) in [(5, Some(b"hello".to_vec())), (4, None)] {
            let mut content = Content::of_at_most(most);
            assert_eq!(Body::until_end().handle_input(b"hello", &mut content), Progress::Incomplete);
            assert_eq!(content.whole(), expected);
        }
    }
}
